"""The same seed gives the same people, in any process and on any machine; little is kept."""

import hashlib
import json
import subprocess
import sys
import tracemalloc
from dataclasses import asdict
from datetime import date

import pytest

from mock_c06.generated.population import GeneratedPopulation
from mock_c06.generated.sampling import scattered_indexes
from mock_c06.people.model import Kin
from tests.kit.programs import MOCK_BARE, run_mock

MEBIBYTE = 1 << 20
MEMORY = """
import resource
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
from mock_c06.generated.population import GeneratedPopulation
from mock_c06.generated.sampling import scattered_indexes
generated = GeneratedPopulation(count=100_000_000, seed="7")
for place in scattered_indexes(3_000, generated):
    generated.find_by_key(generated.numbering.citizen_id(generated.cells.member_at(place)))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def digest(generated: GeneratedPopulation) -> str:
    people = [asdict(generated.person_at_index(place)) for place in scattered_indexes(200, generated)]
    return hashlib.sha256(json.dumps(people, default=str).encode()).hexdigest()[:16]


@pytest.mark.parametrize(
    ("count", "seed", "known"),
    [
        (1_000, "1", "c81df14457fa483b"),
        (1_000_000, "7", "ae557e49d0910b1e"),
        (100_000_000, "7", "73c516429c7dd607"),
    ],
)
def test_known_people_of_known_seeds_never_change(count: int, seed: str, known: str) -> None:
    assert digest(GeneratedPopulation(count=count, seed=seed)) == known


def test_a_known_number_of_a_known_seed_is_a_known_child(generated: GeneratedPopulation) -> None:
    child = generated.find_by_key("024222903211")
    assert child is not None
    assert (child.full_name, child.birth_date, child.ethnicity) == (
        "Quách Tuyền Kiệt",
        date(2022, 6, 28),
        "04",
    )
    assert child.mother == Kin(full_name="Trần Mỹ Lan", citizen_id="024197929960", id_card_number="897885388")


def test_processes_with_other_hash_seeds_agree_on_everybody() -> None:
    arguments = ("population", "sample", "--where", "age>80", "--count", "20", "--seed", "7", "--json")
    told = [run_mock(*arguments, PYTHONHASHSEED=seed).stdout for seed in ("0", "424242")]
    assert told[0] == told[1]
    assert len(json.loads(told[0])) == 20


def test_the_order_of_look_ups_changes_nobody(generated: GeneratedPopulation) -> None:
    places = list(scattered_indexes(100, generated))
    again = GeneratedPopulation(count=generated.count, seed="7")
    backwards = {place: again.person_at_index(place) for place in reversed(places)}
    assert [generated.person_at_index(place) for place in places] == [backwards[place] for place in places]


def test_a_population_of_a_hundred_million_keeps_under_a_hundred_mebibytes() -> None:
    tracemalloc.start()
    try:
        generated = GeneratedPopulation(count=100_000_000, seed="7")
        for place in scattered_indexes(500, generated):
            generated.person_at_index(place)
        kept, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept <= most < 50 * MEBIBYTE


def test_a_process_with_a_population_grows_by_under_a_hundred_mebibytes() -> None:
    told = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, env=MOCK_BARE, check=True, timeout=60
    )
    assert int(told.stdout) < 100
