"""`gateway procedures`: check the catalogue's data files, list the services, show one.

Uses no database and no registry. A wrong data file gives one line that names the file and the member.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.clock import today
from gateway.terminal import AsJson, OpenGateway, fail, new_typer, print_json, print_result, print_table

if TYPE_CHECKING:
    from gateway.procedures.catalogue import Catalogue
    from gateway.procedures.model import FormField, Procedure

Folder = Annotated[
    Path | None,
    typer.Option("--folder", help="Data folder to check.", show_default="the built-in one"),
]


def build_cli(open_gateway: OpenGateway) -> typer.Typer:
    """Return the commands; the clock of `open_gateway` decides which mã TTHC is valid today."""
    app, clock = new_typer("The essential services: forms, codes, legal basis."), open_gateway.clock
    app.command(epilog="Example: gateway procedures lint")(lint)

    @app.command(name="list", epilog="Example: gateway procedures list --json")
    def list_services(*, as_json: AsJson = False) -> None:
        """List the services in the order of Đề án 06."""
        day, procedures = today(clock), _load().procedures
        if as_json:
            print_json([_summary(procedure, day) for procedure in procedures])
            return
        rows = [
            (str(procedure.number), procedure.slug, procedure.code_on(day) or "-", procedure.name_vi)
            for procedure in procedures
        ]
        print_table(("NO", "SLUG", "CODE", "NAME"), rows)

    @app.command(epilog="Example: gateway procedures show khai-sinh --json")
    def show(
        procedure: Annotated[
            str, typer.Argument(metavar="SLUG", help="Its slug, such as khai-sinh, or a mã TTHC.")
        ],
        *,
        as_json: AsJson = False,
    ) -> None:
        """Show one service by its slug or a mã TTHC valid today."""
        day = today(clock)
        found = _load().find(procedure, day)
        if found is None:
            fail("no such service; `gateway procedures list` names them")
        if as_json:
            print_json(_description(found, day))
            return
        for line in _lines(found, day):
            typer.echo(line)

    return app


def lint(folder: Folder = None, *, as_json: AsJson = False) -> None:
    """Check the data files; exit 1 with file and member of the first error."""
    procedures = _load(folder).procedures
    fields = [field for procedure in procedures for role in procedure.roles for field in role.fields]
    guesses = sum(field.guess for field in fields)
    counts = {"services": len(procedures), "fields": len(fields), "guesses": guesses}
    text = f"ok: {len(procedures)} services, {len(fields)} form fields, {guesses} of them guesses"
    print_result(counts, text, as_json=as_json)


def _load(folder: Path | None = None) -> Catalogue:
    from gateway.procedures.catalogue import DATA, CatalogueInvalid, load_catalogue

    if folder is not None and not folder.is_dir():
        fail(f"--folder {folder}: no such folder")
    try:
        return load_catalogue(folder or DATA)
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
