"""Entry of `witness` and `python -m witness`: exit codes, and UTF-8 whatever the locale."""

import errno
import io
import sys

import typer

from witness.cli import app
from witness.errors import WitnessError


def main() -> None:
    """Run the command."""
    run(app, "witness", WitnessError)


def run(command: typer.Typer, name: str, refusal: type[Exception]) -> None:
    """Run a program's command; a refusal prints one line on stderr and exits with 1."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace", line_buffering=True)
    try:
        command(prog_name=name)
    except refusal as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(1)
    except OSError as error:
        if error.errno != errno.ENOSPC or error.filename is not None:
            raise
        sys.stderr.write(f"error: the output can't be written ({error.strerror})\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
