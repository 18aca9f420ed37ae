"""The words a service file may use: fields with labels and code lists, roles, and sources.

Refuses a field that the registry brings but that has no label here, a code list that doesn't exist,
and a source that isn't listed. Source: `data/fields.toml`, `data/sources.toml`.
"""

from dataclasses import dataclass

from gateway.procedures.codes import CODE_LISTS
from gateway.procedures.fields import FIELD_OPERATIONS
from gateway.procedures.toml_table import LineInvalid, Table

ROLES = ("requester", "father", "mother", "deceased", "husband", "wife", "household_head", "guest")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldMeaning:
    """What a field is called on a form, and the list its code is read in."""

    label_vi: str
    label_en: str
    code_list: str | None


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All known fields, and all known sources with whether a line from them is a guess."""

    fields: dict[str, FieldMeaning]
    sources: dict[str, bool]

    def check_source(self, table: Table) -> str:
        """Return a line's `source`, a listed key and perhaps `: place`; a guessing one needs `guess`."""
        source = table.text("source")
        key = source.partition(":")[0]
        if key not in self.sources:
            raise LineInvalid(table.at("source"), f"unknown source {key!r}")
        if self.sources[key] and not table.flag("guess"):
            raise LineInvalid(table.at("guess"), f"a line from {key!r} must say guess = true")
        return source


def parse_sources(file: Table) -> dict[str, bool]:
    """Read the source keys; raises `LineInvalid`."""
    for _, table in file.entries():
        table.only("title", "guess")
        table.text("title")
    return {name: table.flag("guess") for name, table in file.entries()}


def parse_fields(file: Table) -> dict[str, FieldMeaning]:
    """Read what every field means; raises `LineInvalid`."""
    known = {name: _meaning(table) for name, table in file.entries()}
    for name in FIELD_OPERATIONS:
        if name not in known:
            raise LineInvalid(name, "the registry brings this field, but it has no label")
    return known


def _meaning(table: Table) -> FieldMeaning:
    table.only("vi", "en", "codes")
    code_list = table.optional_text("codes")
    if code_list is not None and code_list not in CODE_LISTS:
        raise LineInvalid(table.at("codes"), f"unknown code list {code_list!r}")
    return FieldMeaning(label_vi=table.text("vi"), label_en=table.text("en"), code_list=code_list)
