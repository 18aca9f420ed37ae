"""`gateway procedures`: check the catalogue's data files, list the services, show one.

Holds no personal data and asks nobody. Refuses a data file that doesn't hold with one line that names it.
"""

import textwrap
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from gateway.clock import Clock, SystemClock, today
from gateway.procedures.catalogue import DATA, Catalogue, CatalogueInvalid, load_catalogue
from gateway.procedures.model import FormField, Procedure
from gateway.terminal import AsJson, fail, new_typer, print_json

Folder = Annotated[
    Path, typer.Option("--folder", help="Data folder to check.", show_default="the built-in one")
]


def build_cli(clock: Clock | None = None) -> typer.Typer:
    """Return the commands; `clock` tells which mã TTHC is valid today."""
    app = new_typer("The essential services: forms, codes, legal basis.")
    app.command(epilog="Example: gateway procedures lint")(lint)
    _add_list(app, clock or SystemClock())
    _add_show(app, clock or SystemClock())
    return app


def lint(folder: Folder = DATA) -> None:
    """Check the data files; exit 1 naming file and place of the first fault."""
    catalogue = _load(folder)
    fields = [
        field for procedure in catalogue.procedures for role in procedure.roles for field in role.fields
    ]
    guesses = sum(field.guess for field in fields)
    typer.echo(
        f"ok: {len(catalogue.procedures)} services, {len(fields)} form fields, {guesses} of them guesses"
    )


def _add_list(app: typer.Typer, clock: Clock) -> None:
    @app.command(name="list", epilog="Example: gateway procedures list --json")
    def list_services(*, as_json: AsJson = False) -> None:
        """List the services in the order of Đề án 06."""
        day, procedures = today(clock), _load(DATA).procedures
        if as_json:
            print_json([_summary(procedure, day) for procedure in procedures])
            return
        for procedure in procedures:
            name = textwrap.shorten(procedure.name_vi, 42, placeholder=" …")
            code = procedure.code_on(day) or "-"
            typer.echo(f"{procedure.number:>2}  {procedure.slug:<22}{code:<10}{name}")


def _add_show(app: typer.Typer, clock: Clock) -> None:
    @app.command(epilog="Example: gateway procedures show khai-sinh --json")
    def show(procedure: Annotated[str, typer.Argument(metavar="SLUG")], *, as_json: AsJson = False) -> None:
        """Show one service by its slug or a mã TTHC valid today."""
        day = today(clock)
        found = _load(DATA).find(procedure, day)
        if found is None:
            fail("no such service; `gateway procedures list` names them")
        if as_json:
            print_json(_description(found, day))
            return
        for line in _lines(found, day):
            typer.echo(line)


def _load(folder: Path) -> Catalogue:
    try:
        return load_catalogue(folder)
    except CatalogueInvalid as exc:
        fail(str(exc))


def _summary(procedure: Procedure, day: date) -> dict[str, object]:
    return {
        "number": procedure.number,
        "slug": procedure.slug,
        "code": procedure.code_on(day),
        "service_code": procedure.service_code,
        "name_vi": procedure.name_vi,
        "name_en": procedure.name_en,
        "roles": [role.name for role in procedure.roles],
    }


def _description(procedure: Procedure, day: date) -> dict[str, object]:
    return _summary(procedure, day) | {
        "purpose": procedure.purpose,
        "purpose_en": procedure.purpose_en,
        "legal_basis": list(procedure.legal_basis),
        "roles": [
            {"role": role.name, "fields": [_field(field) for field in role.fields]}
            for role in procedure.roles
        ],
    }


def _field(field: FormField) -> dict[str, object]:
    return {
        "name": field.name,
        "from": "registry" if field.from_registry else "citizen",
        "operation": field.operation,
        "sensitive": field.sensitive,
        "code_list": field.code_list,
        "source": field.source,
        "guess": field.guess,
    }


def _lines(procedure: Procedure, day: date) -> Iterator[str]:
    yield from textwrap.wrap(f"{procedure.slug}: {procedure.name_vi}", 80, subsequent_indent="  ")
    yield from textwrap.wrap(procedure.name_en, 80, initial_indent="  ", subsequent_indent="  ")
    guessed = " (a guess)" if procedure.service_code_guess else ""
    yield f"MaDVC {procedure.service_code}{guessed}, mã TTHC today {procedure.code_on(day) or 'none'}"
    yield from textwrap.wrap(f"Purpose: {procedure.purpose}", 80, subsequent_indent="  ")
    yield "Legal basis:"
    for basis in procedure.legal_bases:
        marked = f"- {basis.text}{' (a guess)' if basis.guess else ''}"
        yield from textwrap.wrap(marked, 80, initial_indent="  ", subsequent_indent="    ")
    for role in procedure.roles:
        yield f"Form of {role.name}:"
        for field in role.fields:
            notes = (["sensitive"] if field.sensitive else []) + (["a guess"] if field.guess else [])
            line = f"  {field.name:<28}{field.operation or 'citizen':<26}{', '.join(notes)}"
            yield line.rstrip()
