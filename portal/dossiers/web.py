"""`/ho-so`: consent, verification of each person, the form, disputes, review and submission. No step needs a script."""

from datetime import date
from typing import Any

from fastapi import APIRouter
from starlette.datastructures import FormData
from starlette.responses import Response

from portal.clock import rfc3339, today
from portal.dossiers.forms import check_claim, control_for, typed_names
from portal.dossiers.model import Dossier, Person, new_dossier_id, number_of
from portal.dossiers.use_cases import (
    MAX_NOTE,
    declare_by_hand,
    dispute_field,
    find_ended,
    new_attempt,
    take_claim,
    verify_person,
)
from portal.dossiers.views import (
    MAY_BE_ABSENT,
    check_all,
    check_gender,
    explain,
    find_errors,
    list_own,
    may_be_self,
    show_dossier,
    summarise,
)
from portal.errors import DossierChanged, DossierGone, DossierSubmitted, TooOften
from portal.services.catalogue import Field, Role, Service
from portal.web import Acting, Visitor, read_form, text_of

MAX_CITIZENS, MAX_OFFICERS = 50, 1_000
"""How many dossiers a citizen or an officer may have at once, submitted ones included."""


def build_router() -> APIRouter:
    """Return the routes."""
    router = APIRouter()
    for path, endpoint, method in (
        ("/ho-so", _list, "GET"),
        ("/dich-vu/{slug}/bat-dau", _open, "POST"),
        ("/ho-so/{dossier_id}", _show, "GET"),
        ("/ho-so/{dossier_id}/dong-y", _consent, "POST"),
        ("/ho-so/{dossier_id}/xac-thuc/{role}", _verify, "POST"),
        ("/ho-so/{dossier_id}/tu-khai/{role}", _by_hand, "POST"),
        ("/ho-so/{dossier_id}/to-khai", _fill, "POST"),
        ("/ho-so/{dossier_id}/sai/{role}/{field}", _ask_dispute, "GET"),
        ("/ho-so/{dossier_id}/sai/{role}/{field}", _dispute, "POST"),
        ("/ho-so/{dossier_id}/xem-lai", _review, "GET"),
        ("/ho-so/{dossier_id}/nop", _submit, "POST"),
        ("/ho-so/{dossier_id}/xoa", _delete, "POST"),
    ):
        router.add_api_route(path, endpoint, methods=[method])
    return router


async def _list(visitor: Acting) -> Response:
    return visitor.page("dossiers.html", **await list_own(visitor))


async def _open(visitor: Acting, slug: str) -> Response:
    """Open a dossier of a service; the login's identity is the requester's claim, still to be verified."""
    await read_form(visitor)
    service = await visitor.portal.catalogue.service(slug)
    if service is None:
        return visitor.page("missing.html", status=404)
    now = visitor.portal.clock.now()
    dossier = Dossier(
        id=new_dossier_id(today(visitor.portal.clock).year),
        service=slug,
        initiated_by=_initiator(visitor),
        opened_at=rfc3339(now),
        people={role.name: Person(role=role.name) for role in service.roles},
    )
    if not visitor.is_officer:
        born = str(visitor.session.get("birth_date", ""))
        dossier.people["requester"].claim = {
            "citizen_id": visitor.session["citizen_id"],
            "full_name": visitor.session.get("name", ""),
            "birth_year" if len(born) == 4 else "birth_date": born,
        }
    limit = MAX_OFFICERS if visitor.is_officer else MAX_CITIZENS
    await visitor.portal.store.add_dossier(dossier, visitor.owner, now, limit=limit)
    return visitor.go(f"/ho-so/{dossier.id}")


def _initiator(visitor: Visitor) -> dict[str, Any]:
    if visitor.is_officer:
        return {"kind": "officer", "id": visitor.session["officer_id"]}
    return {"kind": "citizen"}


async def _load(visitor: Visitor, dossier_id: str) -> tuple[Dossier, Service]:
    dossier = await visitor.portal.store.get_dossier(dossier_id, visitor.owner, visitor.portal.clock.now())
    service = await visitor.portal.catalogue.service(dossier.service)
    if service is None:
        raise DossierGone
    return dossier, service


async def _load_open(visitor: Visitor, dossier_id: str) -> tuple[Dossier, Service, FormData]:
    """Return a dossier that is not submitted, and the form that was sent to it."""
    form = await read_form(visitor)
    dossier, service = await _load(visitor, dossier_id)
    if dossier.submitted_at is not None:
        raise DossierSubmitted
    return dossier, service, form


async def _save(visitor: Visitor, dossier: Dossier) -> None:
    dossier.version = await visitor.portal.store.save_dossier(dossier, visitor.owner)


async def _show(visitor: Acting, dossier_id: str) -> Response:
    dossier, service = await _load(visitor, dossier_id)
    if dossier.submitted_at is not None:
        return visitor.page("submitted.html", **summarise(visitor, dossier, service))
    if dossier.consent_at is None:
        return visitor.page("consent.html", dossier=dossier, service=service, is_refused=False)
    return show_dossier(visitor, dossier, service)


async def _consent(visitor: Acting, dossier_id: str) -> Response:
    dossier, service, form = await _load_open(visitor, dossier_id)
    if text_of(form, "agreed") != "1":
        return visitor.page("consent.html", status=422, dossier=dossier, service=service, is_refused=True)
    dossier.consent_at = rfc3339(visitor.portal.clock.now())
    await _save(visitor, dossier)
    return visitor.go(f"/ho-so/{dossier.id}")


async def _verify(visitor: Acting, dossier_id: str, role: str) -> Response:
    dossier, service, form = await _load_open(visitor, dossier_id)
    found = service.role(role)
    if found is None or dossier.consent_at is None:
        return visitor.go(f"/ho-so/{dossier.id}")
    person = dossier.people[role]
    is_self = text_of(form, "self") == "1" and may_be_self(dossier, found)
    claim, errors, typed = _read_claim(visitor, found, form)
    if is_self:
        claim, errors = dict(dossier.people["requester"].claim), {}
    if role != "requester" and not is_self:
        is_confirmed = text_of(form, "consent") == "1"
        if is_confirmed and "number" not in errors:
            person.consent = {"number": number_of(claim), "at": rfc3339(visitor.portal.clock.now())}
        elif not is_confirmed and not person.has_consent(number_of(claim)):
            errors["consent"] = explain("consent_missing")[0]
    if errors:
        shown = {f"{role}.{name}": error for name, error in errors.items()}
        return show_dossier(visitor, dossier, service, status=422, errors=shown, claims={role: typed})
    try:
        visitor.portal.verifications.count(visitor.owner)
    except TooOften as refusal:
        if person.mode != "registry":  # what the registry confirmed is about the former claim
            take_claim(dossier, person, claim)
            await _save(visitor, dossier)
        return show_dossier(
            visitor,
            dossier,
            service,
            status=429,
            headers={"Retry-After": str(refusal.seconds)},
            waits=refusal.seconds,
        )
    attempt = text_of(form, "attempt", longest=64)
    key = attempt if attempt.isascii() and attempt.isalpha() else new_attempt()
    await verify_person(
        visitor.gateway, dossier, found, claim, attempt=key, id_token=visitor.own_login(number_of(claim)),
        clock=visitor.portal.clock,
    )  # fmt: skip
    await _save(visitor, dossier)
    return visitor.go(f"/ho-so/{dossier.id}#{role}")


def _read_claim(
    visitor: Visitor, role: Role, form: FormData
) -> tuple[dict[str, str], dict[str, Any], dict[str, str]]:
    """Return the claim, the errors by field and what was typed."""
    typed = {name: text_of(form, name, longest=200) for name in ("number", "full_name", "born")}
    if role.name == "requester" and not visitor.is_officer:
        typed["number"] = str(visitor.session["citizen_id"])  # a citizen asks in their own name alone
    claim, errors = check_claim(typed, day=today(visitor.portal.clock))
    if wrong := check_gender(role, claim):
        errors["number"] = wrong
    return claim, dict(errors), typed


async def _by_hand(visitor: Acting, dossier_id: str, role: str) -> Response:
    dossier, service, form = await _load_open(visitor, dossier_id)
    found = service.role(role)
    if found is None or dossier.consent_at is None:
        return visitor.go(f"/ho-so/{dossier.id}")
    person = dossier.people[role]
    if text_of(form, "absent") == "1" and role in MAY_BE_ABSENT:
        person.forget_registry()
        person.mode = "absent"
    elif text_of(form, "change") == "1":
        person.forget_registry()
        person.mode, person.trouble = "new", None
    else:
        claim, _, _ = _read_claim(visitor, found, form)
        take_claim(dossier, person, claim if "number" in form else person.claim)
        declare_by_hand(dossier, found)
    await _save(visitor, dossier)
    return visitor.go(f"/ho-so/{dossier.id}#{role}")


def _keep_typed(dossier: Dossier, service: Service, form: FormData, *, day: date) -> None:
    """Keep what was typed into every field that may be declared."""
    for role in service.roles:
        for each in dossier.declared(role):
            key = f"{role.name}.{each.name}"
            for name in typed_names(key, control_for(dossier.people[role.name], each, day=day)):
                if name in form:
                    dossier.typed[name] = text_of(form, name)


async def _fill(visitor: Acting, dossier_id: str) -> Response:
    """Keep the form; then dispute a field, show a province's wards, or go on to the review."""
    dossier, service, form = await _load_open(visitor, dossier_id)
    day = today(visitor.portal.clock)
    _keep_typed(dossier, service, form, day=day)
    ended = await find_ended(visitor.gateway, dossier, service, clock=visitor.portal.clock)
    await _save(visitor, dossier)
    act = text_of(form, "act")
    if act.startswith("sai:") and len(parts := act.split(":")) == 3:
        return visitor.go(f"/ho-so/{dossier.id}/sai/{parts[1]}/{parts[2]}")
    if act.startswith("wards:"):
        return show_dossier(visitor, dossier, service)
    if ended or not dossier.is_verified:
        return show_dossier(visitor, dossier, service, status=409)
    if errors := find_errors(check_all(dossier, service, day=day)):
        return show_dossier(visitor, dossier, service, status=422, errors=errors)
    return visitor.go(f"/ho-so/{dossier.id}/xem-lai")


def _find_locked(dossier: Dossier, service: Service, role: str, field: str) -> tuple[Role, Field]:
    found = service.role(role)
    each = next((each for each in found.fields if each.name == field), None) if found else None
    if found is None or each is None or dossier.people[role].locked(field) is None:
        raise DossierGone
    return found, each


async def _ask_dispute(visitor: Acting, dossier_id: str, role: str, field: str) -> Response:
    dossier, service = await _load(visitor, dossier_id)
    found, each = _find_locked(dossier, service, role, field)
    return _show_dispute(visitor, dossier, found, each)


def _show_dispute(
    visitor: Visitor,
    dossier: Dossier,
    role: Role,
    field: Field,
    *,
    note: str = "",
    problem: str | None = None,
) -> Response:
    value = dossier.people[role.name].locked(field.name)
    return visitor.page(
        "dispute.html", status=422 if problem else 200, dossier=dossier, role=role, field=field, value=value,
        longest=MAX_NOTE, note=note, problem=problem,
    )  # fmt: skip


async def _dispute(visitor: Acting, dossier_id: str, role: str, field: str) -> Response:
    dossier, service, form = await _load_open(visitor, dossier_id)
    found, each = _find_locked(dossier, service, role, field)
    note = text_of(form, "note", longest=MAX_NOTE)
    person = dossier.people[role]
    problem = await dispute_field(visitor.gateway, person, field, note) if note else "note_missing"
    if problem is not None:
        return _show_dispute(visitor, dossier, found, each, note=note, problem=problem)
    await _save(visitor, dossier)
    return visitor.go(f"/ho-so/{dossier.id}#{role}.{field}")


async def _review(visitor: Acting, dossier_id: str) -> Response:
    dossier, service = await _load(visitor, dossier_id)
    ready = dossier.submitted_at is None and dossier.consent_at is not None and dossier.is_verified
    if not ready or find_errors(check_all(dossier, service, day=today(visitor.portal.clock))):
        return visitor.go(f"/ho-so/{dossier.id}")
    return visitor.page("review.html", **summarise(visitor, dossier, service))


async def _submit(visitor: Acting, dossier_id: str) -> Response:
    try:
        dossier, service, _ = await _load_open(visitor, dossier_id)
    except DossierSubmitted:  # sent twice, or again after the back button
        return visitor.go(f"/ho-so/{dossier_id}")
    day = today(visitor.portal.clock)
    ended = await find_ended(visitor.gateway, dossier, service, clock=visitor.portal.clock)
    if ended or not dossier.is_verified or dossier.consent_at is None:
        await _save(visitor, dossier)
        return show_dossier(visitor, dossier, service, status=409)
    if errors := find_errors(check_all(dossier, service, day=day)):
        return show_dossier(visitor, dossier, service, status=422, errors=errors)
    dossier.submitted_at = rfc3339(visitor.portal.clock.now())
    try:
        await _save(visitor, dossier)
    except DossierChanged:
        stored, _ = await _load(visitor, dossier_id)
        if stored.submitted_at is None:  # else it was sent twice at once
            raise
    return visitor.go(f"/ho-so/{dossier.id}")


async def _delete(visitor: Acting, dossier_id: str) -> Response:
    await read_form(visitor)
    await visitor.portal.store.delete_dossier(dossier_id, visitor.owner)
    return visitor.go("/ho-so")
