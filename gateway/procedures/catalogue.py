"""The catalogue of essential services, read from TOML files; one wrong line refuses the whole catalogue.

Reads `sources.toml`, `fields.toml` and one `procedures/NN-slug.toml` for each service. Each refusal names the
file, the member and the reason. Two services never share a slug, number, MaDVC or mã TTHC. Nothing is read at
import; `load_catalogue` reads a folder once.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
)

from gateway.errors.operators import OperationError
from gateway.procedures.model import (
    CODE_LISTS,
    FIELD_OPERATIONS,
    SENSITIVE_FIELDS,
    FieldType,
    FormField,
    LegalBasis,
    Operation,
    Procedure,
    ProcedureCode,
    SubjectRole,
)

DATA = Path(__file__).parent / "data"
ROLES = ("requester", "father", "mother", "deceased", "husband", "wife", "household_head", "guest")
_CITIZEN = "citizen"
_Validated = TypeVar("_Validated")


class CatalogueInvalid(OperationError):
    """A data file of the catalogue is wrong; the reason names the file and the member."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All services in the order of Đề án 06."""

    procedures: tuple[Procedure, ...]

    def find(self, slug_or_code: str, day: date) -> Procedure | None:
        """Return the service with this slug, or with this mã TTHC if it is valid on the day."""
        for procedure in self.procedures:
            if procedure.slug == slug_or_code:
                return procedure
            if any(code.code == slug_or_code and code.valid_on(day) for code in procedure.codes):
                return procedure
        return None

    def knows_field(self, name: str) -> bool:
        """Return whether the form of a service has the field, or the registry could return it."""
        return name in FIELD_OPERATIONS or any(
            role.find_field(name) is not None for procedure in self.procedures for role in procedure.roles
        )


@dataclass(frozen=True, slots=True)
class _KnownNames:
    """The sources and fields that the file of a service may name; the context of its validation."""

    sources: "dict[str, _Source]"
    fields: "dict[str, _FieldText]"


def _rule(find_fault: Callable[[Any, ValidationInfo[_KnownNames]], str | None]) -> AfterValidator:
    """Return a validator of one member; `find_fault` returns why a value is refused, or None."""

    def check(value: Any, info: ValidationInfo[_KnownNames]) -> Any:
        if reason := find_fault(value, info):
            raise ValueError(reason)
        return value

    return AfterValidator(check)


def _matches(pattern: str, expected: str) -> AfterValidator:
    return _rule(lambda text, _: None if re.fullmatch(pattern, text) else f"{expected} is expected")


def _one_of(kind: str, known: Iterable[str]) -> AfterValidator:
    reason = f"unknown {kind}; known are {', '.join(known)}"
    return _rule(lambda text, _: None if text in known else reason)


def _check_source(source: str, info: ValidationInfo[_KnownNames]) -> str | None:
    key = source.partition(":")[0]
    return None if key in info.context.sources else f"unknown source {key!r}"


def _check_guess(guess: bool, info: ValidationInfo[_KnownNames]) -> str | None:
    key = info.data.get("source", "").partition(":")[0]
    marked = guess or not key or not info.context.sources[key].guess
    return None if marked else f"a line from {key!r} must say guess = true"


def _check_end(valid_to: date | None, info: ValidationInfo[_KnownNames]) -> str | None:
    valid_from = info.data.get("valid_from")
    return "ends before it begins" if valid_from and valid_to and valid_to < valid_from else None


def _check_field(name: str, info: ValidationInfo[_KnownNames]) -> str | None:
    return None if name in info.context.fields else "unknown field; fields.toml lists the fields of forms"


def _check_origin(origin: str, info: ValidationInfo[_KnownNames]) -> str | None:
    expected = FIELD_OPERATIONS.get(info.data.get("name", ""), _CITIZEN)
    return None if origin == expected else f"this field comes from {expected}"


def _check_names(lines: "list[_FieldLine] | list[_RoleLine]", _: ValidationInfo[_KnownNames]) -> str | None:
    counts = Counter(line.name for line in lines)
    return next((f"{name} occurs twice" for name, count in counts.items() if count > 1), None)


def _check_requester(roles: "list[_RoleLine]", _: ValidationInfo[_KnownNames]) -> str | None:
    return None if any(role.name == "requester" for role in roles) else "the requester is missing"


_Text = Annotated[str, StringConstraints(pattern=r"\S")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Source(_Table):
    title: _Text
    guess: bool = False


class _FieldText(_Table):
    vi: _Text
    en: _Text
    codes: Annotated[str, _one_of("code list", CODE_LISTS)] | None = None
    type: Annotated[str, _one_of("type", list(FieldType))] | None = None
    optional: bool = False


class _Sourced(_Table):
    """A line whose source, `key` or `key: place`, is in `sources.toml`."""

    source: Annotated[_Text, _rule(_check_source)]
    guess: Annotated[bool, _rule(_check_guess)] = Field(default=False, validate_default=True)


class _Name(_Sourced):
    vi: _Text
    en: _Text


class _Purpose(_Table):
    vi: _Text
    en: _Text


class _ServiceCode(_Sourced):
    code: Annotated[str, _matches(r"G[0-9]{2}-[A-Z]{2}[0-9]{2,3}", "a MaDVC such as G15-TP110")]


class _CodeLine(_Sourced):
    code: Annotated[str, _matches(r"[0-9]\.[0-9]{6}", "a mã TTHC such as 1.001193")]
    valid_from: date | None = None
    valid_to: Annotated[date | None, _rule(_check_end)] = None
    covers: _Text | None = None


class _Basis(_Sourced):
    text: _Text
    valid_from: date | None = None
    valid_to: Annotated[date | None, _rule(_check_end)] = None


class _FieldLine(_Sourced):
    name: Annotated[_Text, _rule(_check_field)]
    origin: Annotated[str, _one_of("operation", (_CITIZEN, *Operation)), _rule(_check_origin)] = Field(
        alias="from"
    )


class _RoleLine(_Table):
    name: Annotated[str, _one_of("role", ROLES)]
    form: Annotated[list[_FieldLine], _rule(_check_names)] = Field(alias="fields", min_length=1)


class _Service(_Table):
    number: int
    slug: Annotated[str, _matches(r"[a-z0-9]+(-[a-z0-9]+)*", "lower case words joined by hyphens")]
    name: _Name
    purpose: _Purpose
    service_code: _ServiceCode
    codes: list[_CodeLine] = []
    legal_basis: list[_Basis] = Field(min_length=1)
    roles: Annotated[list[_RoleLine], _rule(_check_names), _rule(_check_requester)]

    def to_model(self, meanings: dict[str, _FieldText]) -> Procedure:
        """Return the service, its fields with labels and code lists."""
        return Procedure(
            number=self.number,
            slug=self.slug,
            name_vi=self.name.vi,
            name_en=self.name.en,
            service_code=self.service_code.code,
            service_code_guess=self.service_code.guess,
            codes=tuple(ProcedureCode(**line.model_dump()) for line in self.codes),
            legal_bases=tuple(LegalBasis(**line.model_dump()) for line in self.legal_basis),
            purpose=self.purpose.vi,
            purpose_en=self.purpose.en,
            roles=tuple(
                SubjectRole(
                    name=role.name,
                    fields=tuple(_form_field(line, meanings[line.name]) for line in role.form),
                )
                for role in self.roles
            ),
        )


def _form_field(line: _FieldLine, meaning: _FieldText) -> FormField:
    operation = FIELD_OPERATIONS.get(line.name)
    return FormField(
        name=line.name,
        label_vi=meaning.vi,
        label_en=meaning.en,
        from_registry=operation is not None,
        operation=operation,
        sensitive=line.name in SENSITIVE_FIELDS,
        type=FieldType(meaning.type or (FieldType.CODE if meaning.codes else FieldType.TEXT)),
        required=not meaning.optional,
        code_list=meaning.codes,
        source=line.source,
        guess=line.guess,
    )


@cache
def load_catalogue(folder: Path = DATA) -> Catalogue:
    """Read the catalogue once per folder; raises `CatalogueInvalid`."""
    sources = _read(folder / "sources.toml", TypeAdapter(dict[str, _Source]))
    meanings = _read(folder / "fields.toml", TypeAdapter(dict[str, _FieldText]))
    for name in FIELD_OPERATIONS:
        if name not in meanings:
            raise CatalogueInvalid(
                f"fields.toml: {name}: the registry returns this field, but it has no label"
            )
    files = sorted((folder / "procedures").glob("*.toml"))
    if not files:
        raise CatalogueInvalid(f"{folder / 'procedures'}: has no services")
    form, words = TypeAdapter(_Service), _KnownNames(sources, meanings)
    procedures = tuple(_read(file, form, words).to_model(meanings) for file in files)
    _check_across_files(files, procedures)
    return Catalogue(procedures)


def _read(file: Path, form: TypeAdapter[_Validated], context: _KnownNames | None = None) -> _Validated:
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise CatalogueInvalid(f"{file.name}: file: can't be read as TOML: {exc}") from exc
    try:
        return form.validate_python(content, context=context)
    except ValidationError as exc:
        raise CatalogueInvalid(f"{file.name}: {_describe(content, exc)}") from exc


_REASONS = {
    "extra_forbidden": "unknown member",
    "missing": "missing",
    "too_short": "missing",
    "string_type": "a text is expected",
    "string_pattern_mismatch": "a text is expected",
    "int_type": "a whole number is expected",
    "bool_type": "true or false is expected",
    "date_type": "a date YYYY-MM-DD without quotes is expected",
    "model_type": "a table is expected",
    "list_type": "a list of tables is expected",
}


def _describe(content: Any, exc: ValidationError) -> str:
    """Return location and reason of the first error, of an unknown member before a missing one."""
    error = min(exc.errors(), key=lambda error: error["type"] != "extra_forbidden")
    location = ""
    for key in error["loc"]:
        content = content.get(key) if isinstance(key, str) else content[key]
        location += f".{key}" if isinstance(key, str) else f"[{_label(content, key)}]"
    reason = error["ctx"]["error"] if error["type"] == "value_error" else error["msg"]
    return f"{location.removeprefix('.')}: {_REASONS.get(error['type'], reason)}"


def _label(line: Any, index: int) -> object:
    """Return the name, code or text of a line in its list, else its number from 1."""
    members = line if isinstance(line, dict) else {}
    return next((members[name] for name in ("name", "code", "text") if name in members), index + 1)


def _check_across_files(files: list[Path], procedures: tuple[Procedure, ...]) -> None:
    """Refuse a file name that disagrees with its content, and an identifier that occurs twice."""
    owners: dict[tuple[str, str], str] = {}
    for file, procedure in zip(files, procedures, strict=True):
        expected = f"{procedure.number:02}-{procedure.slug}.toml"
        if file.name != expected:
            raise CatalogueInvalid(f"{file.name}: slug: the file should be {expected}")
        for kind, text in (
            ("slug", procedure.slug),
            ("number", str(procedure.number)),
            ("service_code", procedure.service_code),
            *(("codes", code.code) for code in procedure.codes),
        ):
            if owner := owners.get((kind, text)):
                raise CatalogueInvalid(f"{file.name}: {kind}: {text} is already in {owner}")
            owners[kind, text] = file.name
