"""What the fixture `c06` is: one run of the mock, with its people, faults, events, clock, journal and report card."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

import httpx

from mock_c06.clock import Clock, SystemClock
from mock_c06.testing.asked import JournalOfRun
from mock_c06.testing.control import Control, ControlRefused
from mock_c06.testing.login import Account
from mock_c06.testing.people import Person, Somebody, number_of, read_person
from mock_c06.testing.places import Place, Transport


@dataclass(frozen=True, slots=True)
class ClockOfRun:
    """The run's clock: what time the registry believes it is. Timestamps of a login follow the wall all the same."""

    _control: Control

    def freeze(self, instant: str | datetime) -> datetime:
        """Stand still at an instant, which has an offset."""
        return self._set({"freeze": _written(instant)})

    def jump(self, instant: str | datetime) -> datetime:
        """Be at an instant, which has an offset, and run on from there."""
        return self._set({"jump": _written(instant)})

    def advance(self, by: float | timedelta) -> datetime:
        """Jump ahead by seconds, frozen or not."""
        return self._set({"advance_s": _seconds(by)})

    def tick(self, by: float | timedelta) -> datetime:
        """Move by so many seconds with each call at the registry's door, frozen or not; 0 ends it."""
        return self._set({"tick_s": _seconds(by)})

    def release(self) -> datetime:
        """Go by the wall again."""
        return self._set({"release": True})

    def now(self) -> datetime:
        """Return the run's instant."""
        return self.advance(0)

    def _set(self, body: Mapping[str, Any]) -> datetime:
        return datetime.fromisoformat(self._control.of_run("POST", "/clock", json=body)["now"])


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """A fault of the run's plan."""

    id: str
    _control: Control

    def state(self) -> dict[str, Any]:
        """Give it with its counts: `calls` it was about, `hits`, `times_left`."""
        planned: list[dict[str, Any]] = self._control.of_run("GET", "/faults")["faults"]
        return next(each for each in planned if each["id"] == self.id)

    def drop(self) -> None:
        """Forget it."""
        self._control.of_run("DELETE", f"/faults/{self.id}")


@dataclass(frozen=True, slots=True, kw_only=True)
class C06:
    """A registry of one test's own. Every method is synchronous, and may be called in an asynchronous test."""

    run: str
    _place: Place = field(repr=False)
    _control: Control = field(repr=False)
    _wall: Clock = field(repr=False)

    def url(self, environment: str = "test") -> str:
        """Give the base address of this run's registry: `{url}/{operation}`, `{url}/soap`, `{url}/token`."""
        address = self._place.addresses.get(environment)
        if address is None:
            raise ControlRefused(f"no address of the environment {environment}: give --c06-{environment}-url")
        return f"{address}/r/{self.run}"

    def transport(self) -> Transport:
        """Give a transport to both environments, for `httpx.Client` and `httpx.AsyncClient` alike."""
        return self._place.new_transport()

    def client(self, environment: str = "test") -> httpx.Client:
        """Give a client whose addresses are relative to this run; the caller closes it."""
        return httpx.Client(transport=self.transport(), base_url=self.url(environment))

    def async_client(self, environment: str = "test") -> httpx.AsyncClient:
        """Give the same for asynchronous code."""
        return httpx.AsyncClient(transport=self.transport(), base_url=self.url(environment))

    def account(self, name: str = "dvctt-hanoi") -> Account:
        """Give an account that C06 issued, with its secrets: they are synthetic."""
        return Account(members=self._control.of_run("GET", f"/accounts/{name}"), wall=self._wall)

    def issue(self, name: str, **members: Any) -> Account:
        """Make an account that this run alone knows, by the members of `POST /runs/{run}/accounts`.

        One that all runs have by that name is hidden in this run.
        """
        made = self._control.of_run("POST", "/accounts", json={"name": name, **members})
        return Account(members=made, wall=self._wall)

    def switch(self, **names: bool) -> None:
        """Set exactly these switches over every account of the run: other readings of C06 (`mock-c06 parity`)."""
        self._control.of_run("PUT", "/switches", json=names)

    def person(self, slug: str) -> Person:
        """Give a person of the catalogue (`mock-c06 personas`)."""
        people = self._control.call("GET", "/personas")
        for written in people:
            if written["slug"] == slug:
                return read_person(written)
        near = get_close_matches(slug, [each["slug"] for each in people], cutoff=0.4)
        raise ControlRefused(
            f"no person {slug}: near are {', '.join(near) or 'none'} (mock-c06 personas lists all)"
        )

    def put_person(self, **members: Any) -> Person:
        """Add a person to this run, or change one, by the members of `PUT /runs/{run}/world`."""
        put = self._control.of_run("PUT", "/world", json={"people": [members]})["people"]
        return read_person(put[0])

    def fault(self, kind: str, **members: Any) -> PlannedFault:
        """Plan a misbehaviour, by the members of docs/mock-faults.md; `person` narrows to one person."""
        if (person := members.pop("person", None)) is not None:
            members["citizen_id"] = number_of(person)
        # `from` is a word of the language, so that it may be written `from_`.
        named = {name.removesuffix("_"): _written(value) for name, value in members.items()}
        planned = self._control.of_run("POST", "/faults", json={"kind": kind, **named})
        return PlannedFault(planned["id"], self._control)

    def event(self, kind: str, person: Somebody, **members: Any) -> dict[str, Any]:
        """Let a life event happen: `death`, `marriage`, `move`, …; the answer names the people it changed."""
        written = {name: _written(value) for name, value in members.items()}
        body = {"kind": kind, "citizen_id": number_of(person), **written}
        happened: dict[str, Any] = self._control.of_run("POST", "/events", json=body)
        return happened

    @property
    def clock(self) -> ClockOfRun:
        """The run's clock."""
        return ClockOfRun(self._control)

    @property
    def journal(self) -> JournalOfRun:
        """What was asked in this run."""
        return JournalOfRun(self._control)

    def report(self) -> dict[str, Any]:
        """Give the report card of the client that asked in this run."""
        card: dict[str, Any] = self._control.of_run("GET", "/report")
        return card


@contextmanager
def open_scene(place: Place, *, wall: Clock | None = None) -> Iterator[C06]:
    """Make a run, and forget it at the end."""
    control = Control(place.control, f"test-{secrets.token_hex(8)}")
    control.call("POST", "/runs", json={"name": control.run})
    try:
        yield C06(run=control.run, _place=place, _control=control, _wall=wall or SystemClock())
    finally:
        control.of_run("DELETE", "")


def _seconds(by: float | timedelta) -> float:
    return by.total_seconds() if isinstance(by, timedelta) else by


def _written(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case Person():
            return value.number
    return value
