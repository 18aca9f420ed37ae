"""A deployment's own authorities: named by a setting, read once, then the only ones that their profile trusts."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import httpx
import pytest

from gateway.identifiers import Profile
from gateway.preflight.report import PreflightCheck
from gateway.profiles.revisions import Revision
from gateway.registry.connection import Connection, ConnectionMembers
from gateway.registry.egress import open_transport
from gateway.registry.tls import tls_of
from gateway.settings import read_settings
from tests.kit.authority import Authority, listening
from tests.kit.preflight import Preflights, line

pytestmark = pytest.mark.sockets


@pytest.fixture
def file(authority: Authority, tmp_path: Path) -> Path:
    """The authority's own certificate, as the deployment has it, with a remark in Vietnamese."""
    path = tmp_path / "authorities.pem"
    path.write_text(f"\ufeff# Chứng thư gốc (giả lập)\n{authority.pem()}", encoding="utf-8")
    return path


def reached(profile: Profile, port: int, **files: Path) -> Connection:
    """How a revision of a profile is opened by a deployment with these settings."""
    told = {f"GATEWAY_{name.upper()}_CA_FILE": str(path) for name, path in files.items()}
    networks = {f"GATEWAY_{place.value.upper()}_NETWORKS": "127.0.0.0/8" for place in Profile}
    members = ConnectionMembers.model_validate(
        {
            "registry_url": f"https://127.0.0.1:{port}",
            "c06_user": "hanoi",
            "c06_secret": "synthetic-secret",
            "agency": "000.00.01.H26",
            "officer": "dvctt.dichvu",
        }
    )
    at = datetime(2026, 11, 25, tzinfo=UTC)
    revision = Revision(profile=profile, number=1, members=members, proposed_by="an", proposed_at=at)
    return revision.connection(read_settings(told | networks, dotenv=None))


async def seen(connection: Connection) -> PreflightCheck:
    """The line of a preflight about the certificate."""
    return line(await Preflights().look(connection), "tls")


async def send(connection: Connection) -> None:
    """Send a packet by the transport of service; the double hears it and says nothing."""
    transport = open_transport(connection)
    try:
        async with asyncio.timeout(0.3):
            request = httpx.Request("POST", f"{connection.registry_url}/x", content=b"hello")
            await transport.handle_async_request(request)
    except (OSError, aiohttp.ClientError):
        pass
    finally:
        await transport.aclose()


async def test_threat_16_a_profiles_authorities_are_trusted_by_that_profile_alone(
    authority: Authority, file: Path
) -> None:
    async with listening(authority.serving("127.0.0.1", days=(-1, 90.5))) as (port, heard):
        own = reached(Profile.OFFICIAL, port, official=file)
        other = reached(Profile.SANDBOX, port, official=file)
        assert (await seen(own)).detail == "chain and name are valid; 90 day(s) left"
        untrusted = await seen(other)
        assert (untrusted.passed, untrusted.detail) == (False, "refused: untrusted")
        assert untrusted.remedy.endswith("name its authority in GATEWAY_SANDBOX_CA_FILE and restart")
        assert await heard.get() == b""

        await send(other)
        await send(own)
        assert (await asyncio.wait_for(heard.get(), 2)).startswith(b"POST /x HTTP/1.1\r\n")
        assert heard.empty()


@pytest.mark.parametrize(
    ("name", "days", "told", "remedy"),
    [
        ("127.0.0.1", (-90, -1), "refused: expired", "renew it"),
        ("127.0.0.2", (-1, 90), "refused: wrong_name", "correct the host in registry_url"),
        ("127.0.0.1", (1, 90), "refused: not_yet_valid", "this machine's clock"),
        ("127.0.0.1", (-1, 12.5), "chain and name are valid; 12 day(s) left", "has to renew it soon"),
    ],
)
async def test_a_certificate_of_an_own_authority_must_have_the_right_name_and_days(
    authority: Authority, file: Path, name: str, days: tuple[float, float], told: str, remedy: str
) -> None:
    async with listening(authority.serving(name, days=days)) as (port, _):
        found = await seen(reached(Profile.SANDBOX, port, sandbox=file))
    assert found.detail == told
    assert remedy in found.remedy


async def test_with_authorities_of_its_own_a_profile_trusts_no_other(tmp_path: Path, file: Path) -> None:
    stranger = Authority(tmp_path, name="Another Synthetic Authority")
    async with listening(stranger.serving("127.0.0.1")) as (port, _):
        connection = reached(Profile.SANDBOX, port, sandbox=file)
        assert (await seen(connection)).detail == "refused: untrusted"
    assert len(tls_of(connection).get_ca_certs()) == 1


async def test_several_authorities_of_one_file_are_each_trusted(tmp_path: Path, file: Path) -> None:
    second = Authority(tmp_path, name="Another Synthetic Authority")
    with file.open("a", encoding="utf-8") as text:
        text.write(second.pem())
    async with listening(second.serving("127.0.0.1")) as (port, _):
        assert (await seen(reached(Profile.SANDBOX, port, sandbox=file))).passed


async def test_a_certificate_in_the_file_needs_no_authority_above_it(
    authority: Authority, tmp_path: Path
) -> None:
    async with listening(authority.serving("127.0.0.1")) as (port, _):
        assert (await seen(reached(Profile.SANDBOX, port, sandbox=tmp_path / "server.pem"))).passed


async def test_a_file_that_changes_later_changes_nothing_before_the_next_start(
    authority: Authority, file: Path
) -> None:
    async with listening(authority.serving("127.0.0.1")) as (port, _):
        connection = reached(Profile.SANDBOX, port, sandbox=file)
        os.truncate(file, 0)
        assert (await seen(connection)).passed
