"""`mock-c06 explain`: which part of a claim differs from the registry, or why a login fails.

A claim or a login is read from stdin, never from an argument. With `--run` it reads the journal of a running mock.
"""

from __future__ import annotations

import json
import sys
import textwrap
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from mock_c06.accounts.model import Switches, parse_switches
from mock_c06.accounts.register import DEFAULT_SEED, ready_made_accounts
from mock_c06.commands.population import People, Population, WorldSeed, make_generated
from mock_c06.commands.running_mock import CONTROL, get_of_run
from mock_c06.errors import StartRefused

if TYPE_CHECKING:
    from mock_c06.bodies import ControlBody
    from mock_c06.login.reasons import LoginFailure

_Body = TypeVar("_Body", bound="ControlBody")
_EXPECTED = "expected one JSON object: full_name, citizen_id or id_card_number, birth_date or birth_year"
_EXPECTED_LOGIN = "expected one JSON object: url, authorization, timestamp"


def explain_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    population: Population = 0,
    seed: WorldSeed = DEFAULT_SEED,
    people: People = None,
    switch: Annotated[
        list[str] | None,
        typer.Option("--switch", metavar="NAME[=true|false]", help="A switch of the account; repeatable."),
    ] = None,
    run: Annotated[
        str | None, typer.Option(help="Explain the failed logins of this run of a serving mock instead.")
    ] = None,
    control: Annotated[str, typer.Option(help="The control face, for --run.")] = CONTROL,
) -> None:
    """Print which part of a claim differs from the registry, or why a login fails. One JSON object on stdin.

    \b
    A claim: citizen_id or id_card_number, full_name, birth_date or birth_year.
    A login: url (as called), authorization and timestamp (the two headers),
             environment (test, or official).

    \b
    Examples:
      mock-c06 explain --json < claim.json
      mock-c06 explain --switch year_matches_date < claim.json
      mock-c06 explain --population 1000000 --seed 7 < claim.json
      mock-c06 explain --people our-people.json < claim.json
      mock-c06 explain --seed 7 < login.json   # the secrets depend on the seed
      mock-c06 explain --run default   # MOCK_C06_CONTROL_TOKEN as serve printed it
    """
    from mock_c06.commands.start_files import read_people
    from mock_c06.control.explain_web import ClaimBody, explain_in
    from mock_c06.people.personas import load_personas
    from mock_c06.runs.world import PeopleIndex, World

    if run is not None:
        _print_failed_logins(control, run, as_json=as_json)
        return
    switches = parse_switches(switch or ())
    sent = _read_object()
    if isinstance(sent, dict) and "url" in sent:
        _explain_login(sent, seed, switches, as_json=as_json)
        return
    claim = _validate(ClaimBody, sent, "claim", _EXPECTED).claim()
    own_people = read_people(people) if people is not None else ()
    known = chain((persona.person for persona in load_personas()), own_people)
    world = World(PeopleIndex(known, generated=make_generated(population, seed)))
    explanation = explain_in(world, claim, switches)
    if as_json:
        print(json.dumps(explanation, ensure_ascii=False))
    else:
        print(f"differs: {', '.join(explanation['differs']) or 'nothing'}")
        print(f"status: {', '.join(explanation['status']) or 'nobody has this number'}")


def _explain_login(sent: dict[str, Any], seed: str, switches: Switches, *, as_json: bool) -> None:
    from mock_c06.accounts.register import Register
    from mock_c06.clock import SystemClock
    from mock_c06.control.explain_web import LoginBody, explain_login, login_json
    from mock_c06.settings import read_settings

    login = _validate(LoginBody, sent, "login", _EXPECTED_LOGIN)
    accounts = ready_made_accounts(read_settings().seed_of_secrets(seed))
    register = Register(replace(account, switches=switches) for account in accounts)
    reason, detail = explain_login(register, login, now=SystemClock().now())
    if as_json:
        print(json.dumps(login_json(reason, detail), ensure_ascii=False))
        return
    print(f"login: {reason or 'accepted'}")
    _print_remedy(reason, detail)


def _print_failed_logins(control: str, run: str, *, as_json: bool) -> None:
    from mock_c06.control.explain_web import login_json
    from mock_c06.login.reasons import LoginFailure

    entries = get_of_run(control, run, "/journal", reasons={}).json()["entries"]
    failed = [entry for entry in entries if entry["reason"] is not None]
    if as_json:
        members = ("n", "at", "environment", "operation", "account")
        rows = [
            {name: entry[name] for name in members}
            | login_json(LoginFailure(entry["reason"]), entry["reason_detail"])
            for entry in failed
        ]
        print(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    print(f"run {run}: {len(failed)} of {len(entries)} calls failed to log in")
    for entry in failed:
        who = entry["account"] or "nobody known"
        print(f"n {entry['n']}  {entry['operation'] or 'something unreadable'} by {who}: {entry['reason']}")
        _print_remedy(LoginFailure(entry["reason"]), entry["reason_detail"])


def _print_remedy(reason: LoginFailure | None, detail: str | None) -> None:
    from mock_c06.control.explain_web import login_json

    remedy = login_json(reason, detail)["remedy"] or {}
    for text in (detail, *remedy.values()):
        for line in textwrap.wrap(text or "", 76, break_on_hyphens=False, break_long_words=False):
            print(f"    {line}")


def _read_object() -> Any:
    try:
        return json.loads(sys.stdin.buffer.read())
    except (ValueError, RecursionError) as error:
        raise StartRefused(f"stdin: no valid JSON; {_EXPECTED}") from error


def _validate(body: type[_Body], sent: Any, what: str, expected: str) -> _Body:
    from pydantic import ValidationError

    from mock_c06.bodies import validation_message

    try:
        return body.model_validate(sent)
    except ValidationError as error:
        member, detail = validation_message(error.errors()[0], sent)
        raise StartRefused(f"stdin: {member or what}: {detail}; {expected}") from error
