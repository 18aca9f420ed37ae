"""The catalogue of essential services, read from data files and refused whole if one line is wrong.

Reads `fields.toml`, `sources.toml` and one `procedures/NN-slug.toml` a service. Refuses what
`service_file.py` refuses, two services sharing a slug, number, MaDVC or mã TTHC, and a file name
that belies its content. Nothing is read at import; `load_catalogue` keeps what it read.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from gateway.errors.commands import OperationError
from gateway.procedures.fields import FIELD_OPERATIONS
from gateway.procedures.model import Procedure
from gateway.procedures.service_file import parse_procedure
from gateway.procedures.toml_table import LineInvalid, read_toml
from gateway.procedures.vocabulary import Vocabulary, parse_fields, parse_sources

DATA = Path(__file__).parent / "data"


class CatalogueInvalid(OperationError):
    """A data file of the catalogue doesn't hold; the reason names file and place."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All services in the order of Đề án 06."""

    procedures: tuple[Procedure, ...]

    def find(self, slug_or_code: str, day: date) -> Procedure | None:
        """Return the service of that slug, or whose mã TTHC of that text is valid on the day."""
        for procedure in self.procedures:
            if procedure.slug == slug_or_code:
                return procedure
            if any(code.code == slug_or_code and code.valid_on(day) for code in procedure.codes):
                return procedure
        return None

    def knows_field(self, name: str) -> bool:
        """Say whether any form of any service has such a field, or the registry could bring it."""
        return name in FIELD_OPERATIONS or any(
            role.find_field(name) is not None for procedure in self.procedures for role in procedure.roles
        )


@cache
def load_catalogue(folder: Path = DATA) -> Catalogue:
    """Read the catalogue once per folder; raises `CatalogueInvalid`."""
    words = _read_vocabulary(folder)
    files = sorted((folder / "procedures").glob("*.toml"))
    if not files:
        raise CatalogueInvalid(f"{folder / 'procedures'}: holds no services")
    procedures = tuple(_read_service(file, words) for file in files)
    _refuse_shared(files, procedures)
    return Catalogue(procedures)


def _read_vocabulary(folder: Path) -> Vocabulary:
    with _naming(folder / "sources.toml"):
        sources = parse_sources(read_toml(folder / "sources.toml"))
    with _naming(folder / "fields.toml"):
        fields = parse_fields(read_toml(folder / "fields.toml"))
    return Vocabulary(fields, sources)


def _read_service(file: Path, words: Vocabulary) -> Procedure:
    with _naming(file):
        procedure = parse_procedure(read_toml(file), words)
        if file.stem != f"{procedure.number:02}-{procedure.slug}":
            raise LineInvalid("slug", f"the file should be {procedure.number:02}-{procedure.slug}.toml")
        return procedure


def _refuse_shared(files: list[Path], procedures: tuple[Procedure, ...]) -> None:
    owners: dict[tuple[str, str], Path] = {}
    for file, procedure in zip(files, procedures, strict=True):
        for marks in _marks_of(procedure):
            if marks in owners:
                kind, mark = marks
                raise CatalogueInvalid(f"{file.name}: {kind}: {mark} is already in {owners[marks].name}")
            owners[marks] = file


def _marks_of(procedure: Procedure) -> list[tuple[str, str]]:
    return [
        ("slug", procedure.slug),
        ("number", str(procedure.number)),
        ("service_code", procedure.service_code),
        *(("codes", code.code) for code in procedure.codes),
    ]


@contextmanager
def _naming(file: Path) -> Iterator[None]:
    """Turn a fault inside a file into the catalogue's error, with the file's name before it."""
    try:
        yield
    except LineInvalid as exc:
        raise CatalogueInvalid(f"{file.name}: {exc}") from exc
