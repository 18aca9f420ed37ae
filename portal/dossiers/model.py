"""A dossier and its people, as the store seals them.

A field's value comes from the registry (locked), from the citizen, or from the citizen after a dispute. `typed` keeps
what was typed, whatever failed meanwhile.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from portal.services.catalogue import Field, Role, Service

_LETTERS = "BCDFGHJKMNPQRTVWX"
"""No vowels, so that no words come out, and no digits, so that nothing reads as a person's number."""


@dataclass(slots=True, kw_only=True)
class Person:
    """One role of a dossier. `mode`: `new`, `registry` (verified), `by_hand` or `absent`.

    `consent` says for which number the requester confirmed this person's consent, and when; empty without one.
    """

    role: str
    mode: str = "new"
    claim: dict[str, str] = field(default_factory=dict)
    consent: dict[str, str] = field(default_factory=dict)
    verification: dict[str, Any] | None = None
    prefill: str | None = None
    fields: dict[str, dict[str, Any]] = field(default_factory=dict)
    disputed: dict[str, str] = field(default_factory=dict)
    trouble: dict[str, Any] | None = None

    @property
    def is_settled(self) -> bool:
        """Return whether the form may be filled for this person."""
        return self.mode != "new"

    def has_consent(self, number: str) -> bool:
        """Return whether consent was confirmed for the person with this number."""
        return bool(number) and self.consent.get("number") == number

    def locked(self, name: str) -> dict[str, Any] | None:
        """Return a field that the registry filled and nobody disputed."""
        found = self.fields.get(name)
        filled = found is not None and found["state"] == "filled" and self.mode == "registry"
        return found if filled and name not in self.disputed else None

    def reason(self, name: str) -> str:
        """Return why a registry field must be declared."""
        if name in self.disputed:
            return "under_correction"
        if self.mode == "by_hand":
            return "by_hand"
        return str(self.fields.get(name, {}).get("reason", "not_asked"))

    def forget_registry(self) -> None:
        """Drop what the registry gave, and keep what was typed."""
        self.verification, self.prefill, self.fields, self.disputed = None, None, {}, {}


@dataclass(slots=True, kw_only=True)
class Dossier:
    """A form on its way, or submitted. `typed` maps `role.field` to the text as typed."""

    id: str
    service: str
    initiated_by: dict[str, Any]
    opened_at: str
    consent_at: str | None = None
    submitted_at: str | None = None
    people: dict[str, Person] = field(default_factory=dict)
    typed: dict[str, str] = field(default_factory=dict)
    version: int = 1

    @property
    def is_verified(self) -> bool:
        """Return whether everyone is settled."""
        return all(person.is_settled for person in self.people.values())

    def declared(self, role: Role) -> list[Field]:
        """Return the fields of a role that must be declared, in the form's order."""
        person = self.people[role.name]
        if person.mode == "absent":
            return []
        return [each for each in role.fields if person.locked(each.name) is None]

    def spared(self, service: Service) -> int:
        """Return how many fields nobody had to type: filled by the registry and not disputed."""
        return sum(
            self.people[role.name].locked(each.name) is not None
            for role in service.roles
            for each in role.fields
        )


def read_dossier(content: Mapping[str, Any], version: int) -> Dossier:
    """Return the dossier whose members were stored."""
    people = {name: Person(**members) for name, members in content["people"].items()}
    return Dossier(**{**content, "people": people, "version": version})


def number_of(claim: Mapping[str, str]) -> str:
    """Return the number of a claim, of 12 or 9 digits; empty for none."""
    return claim.get("citizen_id") or claim.get("id_card_number", "")


def new_dossier_id(year: int) -> str:
    """Return a number for a new dossier: `H26-2026-KXTM-PRWB`."""
    first, second = ("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(2))
    return f"H26-{year}-{first}-{second}"
