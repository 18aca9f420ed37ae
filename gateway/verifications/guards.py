"""What an account may ask: first whether it means anything (422), then whether it is granted (403).

Each class lists all of its own errors; the first class wins. A field's name is repeated only where it is one of
ours. Nothing here asks the registry.
"""

from collections.abc import Sequence

from gateway.accounts import store as accounts
from gateway.accounts.use_cases import officer_pseudonym
from gateway.clock import today
from gateway.errors import (
    FieldError,
    FieldNotGranted,
    FieldNotInProcedure,
    FieldUnknown,
    OfficerNotGranted,
    ProcedureNotGranted,
    ProcedureUnknown,
    ProfileUnconfigured,
    ScopeMissing,
    SubjectRoleNotGranted,
    SubjectRoleUnknown,
)
from gateway.oauth.model import Caller
from gateway.parts import Parts
from gateway.procedures.fields import SENSITIVE_FIELDS
from gateway.procedures.model import Procedure, Role
from gateway.profiles.model import Link, Place
from gateway.verifications.model import InitiatedBy

SENSITIVE_SCOPE = "prefill.sensitive"


def find_act(parts: Parts, procedure: str, subject_role: str) -> tuple[Procedure, Role]:
    """Return the procedure and role meant. Raises `ProcedureUnknown`, `SubjectRoleUnknown`."""
    found = parts.catalogue.find(procedure, today(parts.clock))
    if found is None:
        raise ProcedureUnknown(
            (_error("procedure", "procedure_unknown", "a slug, or a code that is valid today"),)
        )
    role = found.role(subject_role)
    if role is None:
        names = ", ".join(role.name for role in found.roles)
        raise SubjectRoleUnknown((_error("subject_role", "subject_role_unknown", f"one of {names}"),))
    return found, role


def check_fields(parts: Parts, role: Role, fields: Sequence[str]) -> None:
    """Let only fields of the role's form pass. Raises `FieldUnknown`, `FieldNotInProcedure`."""
    unknown = tuple(
        _error(f"fields.{position}", "field_unknown", "a field that GET procedures lists")
        for position, name in enumerate(fields)
        if not parts.catalogue.knows_field(name)
    )
    if unknown:
        raise FieldUnknown(unknown)
    outside = tuple(
        _error(name, "field_not_in_procedure", "this procedure's form has no such field for this role")
        for name in fields
        if role.find_field(name) is None
    )
    if outside:
        raise FieldNotInProcedure(outside)


def check_grants(caller: Caller, procedure: Procedure, role: Role, fields: Sequence[str] = ()) -> None:
    """Hold the token's grants against the act.

    Raises:
        ScopeMissing (sensitive fields), ProcedureNotGranted, SubjectRoleNotGranted, FieldNotGranted
    """
    sensitive = [name for name in fields if name in SENSITIVE_FIELDS]
    if sensitive and SENSITIVE_SCOPE not in caller.scopes:
        needed = tuple(_error(name, "scope_missing", f"needs scope {SENSITIVE_SCOPE}") for name in sensitive)
        raise ScopeMissing(SENSITIVE_SCOPE, needed)
    if not caller.grants.allows_procedure(procedure.slug):
        raise ProcedureNotGranted((_error("procedure", "procedure_not_granted", "not in the grants"),))
    if not caller.grants.allows_role(procedure.slug, role.name):
        raise SubjectRoleNotGranted(
            (_error("subject_role", "subject_role_not_granted", "not in the grants"),)
        )
    refused = tuple(
        _error(name, "field_not_granted", "not in the grants for this procedure and role")
        for name in fields
        if is_registry_field(role, name) and not caller.grants.allows_field(procedure.slug, role.name, name)
    )
    if refused:
        raise FieldNotGranted(refused)


def is_registry_field(role: Role, name: str) -> bool:
    """Say whether the registry brings this field of the role's form."""
    field = role.find_field(name)
    return field is not None and field.from_registry


async def check_officer(parts: Parts, place: Place, caller: Caller, initiated_by: InitiatedBy) -> str | None:
    """Return the officer's pseudonym, None where a citizen acts. Raises `OfficerNotGranted`."""
    if initiated_by.officer is None:
        return None
    pseudonym = officer_pseudonym(place.keys, caller.account.organisation, initiated_by.officer)
    async with parts.database.read() as connection:
        if not await accounts.has_officer(connection, caller.account.client_id, [pseudonym]):
            error = _error("initiated_by.id", "officer_not_granted", "not among the account's officers")
            raise OfficerNotGranted((error,))
    return pseudonym


def get_link(place: Place) -> Link:
    """Return the place's way to the registry. Raises `ProfileUnconfigured`."""
    if place.link is None:
        raise ProfileUnconfigured
    return place.link


def _error(field: str, code: str, detail: str) -> FieldError:
    return FieldError(field=field, code=code, detail=detail)
