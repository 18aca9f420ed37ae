"""`gateway privacy`: which table has which data, for data-protection officers."""

from __future__ import annotations

import typer

from gateway.terminal import AsJson, OpenGateway, new_typer, print_json, print_wrapped


def build_cli(_open_gateway: OpenGateway) -> typer.Typer:
    """Return the commands on privacy."""
    app = new_typer("Which table has which data, for how long, and under which key.")
    app.callback()(_root)

    @app.command("report", epilog="Example: gateway privacy report --json")
    def report_command(*, as_json: AsJson = False) -> None:
        """Print each column of each table with its class, retention and key; reads no database."""
        from gateway.inspection.privacy import TABLES, privacy_report

        if as_json:
            print_json(privacy_report())
            return
        for name, table in sorted(TABLES.items()):
            print_wrapped(f"{name}: kept {table.retention}")
            for each, columns in table.classes.items():
                print_wrapped(f"  {each}: {columns}")
            for column, key in table.keys.items():
                print_wrapped(f"  {column}: under {key}")
            for column, kept in table.retentions.items():
                print_wrapped(f"  {column}: kept {kept}")

    return app


def _root() -> None:
    pass
