"""`gateway report weekly`: the week's figures as text, JSON, CSV or a page that prints on one sheet of A4."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.clock import Week, parse_week, this_week
from gateway.identifiers import Language
from gateway.terminal import AsJson, OpenGateway, choose_form, new_typer, print_json, run

if TYPE_CHECKING:
    from gateway.reports.use_cases import WeeklyReport


_NO_STORE = (
    "there is no store here, so nothing was measured: go to the gateway's folder, or set GATEWAY_DATABASE_URL"
)


class ReportFormat(StrEnum):
    """The forms of the report."""

    TEXT = "text"
    JSON = "json"
    CSV = "csv"
    HTML = "html"


def build_cli(open_gateway: OpenGateway) -> typer.Typer:
    """Return the commands. No report creates a store: without one its figures are the public ones alone."""
    app = new_typer("Reports on the 25 essential services.")

    @app.command(
        "weekly", epilog="Example: gateway report weekly --week 2022-W17 --format html > report.html"
    )
    def weekly(
        *,
        week: Annotated[
            str | None, typer.Option(help="ISO week, such as 2022-W17.", show_default="this week")
        ] = None,
        written: Annotated[
            ReportFormat, typer.Option("--format", help="The report's form.")
        ] = ReportFormat.TEXT,
        language: Annotated[
            Language, typer.Option("--lang", help="The language of text and page.")
        ] = Language.VI,
        as_json: AsJson = False,
    ) -> None:
        """Print a week: the services by public sources, and what this gateway's audit says of it."""
        from gateway.procedures.catalogue import load_catalogue
        from gateway.reports.figures import report_csv, report_json, report_text
        from gateway.reports.page import report_page

        wanted = this_week(open_gateway.clock) if week is None else _parse(week)
        form = choose_form(written.value, json=as_json)
        report = run(_make(open_gateway, wanted))
        if form == ReportFormat.JSON:
            print_json(report_json(report))
        elif form == ReportFormat.CSV:
            typer.echo(report_csv(report))
        elif form == ReportFormat.HTML:
            typer.echo(report_page(report, load_catalogue(), language))
        else:
            typer.echo(report_text(report, load_catalogue(), language))

    return app


async def _make(open_gateway: OpenGateway, week: Week) -> WeeklyReport:
    from gateway.reports.use_cases import make_weekly_report

    if open_gateway.missing_store():
        typer.echo(_NO_STORE, err=True)
        return await make_weekly_report(None, week)
    async with open_gateway() as gateway:
        return await make_weekly_report(gateway.deps.database, week, gateway.places)


def _parse(text: str) -> Week:
    try:
        return parse_week(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--week") from error
