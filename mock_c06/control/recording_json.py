"""A run as one file: people, accounts, clock, plan, events, journal, and every answer as bytes; and back.

The same run gives the same bytes. The file ends with a digest of the rest: a file that was changed is refused.
"""

import base64
import hashlib
import json
import zlib
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any

from mock_c06.control.event_json import happened_json
from mock_c06.control.fault_json import FaultBody, plan_json
from mock_c06.control.journal_json import entry_json
from mock_c06.control.people_json import person_json
from mock_c06.control.recorded_accounts import parse_account, recorded_account
from mock_c06.errors import RecordingTooLong, StartRefused
from mock_c06.population.model import Address, Kin, LifeStatus, Person
from mock_c06.runs.faults import Cut
from mock_c06.runs.journal import Asked, Entry, Outcome
from mock_c06.runs.life import EventKind, Happened
from mock_c06.runs.recording import Kept
from mock_c06.runs.run import Run
from mock_c06.runs.world import World

FORMAT = "mock-c06-recording/2"


def recording_json(run: Run) -> dict[str, Any]:
    """Write the run; raises `RecordingTooLong`."""
    if not run.recording.is_whole:
        raise RecordingTooLong(run.name)
    content = {
        "format": FORMAT,
        "test_data": True,
        "run": run.name,
        "clock": {"now": _instant(run.clock.now()), "frozen": run.clock.is_frozen},
        "population": _population(run.world),
        "accounts": [recorded_account(account) for account in run.accounts.values()],
        "world": [
            {"since": _instant(version.since), "person": _plain(person_json(version.person))}
            for version in run.world.versions()
        ],
        "events": [happened_json(each) | {"keys": list(each.keys)} for each in run.events],
        "switches": dict(run.switches),
        "plan": plan_json(run.faults.name, run.faults.planned()),
        "journal": [entry_json(entry, unmasked=True) for entry in run.journal.entries()],
        "calls": [_kept_json(call) for call in run.recording.calls],
    }
    return content | {"sha256": _digest(content)}


def recording_text(recording: dict[str, Any]) -> str:
    """Write the file's text: one way to write it, so that the same run is the same bytes."""
    return json.dumps(recording, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def parse_recording(text: bytes) -> dict[str, Any]:
    """Read a file's text; raises `StartRefused` where it is no recording, or not as it was written."""
    try:
        recording = json.loads(text)
        content = {name: value for name, value in recording.items() if name != "sha256"}
        known = recording["format"] == FORMAT
        unchanged = recording["sha256"] == _digest(content)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StartRefused("not a recording of mock-c06") from error
    if not known:
        raise StartRefused(f"a recording of another form: expected {FORMAT}")
    if not unchanged:
        raise StartRefused("the recording is not as it was written: its digest differs")
    return dict(recording)


def restore(run: Run, recording: dict[str, Any]) -> list[Kept]:
    """Put all but the calls into an empty run, which stands still at the recorded now; give the calls.

    The run lies over the recorded population already (recording/replaying.py). Raises `StartRefused`.
    """
    try:
        accounts = [parse_account(written) for written in recording["accounts"]]
    except (KeyError, TypeError, ValueError) as error:
        raise StartRefused("the recording's accounts can't be read") from error
    run.accounts.update({account.name: account for account in accounts})
    for version in recording["world"]:
        run.world.put(_person(version["person"]), datetime.fromisoformat(version["since"]))
    for each in recording["events"]:
        at = datetime.fromisoformat(each["at"])
        happened = Happened(n=each["n"], kind=EventKind(each["kind"]), at=at, keys=tuple(each["keys"]))
        run.events.append(happened)
    run.switches.update(recording["switches"])
    bodies = [{name: fault[name] for name in _FAULT} for fault in recording["plan"]["faults"]]
    faults = [FaultBody.model_validate(body).make() for body in bodies]
    run.faults.put(recording["plan"]["name"], faults)
    run.clock.freeze(datetime.fromisoformat(recording["clock"]["now"]))
    entries = {entry["n"]: _entry(entry) for entry in recording["journal"]}
    try:
        return [_kept(call, entries[call["entry"]]) for call in recording["calls"]]
    except (ValueError, KeyError, zlib.error) as error:
        raise StartRefused("the recording's calls can't be read") from error


_FAULT = tuple(field.alias or name for name, field in FaultBody.model_fields.items())


def _digest(content: dict[str, Any]) -> str:
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _population(world: World) -> dict[str, Any] | None:
    """Write what the generated people are computed from: they themselves need not be written."""
    beyond = world.beyond
    return {"count": beyond.count, "seed": beyond.seed} if beyond is not None else None


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat() if instant.year > 1 else instant.isoformat()


def _plain(person: dict[str, Any]) -> dict[str, Any]:
    born = person["birth_date"]
    return person | {"birth_date": born.isoformat() if born is not None else None}


def _person(written: dict[str, Any]) -> Person:
    values = {name: written[name] for name in Person.__dataclass_fields__}
    born = values["birth_date"]
    values["birth_date"] = date.fromisoformat(born) if born is not None else None
    values["status"] = LifeStatus[written["status"].upper()]
    for name, kind in _PARTS.items():
        values[name] = kind(**values[name]) if values[name] is not None else None
    return Person(**values)


_PARTS: dict[str, type[Address] | type[Kin]] = {
    **dict.fromkeys(
        ("birth_registration_place", "native_place", "permanent_residence", "current_residence"), Address
    ),
    **dict.fromkeys(("father", "mother", "spouse", "representative"), Kin),
}


def _entry(written: dict[str, Any]) -> Entry:
    asked = Asked(**written["asked"]) if written["asked"] is not None else None
    subject = written["masked_subject"]
    # `seen` is for the report card alone: it is not recorded, and a replay's card says so.
    values = {name: written[name] for name in Entry.__dataclass_fields__ if name != "seen"}
    return Entry(**values | {"asked": asked, "subject": subject, "outcome": Outcome(written["outcome"])})


def _kept_json(call: Kept) -> dict[str, Any]:
    written = asdict(call) | {
        "headers": [list(pair) for pair in call.headers],
        "packed": base64.b64encode(call.packed).decode(),
        "cut": call.cut.value if call.cut is not None else None,
        "entry": call.entry.n,
    }
    return dict(written)


def _kept(written: dict[str, Any], entry: Entry) -> Kept:
    changed = {
        "headers": tuple((name, value) for name, value in written["headers"]),
        "packed": base64.b64decode(written["packed"], validate=True),
        "cut": Cut(written["cut"]) if written["cut"] is not None else None,
        "entry": entry,
    }
    return Kept(**written | changed)
