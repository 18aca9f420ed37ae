"""`population sample`, `selfcheck` and `serve --population` as their users meet them."""

import json

import httpx
import pytest

from tests.kit.programs import run_mock, run_mock_here, serving_mock


def test_a_sample_is_an_array_in_the_catalogues_shape() -> None:
    told = run_mock_here(
        "population", "sample", "--where", "age>80", "--count", "50", "--json", "--population", "100000"
    )
    people = json.loads(told.stdout)
    catalogue = json.loads(run_mock_here("personas", "--json").stdout)
    assert told.returncode == 0
    assert len({person["citizen_id"] for person in people}) == 50
    assert {tuple(person) for person in people} == {tuple(person) for person in catalogue}
    assert all("900000" <= person["citizen_id"][6:] <= "999999" for person in people)
    assert all(person["birth_year"] <= 1945 for person in people)


def test_a_sample_without_json_is_a_table_of_one_line_a_person() -> None:
    told = run_mock_here("population", "sample", "--count", "200", "--population", "5000").stdout.decode()
    assert len(told.splitlines()) == 200
    assert max(len(line) for line in told.splitlines()) <= 80


def test_a_condition_that_cannot_be_read_is_wrong_usage_and_names_the_fields() -> None:
    told = run_mock_here("population", "sample", "--where", "height>170")
    assert told.returncode == 2
    assert b"has_id_card" in told.stderr
    assert b"Traceback" not in told.stderr


def test_too_few_people_are_printed_and_end_in_one_line_and_exit_one() -> None:
    told = run_mock_here("population", "sample", "--where", "age>130", "--population", "1000", "--json")
    assert (told.returncode, json.loads(told.stdout)) == (1, [])
    assert told.stderr.decode().startswith("mock-c06: only 0 of 10 found among 1000")


def test_a_report_is_printed_in_eighty_columns_with_its_sources() -> None:
    told = run_mock_here("population", "report", "--population", "3000", "--seed", "7").stdout.decode()
    assert "population 3000, seed 7: all 3000 records read," in told
    assert "boys per 100 girls, ages 0 to 4" in told
    assert "Tổng điều tra dân số và nhà ở năm 2019" in told
    assert max(len(line) for line in told.splitlines()) <= 80


def test_processes_with_other_hash_seeds_print_the_same_report_in_each_form() -> None:
    for form in ("json", "svg", "html"):
        arguments = ("population", "report", "--population", "1000", "--format", form)
        told = [run_mock(*arguments, PYTHONHASHSEED=seed).stdout for seed in ("0", "424242")]
        assert told[0] == told[1]
        assert told[0].startswith({"json": b"{", "svg": b"<svg ", "html": b"<!doctype html>"}[form])


def test_a_form_of_the_report_that_is_none_is_wrong_usage() -> None:
    assert run_mock_here("population", "report", "--format", "pdf").returncode == 2


def test_selfcheck_looks_at_everybody_of_a_small_population() -> None:
    told = run_mock_here("selfcheck", "--population", "500", "--seed", "7").stdout.decode()
    assert told.startswith("population: all 500 records")
    assert told.endswith("and 500 generated, 0 complaints\n")


def test_selfcheck_as_json_has_the_counts_of_the_text_and_the_complaints() -> None:
    told = json.loads(run_mock_here("selfcheck", "--population", "500", "--seed", "7", "--json").stdout)
    assert (told["population"], told["records"], told["complaints"]) == (500, 500, [])
    assert told["checks"][0] == {
        "rule": "each number finds its record", "looked_at": "records", "count": 500
    }  # fmt: skip
    text = run_mock_here("selfcheck", "--population", "500", "--seed", "7").stdout.decode()
    assert f"{told['people']} people and 500 generated" in text
    assert all(f"{each['count']} {each['looked_at']}" in " ".join(text.split()) for each in told["checks"])


def test_explain_knows_the_generated_people_of_its_seed() -> None:
    place = ("--population", "5000", "--seed", "7")
    sampled = run_mock_here(
        "population", "sample", "--where", "not year_only", "--count", "1", "--json", *place
    )
    (person,) = json.loads(sampled.stdout)
    claim = {name: person[name] for name in ("citizen_id", "full_name", "birth_date")}
    told = run_mock_here("explain", "--json", *place, stdin=json.dumps(claim))
    assert json.loads(told.stdout)["differs"] == []
    assert json.loads(run_mock_here("explain", "--json", stdin=json.dumps(claim)).stdout)["differs"] == [
        "number"
    ]


@pytest.mark.parametrize("population", ["-1", "105000001", "many"])
def test_a_population_that_cannot_be_is_wrong_usage(population: str) -> None:
    assert run_mock("serve", "--population", population).returncode == 2


@pytest.mark.sockets
def test_a_served_population_starts_and_knows_the_catalogue_as_before() -> None:
    with serving_mock("--population", "100000000", "--seed", "7") as served:
        headers = {"Authorization": f"Bearer {served.token}"}
        with httpx.Client(base_url=served.control, headers=headers) as control:
            assert control.get("/personas").json()[0]["full_name"] == "Nguyễn Văn An"
