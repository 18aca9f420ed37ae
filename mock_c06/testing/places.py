"""Where the mock of a test session is: built in this process, or running elsewhere. Both are used alike."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from mock_c06.app import build_mock
from mock_c06.settings import Settings
from mock_c06.testing.doors import InProcess, Loop, OverSockets

_HOSTS = {"test": "test.c06.invalid", "official": "official.c06.invalid"}
_CONTROL_HOST = "control.c06.invalid"

Transport = InProcess | OverSockets


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The registry's address in each environment, a client of the control face, and a way to both."""

    addresses: Mapping[str, str]
    control: httpx.Client = field(repr=False)
    new_transport: Callable[[], Transport] = field(repr=False)


@contextmanager
def in_process() -> Iterator[Place]:
    """Build a mock that opens no port and reads no setting."""
    mock = build_mock(Settings.model_construct(control_token=None, secret_seed=None))
    loop = Loop()
    apps = {_HOSTS["test"]: mock.test, _HOSTS["official"]: mock.official, _CONTROL_HOST: mock.control}
    try:
        with _control(InProcess(apps, loop), f"http://{_CONTROL_HOST}", mock.control_token) as control:
            yield Place(
                addresses={name: f"http://{host}" for name, host in _HOSTS.items()},
                control=control,
                new_transport=lambda: InProcess(apps, loop),
            )
    finally:
        loop.close()


@contextmanager
def running(addresses: Mapping[str, str], *, control: str, token: str) -> Iterator[Place]:
    """Use a mock that runs, by its addresses and the token of its control face."""
    bare = {name: address.rstrip("/") for name, address in addresses.items()}
    with _control(OverSockets(), control.rstrip("/"), token) as client:
        yield Place(addresses=bare, control=client, new_transport=OverSockets)


def _control(transport: Transport, address: str, token: str) -> httpx.Client:
    return httpx.Client(
        transport=transport, base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=30
    )
