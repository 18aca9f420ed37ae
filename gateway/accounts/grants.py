"""Grants: RFC 9396 `authorization_details` of one type, `citizen_enquiry`.

Entries add up, each for itself: a procedure of one never mixes with a role or field of another. `"*"` in
`fields` never includes a sensitive field (NĐ 13/2023 Đ2 k4), which must be named.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.procedures.fields import SENSITIVE_FIELDS

TYPE = "citizen_enquiry"
ANY = "*"
_NAME = re.compile(r"[a-z0-9_-]{1,64}|\*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One entry: these procedures, for these roles, with these fields."""

    procedures: frozenset[str]
    subject_roles: frozenset[str]
    fields: frozenset[str]

    def covers_procedure(self, procedure: str) -> bool:
        """Say whether the entry is for this procedure."""
        return bool(self.procedures & {procedure, ANY})

    def covers_role(self, role: str) -> bool:
        """Say whether the entry is for this role."""
        return bool(self.subject_roles & {role, ANY})

    def covers_field(self, field: str) -> bool:
        """Say whether the entry brings this field; `birth_date` implies `birth_year`."""
        if field in self.fields or (field == "birth_year" and "birth_date" in self.fields):
            return True
        return ANY in self.fields and field not in SENSITIVE_FIELDS

    def to_detail(self) -> dict[str, Any]:
        """Return the RFC 9396 object."""
        return {
            "type": TYPE,
            "procedures": sorted(self.procedures),
            "subject_roles": sorted(self.subject_roles),
            "fields": sorted(self.fields),
        }


@dataclass(frozen=True, slots=True)
class Grants:
    """Everything an account, or a narrowed token, may do."""

    entries: tuple[Grant, ...]

    def allows_field(self, procedure: str, role: str, field: str) -> bool:
        """Say whether one entry brings this field for this procedure and role."""
        return any(
            entry.covers_procedure(procedure) and entry.covers_role(role) and entry.covers_field(field)
            for entry in self.entries
        )

    def covers(self, wanted: Grant) -> bool:
        """Say whether one entry holds everything that another asks for."""
        return any(
            all(entry.covers_procedure(name) for name in wanted.procedures)
            and all(entry.covers_role(name) for name in wanted.subject_roles)
            and all(entry.covers_field(name) for name in wanted.fields)
            for entry in self.entries
        )

    def to_details(self) -> list[dict[str, Any]]:
        """Return `authorization_details`."""
        return [entry.to_detail() for entry in self.entries]


def parse_grants(details: Iterable[Any]) -> Grants:
    """Read `authorization_details`.

    Raises:
        ValueError: an entry is not of our type or a member is not a list of strings.
    """
    return Grants(tuple(_parse_entry(detail) for detail in details))


def _parse_entry(detail: Any) -> Grant:
    if not isinstance(detail, dict) or detail.get("type") != TYPE:
        raise ValueError(f"an object of type {TYPE}")
    if unknown := set(detail) - {"type", "procedures", "subject_roles", "fields"}:
        raise ValueError(f"no other members than procedures, subject_roles and fields ({len(unknown)} found)")
    return Grant(
        procedures=_names(detail.get("procedures"), "procedures"),
        subject_roles=_names(detail.get("subject_roles"), "subject_roles"),
        fields=_names(detail.get("fields", []), "fields"),
    )


def _names(value: Any, member: str) -> frozenset[str]:
    if not isinstance(value, list) or not all(
        isinstance(name, str) and _NAME.fullmatch(name) for name in value
    ):
        raise ValueError(f"{member}: a list of names")
    return frozenset(value)


def make_grant(procedures: Sequence[str], roles: Sequence[str], fields: Sequence[str]) -> Grants:
    """Return grants of one entry."""
    return Grants(
        (Grant(procedures=frozenset(procedures), subject_roles=frozenset(roles), fields=frozenset(fields)),)
    )
