"""The same seed gives the same people, in any process and on any machine; little is kept."""

import hashlib
import json
import subprocess
import sys
import tracemalloc
from dataclasses import asdict
from datetime import date

import pytest

from mock_c06.nation.nation import Nation
from mock_c06.nation.sampling import scatter
from mock_c06.population.model import Kin
from tests.mock_c06.programs import BARE, run

MEBIBYTE = 1 << 20
MEMORY = """
import resource
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
from mock_c06.nation.nation import Nation
from mock_c06.nation.sampling import scatter
nation = Nation(count=100_000_000, seed="7")
for place in scatter(3_000, nation):
    nation.find_by_key(nation.numbering.citizen_id(nation.cells.member_at(place)))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def digest(nation: Nation) -> str:
    people = [asdict(nation.person_at(place)) for place in scatter(200, nation)]
    return hashlib.sha256(json.dumps(people, default=str).encode()).hexdigest()[:16]


@pytest.mark.parametrize(
    ("count", "seed", "known"),
    [
        (1_000, "1", "79a4ba35dca28d40"),
        (1_000_000, "7", "c4602bd9c4dd267c"),
        (100_000_000, "7", "9433ca3116deb731"),
    ],
)
def test_known_people_of_known_seeds_never_change(count: int, seed: str, known: str) -> None:
    assert digest(Nation(count=count, seed=seed)) == known


def test_a_known_number_of_a_known_seed_is_a_known_child(nation: Nation) -> None:
    child = nation.find_by_key("012220925795")
    assert child is not None
    assert (child.full_name, child.birth_date, child.ethnicity) == ("Lỳ Go Ché", date(2020, 7, 10), "35")
    assert child.mother == Kin(full_name="Sừng Mừ Mé", citizen_id="012194952989", id_card_number="835413858")


def test_processes_with_other_hash_seeds_agree_on_everybody() -> None:
    arguments = ("population", "sample", "--where", "age>80", "--count", "20", "--seed", "7", "--json")
    told = [run(*arguments, PYTHONHASHSEED=seed).stdout for seed in ("0", "424242")]
    assert told[0] == told[1]
    assert len(json.loads(told[0])) == 20


def test_the_order_of_look_ups_changes_nobody(nation: Nation) -> None:
    places = list(scatter(100, nation))
    again = Nation(count=nation.count, seed="7")
    backwards = {place: again.person_at(place) for place in reversed(places)}
    assert [nation.person_at(place) for place in places] == [backwards[place] for place in places]


def test_a_nation_of_a_hundred_million_keeps_under_a_hundred_mebibytes() -> None:
    tracemalloc.start()
    try:
        nation = Nation(count=100_000_000, seed="7")
        for place in scatter(500, nation):
            nation.person_at(place)
        kept, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept <= most < 50 * MEBIBYTE


def test_a_process_with_a_nation_grows_by_under_a_hundred_mebibytes() -> None:
    told = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, env=BARE, check=True, timeout=60
    )
    assert int(told.stdout) < 100
