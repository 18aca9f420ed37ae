"""What an application for the official account has: the wanted rights, the evidence of readiness; and what it lacks.

The evidence is from the gateway's own store: scenarios, a check of the audit, the number of questions of official, a preflight of the sandbox. No
person states any of it. A scenario is counted by its audit rows; rows of preflights don't count. The parity readings
come from the preflight; the parity ledger itself is a part of the mock.

No part has a person's name: officers are counted and listed by pseudonym. Source: NĐ 47/2020 Đ35 (what a request states),
docs/decisions/0058.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.accounts.model import Organisation
from gateway.applications.statement import Statement
from gateway.audit import store as audit
from gateway.audit import tree_store
from gateway.audit.model import Kind
from gateway.audit.tree import EMPTY_ROOT
from gateway.audit.verify import read_trust, verify_audit
from gateway.errors.operators import AuditBroken, SettingInvalid
from gateway.identifiers import Profile
from gateway.preflight.candidate import read_other
from gateway.preflight.recorder import ORIGIN, AuditRecorder, PreflightNetwork
from gateway.preflight.report import PARITY
from gateway.preflight.run import run_preflight
from gateway.procedures.model import FormField, Operation, Procedure
from gateway.profiles.model import Gateway

_OFFICIAL_LEVEL = 3
"""The lowest security level of a connected system (TT 46/2022/TT-BCA, NĐ 85/2016 Đ9)."""

_SCENARIOS = {
    "verification_confirmed": "verify a citizen of the test environment",
    "verification_reused": "verify the same citizen again, in another procedure",
    "verification_not_confirmed": "verify a wrong name",
    "prefill_delivered": "prefill a form from a receipt",
    "over_asking_refused": "ask for a field outside the grant",
    "other_profile_refused": "call official with a sandbox token",
}
"""The scenarios that an application must show, and how to run each."""

_OVER_ASKING = frozenset(
    {"field_not_granted", "field_not_in_procedure", "procedure_not_granted", "subject_role_not_granted"}
)
_VERDICTS = {"confirmed": "verification_confirmed", "not_confirmed": "verification_not_confirmed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedRole:
    """A role's registry fields that some account is granted, in form order."""

    name: str
    fields: tuple[FormField, ...]

    def plain(self) -> tuple[FormField, ...]:
        """Return the fields that are not sensitive."""
        return tuple(each for each in self.fields if not each.sensitive)

    def sensitive(self) -> tuple[FormField, ...]:
        """Return the sensitive fields, which the application lists separately (NĐ 13/2023 Đ2 k4)."""
        return tuple(each for each in self.fields if each.sensitive)


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedProcedure:
    """A procedure and its roles with wanted fields. `service_code` is MaDVC."""

    procedure: Procedure
    code: str | None
    service_code: str
    roles: tuple[WantedRole, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The rights of one organisation's sandbox accounts, which it applies for on official."""

    organisation: Organisation | None
    accounts: int
    procedures: tuple[WantedProcedure, ...]
    operations: Mapping[Operation, str]
    officers: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxPreflight:
    """The preflight of the sandbox's connection, or the reason why there was none.

    `checks`: name, whether it passed, and detail. `parity`: for each reading, whether the registry confirmed it.
    """

    checks: tuple[tuple[str, bool, str], ...] = ()
    passed: bool = False
    reason: str | None = None
    parity: Mapping[str, bool] = field(default_factory=dict)

    def readings(self, *, confirmed: bool) -> list[str]:
        """Return the confirmed or the refuted readings, sorted."""
        return sorted(name for name, seen in self.parity.items() if seen is confirmed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Evidence that the gateway is ready. `audit_broken` is the first fault of the audit, None if it is intact."""

    scenarios: Mapping[str, int]
    official_questions: int
    audit_rows: int
    audit_hash: str
    audit_broken: str | None
    preflight: SandboxPreflight


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """One missing item, and how to supply it."""

    what: str
    remedy: str


def find_missing(stated: Statement, wanted: Wanted, evidence: Evidence) -> tuple[Missing, ...]:
    """Return every missing item, in the document's order; none if the application is complete."""
    pieces = (*_unstated(stated), *_unwanted(wanted), *_unproven(evidence))
    return tuple(Missing(what=what, remedy=remedy) for what, remedy in pieces)


def _unstated(stated: Statement) -> Iterator[tuple[str, str]]:
    stated_values = stated.model_dump(exclude={"security_level", "rate", "contact"})
    stated_values |= {f"rate.{name}": value for name, value in stated.rate}
    stated_values |= {f"contact.{name}": value for name, value in stated.contact}
    for name, value in stated_values.items():
        if not value:
            yield name, "state it in --file (gateway official application --template)"
    if stated.security_level < _OFFICIAL_LEVEL:
        least = f"an approved level of {_OFFICIAL_LEVEL} at least (TT 46/2022/TT-BCA), stated in --file"
        yield "security_level", least


def _unwanted(wanted: Wanted) -> Iterator[tuple[str, str]]:
    if wanted.organisation is None:
        yield "agency", "gateway organisations add ID NAME, then make its account"
    if not wanted.accounts:
        yield "account", "gateway accounts create NAME --profile sandbox …"
    elif not wanted.procedures:
        yield "data items", "an account that is granted fields of a form (--procedure, --field)"
    if wanted.accounts and not wanted.officers:
        yield "officers", "gateway accounts officers add CLIENT_ID (ids by stdin)"


def _unproven(evidence: Evidence) -> Iterator[tuple[str, str]]:
    for name, count in evidence.scenarios.items():
        if not count:
            yield f"scenario {name}", f"in the sandbox, {_SCENARIOS[name]}"
    if evidence.audit_broken is not None:
        yield f"audit ({evidence.audit_broken})", "gateway audit verify, then find out why"
    preflight = evidence.preflight
    if preflight.reason is not None:
        remedy = "set GATEWAY_SANDBOX_*, and run without --no-preflight"
        yield f"preflight of the sandbox ({preflight.reason})", remedy
    elif not preflight.passed:
        failed = ", ".join(name for name, passed, _ in preflight.checks if not passed)
        yield f"preflight of the sandbox ({failed})", "correct the sandbox's connection"


async def gather_evidence(
    gateway: Gateway,
    procedures: Sequence[str],
    operations: Collection[Operation],
    *,
    preflight_network: PreflightNetwork | None,
    recorder: AuditRecorder,
) -> Evidence:
    """Return the evidence; without `preflight_network` or `procedures` nothing is sent.

    The preflight runs first, so that its audit rows are verified too.
    """
    if preflight_network is None or not procedures:
        preflight = SandboxPreflight(reason="not asked for")
    else:
        preflight = await _run_sandbox_preflight(gateway, procedures, operations, preflight_network, recorder)
    rows, root, broken = await _verify(gateway)
    counted, questions = await _count(gateway)
    return Evidence(
        scenarios={name: counted[name] for name in _SCENARIOS},
        official_questions=questions,
        audit_rows=rows,
        audit_hash=root,
        audit_broken=broken,
        preflight=preflight,
    )


async def _run_sandbox_preflight(
    gateway: Gateway,
    procedures: Sequence[str],
    operations: Collection[Operation],
    preflight_network: PreflightNetwork,
    recorder: AuditRecorder,
) -> SandboxPreflight:
    revision = gateway.places[Profile.SANDBOX].revision
    if revision is None:
        return SandboxPreflight(reason="the sandbox has no connection")
    try:
        connection = revision.connection(gateway.settings)
        async with gateway.deps.database.read() as transaction:
            other = await read_other(transaction, gateway, Profile.SANDBOX)
    except SettingInvalid as error:
        return SandboxPreflight(reason=error.reason)
    found = await run_preflight(
        connection,
        other=other,
        catalogue=gateway.deps.catalogue,
        preflight_network=preflight_network,
        clock=gateway.deps.clock,
        recorder=recorder,
        expires_on=revision.members.expires_on,
        procedures=procedures,
        operations=operations,
    )
    checks = [check for check in found.checks if not check.name.startswith(PARITY)]
    readings = [check for check in found.checks if check.name.startswith(PARITY)]
    return SandboxPreflight(
        checks=tuple((check.name, check.passed, check.detail) for check in checks),
        passed=found.passed,
        parity={check.name.removeprefix(PARITY): check.detail.startswith("confirmed") for check in readings},
    )


async def _verify(gateway: Gateway) -> tuple[int, str, str | None]:
    """Return the size and root of the signed tree, and the first fault of the audit, None if it is intact."""
    await gateway.sequencer.try_run()
    database = gateway.deps.database
    trust = await read_trust(database, gateway.vault, now=gateway.deps.clock.now())
    async with database.read() as transaction:
        last = await tree_store.find_last_checkpoint(transaction)
    size, root = (last.size, last.root) if last else (0, EMPTY_ROOT.hex())
    try:
        found = await verify_audit(database, trust=trust)
    except AuditBroken as error:
        return size, root, error.reason
    return found.size, found.root, None


async def _count(gateway: Gateway) -> tuple[Counter[str], int]:
    """Return the number of each scenario, and of official's questions."""
    counted: Counter[str] = Counter()
    questions = 0
    async with gateway.deps.database.walk() as transaction:
        async for body in audit.stream_bodies(transaction):
            row = _read_row(body)
            if row.get("kind") == Kind.INTENDED and row.get("profile") == Profile.OFFICIAL:
                questions += 1
            if row.get("origin") != ORIGIN and (scenario := _scenario(row)) is not None:
                counted[scenario] += 1
    return counted, questions


def _read_row(body: str) -> Mapping[str, str]:
    """Return a row's members; none of a malformed row, which the check reports."""
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
