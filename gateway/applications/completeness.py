"""What an application lacks: a line a piece, with what brings it. Complete is when there is none."""

from collections.abc import Iterator

from gateway.applications.model import OFFICIAL_LEVEL, Evidence, Missing, Statement, Wanted

_DEEDS = {
    "verification_confirmed": "verify a citizen of the test environment",
    "verification_reused": "verify the same citizen again, in another procedure",
    "verification_not_confirmed": "verify a wrong name",
    "prefill_delivered": "prefill a form from a receipt",
    "over_asking_refused": "ask for a field outside the grant",
    "other_profile_refused": "call the official door with a sandbox token",
}


def find_missing(stated: Statement, wanted: Wanted, evidence: Evidence) -> tuple[Missing, ...]:
    """Return every missing piece, in the order of the document."""
    return (*_unstated(stated), *_unwanted(wanted), *_unproven(evidence))


def _unstated(stated: Statement) -> Iterator[Missing]:
    values: dict[str, str | int] = {
        "application_id": stated.application_id,
        "application_name": stated.application_name,
        "retention": stated.retention,
        "deletion": stated.deletion,
        "rate.per_second": stated.rate_per_second,
        "rate.per_day": stated.rate_per_day,
        "contact.unit": stated.contact.unit,
        "contact.email": stated.contact.email,
        "contact.phone": stated.contact.phone,
    }
    for name, value in values.items():
        if not value:
            yield Missing(what=name, remedy="state it in --file (gateway official application --template)")
    if stated.security_level < OFFICIAL_LEVEL:
        yield Missing(
            what="security_level",
            remedy=f"an approved level of {OFFICIAL_LEVEL} at least (TT 46/2022/TT-BCA), stated in --file",
        )


def _unwanted(wanted: Wanted) -> Iterator[Missing]:
    if wanted.organisation is None:
        yield Missing(what="agency", remedy="gateway organisations add ID NAME, then make its account")
    if not wanted.accounts:
        yield Missing(what="account", remedy="gateway accounts create NAME --profile sandbox …")
    elif not wanted.procedures:
        yield Missing(what="data items", remedy="an account whose grant meets a form (--procedure, --field)")
    if wanted.accounts and not wanted.officers:
        yield Missing(what="officers", remedy="gateway accounts officers add CLIENT_ID (ids by stdin)")


def _unproven(evidence: Evidence) -> Iterator[Missing]:
    for name, count in evidence.scenarios.items():
        if not count:
            yield Missing(what=f"scenario {name}", remedy=f"in the sandbox, {_DEEDS[name]}")
    if evidence.audit_broken is not None:
        yield Missing(
            what=f"audit ({evidence.audit_broken})", remedy="gateway audit verify, then find out why"
        )
    trial = evidence.trial
    if trial.reason is not None:
        remedy = "set GATEWAY_SANDBOX_* and leave --no-preflight out"
        yield Missing(what=f"preflight of the sandbox ({trial.reason})", remedy=remedy)
    elif not trial.passed:
        failed = ", ".join(name for name, passed, _ in trial.checks if not passed)
        yield Missing(what=f"preflight of the sandbox ({failed})", remedy="mend the sandbox's connection")
