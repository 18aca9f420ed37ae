"""Evidence that the gateway is ready, read from its own store: scenarios, the chain, the fence, a preflight.

Nothing here is stated by a person. A scenario counts only by the audit rows that it left; rows of preflights don't
count. The registry's readings are those that the preflight saw: the parity ledger itself is the mock's.
"""

import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from gateway.applications.model import Evidence, Readings, Trial
from gateway.audit import store as audit
from gateway.audit.model import AuditHead, Kind
from gateway.audit.use_cases import read_audit_head, verify_audit
from gateway.errors.commands import AuditBroken, SettingInvalid
from gateway.places import Profile
from gateway.procedures.fields import Operation
from gateway.profiles.across import read_other
from gateway.profiles.model import Gateway
from gateway.profiles.preflight import Preflight, run_preflight
from gateway.profiles.preflight_sheet import PARITY
from gateway.profiles.witness import ORIGIN, AuditWitness
from gateway.registry.probe_model import WayOut

SCENARIOS = (
    "verification_confirmed",
    "verification_reused",
    "verification_not_confirmed",
    "prefill_delivered",
    "over_asking_refused",
    "other_profile_refused",
)
"""The main job's, each told by the audit rows that it leaves."""

_OVER_ASKING = frozenset(
    {"field_not_granted", "field_not_in_procedure", "procedure_not_granted", "subject_role_not_granted"}
)
_VERDICTS = {"confirmed": "verification_confirmed", "not_confirmed": "verification_not_confirmed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trying:
    """What a preflight of the sandbox's connection is run with."""

    way_out: WayOut
    act: str
    actor: str
    procedure: str
    operations: Collection[Operation]


async def gather_evidence(gateway: Gateway, trying: Trying | None) -> Evidence:
    """Return the evidence; without `trying` no packet leaves. The preflight comes first: its rows are verified too."""
    preflight, trial = await _try_sandbox(gateway, trying)
    head, broken = await _verify(gateway)
    counted, questions = await _count(gateway)
    return Evidence(
        scenarios={name: counted[name] for name in SCENARIOS},
        official_questions=questions,
        audit_rows=head.rows,
        audit_hash=head.hash,
        audit_broken=broken,
        trial=trial,
        readings=_readings(preflight),
    )


async def _try_sandbox(gateway: Gateway, trying: Trying | None) -> tuple[Preflight | None, Trial]:
    revision = gateway.places[Profile.SANDBOX].revision
    if trying is None:
        return None, Trial(reason="not asked for")
    if revision is None:
        return None, Trial(reason="the sandbox has no connection")
    witness = AuditWitness(parts=gateway.parts, act=trying.act, actor=trying.actor)
    try:
        connection = gateway.opener.connection(revision)
        async with gateway.parts.database.read() as transaction:
            other = await read_other(transaction, gateway, Profile.SANDBOX)
    except SettingInvalid as error:
        return None, Trial(reason=error.reason)
    found = await run_preflight(
        connection,
        other=other,
        catalogue=gateway.parts.catalogue,
        way_out=trying.way_out,
        clock=gateway.parts.clock,
        witness=witness,
        expires_on=revision.members.expires_on,
        procedures=(trying.procedure,),
        operations=trying.operations,
    )
    checks = tuple(
        (check.name, check.passed, check.detail)
        for check in found.checks
        if not check.name.startswith(PARITY)
    )
    return found, Trial(checks=checks, passed=found.passed)


async def _verify(gateway: Gateway) -> tuple[AuditHead, str | None]:
    try:
        return await verify_audit(gateway.parts.database), None
    except AuditBroken as error:
        return await read_audit_head(gateway.parts.database), error.reason


async def _count(gateway: Gateway) -> tuple[Counter[str], int]:
    """Return how often each scenario happened, and how many questions official has asked."""
    counted: Counter[str] = Counter()
    questions = 0
    async with gateway.parts.database.walk() as transaction:
        async for body in audit.stream_bodies(transaction):
            row = _read_row(body)
            if row.get("kind") == Kind.INTENDED and row.get("profile") == Profile.OFFICIAL:
                questions += 1
            if row.get("origin") != ORIGIN and (scenario := _scenario(row)) is not None:
                counted[scenario] += 1
    return counted, questions


def _read_row(body: str) -> Mapping[str, str]:
    """Return a row's members; nothing of one that was tampered with, which the chain tells."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _scenario(row: Mapping[str, str]) -> str | None:
    outcome = row.get("outcome", "")
    match row.get("kind"):
        case Kind.ANSWERED:
            return _VERDICTS.get(outcome)
        case Kind.REUSED:
            return "verification_reused"
        case Kind.DELIVERED:
            return "prefill_delivered"
        case Kind.REFUSED if outcome in _OVER_ASKING:
            return "over_asking_refused"
        case Kind.REFUSED if outcome == "profile_mismatch":
            return "other_profile_refused"
    return None


def _readings(preflight: Preflight | None) -> Readings:
    if preflight is None:
        return Readings()
    seen = {
        check.name.removeprefix(PARITY): check.detail.startswith("confirmed")
        for check in preflight.checks
        if check.name.startswith(PARITY)
    }
    return Readings(
        confirmed=tuple(sorted(name for name, held in seen.items() if held)),
        refuted=tuple(sorted(name for name, held in seen.items() if not held)),
    )
