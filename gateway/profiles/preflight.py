"""Say of a candidate connection, line by line, whether it would work, before anything is switched.

The fence and the place come first, and no packet leaves while they don't hold; then one login; then each operation
about a number that nobody can have. Every question is announced to the witness before its packet. Changes nothing,
keeps nothing. See docs/decisions/0055.
"""

from collections.abc import Collection, Sequence
from datetime import date

from gateway.clock import Clock
from gateway.errors.commands import SettingInvalid
from gateway.places import Profile
from gateway.procedures.catalogue import Catalogue
from gateway.procedures.fields import Operation
from gateway.procedures.model import Procedure
from gateway.profiles.other_profile import OtherProfile
from gateway.profiles.preflight_asked import Findings, Wanted, ask_the_rest
from gateway.profiles.preflight_findings import judge_findings
from gateway.profiles.preflight_login import log_in
from gateway.profiles.preflight_members import Candidate, look_at_members
from gateway.profiles.preflight_place import look_at_place
from gateway.profiles.preflight_sheet import LOGIN, QUESTIONS, WITHOUT_PACKETS, Check, Preflight, Sheet
from gateway.registry.connection import Connection
from gateway.registry.model import Claim
from gateway.registry.probe import Probe
from gateway.registry.probe_model import WayOut, Witness

__all__ = ["Check", "Preflight", "run_preflight"]

FIRST_PROCEDURE = "khai-sinh"
"""The one whose MaDVC is known, not guessed."""


async def run_preflight(
    connection: Connection,
    *,
    other: OtherProfile,
    catalogue: Catalogue,
    way_out: WayOut,
    clock: Clock,
    witness: Witness,
    expires_on: date | None = None,
    test_identity: Claim | None = None,
    procedures: Sequence[str] = (FIRST_PROCEDURE,),
    operations: Collection[Operation] = tuple(Operation),
    login_only: bool = False,
) -> Preflight:
    """Return all lines; what the witness raises is raised, anything else is a line.

    `other` is what the candidate must not be taken for. `procedures` are slugs, each asked for its licence; the first
    carries the operations. `operations` are those to be licensed; the verdict's always is, and the fields of the others
    are told as left to the citizen. `test_identity` is the revision's: a person that the registry issued for tests, of
    whom nothing is told but whether the registry knows it. `login_only` ends after the login, one question about nobody.

    Raises:
        KeyError: a slug that the catalogue hasn't.
    """
    sheet = Sheet(clock)
    candidate = Candidate(connection=connection, other=other, expires_on=expires_on)
    wanted = Wanted(
        procedures=_choose(catalogue, procedures),
        operations=frozenset(operations),
        test_identity=test_identity,
        tells_forms=connection.profile is Profile.SANDBOX,
    )
    look_at_members(sheet, candidate, catalogue, clock)
    if not sheet.stopped:
        await look_at_place(sheet, candidate, way_out, clock)
    probe = None if sheet.stopped else _open(sheet, connection, way_out, clock, witness)
    if probe is not None:
        try:
            first = await log_in(sheet, probe, connection, wanted.procedures[0])
            findings = Findings(about_nobody=[first])
            if not sheet.stopped and not login_only:
                await ask_the_rest(sheet, probe, findings, wanted)
        finally:
            await probe.aclose()
        if not login_only:
            judge_findings(sheet, findings, catalogue, wanted)
    return sheet.finish((*WITHOUT_PACKETS, *LOGIN, *(() if login_only else QUESTIONS)))


def _choose(catalogue: Catalogue, slugs: Sequence[str]) -> tuple[Procedure, ...]:
    known = {procedure.slug: procedure for procedure in catalogue.procedures}
    return tuple(known[slug] for slug in slugs)


def _open(
    sheet: Sheet, connection: Connection, way_out: WayOut, clock: Clock, witness: Witness
) -> Probe | None:
    try:
        return Probe(connection, way_out=way_out, clock=clock, witness=witness)
    except SettingInvalid as error:
        sheet.failed("login", error.reason, "complete the credentials of this dialect")
        sheet.stop("the credentials are not complete")
        return None
