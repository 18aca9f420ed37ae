"""The lines of a preflight about the registry's place: its address, its name, its certificate. No question is asked.

Stops everything where a packet could reach the wrong place, or somebody could read it on the way.
"""

from math import floor

from gateway.clock import Clock
from gateway.errors.commands import SettingInvalid
from gateway.profiles.other_profile import is_at_the_others_address, is_on_the_others_line
from gateway.profiles.preflight_members import Candidate
from gateway.profiles.preflight_sheet import Sheet
from gateway.profiles.revisions import WARNING_DAYS
from gateway.registry.connection import Connection
from gateway.registry.probe_model import WayOut
from gateway.registry.probe_network import (
    Addresses,
    Place,
    TlsFault,
    judge_addresses,
    look_at_certificate,
    place_of,
    stays_on_this_machine,
)
from gateway.registry.tls import check_client, tls_of

_TLS_REMEDIES = {
    TlsFault.UNTRUSTED: "the chain does not lead to an authority that is trusted here: have its owner send the whole chain, "
    "or name its authority in {setting} and start again",
    TlsFault.EXPIRED: "the certificate has ended: its owner has to renew it",
    TlsFault.NOT_YET_VALID: "the certificate is not valid yet: look at this machine's clock",
    TlsFault.WRONG_NAME: "the certificate is another host's: correct the host in registry_url",
    TlsFault.REFUSED: "the certificate does not hold: its owner has to renew it",
    TlsFault.NOT_TLS: "the port does not speak TLS: correct the port in registry_url",
    TlsFault.UNREACHABLE: "no address takes a connection: look at port, route and firewall",
}


async def look_at_place(sheet: Sheet, candidate: Candidate, way_out: WayOut, clock: Clock) -> None:
    """Note the lines of the address, its name and its certificate."""
    connection = candidate.connection
    try:
        place = place_of(connection)
    except SettingInvalid as error:
        sheet.failed(
            "address_policy", error.reason, "correct registry_url, or the profile's hosts in the deployment"
        )
        sheet.stop("the address is not one that this profile may reach")
        return
    begun = sheet.now()
    try:
        addresses = judge_addresses(connection, await way_out.resolve(place.host, place.port))
    except OSError:
        addresses = Addresses(allowed=(), outside=0, never=0)
    ms = sheet.since(begun)
    if await _holds_policy(sheet, candidate, addresses, way_out):
        sheet.passed("dns", f"the host has {len(addresses.allowed)} address(es) to connect to", ms=ms)
        await _look_at_tls(sheet, connection, place, addresses, clock)


async def _holds_policy(sheet: Sheet, candidate: Candidate, addresses: Addresses, way_out: WayOut) -> bool:
    """Refuse a name with any address that is no profile's, or with none that is this one's.

    Both are told as a name without any address is, without its time: else who proposes could list the names of the
    inner network.
    """
    fault = ""
    if addresses.never or not addresses.allowed:
        fault = "the host has no address that this profile may reach"
    elif is_on_the_others_line(candidate.connection, candidate.other, addresses.allowed):
        fault = "the address lies in a network of the other profile"
    elif await is_at_the_others_address(
        candidate.connection, candidate.other, addresses.allowed, way_out.resolve
    ):
        fault = "the address and port are those of the other profile's registry, by another name"
    if fault:
        remedy = (
            "correct registry_url, or this machine's resolver, or the profile's networks in the deployment"
        )
        sheet.failed("address_policy", fault, remedy)
        sheet.stop("the address is not one that this profile may reach")
        return False
    sheet.passed("address_policy", f"{len(addresses.allowed)} address(es) allowed")
    return True


async def _look_at_tls(
    sheet: Sheet, connection: Connection, place: Place, addresses: Addresses, clock: Clock
) -> None:
    if not place.secure:
        if stays_on_this_machine(connection):
            sheet.passed("tls", "plain http, which stays on this machine")
        else:
            sheet.failed(
                "tls", "plain http would carry credentials in the clear", "use https in registry_url"
            )
            sheet.stop("credentials would leave this machine in the clear")
        return
    begun = sheet.now()
    try:
        check_client(connection)
    except SettingInvalid as error:
        sheet.failed("tls", error.reason, "put in a certificate and its own key, or neither")
        sheet.stop("the client certificate can't be shown")
        return
    shown = await look_at_certificate(
        place, addresses.allowed, tls_of(connection), within=connection.deadline_ms / 1000
    )
    ms = sheet.since(begun)
    if shown.fault is not None:
        sheet.failed("tls", f"refused: {shown.fault.value}", _remedy_of(shown.fault, connection), ms=ms)
        sheet.stop("the registry could not be told from an impostor")
        return
    if shown.ends_at is None:
        sheet.passed("tls", "chain and name hold; the end of the certificate is not told", ms=ms)
        return
    left = floor((shown.ends_at - clock.now()).total_seconds() / 86_400)
    remedy = "its owner has to renew the certificate soon" if left <= WARNING_DAYS else ""
    sheet.passed("tls", f"chain and name hold; {left} day(s) left", ms=ms, remedy=remedy)


def _remedy_of(fault: TlsFault, connection: Connection) -> str:
    setting = f"GATEWAY_{connection.profile.value.upper()}_CA_FILE"
    return _TLS_REMEDIES[fault].format(setting=setting)
