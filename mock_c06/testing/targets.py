"""The mock of a test session: built in this process, or running elsewhere."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from mock_c06.app import build_mock
from mock_c06.settings import Settings
from mock_c06.testing.transports import InProcessTransport, LoopThread, SocketTransport

_HOSTS = {"test": "test.c06.invalid", "official": "official.c06.invalid"}
_CONTROL_HOST = "control.c06.invalid"

Transport = InProcessTransport | SocketTransport


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The registry's address in each environment, a client of the control face, and a transport to both."""

    addresses: Mapping[str, str]
    control: httpx.Client = field(repr=False)
    new_transport: Callable[[], Transport] = field(repr=False)


@contextmanager
def in_process() -> Iterator[Target]:
    """Build a mock that opens no port and reads no setting."""
    mock = build_mock(Settings.model_construct(control_token=None, secret_seed=None))
    loop = LoopThread()
    apps = {_HOSTS["test"]: mock.test, _HOSTS["official"]: mock.official, _CONTROL_HOST: mock.control}
    try:
        with _control(
            InProcessTransport(apps, loop), f"http://{_CONTROL_HOST}", mock.control_token
        ) as control:
            yield Target(
                addresses={name: f"http://{host}" for name, host in _HOSTS.items()},
                control=control,
                new_transport=lambda: InProcessTransport(apps, loop),
            )
    finally:
        loop.close()


@contextmanager
def running(addresses: Mapping[str, str], *, control: str, token: str) -> Iterator[Target]:
    """Use a mock that runs, by its addresses and the token of its control face."""
    bare = {name: address.rstrip("/") for name, address in addresses.items()}
    with _control(SocketTransport(), control.rstrip("/"), token) as client:
        yield Target(addresses=bare, control=client, new_transport=SocketTransport)


def _control(transport: Transport, address: str, token: str) -> httpx.Client:
    return httpx.Client(
        transport=transport, base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=30
    )
