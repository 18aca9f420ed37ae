"""What an account may ask: first whether it means anything (422), then whether it is granted (403).

Each class lists all of its own errors; the first class wins. A field's name is repeated only where it is one of
ours. Nothing here asks the registry.
"""

from collections.abc import Mapping, Sequence

from gateway.accounts import store as accounts
from gateway.accounts.use_cases import officer_pseudonym
from gateway.clock import today
from gateway.errors import FieldError
from gateway.errors.callers import (
    FieldNotGranted,
    GrantError,
    OfficerNotGranted,
    ProcedureNotGranted,
    ScopeMissing,
    SubjectRoleNotGranted,
)
from gateway.errors.places import ProfileSuspended, ProfileUnconfigured
from gateway.errors.requests import (
    FieldNotInProcedure,
    FieldsError,
    FieldUnknown,
    ProcedureUnknown,
    SubjectRoleUnknown,
)
from gateway.oauth.model import Caller
from gateway.parts import Parts
from gateway.procedures.fields import FIELD_OPERATIONS, SENSITIVE_FIELDS, Operation
from gateway.procedures.model import Procedure, Role
from gateway.profiles.model import Link, Place
from gateway.verifications.model import InitiatedBy

PREFILL_SCOPE = "prefill"
SENSITIVE_SCOPE = "prefill.sensitive"
FIELDS = "fields"
"""Where a request's fields stand, unless its use case says otherwise."""

_MEANING: Mapping[str, type[FieldsError]] = {
    "procedure_unknown": ProcedureUnknown,
    "subject_role_unknown": SubjectRoleUnknown,
    "field_unknown": FieldUnknown,
    "field_not_in_procedure": FieldNotInProcedure,
}
_GRANTS: Mapping[str, type[GrantError]] = {
    "procedure_not_granted": ProcedureNotGranted,
    "subject_role_not_granted": SubjectRoleNotGranted,
    "field_not_granted": FieldNotGranted,
    "officer_not_granted": OfficerNotGranted,
}


def find_act(
    parts: Parts, procedure: str, subject_role: str, fields: Sequence[str] = (), *, at: str = FIELDS
) -> tuple[Procedure, Role]:
    """Return the procedure and role meant; only fields of the role's form pass. `at` is where the fields stand.

    Raises:
        ProcedureUnknown, SubjectRoleUnknown, FieldUnknown, FieldNotInProcedure: the first that applies, with
        the errors of all.
    """
    found = parts.catalogue.find(procedure, today(parts.clock))
    role = found.role(subject_role) if found is not None else None
    errors: list[FieldError] = []
    if found is None:
        errors.append(_error("procedure", "procedure_unknown", "a slug, or a code that is valid today"))
    elif role is None:
        names = ", ".join(known.name for known in found.roles)
        errors.append(_error("subject_role", "subject_role_unknown", f"one of {names}"))
    errors += _unknown_fields(parts, fields, at)
    errors += _fields_outside(parts, role, fields)
    if found is None or role is None or errors:
        raise _MEANING[errors[0].code](tuple(errors))
    return found, role


def _unknown_fields(parts: Parts, fields: Sequence[str], at: str) -> list[FieldError]:
    return [
        _error(f"{at}.{position}", "field_unknown", "a field that GET procedures lists")
        for position, name in enumerate(fields)
        if not parts.catalogue.knows_field(name)
    ]


def _fields_outside(parts: Parts, role: Role | None, fields: Sequence[str]) -> list[FieldError]:
    if role is None:
        return []
    return [
        _error(name, "field_not_in_procedure", "this procedure's form has no such field for this role")
        for name in fields
        if parts.catalogue.knows_field(name) and role.find_field(name) is None
    ]


async def check_grants(
    parts: Parts,
    place: Place,
    caller: Caller,
    act: tuple[Procedure, Role],
    initiated_by: InitiatedBy,
    fields: Sequence[str] = (),
    *,
    at: str = FIELDS,
) -> str | None:
    """Hold the token's grants against the act; return the officer's pseudonym, None where a citizen acts.

    Raises:
        ScopeMissing (fields at all, sensitive ones), ProcedureNotGranted, SubjectRoleNotGranted, FieldNotGranted,
        OfficerNotGranted: the first that applies, with the errors of all.
    """
    procedure, role = act
    pseudonym, officer_errors = await _find_officer(parts, place, caller, initiated_by)
    errors = [*list_refusals(caller, procedure, role, fields, at=at), *officer_errors]
    if not errors:
        return pseudonym
    if errors[0].code == "scope_missing":
        raise ScopeMissing(" ".join(_missing_scopes(caller, fields)), tuple(errors))
    raise _GRANTS[errors[0].code](tuple(errors))


def list_refusals(
    caller: Caller, procedure: Procedure, role: Role, fields: Sequence[str], *, at: str = FIELDS
) -> list[FieldError]:
    """Return everything that the token's scopes and grants lack for these fields, scopes first."""
    missing = _missing_scopes(caller, fields)
    errors = [_error(at, "scope_missing", f"needs scope {PREFILL_SCOPE}")] if PREFILL_SCOPE in missing else []
    if SENSITIVE_SCOPE in missing:
        errors += [
            _error(name, "scope_missing", f"needs scope {SENSITIVE_SCOPE}")
            for name in fields
            if name in SENSITIVE_FIELDS
        ]
    return errors + _outside_grants(caller, procedure, role, fields)


def _missing_scopes(caller: Caller, fields: Sequence[str]) -> list[str]:
    """Return the scopes that these fields hang on and the token has not."""
    wanted = [PREFILL_SCOPE] if fields else []
    if not SENSITIVE_FIELDS.isdisjoint(fields):
        wanted.append(SENSITIVE_SCOPE)
    return [scope for scope in wanted if scope not in caller.scopes]


def _outside_grants(
    caller: Caller, procedure: Procedure, role: Role, fields: Sequence[str]
) -> list[FieldError]:
    """Judge fields by the entries for this procedure and role, or by the nearest where there are none."""
    errors: list[FieldError] = []
    entries = caller.grants.entries
    for_procedure = [entry for entry in entries if entry.covers_procedure(procedure.slug)]
    for_role = [entry for entry in for_procedure if entry.covers_role(role.name)]
    if not for_procedure:
        errors.append(_error("procedure", "procedure_not_granted", "not in the grants"))
    elif not for_role:
        errors.append(_error("subject_role", "subject_role_not_granted", "not in the grants"))
    nearest = for_role or for_procedure or entries
    return errors + [
        _error(name, "field_not_granted", "not in the grants for this procedure and role")
        for name in fields
        if is_registry_field(role, name) and not any(entry.covers_field(name) for entry in nearest)
    ]


def is_registry_field(role: Role, name: str) -> bool:
    """Say whether the registry brings this field of the role's form."""
    field = role.find_field(name)
    return field is not None and field.from_registry


def needed_operations(role: Role, fields: Sequence[str]) -> tuple[Operation, ...]:
    """Return the registry's operations that bring these fields, each once, in a fixed order."""
    needed = {FIELD_OPERATIONS[name] for name in fields if is_registry_field(role, name)}
    return tuple(operation for operation in Operation if operation in needed)


async def _find_officer(
    parts: Parts, place: Place, caller: Caller, initiated_by: InitiatedBy
) -> tuple[str | None, list[FieldError]]:
    if initiated_by.officer is None:
        return None, []
    pseudonym = officer_pseudonym(place.keys, caller.account.organisation, initiated_by.officer)
    async with parts.database.read() as connection:
        if await accounts.has_officer(connection, caller.account.client_id, [pseudonym]):
            return pseudonym, []
    return None, [_error("initiated_by.id", "officer_not_granted", "not among the account's officers")]


def get_link(place: Place) -> Link:
    """Return the place's way to the registry. Raises `ProfileUnconfigured`, `ProfileSuspended`."""
    if place.link is None:
        raise ProfileUnconfigured
    if place.suspension is not None:
        raise ProfileSuspended
    return place.link


def _error(field: str, code: str, detail: str) -> FieldError:
    return FieldError(field=field, code=code, detail=detail)
