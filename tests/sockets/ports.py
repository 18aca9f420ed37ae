"""Ports that are named before anything listens on them, which no neighbour of a parallel run looks at."""

import os
import socket

import pytest

_OF_A_WORKER = 1000


def find_free_ports(count: int) -> int:
    """Return the first of so many free ports in a row, below those that systems give out by themselves."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")  # noqa: TID251 - the runner's word
    lowest = 21_000 + int(worker) % 10 * _OF_A_WORKER
    for first in range(lowest, lowest + _OF_A_WORKER, 50):
        probes = [socket.socket() for _ in range(count)]
        try:
            for number, probe in enumerate(probes):
                probe.bind(("127.0.0.1", first + number))
        except OSError:
            continue
        else:
            return first
        finally:
            for probe in probes:
                probe.close()
    pytest.fail("no ports free")
