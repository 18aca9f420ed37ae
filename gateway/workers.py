"""`gateway serve`: one worker in this process, or several, each in its own process, on one listening socket.

The supervisor has only the socket open. It checks settings, schema and master key before the first worker starts,
restarts a worker that dies while the others continue, and stops all of them at SIGINT or SIGTERM. At SIGHUP it renews them:
each worker's successor, a new process with the program now on the disk, answers before the worker ends. A worker stops when
the supervisor ends. All workers have the supervisor's settings: a copy has them, a later worker gets them through a pipe, not
by argv or the environment. Why processes and one socket: docs/decisions/0029. Why the first ones are copies: docs/decisions/0123.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection as Pipe
from multiprocessing.context import ForkContext, SpawnContext
from multiprocessing.process import BaseProcess
from pathlib import Path

import structlog

from gateway.app import open_gateway
from gateway.clock import Clock
from gateway.edge.logs import set_up_logs
from gateway.edge.metrics import gather_metrics, page_of, serve_metrics, socket_of
from gateway.errors import GatewayError
from gateway.errors.operators import StateWrong
from gateway.profiles.model import Gateway
from gateway.server import RETIRE, announce, answer, bind, connector, find_base, loop_factory, only_server
from gateway.settings import Settings
from gateway.terminal import describe, run
from gateway.web import build_app

END_SECONDS = 30.0
FIRST_PAUSE, MAX_PAUSE = 0.1, 5.0
"""Seconds before an ended worker is restarted; doubled each time it ends early."""
STABLE_SECONDS = 10.0

log = structlog.get_logger("gateway.workers")


def serve(
    settings: Settings, *, clock: Clock, host: str, port: int, workers: int, drain_s: float = 0.0
) -> None:
    """Answer until SIGINT or SIGTERM, and `drain_s` longer; requests under way are finished.

    An error in an event loop ends the command, as in `run`.

    Raises:
        StateWrong: the port is taken, the store allows only one worker or is served already, or a process can't be created.
    """
    if workers > 1 and settings.database_url.startswith("sqlite"):
        raise StateWrong(f"--workers {workers}: SQLite serves one worker; use --workers 1, or PostgreSQL")
    with bind(host, port) as listener:
        base = find_base(settings, host, listener)
        if workers == 1:
            with only_server(settings, base):
                alone = answer(
                    settings, clock=clock, base=base, listener=listener, started=announce, drain_s=drain_s
                )
                run(alone, loop_factory=loop_factory())
            return
        with _metrics_folder(settings) as folder, _lifeline() as lifeline:
            arguments = _WorkerArguments(
                settings=settings, clock=clock, base=base, listener=listener, metrics=folder, drain_s=drain_s
            )
            group = [_Worker(arguments, number) for number in range(workers)]
            checked = run(_check(arguments, group), loop_factory=loop_factory())
            gc.collect()
            gc.freeze()  # a collection would write to each object, and a copy shares what neither process writes to
            for worker in group:
                worker.copy(lifeline)
            run(_supervise(arguments, group, checked), loop_factory=loop_factory())


async def _check(arguments: _WorkerArguments, workers: Sequence[_Worker]) -> Gateway:
    """Return the gateway, opened and closed, after all that the workers do before they answer.

    Its metrics' port is opened too: a taken one is refused before a worker is created.
    """
    opened = open_gateway(
        arguments.settings,
        clock=arguments.clock,
        base=arguments.base,
        open_registry=connector(arguments.clock),
    )
    async with _gathered_metrics(arguments, workers), opened as checked:
        build_app(checked)  # it keeps the routes and the catalogue, which copies then have
        return checked


@contextmanager
def _metrics_folder(settings: Settings) -> Iterator[Path | None]:
    """Yield the folder where workers offer their figures, None without a port for them."""
    if settings.metrics_port is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="gateway-metrics-") as name:
        yield Path(name)


@asynccontextmanager
async def _gathered_metrics(arguments: _WorkerArguments, workers: Sequence[_Worker]) -> AsyncIterator[None]:
    """Serve one page with the figures of all workers."""
    settings, folder = arguments.settings, arguments.metrics
    if folder is None:
        yield
        return
    page = page_of(lambda: gather_metrics(folder, range(len(workers))))
    async with serve_metrics(page, settings.metrics_port, host=settings.metrics_host):
        yield


@contextmanager
def _lifeline() -> Iterator[tuple[int, int]]:
    """Yield both ends of a pipe, of which copies keep the first: it becomes readable when this process has ended."""
    ends = os.pipe()
    try:
        yield ends
    finally:
        for end in ends:
            os.close(end)


@dataclass(frozen=True, slots=True, kw_only=True)
class _WorkerArguments:
    """The arguments of every worker."""

    settings: Settings
    clock: Clock
    base: str
    listener: socket.socket
    metrics: Path | None
    drain_s: float


def _work(
    arguments: _WorkerArguments, number: int, report: Pipe, copied: tuple[int, int] | None = None
) -> None:
    """Run a worker in its own process. Sends None through `report` when it answers, else why it can't.

    `copied` is a copy's lifeline. It can't use the sentinel of multiprocessing, which later copies hold open.
    """
    set_up_logs(form=arguments.settings.log_format, level=arguments.settings.log_level, worker=number)
    supervisor = parent_process()
    lifeline = supervisor.sentinel if supervisor else None
    if copied is not None:
        lifeline, other_end = copied
        os.close(other_end)
    work = answer(
        arguments.settings,
        clock=arguments.clock,
        base=arguments.base,
        listener=arguments.listener,
        metrics_socket=None if arguments.metrics is None else socket_of(arguments.metrics, number),
        started=lambda _: report.send(None),
        lifeline=lifeline,
        drain_s=arguments.drain_s,
    )
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(work)
    except GatewayError as error:
        report.send(describe(error))
        sys.exit(1)
    except Exception:  # the outermost edge of a worker; the log omits the error's text
        log.exception("worker_failed")
        sys.exit(1)


class _Worker:
    """One worker: its number, its present process, and while it is renewed the one that will replace it."""

    def __init__(self, arguments: _WorkerArguments, number: int) -> None:
        self.number = number
        self.answers = False
        self._arguments = arguments
        self._process: BaseProcess | None = None
        self._next: BaseProcess | None = None
        self._copied: Pipe | None = None
        self._changing = asyncio.Lock()

    def copy(self, lifeline: tuple[int, int]) -> None:
        """Create the first process, which `start` waits for: a copy of this one, where the system allows that.

        To be called while no event loop and no thread runs. Raises `StateWrong`.
        """
        if sys.platform == "linux":
            self._copied = self._create(get_context("fork"), lifeline)

    async def start(self) -> None:
        """Start a process, unless one answers, and return when it does. Raises `StateWrong` with the reason if it can't."""
        async with self._changing:
            if not self.answers:
                await self._start_next()
                self._process, self._next, self.answers = self._next, None, True

    async def renew(self) -> None:
        """Start another process, and when it answers let the present one finish its requests and end.

        Raises:
            StateWrong: the other one can't start, and the present one continues; or this one had to be killed.
        """
        async with self._changing:
            former = self._process
            await self._start_next()
            self._process, self._next, self.answers = self._next, None, True
        if former is None or former.pid is None or not former.is_alive():
            return
        os.kill(former.pid, RETIRE)
        until = asyncio.get_running_loop().time() + END_SECONDS
        while former.is_alive():  # its sentinel is waited for in `ended`
            if asyncio.get_running_loop().time() > until:
                former.kill()
                raise StateWrong(f"worker {self.number} did not end in {END_SECONDS:.0f} s: killed")
            await asyncio.sleep(0.05)

    def _create(self, context: ForkContext | SpawnContext, copied: tuple[int, int] | None = None) -> Pipe:
        """Create the next process, and return where it says that it answers. Raises `StateWrong`."""
        report, sender = context.Pipe(duplex=False)
        process = context.Process(
            target=_work, args=(self._arguments, self.number, sender, copied), daemon=True
        )
        try:
            with sender, _signals_blocked():
                process.start()
        except OSError as error:
            report.close()
            raise StateWrong(f"worker {self.number}: can't start a process ({error.strerror})") from error
        self._next = process
        return report

    async def _start_next(self) -> None:
        report, self._copied = self._copied or self._create(get_context("spawn")), None
        process = self._next
        assert process is not None
        with report:
            await _readable(report.fileno())
            try:
                reason = report.recv()
            except EOFError:
                reason = f"worker {self.number} ended before it could answer; see its log"
        if reason is not None:
            process.terminate()
            await _readable(process.sentinel)
            process.join()
            self._next = None
            raise StateWrong(reason)

    async def ended(self) -> int | None:
        """Wait for the worker's process to end, of its present one if it was renewed; return its exit code."""
        while (process := self._process) is not None:
            await _readable(process.sentinel)
            process.join()
            if process is self._process:
                self.answers = False
                return process.exitcode
        return None

    async def end(self) -> None:
        """Let the processes finish their requests and end. Raises `StateWrong` if one had to be killed."""
        patience = END_SECONDS + self._arguments.drain_s
        running = [process for process in (self._next, self._process) if process is not None]
        for process in running:
            process.terminate()
        try:
            async with asyncio.timeout(patience):
                for process in running:
                    await _readable(process.sentinel)
                    process.join()
        except TimeoutError:
            for process in running:
                process.kill()
            raise StateWrong(f"worker {self.number} did not end in {patience:.0f} s: killed") from None


async def _supervise(arguments: _WorkerArguments, workers: Sequence[_Worker], checked: Gateway) -> None:
    loop, ending = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ending.set)
    renewing = asyncio.Event()
    loop.add_signal_handler(signal.SIGHUP, renewing.set)
    async with _gathered_metrics(arguments, workers):
        working = asyncio.ensure_future(_run_all(workers, checked, arguments.clock, renewing))
        stop = asyncio.ensure_future(ending.wait())
        await asyncio.wait({working, stop}, return_when=asyncio.FIRST_COMPLETED)
        working.cancel()
        stop.cancel()
        arguments.listener.close()  # else callers would wait at a socket that accepts no connection
        kept, _ = await asyncio.gather(working, stop, return_exceptions=True)
        ended = await asyncio.gather(*(worker.end() for worker in workers), return_exceptions=True)
    for result in (kept, *ended):
        if isinstance(result, Exception):
            raise result


async def _run_all(
    workers: Sequence[_Worker], checked: Gateway, clock: Clock, renewing: asyncio.Event
) -> None:
    """Start all workers, announce the address, and keep the workers running. Raises `StateWrong` if none can start."""
    with _first_failure():
        async with asyncio.TaskGroup() as group:
            for worker in workers:
                group.create_task(worker.start())
        announce(checked)
        async with asyncio.TaskGroup() as group:
            for worker in workers:
                group.create_task(_keep_running(worker, workers, clock))
            group.create_task(_renew_at(renewing, workers))


async def _renew_at(renewing: asyncio.Event, workers: Sequence[_Worker]) -> None:
    """Renew the workers one after the other each time that it is asked for; if one can't, the rest continue as they are."""
    while True:
        await renewing.wait()
        renewing.clear()
        try:
            for worker in workers:
                await worker.renew()
        except StateWrong as error:
            log.error("workers_not_renewed", reason=str(error))  # noqa: TRY400 - no trace
        else:
            log.info("workers_renewed")


async def _keep_running(worker: _Worker, workers: Sequence[_Worker], clock: Clock) -> None:
    """Restart a worker each time it ends. Raises `StateWrong` if it can't start, and no other worker answers."""
    pause = FIRST_PAUSE
    while True:
        began = clock.monotonic()
        code = await worker.ended()
        log.error("worker_ended", worker=worker.number, code=code)
        pause = FIRST_PAUSE if clock.monotonic() - began > STABLE_SECONDS else min(2 * pause, MAX_PAUSE)
        await asyncio.sleep(pause)
        try:
            await worker.start()
            log.warning("worker_started_again", worker=worker.number)
        except StateWrong as error:
            log.error("worker_not_started", worker=worker.number, reason=str(error))  # noqa: TRY400 - no trace
            if not any(other.answers for other in workers):
                raise


async def _readable(descriptor: int) -> None:
    """Wait until a descriptor is readable, or its other end has closed."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)


@contextmanager
def _first_failure() -> Iterator[None]:
    """Raise the first error of a task group instead of the group."""
    try:
        yield
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Block what a terminal sends to all its processes while one is created, which inherits this: Ctrl-C, a hang-up."""
    signals = {signal.SIGINT, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
