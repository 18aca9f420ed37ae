"""`gateway serve`: one worker in this process, or many in processes of their own on one listening socket.

The supervisor opens nothing that it keeps but the socket. It checks settings, schema and master key before the
first worker starts, starts again a worker that dies while the others carry on, and ends them all at SIGINT or
SIGTERM. A worker ends by itself when the supervisor is gone. Settings go to a worker through a pipe, never by argv
or the environment, so that all workers have the same. Why processes and one socket: docs/decisions/0029.
"""

import asyncio
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection as Pipe
from multiprocessing.process import BaseProcess

import structlog

from gateway.app import open_gateway
from gateway.clock import Clock
from gateway.edge.logs import set_up_logs
from gateway.errors import GatewayError
from gateway.errors.commands import StateWrong
from gateway.profiles.model import Gateway
from gateway.server import loop_factory
from gateway.serving import announce, answer, bind, connector, find_base
from gateway.settings import Settings
from gateway.terminal import describe

END_SECONDS = 30.0
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds before a worker that ended is started again; doubled while it can't stay."""
STAYED_SECONDS = 10.0

log = structlog.get_logger("gateway.workers")


async def serve(settings: Settings, *, clock: Clock, host: str, port: int, workers: int) -> None:
    """Answer until SIGINT or SIGTERM; requests in flight are finished.

    Raises:
        StateWrong: the port is taken, more workers than the store can take, or none can start.
        SettingInvalid, MasterKeyWrong, SchemaOld
    """
    if workers > 1 and settings.database_url.startswith("sqlite"):
        raise StateWrong(f"--workers {workers}: SQLite serves one worker; use --workers 1, or PostgreSQL")
    with bind(host, port) as listener:
        base = find_base(settings, host, listener)
        if workers == 1:
            await answer(settings, clock=clock, base=base, listener=listener, worker=0, started=announce)
            return
        async with open_gateway(settings, clock=clock, base=base, open_registry=connector(clock)) as checked:
            pass
        share = _Share(settings=settings, clock=clock, base=base, listener=listener)
        await _supervise(share, [_Worker(share, number) for number in range(workers)], checked)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Share:
    """What every worker is given."""

    settings: Settings
    clock: Clock
    base: str
    listener: socket.socket


def _work(share: _Share, number: int, report: Pipe) -> None:
    """Be a worker: the whole life of its process. Reports None when it answers, or why it can't."""
    set_up_logs(form=share.settings.log_format, level=share.settings.log_level, worker=number)
    supervisor = parent_process()
    work = answer(
        share.settings,
        clock=share.clock,
        base=share.base,
        listener=share.listener,
        worker=number,
        started=lambda _: report.send(None),
        lifeline=supervisor.sentinel if supervisor else None,
    )
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(work)
    except GatewayError as error:
        report.send(describe(error))
        sys.exit(1)
    except Exception:  # the outermost edge of a worker: the log's writer keeps the error's own text out
        log.exception("worker_failed")
        sys.exit(1)


class _Worker:
    """One place among the workers: the process that fills it now, and who fills it next."""

    def __init__(self, share: _Share, number: int) -> None:
        self.number = number
        self.answers = False
        self._share = share
        self._process: BaseProcess | None = None

    async def start(self) -> None:
        """Start a process and return when it answers. Raises `StateWrong` with its reason where it can't."""
        spawn = get_context("spawn")
        report, sender = spawn.Pipe(duplex=False)
        process = spawn.Process(target=_work, args=(self._share, self.number, sender), daemon=True)
        with report:
            try:
                with sender, _interrupts_held():
                    process.start()
            except OSError as error:
                raise StateWrong(f"worker {self.number}: no process to be had ({error.strerror})") from error
            self._process = process
            await _readable(report.fileno())
            try:
                reason = report.recv()
            except EOFError:
                reason = f"worker {self.number} ended before it could answer; its log says why"
        if reason is not None:
            raise StateWrong(reason)
        self.answers = True

    async def ended(self) -> int | None:
        """Wait for the process to end; return its exit code."""
        if self._process is None:
            return None
        await _readable(self._process.sentinel)
        self._process.join()
        self.answers = False
        return self._process.exitcode

    async def end(self) -> None:
        """Let the process finish its requests and end. Raises `StateWrong` where it had to be killed."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            async with asyncio.timeout(END_SECONDS):
                await self.ended()
        except TimeoutError:
            self._process.kill()
            raise StateWrong(f"worker {self.number} did not end in {END_SECONDS:.0f} s: killed") from None


async def _supervise(share: _Share, workers: Sequence[_Worker], checked: Gateway) -> None:
    loop, ending = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ending.set)
    working = asyncio.ensure_future(_keep_all(workers, checked, share.clock))
    stop = asyncio.ensure_future(ending.wait())
    await asyncio.wait({working, stop}, return_when=asyncio.FIRST_COMPLETED)
    working.cancel()
    stop.cancel()
    share.listener.close()  # else callers would queue at a socket that nobody accepts from
    kept, _ = await asyncio.gather(working, stop, return_exceptions=True)
    ended = await asyncio.gather(*(worker.end() for worker in workers), return_exceptions=True)
    for result in (kept, *ended):
        if isinstance(result, Exception):
            raise result


async def _keep_all(workers: Sequence[_Worker], checked: Gateway, clock: Clock) -> None:
    """Start all, announce the address, and keep them going. Raises `StateWrong` where none can."""
    with _first_failure():
        async with asyncio.TaskGroup() as group:
            for worker in workers:
                group.create_task(worker.start())
        announce(checked)
        async with asyncio.TaskGroup() as group:
            for worker in workers:
                group.create_task(_keep(worker, workers, clock))


async def _keep(worker: _Worker, among: Sequence[_Worker], clock: Clock) -> None:
    """Start a worker again whenever it ends. Raises `StateWrong` where it can't, and no other answers."""
    pause = FIRST_PAUSE
    while True:
        began = clock.monotonic()
        code = await worker.ended()
        log.error("worker_ended", worker=worker.number, code=code)
        pause = FIRST_PAUSE if clock.monotonic() - began > STAYED_SECONDS else min(2 * pause, LONGEST_PAUSE)
        await asyncio.sleep(pause)
        try:
            await worker.start()
            log.warning("worker_started_again", worker=worker.number)
        except StateWrong as error:
            log.error("worker_not_started", worker=worker.number, reason=str(error))  # noqa: TRY400 - no trace
            if not any(other.answers for other in among):
                raise


async def _readable(descriptor: int) -> None:
    """Wait until there is something to read, or the other end is gone."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)


@contextmanager
def _first_failure() -> Iterator[None]:
    """Raise what failed in a task group, not the group."""
    try:
        yield
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Let a process be made that never sees SIGINT: Ctrl-C reaches a whole terminal, and is ours to act on."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
