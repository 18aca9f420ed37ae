"""`gateway profiles`: the state of the profiles, and their changes. The signed-in operator is the actor of each.

`cli_reads.py` and `cli_acts.py` are loaded when a command runs; only the second loads the libraries for HTTP and XML.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.identifiers import Profile
from gateway.terminal import AsJson, DryRun, OpenGateway, new_typer

if TYPE_CHECKING:
    from gateway.changes.cli_acts import ChangeCommands
    from gateway.changes.cli_reads import ReadCommands


Reads = Callable[[bool], "ReadCommands"]
Commands = Callable[..., "ChangeCommands"]
"""Loads `ChangeCommands`; the arguments: whether to print JSON, and whether to write nothing."""

ChangeId = Annotated[
    str, typer.Argument(metavar="CHANGE", help="Its id, such as chg_…, or 8 characters after `chg_`.")
]
ProfileName = Annotated[Profile, typer.Argument(metavar="PROFILE", help="sandbox or official.")]
Why = Annotated[str | None, typer.Option("--reason", help="Why; the audit keeps it. No person's data.")]


def build_cli(open_gateway: OpenGateway) -> typer.Typer:
    """Return the commands on profiles."""

    def commands(as_json: bool, dry_run: bool = False) -> "ChangeCommands":
        from gateway.changes.cli_acts import ChangeCommands

        return ChangeCommands(open_gateway=open_gateway, as_json=as_json, dry_run=dry_run)

    def reads(as_json: bool) -> "ReadCommands":
        from gateway.changes.cli_reads import ReadCommands

        return ReadCommands(open_gateway=open_gateway, as_json=as_json)

    app = new_typer("Connections of the profiles: revisions, changes, suspension. See docs/go-official.md.")
    _add_reading(app, reads)
    _add_propose(app, commands)
    _add_set_policy(app, commands)
    _add_decisions(app, commands)
    _add_suspension(app, commands)
    return app


def _add_reading(app: typer.Typer, reads: Reads) -> None:
    @app.command("list", epilog="Example: gateway profiles list --json")
    def list_all(*, as_json: AsJson = False) -> None:
        """List both profiles: state, active revision, days until credentials end."""
        reads(as_json).list_profiles()

    @app.command(
        "show", epilog="\b\nExamples:\n  gateway profiles show official\n  gateway profiles show chg_…"
    )
    def show(
        what: Annotated[
            str, typer.Argument(metavar="PROFILE|CHANGE", help="sandbox, official, or a change's id.")
        ],
        *,
        as_json: AsJson = False,
    ) -> None:
        """Show a profile with its revisions and policy, or a change with its diff; secrets stay sealed."""
        if what in list(Profile):
            reads(as_json).show_profile(Profile(what))
        else:
            reads(as_json).show_change(what)

    @app.command("history", epilog="Example: gateway profiles history official --json")
    def show_past(
        profile: Annotated[
            Profile | None, typer.Argument(metavar="[PROFILE]", help="sandbox or official; else all.")
        ] = None,
        *,
        as_json: AsJson = False,
    ) -> None:
        """List changes, the newest first: who did what and when, and how each ended."""
        reads(as_json).list_changes(profile)


def _add_propose(app: typer.Typer, commands: Commands) -> None:
    @app.command(
        "propose",
        epilog="\b\nExamples:\n  gateway profiles propose official --file official.toml\n"
        "  gateway profiles propose sandbox --file s.json < secret.txt\n"
        "A secret in the file is text, {file = PATH} or {stdin = true}.",
    )
    def propose(
        profile: ProfileName,
        *,
        file: Annotated[Path, typer.Option(help="The revision, as TOML or JSON.")],
        application: Annotated[
            str | None, typer.Option(help="SHA-256 of the application's bundle, or 8 characters of it.")
        ] = None,
        dry_run: DryRun = False,
        as_json: AsJson = False,
    ) -> None:
        """Propose a new revision of a profile's connection, as a proposer."""
        commands(as_json, dry_run).propose_revision(profile, file, application)


def _add_set_policy(app: typer.Typer, commands: Commands) -> None:
    @app.command(
        "set-policy",
        epilog="\b\nExample:\n  gateway profiles set-policy sandbox --reuse-seconds 900 \\\n      --watch-seconds 60",
    )
    def set_policy(
        profile: ProfileName,
        *,
        reuse: Annotated[
            str | None, typer.Option(help="Where a verification is reused: account or dossier.")
        ] = None,
        reuse_seconds: Annotated[
            int | None, typer.Option(min=1, help="How long a verification is valid.")
        ] = None,
        account_hour: Annotated[int | None, typer.Option(min=1, help="Wrong claims an hour.")] = None,
        subject_day: Annotated[int | None, typer.Option(min=1, help="Wrong claims on one number.")] = None,
        confirmed_hour: Annotated[int | None, typer.Option(min=1, help="Answers an hour.")] = None,
        confirmed_day: Annotated[int | None, typer.Option(min=1, help="Answers a day.")] = None,
        account: Annotated[
            str | None, typer.Option(help="Limits of answers of this client id; else of every account.")
        ] = None,
        reason: Annotated[str | None, typer.Option(help="Why the limits of answers change.")] = None,
        legal_basis: Annotated[str | None, typer.Option(help="For account reuse on official.")] = None,
        watch_seconds: Annotated[
            int | None, typer.Option(min=1, help="How long a switch is watched.")
        ] = None,
        dry_run: DryRun = False,
        as_json: AsJson = False,
    ) -> None:
        """Propose another policy; members not named stay. --account alone removes its override."""
        budgets = _given(account_hour=account_hour, subject_day=subject_day)
        volume = _given(confirmed_hour=confirmed_hour, confirmed_day=confirmed_day)
        budgets |= volume if account is None else {"accounts": {account: volume or None}}
        policy = _given(
            reuse=reuse,
            reuse_seconds=reuse_seconds,
            legal_basis=legal_basis,
            reason=reason,
            budgets=budgets or None,
            watch=None if watch_seconds is None else {"seconds": watch_seconds},
        )
        if not policy:
            raise typer.BadParameter("name what to change, such as --reuse-seconds 900")
        body = {"kind": "set_policy", "profile": profile.value, "policy": policy}
        commands(as_json, dry_run).propose(body)


def _add_decisions(app: typer.Typer, commands: Commands) -> None:
    @app.command("preflight", epilog="Example: gateway profiles preflight chg_… --json")
    def preflight(
        change: ChangeId,
        *,
        login_only: Annotated[
            bool, typer.Option("--login-only", help="A rehearsal: try only the login.")
        ] = False,
        as_json: AsJson = False,
    ) -> None:
        """Run a change's preflight, which affects no portal; exit 1 if a line fails."""
        commands(as_json).preflight(change, login_only=login_only)

    @app.command("approve", epilog="Example: gateway profiles approve chg_… --diff-hash 9f2c…")
    def approve(
        change: ChangeId,
        *,
        diff_hash: Annotated[
            str, typer.Option(help="As `show CHANGE` prints it, or its first 8 characters.")
        ],
        dry_run: DryRun = False,
        as_json: AsJson = False,
    ) -> None:
        """Approve exactly the diff that you saw, as an approver who is not the proposer."""
        commands(as_json, dry_run).take_step("approve", change, diff_hash=diff_hash)

    @app.command("activate", epilog="Example: gateway profiles activate chg_…")
    def activate(change: ChangeId, *, dry_run: DryRun = False, as_json: AsJson = False) -> None:
        """Apply a change; running workers follow within a second."""
        commands(as_json, dry_run).take_step("activate", change)

    @app.command("reject", epilog='Example: gateway profiles reject chg_… --reason "wrong agency"')
    def reject(
        change: ChangeId, *, reason: Why = None, dry_run: DryRun = False, as_json: AsJson = False
    ) -> None:
        """End a proposal."""
        commands(as_json, dry_run).take_step("reject", change, reason=reason)

    @app.command("rollback", epilog='Example: gateway profiles rollback chg_… --reason "answers are slow"')
    def roll_back(
        change: ChangeId, *, reason: Why = None, dry_run: DryRun = False, as_json: AsJson = False
    ) -> None:
        """Return to the former revision."""
        commands(as_json, dry_run).take_step("roll_back", change, reason=reason)


def _add_suspension(app: typer.Typer, commands: Commands) -> None:
    @app.command("suspend", epilog='Example: gateway profiles suspend official --reason "C06 asked for it"')
    def suspend(
        profile: ProfileName, *, reason: Why = None, dry_run: DryRun = False, as_json: AsJson = False
    ) -> None:
        """Suspend a profile in an emergency, as one person: the registry is asked nothing more."""
        commands(as_json, dry_run).suspend(profile, reason)

    @app.command("resume", epilog="Example: gateway profiles resume official")
    def resume(profile: ProfileName, *, dry_run: DryRun = False, as_json: AsJson = False) -> None:
        """Propose to end a profile's suspension; needs a preflight, and on official a second person."""
        commands(as_json, dry_run).propose({"kind": "resume_profile", "profile": profile.value})


def _given(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
