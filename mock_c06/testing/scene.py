"""The fixture `c06`: one run of the mock, with its people, faults, events, clock, accounts, journal and report card."""

import base64
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

import httpx

from mock_c06.clock import Clock, SystemClock
from mock_c06.login.reasons import digest
from mock_c06.testing.journal import JournalOfRun
from mock_c06.testing.people import KnownPerson, PersonOrNumber, number_of, read_person
from mock_c06.testing.targets import Control, ControlRefused, Target, Transport


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientAccount:
    """An account of the mock. Every member that `mock-c06 accounts --json` shows is read as `account["secret"]`."""

    members: Mapping[str, Any] = field(repr=False)
    wall: Clock = field(repr=False)

    def __getitem__(self, member: str) -> Any:
        return self.members[member]

    def login(self, url: str) -> dict[str, str]:
        """Return the two headers that log in to this address: the absolute URL of the call, without query."""
        timestamp = str(round(self.wall.now().timestamp() * 1000))
        user, secret = self["user"], self["secret"]
        password = digest(url=url, user=user, timestamp=timestamp, secret=secret)
        written = base64.b64encode(f"{user}:{password}".encode()).decode()
        return {"Authorization": f"Basic {written}", "Timestamp": timestamp}


@dataclass(frozen=True, slots=True)
class ClockOfRun:
    """The registry's time in this run. Timestamps of a login always follow the wall clock."""

    _control: Control

    def freeze(self, instant: str | datetime) -> datetime:
        """Freeze the clock at an instant, which has an offset."""
        return self._set({"freeze": _written(instant)})

    def jump(self, instant: str | datetime) -> datetime:
        """Set the clock to an instant, which has an offset; it runs on from there."""
        return self._set({"jump": _written(instant)})

    def advance(self, by: float | timedelta) -> datetime:
        """Move the clock ahead by seconds, frozen or not."""
        return self._set({"advance_s": _seconds(by)})

    def tick(self, by: float | timedelta) -> datetime:
        """Move the clock by so many seconds with each call at the registry faces, frozen or not; 0 ends it."""
        return self._set({"tick_s": _seconds(by)})

    def release(self) -> datetime:
        """Follow the wall clock again."""
        return self._set({"release": True})

    def now(self) -> datetime:
        """Return the run's instant."""
        return datetime.fromisoformat(self._control.of_run("GET", "/clock")["now"])

    def _set(self, body: Mapping[str, Any]) -> datetime:
        return datetime.fromisoformat(self._control.of_run("POST", "/clock", json=body)["now"])


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """A fault of the run's plan."""

    id: str
    _control: Control

    def state(self) -> dict[str, Any]:
        """Return the fault with its counts: `calls` that it concerned, `hits`, `times_left`."""
        planned: list[dict[str, Any]] = self._control.of_run("GET", "/faults")["faults"]
        return next(each for each in planned if each["id"] == self.id)

    def drop(self) -> None:
        """Delete the fault."""
        self._control.of_run("DELETE", f"/faults/{self.id}")


@dataclass(frozen=True, slots=True, kw_only=True)
class C06:
    """The registry of one test. Every method is synchronous, and may be called in an asynchronous test."""

    run: str
    _target: Target = field(repr=False)
    _control: Control = field(repr=False)
    _wall: Clock = field(repr=False)

    def url(self, environment: str = "test") -> str:
        """Return the base address of this run's registry: `{url}/{operation}`, `{url}/soap`, `{url}/token`."""
        address = self._target.addresses.get(environment)
        if address is None:
            raise ControlRefused(f"no address of the environment {environment}: give --c06-{environment}-url")
        return f"{address}/r/{self.run}"

    def transport(self) -> Transport:
        """Return a transport to both environments, for `httpx.Client` and `httpx.AsyncClient` alike."""
        return self._target.new_transport()

    def client(self, environment: str = "test") -> httpx.Client:
        """Return a client whose addresses are relative to this run; the caller closes it."""
        return httpx.Client(transport=self.transport(), base_url=self.url(environment))

    def async_client(self, environment: str = "test") -> httpx.AsyncClient:
        """Return an asynchronous client whose addresses are relative to this run; the caller closes it."""
        return httpx.AsyncClient(transport=self.transport(), base_url=self.url(environment))

    def account(self, name: str = "dvctt-hanoi") -> ClientAccount:
        """Return an account that C06 issued, with its secrets: they are synthetic."""
        return ClientAccount(members=self._control.of_run("GET", f"/accounts/{name}"), wall=self._wall)

    def issue(self, name: str, **members: Any) -> ClientAccount:
        """Make an account that this run alone knows, by the members of `POST /runs/{run}/accounts`.

        It hides an account of all runs with the same name.
        """
        made = self._control.of_run("POST", "/accounts", json={"name": name, **members})
        return ClientAccount(members=made, wall=self._wall)

    def switch(self, **names: bool) -> None:
        """Set exactly these switches for every account of the run: other forms of C06 (`mock-c06 parity`)."""
        self._control.of_run("PUT", "/switches", json=names)

    def person(self, slug: str) -> KnownPerson:
        """Return a person of the catalogue (`mock-c06 personas`)."""
        people = self._control.call("GET", "/personas")
        for written in people:
            if written["slug"] == slug:
                return read_person(written)
        near = get_close_matches(slug, [each["slug"] for each in people], cutoff=0.4)
        meant = f"; is one of these meant: {', '.join(near)}?" if near else ""
        raise ControlRefused(f"no person {slug}: mock-c06 personas lists all{meant}")

    def put_person(self, **members: Any) -> KnownPerson:
        """Add a person to this run, or change one, by the members of `PUT /runs/{run}/world`."""
        put = self._control.of_run("PUT", "/world", json={"people": [members]})["people"]
        return read_person(put[0])

    def fault(self, kind: str, **members: Any) -> PlannedFault:
        """Plan a fault, with the members of docs/mock-faults.md; `person` narrows to one person."""
        if (person := members.pop("person", None)) is not None:
            members["citizen_id"] = number_of(person)
        # `from` is a keyword of Python, so it may be written `from_`.
        named = {name.removesuffix("_"): _written(value) for name, value in members.items()}
        planned = self._control.of_run("POST", "/faults", json={"kind": kind, **named})
        return PlannedFault(planned["id"], self._control)

    def event(self, kind: str, person: PersonOrNumber, **members: Any) -> dict[str, Any]:
        """Apply a life event: `death`, `marriage`, `move`, …; the answer has the people it changed."""
        written = {name: _written(value) for name, value in members.items()}
        number = number_of(person)
        body = {"kind": kind, "citizen_id" if len(number) == 12 else "id_card_number": number, **written}
        happened: dict[str, Any] = self._control.of_run("POST", "/events", json=body)
        return happened

    @property
    def clock(self) -> ClockOfRun:
        """The run's clock."""
        return ClockOfRun(self._control)

    @property
    def journal(self) -> JournalOfRun:
        """The calls of this run."""
        return JournalOfRun(self._control)

    def report(self) -> dict[str, Any]:
        """Return the report card of the client that asked in this run."""
        card: dict[str, Any] = self._control.of_run("GET", "/report")
        return card


@contextmanager
def open_scene(target: Target, *, wall: Clock | None = None) -> Iterator[C06]:
    """Create a run, and delete it at the end."""
    control = Control(target.control, f"test-{secrets.token_hex(8)}")
    control.call("POST", "/runs", json={"name": control.run})
    try:
        yield C06(run=control.run, _target=target, _control=control, _wall=wall or SystemClock())
    finally:
        control.of_run("DELETE", "")


def _seconds(by: float | timedelta) -> float:
    return by.total_seconds() if isinstance(by, timedelta) else by


def _written(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case KnownPerson():
            return value.number
    return value
