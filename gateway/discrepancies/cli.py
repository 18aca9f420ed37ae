"""`gateway discrepancies`: list, show and resolve what portals filed. The signed-in operator is the actor.

The reason comes by stdin, since an argument is visible to every user of the machine.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.enquiries.model import MAX_PAGE, DiscrepancyState, Page
from gateway.errors.operators import Unknown
from gateway.errors.requests import NotFound
from gateway.identifiers import Profile
from gateway.terminal import (
    AsJson,
    DryRun,
    OpenGateway,
    fail,
    find_id,
    new_typer,
    print_list,
    print_result,
    read_lines,
    read_stdin,
    run_in_gateway,
)

if TYPE_CHECKING:
    from gateway.profiles.model import Gateway

DiscrepancyArgument = Annotated[
    str, typer.Argument(metavar="ID", help="Its id, such as dis_…, or 8 characters after `dis_`.")
]
_RESOLVE_EXAMPLE = """\b
Example:
  printf '%s\\n%s\\n' 'Đã sửa số nhà.' 'The house number was corrected.' |
      gateway discrepancies resolve dis_… --as corrected"""


def build_cli(open_gateway: OpenGateway) -> typer.Typer:
    """Return the commands on discrepancies."""
    app = new_typer(
        "What citizens say is wrong in the registry. Needs a signed-in operator: data_protection or approver."
    )
    _add_list(app, open_gateway)
    _add_show(app, open_gateway)
    _add_resolve(app, open_gateway)
    return app


def _add_list(app: typer.Typer, open_gateway: OpenGateway) -> None:
    @app.command("list", epilog="Example: gateway discrepancies list --state open --json")
    def list_some(
        *,
        state: Annotated[DiscrepancyState | None, typer.Option(help="Only those in this state.")] = None,
        profile: Annotated[Profile | None, typer.Option(help="Only those of this profile.")] = None,
        limit: Annotated[int, typer.Option(min=1, max=MAX_PAGE, help="At most so many.")] = MAX_PAGE,
        after: Annotated[str | None, typer.Option(help="Only those older than this id.")] = None,
        as_json: AsJson = False,
    ) -> None:
        """List discrepancies, the newest first, without notes."""
        from gateway.discrepancies.responses import shape_disputed_page
        from gateway.discrepancies.use_cases import list_all
        from gateway.operators.sessions import operator_of

        async def read(gateway: Gateway) -> Any:
            page = Page(state=state, limit=limit, after=after)
            found = await list_all(gateway, await operator_of(gateway), page, profile)
            return shape_disputed_page(found).model_dump(mode="json")

        found = run_in_gateway(open_gateway, read)
        print_list(found["discrepancies"], ("state", "filed_at", "field", "id"), as_json=as_json)
        if found["next"] and not as_json:
            typer.echo(f"more: gateway discrepancies list --after {found['next']}")


def _add_show(app: typer.Typer, open_gateway: OpenGateway) -> None:
    @app.command("show", epilog="Example: gateway discrepancies show dis_…")
    def show(discrepancy: DiscrepancyArgument, *, as_json: AsJson = False) -> None:
        """Show a discrepancy with its note; the evidence records who read it."""
        from gateway.discrepancies.responses import shape_disputed
        from gateway.discrepancies.use_cases import read_one
        from gateway.operators.sessions import operator_of

        async def read(gateway: Gateway) -> Any:
            by = await operator_of(gateway)
            with _named():
                found = await read_one(gateway, by, await _find(gateway, discrepancy))
            return shape_disputed(found).model_dump(mode="json")

        _print(run_in_gateway(open_gateway, read), as_json=as_json)


def _add_resolve(app: typer.Typer, open_gateway: OpenGateway) -> None:
    @app.command("resolve", epilog=_RESOLVE_EXAMPLE)
    def resolve_one(
        discrepancy: DiscrepancyArgument,
        *,
        outcome: Annotated[
            DiscrepancyState, typer.Option("--as", metavar="corrected|rejected", help="How it ends.")
        ],
        dry_run: DryRun = False,
        as_json: AsJson = False,
    ) -> None:
        """End a discrepancy. Two lines on stdin: the reason in Vietnamese, then in English.

        The portal shows the reason to the citizen. The field is filled from the
        registry again.
        """
        from gateway.discrepancies.responses import shape_disputed
        from gateway.discrepancies.use_cases import resolve
        from gateway.operators.sessions import operator_of

        if outcome is DiscrepancyState.OPEN:
            raise typer.BadParameter("corrected or rejected", param_hint="--as")
        reason_vi, reason = _read_reasons()

        async def end(gateway: Gateway) -> Any:
            by = await operator_of(gateway)
            with _named():
                name = await _find(gateway, discrepancy)
                found = await resolve(gateway, by, name, outcome, reason_vi=reason_vi, reason=reason)
            return shape_disputed(found).model_dump(mode="json")

        _print(run_in_gateway(open_gateway, end, dry_run=dry_run, as_json=as_json), as_json=as_json)


async def _find(gateway: Gateway, typed: str) -> str:
    """Return the id that begins with what was typed, with or without `dis_`; what was typed if none does."""
    from gateway.enquiries.prefill_store import list_discrepancy_ids

    async with gateway.deps.database.read() as connection:
        known = await list_discrepancy_ids(connection, f"dis_{typed.removeprefix('dis_')}")
    return find_id(typed, known)


@contextmanager
def _named() -> Iterator[None]:
    """Say what is not found, and what lists it."""
    try:
        yield
    except NotFound:
        raise Unknown("there is no such discrepancy: gateway discrepancies list") from None


def _read_reasons() -> tuple[str, str]:
    from gateway.discrepancies.use_cases import parse_reason

    names = ("reason in Vietnamese", "reason in English")
    if sys.stdin.isatty():
        lines = [str(typer.prompt(name, err=True)) for name in names]
    else:
        lines = read_lines(read_stdin())
    if len(lines) != len(names):
        fail(f"standard input: 2 lines are expected: {', '.join(names)}")
    try:
        vietnamese, english = map(parse_reason, lines)
    except ValueError as error:
        fail(f"standard input: {error}")
    return vietnamese, english


def _print(members: dict[str, Any], *, as_json: bool) -> None:
    text = "\n".join(f"{name}: {'-' if value is None else value}" for name, value in members.items())
    print_result(members, text, as_json=as_json)
