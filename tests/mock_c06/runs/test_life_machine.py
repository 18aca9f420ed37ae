"""Any order of life events in several runs: what must hold of families, numbers and runs holds after each step."""

from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule
from pydantic import TypeAdapter

from mock_c06.control.life_events import EventBody
from mock_c06.errors import EventRefused, PersonUnknown
from mock_c06.people.model import LifeStatus, Person, person_key
from mock_c06.people.personas import load_personas
from mock_c06.runs.run import Run, Runs
from mock_c06.runs.world import PeopleIndex
from tests.kit.clocks import StillClock

PEOPLE = [persona.person for persona in load_personas() if persona.theme in {"family", "households"}]
BASE = PeopleIndex(PEOPLE)
START = datetime(2026, 11, 24, tzinfo=UTC)
NAMES = ("one", "two")
EVENT: TypeAdapter[EventBody] = TypeAdapter(EventBody)


class LifeInRuns(RuleBasedStateMachine):
    """Two runs over one base; each event is let happen or refused, and a refusal changes nothing."""

    people = Bundle("people")

    def __init__(self) -> None:
        super().__init__()
        self.clock = StillClock(START)
        self.runs = Runs(base=BASE, clock=self.clock)
        for name in NAMES:
            self.runs.create(name)

    @initialize(target=people)
    def know_the_catalogue(self) -> object:
        return multiple(*(person.citizen_id for person in PEOPLE if person.citizen_id))

    def _try(self, name: str, kind: str, **members: object) -> tuple[Person, ...]:
        run = self.runs.get(name)
        others = {each: self.runs.get(each).world.everybody() for each in NAMES if each != name}
        before = run.world.everybody()
        try:
            happened, people = EVENT.validate_python({"kind": kind, **members}).apply(run)
        except (EventRefused, PersonUnknown):
            assert run.world.everybody() == before
            people = ()
        else:
            assert happened.at == run.clock.now()
            keys = {person_key(person) for person in people}
            # The members of a dead head's household who only get another relation are not in the feed of changes.
            assert set(happened.keys) <= keys if kind == "death" else set(happened.keys) == keys
        assert others == {each: self.runs.get(each).world.everybody() for each in others}
        return people

    @rule(run=st.sampled_from(NAMES), who=people)
    def die(self, run: str, who: str) -> None:
        self._try(run, "death", citizen_id=who)

    @rule(run=st.sampled_from(NAMES), one=people, other=people)
    def marry(self, run: str, one: str, other: str) -> None:
        self._try(run, "marriage", citizen_id=one, spouse_id=other)

    @rule(run=st.sampled_from(NAMES), who=people)
    def divorce(self, run: str, who: str) -> None:
        self._try(run, "divorce", citizen_id=who)

    @rule(run=st.sampled_from(NAMES), who=people, whole=st.booleans())
    def move(self, run: str, who: str, whole: bool) -> None:
        self._try(run, "move", citizen_id=who, to={"ward_code": "00001"}, whole_household=whole)

    @rule(run=st.sampled_from(NAMES), who=people, name=st.sampled_from(["Lê Sửa", "Trần Đổi"]))
    def correct(self, run: str, who: str, name: str) -> None:
        self._try(run, "name_correction", citizen_id=who, full_name=name)

    @rule(target=people, run=st.sampled_from(NAMES), who=people)
    def renumber(self, run: str, who: str) -> object:
        return multiple(*(p.citizen_id for p in self._try(run, "renumbered", citizen_id=who)[1:2]))

    @rule(target=people, run=st.sampled_from(NAMES), who=people, gender=st.sampled_from(["1", "2"]))
    def register_birth(self, run: str, who: str, gender: str) -> object:
        born = self._try(run, "birth", citizen_id=who, full_name="Bé", gender=gender)
        return multiple(*(child.citizen_id for child in born))

    @rule(years=st.integers(1, 20))
    def let_years_pass(self, years: int) -> None:
        self.clock.advance(years * 365 * 86400)

    @rule(run=st.sampled_from(NAMES))
    def drop_and_create(self, run: str) -> None:
        self.runs.drop(run)
        assert self.runs.create(run).world.everybody() == BASE.everybody()

    @invariant()
    def the_base_is_never_written(self) -> None:
        assert BASE.everybody() == tuple(PEOPLE)

    @invariant()
    def marriages_have_two_sides_of_the_living(self) -> None:
        for run in self._each_run():
            for person in run.world.everybody():
                if person.spouse is None or person.status is not LifeStatus.LIVING:
                    continue
                spouse = run.world.find_by_key(person.spouse.citizen_id or "")
                if spouse is None:
                    continue
                assert spouse.spouse is not None
                assert spouse.spouse.citizen_id == person.citizen_id
                assert (person.marital_status, spouse.status) == ("2", LifeStatus.LIVING)

    @invariant()
    def a_number_is_one_persons_and_households_have_no_cancelled_ones(self) -> None:
        for run in self._each_run():
            people = run.world.everybody()
            numbers = [person.citizen_id for person in people if person.citizen_id]
            assert len(numbers) == len(set(numbers))
            for person in people:
                for member in run.world.household(person.household) if person.household else ():
                    assert member.status is not LifeStatus.CANCELLED

    @invariant()
    def the_past_stays_as_it_was(self) -> None:
        for run in self._each_run():
            run.clock.freeze(START - timedelta(days=1))
            assert run.world.everybody() == tuple(PEOPLE)
            run.clock.release()

    def _each_run(self) -> list[Run]:
        return [self.runs.get(name) for name in NAMES]


TestLifeInRuns = LifeInRuns.TestCase
TestLifeInRuns.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
