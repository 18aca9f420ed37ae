"""`gateway profiles`: where the profiles stand, and their changes. Each act is the signed-in operator's.

What does the work is loaded when a command runs (`cli_acts.py`): it brings the web's and the wire's libraries.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.changes.printing import indent, print_change, print_changes, print_line, word
from gateway.places import Profile
from gateway.terminal import AsJson, OpenGateway, fail, new_typer, print_json, print_table, run

if TYPE_CHECKING:
    from gateway.changes.cli_acts import Acts

ChangeId = Annotated[str, typer.Argument(metavar="CHANGE", help="Its id, such as chg_…")]
ProfileName = Annotated[Profile, typer.Argument(metavar="PROFILE", help="sandbox or official.")]
Why = Annotated[str | None, typer.Option("--reason", help="For the evidence; no person's data.")]


def build_cli(open_gateway: OpenGateway) -> typer.Typer:
    """Return the commands on profiles."""

    def acts() -> "Acts":
        from gateway.changes.cli_acts import Acts  # noqa: PLC0415 - slow to load

        return Acts(open_gateway=open_gateway)

    app = new_typer("Connections of the profiles: revisions, changes, suspension. See docs/operators.md.")
    _add_list(app, acts)
    _add_show(app, acts)
    _add_propose(app, acts)
    _add_set_policy(app, acts)
    _add_resume(app, acts)
    _add_preflight(app, acts)
    _add_decisions(app, acts)
    _add_suspension(app, acts)
    return app


def _add_list(app: typer.Typer, acts: "Callable[[], Acts]") -> None:
    @app.command("list", epilog="Example: gateway profiles list --json")
    def list_all(*, as_json: AsJson = False) -> None:
        """List both profiles: state, active revision, days until credentials end."""
        found = run(acts().list_profiles())
        if as_json:
            print_json(found)
            return
        for each in found:
            each["days_left"] = "no end known" if each["days_left"] is None else each["days_left"]
        columns = ("profile", "state", "active", "former", "days_left", "registry_url")
        print_table([name.upper() for name in columns], [_cells(each, columns) for each in found])
        for each in found:
            if each["warning"]:
                print_line(f"warning: {each['profile']}: {each['warning']}")


def _add_show(app: typer.Typer, acts: "Callable[[], Acts]") -> None:
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
        if what not in list(Profile):
            print_change(run(acts().show_change(what)), as_json=as_json)
            return
        found = run(acts().show_profile(Profile(what)))
        if as_json:
            print_json(found)
        else:
            _print_members(found)

    @app.command("history", epilog="Example: gateway profiles history official --json")
    def show_past(
        profile: Annotated[
            Profile | None, typer.Argument(metavar="[PROFILE]", help="sandbox or official; else all.")
        ] = None,
        *,
        as_json: AsJson = False,
    ) -> None:
        """List changes, the newest first: who, when, what became of them."""
        found = run(acts().list_changes(profile))
        if as_json:
            print_json(found)
        else:
            print_changes(found)


def _add_propose(app: typer.Typer, acts: "Callable[[], Acts]") -> None:
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
            str | None, typer.Option(help="SHA-256 of the application's bundle, for official.")
        ] = None,
        as_json: AsJson = False,
    ) -> None:
        """Propose a new revision of a profile's connection: a proposer's act."""
        print_change(run(acts().propose_revision(profile, file, application)), as_json=as_json)


def _add_set_policy(app: typer.Typer, acts: "Callable[[], Acts]") -> None:
    @app.command(
        "set-policy",
        epilog="\b\nExample:\n  gateway profiles set-policy sandbox --reuse-seconds 900 \\\n      --watch-seconds 60",
    )
    def set_policy(
        profile: ProfileName,
        *,
        reuse: Annotated[str | None, typer.Option(help="account or dossier.")] = None,
        reuse_seconds: Annotated[int | None, typer.Option(min=1)] = None,
        account_hour: Annotated[int | None, typer.Option(min=1, help="Wrong claims an hour.")] = None,
        subject_day: Annotated[int | None, typer.Option(min=1, help="Wrong claims on one number.")] = None,
        confirmed_hour: Annotated[int | None, typer.Option(min=1, help="Answers an hour.")] = None,
        confirmed_day: Annotated[int | None, typer.Option(min=1, help="Answers a day.")] = None,
        account: Annotated[
            str | None, typer.Option(help="Whose answers alone, by client id; else every account's.")
        ] = None,
        reason: Annotated[str | None, typer.Option(help="Why there are other answers budgets.")] = None,
        legal_basis: Annotated[str | None, typer.Option(help="For account reuse on official.")] = None,
        watch_seconds: Annotated[
            int | None, typer.Option(min=1, help="How long a switch is watched.")
        ] = None,
        as_json: AsJson = False,
    ) -> None:
        """Propose another policy; what isn't named stays as it is. --account alone ends an override."""
        budgets = _given(account_hour=account_hour, subject_day=subject_day)
        volume = _given(confirmed_hour=confirmed_hour, confirmed_day=confirmed_day)
        budgets |= volume if account is None else {"accounts": {account: volume or None}}
        policy: dict[str, Any] = {
            "reuse": reuse,
            "reuse_seconds": reuse_seconds,
            "legal_basis": legal_basis,
            "reason": reason,
            "budgets": budgets or None,
            "watch": None if watch_seconds is None else {"seconds": watch_seconds},
        }
        policy = {name: value for name, value in policy.items() if value is not None}
        if not policy:
            fail("name what becomes another, such as --reuse-seconds 900")
        body = {"kind": "set_policy", "profile": profile.value, "policy": policy}
        print_change(run(acts().propose(body)), as_json=as_json)


def _add_resume(app: typer.Typer, acts: "Callable[[], Acts]") -> None:
    @app.command("resume", epilog="Example: gateway profiles resume official")
    def resume(profile: ProfileName, *, as_json: AsJson = False) -> None:
        """Propose to end a profile's suspension: needs a preflight, on official a second person."""
        body = {"kind": "resume_profile", "profile": profile.value}
        print_change(run(acts().propose(body)), as_json=as_json)


def _add_preflight(app: typer.Typer, acts: "Callable[[], Acts]") -> None:
    @app.command("preflight", epilog="Example: gateway profiles preflight chg_… --json")
    def preflight(
        change: ChangeId,
        *,
        login_only: Annotated[
            bool, typer.Option("--login-only", help="A rehearsal: only the login is tried.")
        ] = False,
        as_json: AsJson = False,
    ) -> None:
        """Try a change outside of service, line by line; exit 1 where a line fails."""
        found = run(acts().preflight(change, login_only=login_only))
        if as_json:
            print_json(found)
        else:
            for check in found["checks"]:
                typer.echo(f"{'pass' if check['passed'] else 'FAIL'}  {check['name']} ({check['ms']} ms)")
                indent(check["detail"])
                if not check["passed"]:
                    indent(f"remedy: {check['remedy']}")
            typer.echo(f"preflight: {'passed' if found['passed'] else 'failed'}; change: {found['state']}")
            typer.echo(f"diff_hash: {found['diff_hash']}")
        if not found["passed"]:
            raise typer.Exit(1)


def _add_decisions(app: typer.Typer, acts: "Callable[[], Acts]") -> None:
    @app.command("approve", epilog="Example: gateway profiles approve chg_… --diff-hash 9f2c…")
    def approve(
        change: ChangeId,
        *,
        diff_hash: Annotated[str, typer.Option(help="As `show CHANGE` prints it.")],
        as_json: AsJson = False,
    ) -> None:
        """Approve exactly the diff that was looked at: an approver's act, not the proposer's."""
        print_change(run(acts().approve(change, diff_hash)), as_json=as_json)

    @app.command("activate", epilog="Example: gateway profiles activate chg_…")
    def activate(change: ChangeId, *, as_json: AsJson = False) -> None:
        """Let a change happen; running workers follow within a second."""
        print_change(run(acts().activate(change)), as_json=as_json)

    @app.command("reject", epilog='Example: gateway profiles reject chg_… --reason "wrong agency"')
    def reject(change: ChangeId, *, reason: Why = None, as_json: AsJson = False) -> None:
        """End a proposal."""
        print_change(run(acts().reject(change, reason)), as_json=as_json)

    @app.command("rollback", epilog='Example: gateway profiles rollback chg_… --reason "answers are slow"')
    def roll_back(change: ChangeId, *, reason: Why = None, as_json: AsJson = False) -> None:
        """Return to the revision before, while it stands ready."""
        print_change(run(acts().roll_back(change, reason)), as_json=as_json)


def _add_suspension(app: typer.Typer, acts: "Callable[[], Acts]") -> None:
    @app.command("suspend", epilog='Example: gateway profiles suspend official --reason "C06 asked for it"')
    def suspend(profile: ProfileName, *, reason: Why = None, as_json: AsJson = False) -> None:
        """Ask the registry nothing more, at once: one person's act in an emergency."""
        found = run(acts().suspend(profile, reason))
        if as_json:
            print_json(found)
        else:
            typer.echo(f"{profile.value} is suspended; gateway profiles resume {profile.value} ends it")


def _print_members(found: dict[str, Any]) -> None:
    for name, value in found.items():
        if isinstance(value, list) and name == "revisions":
            typer.echo(f"{name}:")
            for each in value:
                typer.echo(f"  {each['number']} {each['state']} (by {each['proposed_by']})")
                for member, inner in each["members"].items():
                    indent(f"{member}: {word(inner)}")
        elif isinstance(value, dict):
            typer.echo(f"{name}:")
            for member, inner in value.items():
                indent(f"{member}: {word(inner)}")
        else:
            print_line(f"{name}: {word(value)}")


def _given(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _cells(found: dict[str, Any], columns: Sequence[str]) -> list[str]:
    return [word(found[name]) for name in columns]
