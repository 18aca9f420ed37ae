"""A registry that asks for a client certificate gets the connection's; its key is on no disk."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import aiohttp
import httpx
import pytest

from gateway.errors.operators import SettingInvalid
from gateway.identifiers import Profile
from gateway.preflight.candidate import as_other_profile, find_shared_members
from gateway.profiles.revisions import Revision
from gateway.registry.client import check_connection
from gateway.registry.connection import Connection, ConnectionMembers
from gateway.registry.egress import open_transport
from tests.kit.authority import Authority
from tests.kit.registry import connection

pytestmark = pytest.mark.sockets

LOOPBACK = ("127.0.0.0/8",)


@asynccontextmanager
async def asking(authority: Authority) -> AsyncIterator[tuple[int, list[str]]]:
    """A registry that asks its callers for a certificate: its port, and whom it let in."""
    let_in: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        shown = writer.get_extra_info("peercert")
        let_in.append(str(dict(shown["subject"][0])["commonName"]))
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=authority.asking("127.0.0.1"))
    try:
        yield server.sockets[0].getsockname()[1], let_in
    finally:
        server.close()
        await server.wait_closed()


async def call(made: Connection) -> int:
    """Send a packet and return the status of what comes back."""
    transport = open_transport(made)
    try:
        request = httpx.Request("POST", f"{made.registry_url}/x", content=b"hello")
        response = await transport.handle_async_request(request)
        await response.aclose()
        return response.status_code
    finally:
        await transport.aclose()


async def test_a_registry_that_asks_for_a_certificate_gets_the_connections_own(authority: Authority) -> None:
    certificate, key = authority.client()
    async with asking(authority) as (port, let_in):
        made = connection(
            registry_url=f"https://127.0.0.1:{port}",
            networks=LOOPBACK,
            client_certificate=certificate,
            client_key=key,
            authorities=authority.pem(),
        )
        assert await call(made) == 200
        assert let_in == ["gateway.test"]


async def test_without_a_certificate_such_a_registry_refuses_the_connection(authority: Authority) -> None:
    async with asking(authority) as (port, let_in):
        made = connection(
            registry_url=f"https://127.0.0.1:{port}", networks=LOOPBACK, authorities=authority.pem()
        )
        with pytest.raises((OSError, aiohttp.ClientError)):
            await call(made)
        assert let_in == []


def test_a_certificate_and_another_ones_key_make_no_connection(authority: Authority) -> None:
    certificate, key = authority.client()
    _, foreign = authority.client()
    check_connection(connection(client_certificate=certificate, client_key=key))
    for own, private, named in (
        (certificate, None, "both or neither"),
        (None, key, "both or neither"),
        (certificate, foreign, "client_key"),
        (certificate, "not a key", "client_key"),
        ("not a certificate", key, "client_certificate"),
    ):
        with pytest.raises(SettingInvalid, match=named) as refused:
            check_connection(connection(client_certificate=own, client_key=private))
        assert "BEGIN" not in str(refused.value)


def test_threat_10_a_certificate_of_the_other_profile_is_found(authority: Authority) -> None:
    certificate, key = authority.client()
    other = connection(
        profile=Profile.OFFICIAL,
        registry_url="https://official.test",
        c06_user="other",
        c06_secret="another",
        client_certificate=certificate,
        client_key=key,
    )
    pasted = connection(client_certificate=certificate, client_key=key)
    assert set(find_shared_members(pasted, as_other_profile(other))) >= {"client_certificate", "client_key"}


def test_the_certificates_end_counts_among_the_days_that_are_left(authority: Authority) -> None:
    now = datetime.now(UTC)  # noqa: TID251 - the certificate's dates are those of the machine's clock
    certificate, key = authority.client(days=(-1, 20))
    members = ConnectionMembers.model_validate(
        {
            "registry_url": "https://registry.test",
            "client_certificate": certificate,
            "client_key": key,
            "expires_on": (now + timedelta(days=300)).date().isoformat(),
        }
    )
    revision = Revision(profile=Profile.SANDBOX, number=1, members=members, proposed_by="an", proposed_at=now)
    left = revision.days_left(now.date())
    assert left is not None
    assert 19 <= left <= 21
    assert key not in repr(revision) + repr(members) + repr(connection(client_key=key))
