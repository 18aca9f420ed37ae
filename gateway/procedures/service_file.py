"""One service's data file, read into a `Procedure`.

Refuses an unknown field, operation, role or source, a field said to come from elsewhere than it
does, a repeated role, field or code, a missing legal basis, and members nobody knows; each refusal
names its place. What two files may not share is `catalogue.py`'s.
"""

import re
from collections.abc import Iterable

from gateway.procedures.fields import FIELD_OPERATIONS, SENSITIVE_FIELDS, Operation
from gateway.procedures.model import FormField, LegalBasis, Procedure, ProcedureCode, Role
from gateway.procedures.toml_table import LineInvalid, Table
from gateway.procedures.vocabulary import ROLES, Vocabulary

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_SERVICE_CODE = re.compile(r"G[0-9]{2}-[A-Z]{2}[0-9]{2,3}")
_PROCEDURE_CODE = re.compile(r"[0-9]\.[0-9]{6}")
_BY_CITIZEN = "citizen"
_ORIGINS = frozenset({_BY_CITIZEN, *(operation.value for operation in Operation)})


def parse_procedure(file: Table, words: Vocabulary) -> Procedure:
    """Read one service; raises `LineInvalid` with the place at fault."""
    file.only("number", "slug", "name", "purpose", "service_code", "codes", "legal_basis", "roles")
    name, purpose, service_code = file.table("name"), file.table("purpose"), file.table("service_code")
    name.only("vi", "en", "source", "guess")
    purpose.only("vi", "en")
    service_code.only("code", "source", "guess")
    return Procedure(
        number=file.number("number"),
        slug=_matching(file, "slug", _SLUG, "lower case words joined by hyphens"),
        name_vi=name.text("vi"),
        name_en=name.text("en"),
        name_source=words.check_source(name),
        service_code=_matching(service_code, "code", _SERVICE_CODE, "a MaDVC such as G15-TP110"),
        service_code_source=words.check_source(service_code),
        service_code_guess=service_code.flag("guess"),
        codes=tuple(_code(line, words) for line in file.tables("codes", label="code")),
        legal_bases=_legal_bases(file, words),
        purpose=purpose.text("vi"),
        purpose_en=purpose.text("en"),
        roles=_roles(file, words),
    )


def _matching(table: Table, name: str, pattern: re.Pattern[str], expected: str) -> str:
    value = table.text(name)
    if pattern.fullmatch(value) is None:
        raise LineInvalid(table.at(name), f"{expected} is expected")
    return value


def _code(line: Table, words: Vocabulary) -> ProcedureCode:
    line.only("code", "valid_from", "valid_to", "covers", "source", "guess")
    begins, ends = line.optional_day("valid_from"), line.optional_day("valid_to")
    if begins is not None and ends is not None and ends < begins:
        raise LineInvalid(line.at("valid_to"), "ends before it begins")
    return ProcedureCode(
        code=_matching(line, "code", _PROCEDURE_CODE, "a mã TTHC such as 1.001193"),
        valid_from=begins,
        valid_to=ends,
        covers=line.optional_text("covers"),
        source=words.check_source(line),
        guess=line.flag("guess"),
    )


def _legal_bases(file: Table, words: Vocabulary) -> tuple[LegalBasis, ...]:
    lines = file.tables("legal_basis", label="text")
    if not lines:
        raise LineInvalid("legal_basis", "missing: nothing is read without a legal basis")
    for line in lines:
        line.only("text", "source", "guess")
    return tuple(
        LegalBasis(text=line.text("text"), source=words.check_source(line), guess=line.flag("guess"))
        for line in lines
    )


def _roles(file: Table, words: Vocabulary) -> tuple[Role, ...]:
    roles = tuple(_role(table, words) for table in file.tables("roles", label="name"))
    _refuse_repeats("roles", (role.name for role in roles))
    if "requester" not in {role.name for role in roles}:
        raise LineInvalid("roles", "the requester is missing")
    return roles


def _role(table: Table, words: Vocabulary) -> Role:
    table.only("name", "fields")
    name = table.text("name")
    if name not in ROLES:
        raise LineInvalid(table.at("name"), f"unknown role; known are {', '.join(ROLES)}")
    fields = tuple(_form_field(line, words) for line in table.tables("fields", label="name"))
    if not fields:
        raise LineInvalid(table.at("fields"), "a role without a form")
    _refuse_repeats(table.at("fields"), (field.name for field in fields))
    return Role(name=name, fields=fields)


def _form_field(line: Table, words: Vocabulary) -> FormField:
    line.only("name", "from", "source", "guess")
    name = line.text("name")
    meaning = words.fields.get(name)
    if meaning is None:
        raise LineInvalid(line.at("name"), "unknown field; fields.toml lists what a form may hold")
    operation = _operation(line, name)
    return FormField(
        name=name,
        label_vi=meaning.label_vi,
        label_en=meaning.label_en,
        from_registry=operation is not None,
        operation=operation,
        sensitive=name in SENSITIVE_FIELDS,
        code_list=meaning.code_list,
        source=words.check_source(line),
        guess=line.flag("guess"),
    )


def _operation(line: Table, name: str) -> Operation | None:
    """Return where the field comes from; what is written must be what `fields.py` says."""
    written, brought_by = line.text("from"), FIELD_OPERATIONS.get(name)
    if written not in _ORIGINS:
        raise LineInvalid(line.at("from"), "unknown operation; an operation's name or `citizen` is expected")
    if written != (brought_by or _BY_CITIZEN):
        raise LineInvalid(line.at("from"), f"this field comes from {brought_by or _BY_CITIZEN}")
    return brought_by


def _refuse_repeats(place: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise LineInvalid(place, f"{name} stands twice")
        seen.add(name)
