"""One page of metrics for all workers: each offers its figures at a socket in a private folder, the supervisor gathers them.

A sample gets the label `worker`; nothing is added up here, since a sum of gauges is a matter of the reader. A worker that
does not answer in time is left out, and Prometheus sees a gap and not a wrong number.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

WAIT_SECONDS = 2.0
"""How long the page waits for a worker."""


def socket_of(folder: Path, worker: int) -> Path:
    """Return where a worker offers its figures."""
    return folder / f"{worker}.sock"


@asynccontextmanager
async def offer_metrics(registry: CollectorRegistry, path: Path) -> AsyncIterator[None]:
    """Write the figures to everyone who connects to a Unix socket, while the block runs."""

    async def write(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(generate_latest(registry))
        await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(write, path)
    async with server:
        yield


async def gather_metrics(folder: Path, workers: Sequence[int]) -> bytes:
    """Return the figures of all workers that answer, each with the label `worker`."""
    pages = await asyncio.gather(*(_read(socket_of(folder, worker)) for worker in workers))
    found = {worker: page for worker, page in zip(workers, pages, strict=True) if page is not None}
    return "".join(f"{line}\n" for line in merge_pages(found)).encode()


async def _read(path: Path) -> str | None:
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                return (await reader.read()).decode()
            finally:
                writer.close()
    except OSError:
        return None


def merge_pages(pages: Mapping[int, str]) -> Iterable[str]:
    """Yield the lines of one page: the samples of a metric follow its help and type, as the text format requires."""
    families: dict[str, tuple[list[str], list[str]]] = {}
    for worker, page in pages.items():
        comments: list[str] = []
        samples: list[str] = []
        for line in page.splitlines():
            if line.startswith("# HELP "):
                comments, samples = families.setdefault(line.split()[2], ([], []))
            if line.startswith("#"):
                if len(comments) < _COMMENTS:
                    comments.append(line)
            elif line:
                samples.append(_label(line, worker))
    for comments, samples in families.values():
        yield from comments
        yield from samples


_COMMENTS = 2
"""HELP and TYPE."""


def _label(sample: str, worker: int) -> str:
    """Add the label to a sample. No name has a brace, so the first one begins the labels."""
    name, brace, rest = sample.partition("{")
    if brace:
        return f'{name}{{worker="{worker}",{rest}'
    name, _, value = sample.partition(" ")
    return f'{name}{{worker="{worker}"}} {value}'
