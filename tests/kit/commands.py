"""Runs `gateway` as a person does: the real program in a test's own folder."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import structlog
import typer
from structlog._config import BoundLoggerLazyProxy
from typer.testing import CliRunner

from gateway.cli import build_cli
from gateway.edge.logs import UVICORN_LOG
from gateway.storage.outages import STORE_LOG

OURS = [name for name in os.environ if name.startswith("GATEWAY_")]  # noqa: TID251 - a child's environment
# xdist sets COLUMNS, which wins over a terminal's width.
BARE = {name: value for name, value in os.environ.items() if name not in (*OURS, "COLUMNS")}  # noqa: TID251 - a child's environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The output and exit code of a command."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Return the output as JSON; the command must have succeeded."""
        assert (self.code, self.err) == (0, "")
        return json.loads(self.out)

    def reason(self) -> str:
        """Return the one line that gives the reason of a refusal."""
        assert self.code == 1, self
        assert self.out == ""
        assert self.err.startswith("error: ")
        assert self.err.count("\n") == 1
        assert "Traceback" not in self.err
        return self.err.removeprefix("error: ").strip()

    def wrong_usage(self) -> str:
        """Return the last line, which says what was wrong with the command's options."""
        assert self.code == 2, self
        assert self.out == ""
        assert "Traceback" not in self.err
        return self.err.strip().splitlines()[-1]


@cache
def _commands() -> typer.Typer:
    """All commands, whose making takes as long as an eighth of their work."""
    return build_cli()


@contextmanager
def logging_as_it_was() -> Iterator[None]:
    """Undo what a command does to the process's logging: handlers, levels, and the loggers that structlog caches."""
    root, config = logging.getLogger(), structlog.get_config()
    named = [logging.getLogger(name) for name in sorted(logging.root.manager.loggerDict)]
    handlers, levels = root.handlers[:], [(each, each.level) for each in (root, *named)]
    try:
        yield
    finally:
        root.handlers[:] = handlers
        for each, level in levels:
            each.setLevel(level)
        for name in (UVICORN_LOG, STORE_LOG):
            logging.getLogger(name).setLevel(logging.NOTSET)
        structlog.configure(**config)
        for module in [found for name, found in sys.modules.items() if name.startswith("gateway")]:
            for value in vars(module).values():
                if isinstance(value, BoundLoggerLazyProxy):
                    vars(value).pop("bind", None)  # undo what `cache_logger_on_first_use` stored


@dataclass(frozen=True, slots=True)
class Commands:
    """The program, run in a folder."""

    folder: Path

    def __call__(self, *arguments: str, stdin: str | bytes = "", **environment: str) -> Done:
        """Run one command in this process, which is faster: most commands print the same there."""
        bare: dict[str, str | None] = dict.fromkeys(OURS)
        with chdir(self.folder), logging_as_it_was():
            done = CliRunner().invoke(_commands(), arguments, input=stdin, env=bare | environment)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Done(code=done.exit_code, out=done.stdout, err=done.stderr)

    def program(self, *arguments: str, **environment: str) -> Done:
        """Run the real program until it exits."""
        done = subprocess.run(
            [sys.executable, "-m", "gateway", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd=self.folder,
            env=BARE | environment,
            timeout=120,
            check=False,
        )
        return Done(code=done.returncode, out=done.stdout.decode("utf-8"), err=done.stderr.decode("utf-8"))

    def account(self, *more: str) -> dict[str, str]:
        """Make a sandbox account, and its organisation first."""
        self("organisations", "add", "000.00.01.H26", "UBND TP Hà Nội")
        arguments = ["--organisation", "000.00.01.H26", "--profile", "sandbox", "--all-procedures"]
        made: dict[str, str] = self("accounts", "create", "dvctt", *arguments, *more, "--json").json()
        return made
