"""Threat 18: every claim that is not confirmed gets the same answer, so a caller learns nothing about a number."""

import pytest

from tests.kit.scene import AN, Portal, Scene

NOT_CONFIRMED = {
    "an unknown number": AN | {"citizen_id": "001090999999"},
    "the impossible number": AN | {"citizen_id": "000000000000"},
    "a wrong name": AN | {"full_name": "Nguyễn Văn Sai"},
    "a wrong date": AN | {"birth_date": "1990-01-30"},
    "a year for a date": {name: AN[name] for name in ("citizen_id", "full_name")} | {"birth_year": 1990},
    "deceased": {"citizen_id": "001050000404", "full_name": "Phí Văn Khuất", "birth_date": "1950-02-20"},
    "cancelled": {"citizen_id": "001097000306", "full_name": "Tạ Thanh Xuân", "birth_date": "1997-02-10"},
    "a card of nobody": {"id_card_number": "999999999", "full_name": "Vũ Thị Chín", "birth_year": 1957},
}
OWN = ("id", "verified_at")
OWN_HEADERS = ("x-request-id", "date")


@pytest.mark.parametrize("claim", NOT_CONFIRMED.values(), ids=NOT_CONFIRMED.keys())
async def test_threat_18_the_answer_does_not_show_which_field_differed(
    portal: Portal, claim: dict[str, str]
) -> None:
    standard = await portal.verify(claim=AN | {"full_name": "Nguyễn Thị Không Có"})
    answer = await portal.verify(claim=claim)

    assert answer.status_code == standard.status_code == 201
    assert answer.json()["verdict"] == "not_confirmed"
    shapes = [{**each.json(), **dict.fromkeys(OWN)} for each in (answer, standard)]
    assert shapes[0] == shapes[1]
    assert list(answer.json()) == list(standard.json())
    headers = [
        [(name, "" if name in OWN_HEADERS else value) for name, value in each.headers.items()]
        for each in (answer, standard)
    ]
    assert headers[0] == headers[1]


async def test_threat_18_the_audit_records_the_same_whichever_field_differed(
    scene: Scene, portal: Portal
) -> None:
    for claim in NOT_CONFIRMED.values():
        await portal.verify(claim=claim)

    rows = [row for row in await scene.audit() if row["kind"] in {"intended", "answered"}]
    shapes = {(row["kind"], row.get("outcome"), tuple(row)) for row in rows}
    assert {(kind, outcome) for kind, outcome, _ in shapes} == {
        ("intended", None),
        ("answered", "not_confirmed"),
    }
    assert len(shapes) == 2
    assert {entry["outcome"] for entry in await scene.journal()} == {"not_found"}
