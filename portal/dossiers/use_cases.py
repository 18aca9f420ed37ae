"""What happens to a dossier: a person is verified and their fields filled, disputed, declared by hand; it is submitted.

Every failure of a question becomes a state of the person (`trouble`): what was typed stays, and the citizen may
declare by hand (domain: data that can't be obtained may be declared; the office then asks for the original).
"""

import secrets
from datetime import datetime
from typing import Any

from portal.clock import Clock, rfc3339
from portal.dossiers.model import Dossier, Person
from portal.errors import DossierChanged, GatewayUnreachable
from portal.gateway_client import Answer, GatewayClient
from portal.services.catalogue import Role, Service, ask

_KEPT = ("id", "origin", "verified_at", "expires_at", "receipt")
MAX_NOTE = 500


def new_attempt() -> str:
    """Return an Idempotency-Key for one press of the button."""
    return "".join(secrets.choice("abcdefghijkmnpqrstuvwxyz") for _ in range(24))


async def verify_person(
    gateway: GatewayClient, dossier: Dossier, role: Role, claim: dict[str, str], *, attempt: str,
    id_token: str | None, clock: Clock,
) -> None:  # fmt: skip
    """Verify a person and fill their fields in one trip; the outcome is in the dossier's person.

    `id_token` is the person's own login, None where it is not theirs or not recent.

    Raises:
        DossierChanged: the same press was sent before and is under way; its outcome is the dossier's.
    """
    person = dossier.people[role.name]
    take_claim(dossier, person, claim)
    person.forget_registry()
    person.mode, person.trouble = "new", None
    enquiry: dict[str, Any] = {
        "procedure": dossier.service,
        "dossier": dossier.id,
        "subject_role": role.name,
        "claim": _typed_claim(claim),
        "initiated_by": dossier.initiated_by,
    }
    if role.asked:
        enquiry["prefill"] = {"fields": [field.name for field in role.asked]}
    try:
        answer = await ask(gateway.verify(enquiry, idempotency_key=attempt, id_token=id_token))
        if answer.members.get("code") == "idempotency_conflict":  # an older page's key, with another claim
            answer = await ask(gateway.verify(enquiry, idempotency_key=new_attempt(), id_token=id_token))
    except GatewayUnreachable:
        answer = Answer(status=503, members={"code": "gateway_unreachable"}, headers={})
    if answer.members.get("code") == "idempotency_in_progress":
        raise DossierChanged
    if answer.status not in {200, 201}:
        person.trouble = _trouble(answer, clock)
    elif answer.members["verdict"] != "confirmed":
        person.trouble = {"code": "not_confirmed", "at": rfc3339(clock.now())}
    else:
        _take_answer(person, answer.members)
        _type_claim(dossier, person)


def _typed_claim(claim: dict[str, str]) -> dict[str, Any]:
    return {name: int(value) if name == "birth_year" else value for name, value in claim.items()}


def _take_answer(person: Person, members: dict[str, Any]) -> None:
    person.mode = "registry"
    person.verification = {name: members.get(name) for name in _KEPT}
    prefill = members.get("prefill") or {}
    person.prefill = prefill.get("id")
    person.fields = dict(prefill.get("fields", {}))
    for each in prefill.get("to_declare", []):
        person.fields.setdefault(each["field"], {"state": "to_declare", "reason": each["reason"]})


def _trouble(answer: Answer, clock: Clock) -> dict[str, Any]:
    retry = answer.headers.get("retry-after", "")
    return {
        "code": str(answer.members.get("code", answer.status)),
        "request_id": answer.members.get("request_id"),
        "retry_s": int(retry) if retry.isdigit() else None,
        "at": rfc3339(clock.now()),
    }


def declare_by_hand(dossier: Dossier, role: Role) -> None:
    """Let the citizen declare everything about a person; what the claim says is typed already."""
    person = dossier.people[role.name]
    person.forget_registry()
    person.mode = "by_hand"
    _type_claim(dossier, person)


def take_claim(dossier: Dossier, person: Person, claim: dict[str, str]) -> None:
    """Take a person's claim; what the former one typed into the form goes, unless the citizen changed it."""
    for name, text in _typed_by_claim(person).items():
        key = f"{person.role}.{name}"
        if dossier.typed.get(key) == text:
            del dossier.typed[key]
    person.claim = claim


def _type_claim(dossier: Dossier, person: Person) -> None:
    """Type what the claim says into the fields that the registry did not fill: nobody types it twice."""
    for name, text in _typed_by_claim(person).items():
        if person.locked(name) is None:
            dossier.typed.setdefault(f"{person.role}.{name}", text)


def _typed_by_claim(person: Person) -> dict[str, str]:
    """Return the fields that a person's claim answers, with their texts."""
    claim = person.claim
    known = {
        "full_name": claim.get("full_name", ""),
        "citizen_id": claim.get("citizen_id", ""),
        "id_card_number": claim.get("id_card_number", ""),
        "birth_date": claim.get("birth_date") or claim.get("birth_year", ""),
        "birth_year": claim.get("birth_year") or claim.get("birth_date", "")[:4],
    }
    return {name: text for name, text in known.items() if text}


async def dispute_field(gateway: GatewayClient, person: Person, field: str, note: str) -> str | None:
    """File a discrepancy: the field becomes declarable. Return the problem's code where it is refused."""
    if person.prefill is None:
        return "not_found"
    try:
        answer = await ask(gateway.file_discrepancy(person.prefill, field, note[:MAX_NOTE]))
    except GatewayUnreachable:
        return "gateway_unreachable"
    if answer.status not in {200, 201}:
        return str(answer.members.get("code", answer.status))
    person.disputed[field] = str(answer.members["id"])
    return None


async def find_ended(
    gateway: GatewayClient, dossier: Dossier, service: Service, *, clock: Clock
) -> list[Role]:
    """Return the roles whose verification has ended meanwhile; their people are to be verified again."""
    ended = []
    for role in service.roles:
        person = dossier.people[role.name]
        verification = person.verification if person.mode == "registry" else None
        reason = await _find_end(gateway, verification, clock=clock) if verification else None
        if reason is not None:
            person.mode = "new"
            person.trouble = {"code": f"verification_{reason}", "at": rfc3339(clock.now())}
            ended.append(role)
    return ended


async def _find_end(gateway: GatewayClient, verification: dict[str, Any], *, clock: Clock) -> str | None:
    """Return why a verification has ended, None if it lives.

    An expired one needs no question. A gateway that gives no answer ends nothing: what was filled stays, with its time.
    """
    if datetime.fromisoformat(verification["expires_at"]) <= clock.now():
        return "expired"
    try:
        answer = await ask(gateway.check_receipt(verification["receipt"]))
    except GatewayUnreachable:
        return None
    return str(answer.members["reason"]) if answer.status == 200 and not answer.members["valid"] else None
