"""Write a run as one file, and read it back: people, accounts, clock, plan, events, journal, answers as bytes.

The same run gives the same bytes. The file ends with a digest of the rest: a changed file is refused. Secrets of the
run's own accounts are included; they are synthetic.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from mock_c06.accounts.model import Account
from mock_c06.bodies import in_plain_words
from mock_c06.control.faults_web import plan_json
from mock_c06.control.journal_web import entry_json
from mock_c06.control.life_events import EVENT_KINDS, applied_event_json
from mock_c06.control.people_json import person_json
from mock_c06.errors import ControlError, RecordingTooLong, StartRefused
from mock_c06.faults.fault import FaultBody
from mock_c06.journal import Entry
from mock_c06.people.model import LifeStatus, Person
from mock_c06.runs.run import AppliedEvent, RecordedCall, Run, unpack
from mock_c06.runs.world import World
from mock_c06.wire.reply import Cut

FORMAT = "mock-c06-recording/2"
_ACCOUNT, _PERSON, _ENTRY = TypeAdapter(Account), TypeAdapter(Person), TypeAdapter(Entry)


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
        "accounts": [asdict(account) for account in run.accounts.values()],
        "world": [
            {"since": _instant(version.since), "person": _plain(person_json(version.person))}
            if version.person is not None
            else {"since": _instant(version.since), "removed": key}
            for key, version in run.world.versions()
        ],
        "events": [applied_event_json(each) | {"keys": list(each.keys)} for each in run.events],
        "switches": dict(run.switches),
        "plan": plan_json(run.faults.name, run.faults.planned()),
        "journal": [entry_json(entry, unmasked=True) for entry in run.journal.entries()],
        "calls": [_recorded_call_json(call) for call in run.recording.calls],
    }
    return content | {"sha256": _digest(content)}


def recording_text(recording: dict[str, Any]) -> str:
    """Write the file's text in one canonical form, so that the same run gives the same bytes."""
    return json.dumps(recording, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def parse_recording(text: bytes) -> dict[str, Any]:
    """Read a file's text; raises `StartRefused` if it is no recording, or was changed."""
    try:
        recording = json.loads(text)
        content = {name: value for name, value in recording.items() if name != "sha256"}
        known = recording["format"] == FORMAT
        is_whole = isinstance(recording["run"], str) and "population" in recording
        unchanged = recording["sha256"] == _digest(content)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StartRefused("not a recording of mock-c06: name a file that mock-c06 record wrote") from error
    if not known:
        raise StartRefused(f"a recording of another format, {FORMAT} is expected: record it again")
    if not unchanged:
        raise StartRefused("the recording was changed, its digest differs: record it again")
    if not is_whole:
        raise StartRefused("the recording lacks its run or its population")
    return dict(recording)


def restore(run: Run, recording: dict[str, Any]) -> list[RecordedCall]:
    """Restore an empty run, frozen at the recorded instant; return the recorded calls.

    The run has the recorded population already (commands/replay.py). Raises `StartRefused`.
    """
    with _reading("accounts"):
        accounts = [_ACCOUNT.validate_python(written) for written in recording["accounts"]]
        run.accounts.update({account.name: account for account in accounts})
    for position, version in enumerate(_list(recording, "world")):
        with _reading(f"world.{position}"):
            since = datetime.fromisoformat(version["since"])
            if "removed" in version:
                run.world.remove(version["removed"], since)
            else:
                run.world.put(_person(version["person"]), since)
    for position, each in enumerate(_list(recording, "events")):
        with _reading(f"events.{position}"):
            if each["kind"] not in EVENT_KINDS:
                raise ValueError
            at = datetime.fromisoformat(each["at"])
            applied = AppliedEvent(n=each["n"], kind=each["kind"], at=at, keys=tuple(each["keys"]))
            run.events.append(applied)
    with _reading("switches"):
        run.switches.update(recording["switches"])
    with _reading("plan"):
        bodies = [{name: fault[name] for name in _FAULT} for fault in recording["plan"]["faults"]]
        run.faults.put(recording["plan"]["name"], map(FaultBody.model_validate, bodies))
    with _reading("clock"):
        run.clock.freeze(datetime.fromisoformat(recording["clock"]["now"]))
    entries: dict[Any, Entry] = {}
    for position, entry in enumerate(_list(recording, "journal")):
        with _reading(f"journal.{position}"):
            entries[entry["n"]] = _entry(entry)
    calls: list[RecordedCall] = []
    for position, call in enumerate(_list(recording, "calls")):
        with _reading(f"calls.{position}"):
            calls.append(_recorded_call(call, entries[call["entry"]]))
            unpack(calls[-1].packed)
            unpack(calls[-1].request)
    return calls


def _list(recording: dict[str, Any], member: str) -> list[Any]:
    found = recording.get(member)
    if not isinstance(found, list):
        raise StartRefused(f"the recording's {member} cannot be read: a list is expected")
    return found


@contextmanager
def _reading(member: str) -> Iterator[None]:
    """Refuse a member that cannot be read, by its name and that of the inner one, never with a value."""
    try:
        yield
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        inner, complaint = ".".join(map(str, first["loc"])), in_plain_words(first)
        raise StartRefused(f"the recording's {member} cannot be read: {inner}: {complaint}") from error
    except KeyError as error:
        raise StartRefused(f"the recording's {member} cannot be read: {error.args[0]} is missing") from error
    except (ValueError, TypeError, AttributeError, ControlError, zlib.error) as error:
        raise StartRefused(f"the recording's {member} cannot be read") from error


_FAULT = tuple(field.alias or name for name, field in FaultBody.model_fields.items())


def _digest(content: dict[str, Any]) -> str:
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _population(world: World) -> dict[str, Any] | None:
    """Write count and seed of the generated population, which give the same people again."""
    generated = world.generated
    return {"count": generated.count, "seed": generated.seed} if generated is not None else None


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat() if instant.year > 1 else instant.isoformat()


def _plain(person: dict[str, Any]) -> dict[str, Any]:
    born = person["birth_date"]
    return person | {"birth_date": born.isoformat() if born is not None else None}


def _person(written: dict[str, Any]) -> Person:
    status = LifeStatus[written["status"].upper()]
    values = {name: written[name] for name in Person.__dataclass_fields__} | {"status": status}
    return _PERSON.validate_python(values)


def _entry(written: dict[str, Any]) -> Entry:
    # The observation is for the report card alone: it is not recorded, and a replay's card says so.
    known = set(Entry.__dataclass_fields__) - {"observation"}
    values = {name: written[name] for name in known if name in written}
    return _ENTRY.validate_python(values | {"subject": written["masked_subject"]})


def _recorded_call_json(call: RecordedCall) -> dict[str, Any]:
    written = asdict(call) | {
        "headers": [list(pair) for pair in call.headers],
        "packed": base64.b64encode(call.packed).decode(),
        "request": base64.b64encode(call.request).decode(),
        "cut": call.cut.value if call.cut is not None else None,
        "entry": call.entry.n,
    }
    return dict(written)


def _recorded_call(written: dict[str, Any], entry: Entry) -> RecordedCall:
    if not isinstance(written["key"], str):
        raise TypeError
    changed = {
        "headers": tuple((name, value) for name, value in written["headers"]),
        "packed": base64.b64decode(written["packed"], validate=True),
        "request": base64.b64decode(written.get("request", ""), validate=True),
        "cut": Cut(written["cut"]) if written["cut"] is not None else None,
        "entry": entry,
    }
    return RecordedCall(**written | changed)
