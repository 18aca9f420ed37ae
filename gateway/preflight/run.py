"""Run a preflight: check, line by line, whether a candidate connection would work, before anything is switched.

The other profile and the endpoint are checked first, and nothing is sent if a check there fails; then one login; then
each operation with a number that nobody can have. The recorder gets every question before it is sent. Nothing is
changed or kept. See docs/decisions/0055.
"""

from collections.abc import Collection, Sequence
from datetime import date

from gateway.clock import Clock
from gateway.errors.operators import SettingInvalid
from gateway.identifiers import Profile
from gateway.preflight.login import log_in
from gateway.preflight.members import check_members
from gateway.preflight.network import OtherProfile, check_endpoint
from gateway.preflight.operations import OperationsCheck
from gateway.preflight.probe import Probe
from gateway.preflight.recorder import PreflightNetwork, ProbeRecorder
from gateway.preflight.report import BEFORE_LOGIN, LOGIN, QUESTIONS, Preflight, Report
from gateway.procedures.catalogue import Catalogue
from gateway.procedures.fields import Operation
from gateway.registry.connection import Connection
from gateway.registry.model import Claim

FIRST_PROCEDURE = "khai-sinh"
"""The procedure whose MaDVC is known, not guessed."""


async def run_preflight(
    connection: Connection,
    *,
    other: OtherProfile,
    catalogue: Catalogue,
    preflight_network: PreflightNetwork,
    clock: Clock,
    recorder: ProbeRecorder,
    expires_on: date | None = None,
    test_identity: Claim | None = None,
    procedures: Sequence[str] = (FIRST_PROCEDURE,),
    operations: Collection[Operation] = tuple(Operation),
    login_only: bool = False,
) -> Preflight:
    """Return all lines; an error of the recorder is raised, any other failure is a line.

    `other`: the candidate must share nothing with it. `procedures` are slugs, each asked for its licence; the operations
    are asked with the first. `operations` must be licensed; `AUTHENTICATE` is always among them, and the fields of the
    others are reported as left to the citizen. `test_identity` is a person that the registry issued for tests; the
    report says only whether the registry knows it. `login_only` ends after the login, one question with the impossible
    number.

    Raises:
        KeyError: a slug that the catalogue doesn't have.
    """
    report = Report(clock)
    known = {procedure.slug: procedure for procedure in catalogue.procedures}
    chosen = tuple(known[slug] for slug in procedures)
    check_members(report, connection, other, expires_on, catalogue, clock)
    if not report.stopped:
        await check_endpoint(report, connection, other, preflight_network.resolve, clock)
    if not report.stopped:
        try:
            probe = Probe(connection, preflight_network=preflight_network, clock=clock, recorder=recorder)
        except SettingInvalid as error:
            report.failed("login", error.reason, "complete the credentials of this dialect")
            report.stop("the credentials are not complete")
        else:
            # On sandbox no answer can be about a real person, so the forms of answers may be reported.
            check = OperationsCheck(
                report=report,
                probe=probe,
                procedures=chosen,
                operations=frozenset(operations) | {Operation.AUTHENTICATE},
                test_identity=test_identity,
                shows_forms=connection.profile is Profile.SANDBOX,
            )
            try:
                first = await log_in(report, probe, connection, chosen[0])
                if not login_only:
                    await check.ask(first)
            finally:
                await probe.aclose()
            if not login_only:
                check.judge(catalogue)
    return report.finish((*BEFORE_LOGIN, *LOGIN, *(() if login_only else QUESTIONS)))
