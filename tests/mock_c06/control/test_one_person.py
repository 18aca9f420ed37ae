"""People at the control face one at a time, found by conditions, and from a CSV file; the clock; accounts of a run."""

import time
from collections.abc import AsyncIterator

import httpx
import pytest

from mock_c06.app import build_mock
from mock_c06.generated.population import GeneratedPopulation
from mock_c06.settings import Settings
from tests.kit.clocks import StillClock
from tests.mock_c06.callers import SoapPortal
from tests.mock_c06.conftest import CONTROL_TOKEN

PEOPLE = "/runs/default/world/people"
AN, YES, NO = "001090000123", "<SoLuongCongDan>1<", "<SoLuongCongDan>0<"
CSV = (
    "\ufeffcitizen_id,full_name,birth_date,birth_year,gender,alive,permanent_residence.province_code,father.full_name\n"
    "001090000777,Nguyễn Văn Thử,1990-02-03,,male,,01,Nguyễn Văn Cha\n"
    '001190000778,"Lê, Thị Thử",,1990,female,false,,\n'
)


@pytest.fixture
async def populous(clock: StillClock) -> AsyncIterator[httpx.AsyncClient]:
    """A control face over a mock with a generated population."""
    mock = build_mock(
        Settings.model_validate({"control_token": CONTROL_TOKEN}),
        clock=clock,
        generated=GeneratedPopulation(count=10_000, seed="7"),
    )
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(mock.control),
        base_url="http://control.test",
        headers={"Authorization": f"Bearer {CONTROL_TOKEN}"},
    ) as client:
        yield client


async def test_one_person_is_read_by_either_number(control: httpx.AsyncClient) -> None:
    by_twelve = (await control.get(f"{PEOPLE}/{AN}")).json()
    assert by_twelve["full_name"] == "Nguyễn Văn An"
    assert (await control.get(f"{PEOPLE}/012345678")).json() == by_twelve


@pytest.mark.parametrize("number", ["000000000000", "12", "999999999"])
async def test_a_number_that_nobody_has_is_not_found(control: httpx.AsyncClient, number: str) -> None:
    answer = await control.get(f"{PEOPLE}/{number}")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (404, "number")


async def test_nine_digits_of_several_people_name_none_of_them(control: httpx.AsyncClient) -> None:
    two = [
        {
            "citizen_id": f"00109000077{n}",
            "full_name": "A B",
            "birth_year": 1990,
            "id_card_number": "987654321",
        }
        for n in range(2)
    ]
    await control.put("/runs/default/world", json={"people": two})
    answer = await control.get(f"{PEOPLE}/987654321")
    assert (answer.status_code, "2 people have this number" in answer.text) == (409, True)


async def test_a_removed_person_is_unknown_in_that_run_until_put_again(
    control: httpx.AsyncClient, portal: SoapPortal
) -> None:
    await control.post("/runs", json={"name": "other"})
    person = (await control.get(f"{PEOPLE}/{AN}")).json()
    assert (await control.delete(f"{PEOPLE}/{AN}")).status_code == 204
    gone = await control.get(f"{PEOPLE}/{AN}")
    listed = {each["citizen_id"] for each in (await control.get("/runs/default/world")).json()["people"]}
    household = (await control.post(f"{PEOPLE}/find", json={"household": person["household"]})).json()[
        "people"
    ]
    elsewhere = await control.get(f"/runs/other/world/people/{AN}")
    assert (gone.status_code, AN in listed, elsewhere.status_code) == (404, False, 200)
    assert (len(household), AN in {each["citizen_id"] for each in household}) == (5, False)
    assert NO in (await portal.verdict()).text
    await control.put("/runs/default/world", json={"people": [person]})
    assert YES in (await portal.verdict()).text


async def test_a_generated_person_is_found_by_conditions_and_read_by_number(
    populous: httpx.AsyncClient,
) -> None:
    sent = {"where": "age>80 and alive", "limit": 3}
    people = (await populous.post(f"{PEOPLE}/find", json=sent)).json()["people"]
    number = people[0]["citizen_id"]
    assert len(people) == 3
    assert (await populous.get(f"{PEOPLE}/{number}")).json() == people[0]
    assert (await populous.delete(f"{PEOPLE}/{number}")).status_code == 204
    assert (await populous.get(f"{PEOPLE}/{number}")).status_code == 404


async def test_people_are_found_by_name_as_c06_compares_it(control: httpx.AsyncClient) -> None:
    people = (await control.post(f"{PEOPLE}/find", json={"full_name": "NGUYENVANAN"})).json()["people"]
    assert AN in {each["citizen_id"] for each in people}
    assert {each["full_name"].upper() for each in people} == {"NGUYỄN VĂN AN"}


async def test_a_condition_that_can_not_be_read_is_named(control: httpx.AsyncClient) -> None:
    answer = await control.post(f"{PEOPLE}/find", json={"where": "height>2"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "where")
    assert "there is no field 'height'" in answer.text


async def test_people_of_a_csv_file_are_put_into_the_run(
    control: httpx.AsyncClient, portal: SoapPortal
) -> None:
    answer = await control.put(PEOPLE, content=CSV.encode(), headers={"Content-Type": "text/csv"})
    first, second = answer.json()["people"]
    assert (first["father"]["full_name"], first["permanent_residence"]["province_code"]) == (
        "Nguyễn Văn Cha",
        "01",
    )
    assert (second["full_name"], second["birth_year"], second["alive"]) == ("Lê, Thị Thử", 1990, False)
    assert (
        YES
        in (
            await portal.verdict(SoDinhDanh="001090000777", HoVaTen="NGUYENVANTHU", NgayThangNam="19900203")
        ).text
    )


async def test_a_csv_file_of_excel_in_vietnam_has_semicolons_and_a_byte_order_mark(
    control: httpx.AsyncClient,
) -> None:
    content = "\ufeffcitizen_id;full_name;birth_date\r\n001090000777;Lê, Thị Thử;1990-02-03\r\n".encode()
    answer = await control.put(PEOPLE, content=content, headers={"Content-Type": "text/csv"})
    assert [each["full_name"] for each in answer.json()["people"]] == ["Lê, Thị Thử"]


async def test_rows_without_any_value_are_left_out_as_excel_writes_them(control: httpx.AsyncClient) -> None:
    content = b"citizen_id;full_name;birth_date\r\n001090000777;A B;1990-02-03\r\n;;\r\n ; ;\r\n"
    answer = await control.put(PEOPLE, content=content, headers={"Content-Type": "text/csv"})
    assert [each["full_name"] for each in answer.json()["people"]] == ["A B"], answer.text


@pytest.mark.parametrize(
    ("content", "field", "detail"),
    [
        (
            b"citizen_id,full_name,birth_date\n001090000777,A B,1990-02-31\n",
            "people.0.birth_date",
            "line 2: ",
        ),
        (b"citizen_id,full_name\n12,A B\n", "people.0.citizen_id", "line 2: "),
        (b"citizen_id,full_name\n001090000777,A B\n", "people.0.birth_date", "needs birth_date"),
        (b"citizen_id,nickname\n001090000777,A\n", "people.0.nickname", "line 2: "),
        (b"citizen_id,full_name\n\n\n\n12,A B\n", "people.0.citizen_id", "line 5: "),
        (b'citizen_id,full_name\n\n\n001090000777,"A B\n\n', "people", "line 4 is no CSV"),
        (b"citizen_id\n001090000777,A B\n", "people", "line 2 has more cells"),
        (b"citizen_id\n\xff\n", "people", "UTF-8"),
        (b"citizen_id,birth_year\n001090000777," + b"9" * 5_000, "people.0.birth_year", "line 2: "),
        (b"", "people", "line 1: the members' names are expected"),
        (b"citizen_id,full_name\n", "people", "no person after line 1, which has the members' names"),
        (b"001090000777,A B,1990-02-03", "people", "no person after line 1"),
        (b"citizen_id;full_name\r\n;\r\n", "people", "no person after line 1"),
        (b"citizen_id,full_name,full_name\n001090000777,A,B\n", "people", "line 1 has full_name twice"),
        (b"citizen_id\tfull_name\n001090000777\tA\n", "people", "line 1: commas or semicolons are expected"),
        (b'citizen_id,full_name\n001090000777,"A B\n\n\n', "people", "line 2 is no CSV"),
        (b"citizen_id,full_name\n001090000777," + b"A" * 200_000, "people", "line 2 is no CSV"),
        (b"citizen_id,father,father.full_name\n001090000777,A,B\n", "people.father", "line 2 has a value"),
    ],
)
async def test_a_row_that_is_not_valid_is_named_and_nobody_is_put(
    control: httpx.AsyncClient, content: bytes, field: str, detail: str
) -> None:
    before = (await control.get("/runs/default/world")).json()
    answer = await control.put(PEOPLE, content=content, headers={"Content-Type": "text/csv"})
    error = answer.json()["errors"][0]
    assert (answer.status_code, error["field"], detail in error["detail"]) == (422, field, True), error
    assert (await control.get("/runs/default/world")).json() == before


async def test_thousands_of_columns_keep_the_mock_busy_for_less_than_half_a_second(
    control: httpx.AsyncClient,
) -> None:
    names = ",".join(f"x{number}" for number in range(10_000))
    began = time.process_time()
    answer = await control.put(PEOPLE, content=f"{names}\n1\n".encode(), headers={"Content-Type": "text/csv"})
    assert time.process_time() - began < 0.5  # it took 1.4 s and more
    assert answer.status_code == 422


async def test_the_clock_is_read_with_its_fractions_and_released(control: httpx.AsyncClient) -> None:
    frozen = "2022-04-27T01:00:00.250000Z"
    await control.post("/runs/default/clock", json={"freeze": frozen})
    assert (await control.get("/runs/default/clock")).json() == {"now": frozen, "frozen": True}
    assert (await control.delete("/runs/default/clock")).status_code == 204
    assert (await control.get("/runs/default/clock")).json()["frozen"] is False


async def test_an_account_is_changed_in_one_run_alone(control: httpx.AsyncClient, portal: SoapPortal) -> None:
    await control.post("/runs", json={"name": "mine"})
    changed = await control.patch("/runs/mine/accounts/dvctt-hanoi", json={"status": "suspended"})
    assert changed.json()["status"] == "suspended"
    assert (await control.get("/accounts/dvctt-hanoi")).json()["status"] == "active"
    assert YES in (await portal.verdict()).text
    portal.base += "/r/mine"
    assert (await portal.verdict()).status_code == 403


async def test_an_account_is_unlocked_in_one_run(control: httpx.AsyncClient, portal: SoapPortal) -> None:
    right = portal.account
    portal.account = {**right, "secret": "wrong"}
    for _ in range(5):
        await portal.verdict()
    portal.account = right
    locked = (await portal.verdict()).status_code
    await control.patch("/runs/default/accounts/dvctt-hanoi", json={"locked": False})
    assert (locked, (await portal.verdict()).status_code) == (401, 200)


async def test_the_journal_comes_in_pages_where_a_limit_is_given(
    control: httpx.AsyncClient, portal: SoapPortal
) -> None:
    for _ in range(5):
        await portal.verdict()
    pages, after = [], 0
    while after is not None:
        page = (await control.get(f"/runs/default/journal?limit=2&after={after}")).json()
        pages.append([entry["n"] for entry in page["entries"]])
        after = page["next_after"]
    assert pages == [[1, 2], [3, 4], [5]]
    queried = (await control.post("/runs/default/journal/query", json={"limit": 5})).json()
    assert (len(queried["entries"]), queried["next_after"]) == (5, None)


async def test_liveness_and_counts_need_no_token_and_name_nobody(
    control: httpx.AsyncClient, portal: SoapPortal
) -> None:
    await control.post("/runs/default/faults", json={"kind": "unavailable", "times": 1})
    answers = [await portal.verdict() for _ in range(2)]
    portal.account = {**portal.account, "secret": "wrong"}
    await portal.verdict()
    await control.delete("/runs/default")
    del control.headers["Authorization"]
    text = (await control.get("/metrics")).text
    assert (await control.get("/livez")).json() == {"status": "ok"}
    ask = 'environment="test",operation="XacThucThongTinCongDan"'
    for line in (
        f'mock_c06_calls_total{{{ask},outcome="found"}} 1',
        f'mock_c06_calls_total{{{ask},outcome="fault"}} 1',
        'mock_c06_login_failures_total{reason="secret"} 1',
        'mock_c06_faults_total{kind="unavailable"} 1',
        f"mock_c06_answer_bytes_total {sum(len(each.content) for each in answers) + len(b'401 Unauthorized')}",
        "mock_c06_call_duration_seconds_count 3",
        "mock_c06_runs 1",
    ):
        assert line in text.splitlines()
    assert AN not in text
    assert "dvctt" not in text
