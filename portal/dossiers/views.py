"""What the pages of a dossier show: its steps, its form, its summary with where each value comes from."""

from datetime import date
from typing import Any

from starlette.responses import Response

from portal.clock import today
from portal.dossiers.forms import Checked, bare_number, check_typed, control_of
from portal.dossiers.model import Dossier, read_dossier
from portal.dossiers.troubles import REASONS, explain
from portal.dossiers.use_cases import new_attempt
from portal.services.catalogue import Role, Service
from portal.services.code_lists import provinces, wards
from portal.web import Visitor

MAY_BE_ABSENT = frozenset({"father"})
SELF = frozenset({"father", "mother", "husband", "wife", "household_head"})
"""Roles that the requester may have as well."""


def may_be_self(dossier: Dossier, role: Role) -> bool:
    """Return whether the requester, once verified, may say that this person is they themselves."""
    return role.name in SELF and dossier.people["requester"].mode == "registry"


async def read_own(visitor: Visitor) -> list[Dossier]:
    """Return the visitor's dossiers, newest first."""
    stored = await visitor.portal.store.list_dossiers(visitor.owner, visitor.portal.clock.now())
    return [read_dossier(each) for each in stored]


async def list_own(visitor: Visitor) -> dict[str, Any]:
    """Return the visitor's dossiers and the names of all services, as `dossier_rows.html` shows them."""
    services = await visitor.portal.catalogue.services()
    return {"dossiers": await read_own(visitor), "names": {each.slug: each.name for each in services}}


def show_dossier(
    visitor: Visitor, dossier: Dossier, service: Service, *, status: int = 200, errors: dict[str, Any] | None = None,
    claims: dict[str, dict[str, str]] | None = None, headers: dict[str, str] | None = None, waits: int | None = None,
) -> Response:  # fmt: skip
    """Return the page of a dossier that is not submitted, with errors beside their fields."""
    day = today(visitor.portal.clock)
    return visitor.page(
        "dossier.html",
        status=status,
        headers=headers,
        dossier=dossier,
        service=service,
        steps=[_step(visitor, dossier, role, (claims or {}).get(role.name)) for role in service.roles],
        parts=[_part(dossier, role, errors or {}, day=day) for role in service.roles],
        errors=errors or {},
        provinces=provinces(),
        wards=wards,
        attempt=new_attempt(),
        waits=waits,
        lists=_lists(dossier, service, day=day),
        labels={
            f"{role.name}.{each.name}": (role.label, each.label)
            for role in service.roles
            for each in role.fields
        },
    )


def _lists(dossier: Dossier, service: Service, *, day: date) -> dict[str, Any]:
    """Return the long code lists that the page's controls search, each once."""
    controls = [control_of(each.name, day=day) for role in service.roles for each in dossier.declared(role)]
    return {each.list_name: each.codes for each in controls if each.kind == "list" and each.list_name}


def _step(visitor: Visitor, dossier: Dossier, role: Role, typed: dict[str, str] | None) -> dict[str, Any]:
    person = dossier.people[role.name]
    claim = person.claim
    shown = typed or {
        "number": claim.get("citizen_id", claim.get("id_card_number", "")),
        "full_name": claim.get("full_name", ""),
        "born": claim.get("birth_date", claim.get("birth_year", "")),
    }
    own = role.name == "requester" and not visitor.is_officer
    what, do = explain(person.trouble["code"]) if person.trouble else (None, None)
    # After a trouble the number may be corrected, and another person's consent is another one.
    needs_consent = not person.has_consent(bare_number(shown["number"]))
    return {
        "role": role,
        "person": person,
        "claim": shown,
        "own_number": own,
        "may_be_self": may_be_self(dossier, role),
        "asks_consent": role.name != "requester" and (needs_consent or bool(person.trouble)),
        "needs_consent": needs_consent,
        "may_be_absent": role.name in MAY_BE_ABSENT,
        "what": what,
        "do": do,
    }


def _part(dossier: Dossier, role: Role, errors: dict[str, Any], *, day: date) -> dict[str, Any]:
    person = dossier.people[role.name]
    fields = []
    for each in role.fields:
        key = f"{role.name}.{each.name}"
        locked = person.locked(each.name)
        fields.append(
            {
                "key": key,
                "field": each,
                "locked": locked,
                "control": control_of(each.name, day=day),
                "reason": REASONS.get(person.reason(each.name)) if each.from_registry else None,
                "disputed": each.name in person.disputed,
                "error": errors.get(key),
                "typed": {
                    name: text
                    for name, text in dossier.typed.items()
                    if name == key or name.startswith(f"{key}.")
                },
            }
        )
    return {"role": role, "person": person, "fields": fields}


def check_all(dossier: Dossier, service: Service, *, day: date) -> dict[str, Checked]:
    """Return what is typed into each field that must be declared."""
    checked: dict[str, Checked] = {}
    for role in service.roles:
        for each in dossier.declared(role):
            key = f"{role.name}.{each.name}"
            checked[key] = check_typed(key, control_of(each.name, day=day), dossier.typed)
    return checked


def find_errors(checked: dict[str, Checked]) -> dict[str, Any]:
    """Return what is wrong, by field."""
    return {key: each.error for key, each in checked.items() if each.error is not None}


def summarise(visitor: Visitor, dossier: Dossier, service: Service) -> dict[str, Any]:
    """Return every field with its value and where it comes from."""
    checked = check_all(dossier, service, day=today(visitor.portal.clock))
    parts = []
    for role in service.roles:
        person = dossier.people[role.name]
        rows = []
        for each in role.fields if person.mode != "absent" else ():
            locked = person.locked(each.name)
            value = locked["value"] if locked else checked[f"{role.name}.{each.name}"].value
            rows.append(
                {"field": each, "value": value, "locked": locked, "disputed": each.name in person.disputed}
            )
        parts.append({"role": role, "person": person, "rows": rows})
    return {"dossier": dossier, "service": service, "parts": parts, "spared": dossier.spared(service)}
