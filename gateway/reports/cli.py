"""`gateway report weekly`: the week's figures as text, JSON, CSV or a page that prints on one sheet of A4."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.terminal import AsJson, OpenGateway, TextLanguage, new_typer, print_json, run

if TYPE_CHECKING:
    from gateway.reports.model import Week, WeeklyReport


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
        week: Annotated[str, typer.Option(help="ISO week, such as 2022-W17.", show_default="this week")] = "",
        written: Annotated[
            ReportFormat, typer.Option("--format", help="The report's form.")
        ] = ReportFormat.TEXT,
        language: Annotated[
            TextLanguage, typer.Option("--lang", help="The language of text and page.")
        ] = TextLanguage.VI,
        as_json: AsJson = False,
    ) -> None:
        """Print a week: the services by public sources, and what this gateway's audit says of it."""
        from gateway.procedures.catalogue import load_catalogue
        from gateway.reports.figures import report_csv, report_json, report_text
        from gateway.reports.model import this_week
        from gateway.reports.page import report_page

        wanted = _parse(week) if week else this_week(open_gateway.clock)
        report = run(_make(open_gateway, wanted))
        if as_json or written is ReportFormat.JSON:
            print_json(report_json(report))
        elif written is ReportFormat.CSV:
            typer.echo(report_csv(report))
        elif written is ReportFormat.HTML:
            typer.echo(report_page(report, load_catalogue(), language.value))
        else:
            typer.echo(report_text(report, load_catalogue(), language.value))

    return app


async def _make(open_gateway: OpenGateway, week: Week) -> WeeklyReport:
    from gateway.reports.use_cases import make_weekly_report

    if not open_gateway.has_store():
        typer.echo(_NO_STORE, err=True)
        return await make_weekly_report(None, week)
    async with open_gateway() as gateway:
        return await make_weekly_report(gateway.deps.database, week)


def _parse(text: str) -> Week:
    from gateway.reports.model import parse_week

    try:
        return parse_week(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--week") from error
