"""The control face explains a claim as the account that asks it is answered: the registry face must agree."""

from typing import Any

import httpx
import pytest

from tests.mock_c06.callers import SoapPortal

AN = {"citizen_id": "001090000123", "full_name": "Nguyễn Văn An", "birth_date": "1990-01-31"}
YEAR = {"citizen_id": AN["citizen_id"], "full_name": AN["full_name"], "birth_year": 1990}
CARD = {"id_card_number": "012345678", "full_name": AN["full_name"], "birth_date": AN["birth_date"]}


async def differs(control: httpx.AsyncClient, claim: dict[str, Any], **named: str) -> list[str]:
    answer = await control.post("/runs/default/explain", json=claim | named)
    assert answer.status_code == 200, answer.text
    found: list[str] = answer.json()["differs"]
    return found


async def is_confirmed(portal: SoapPortal, claim: dict[str, Any]) -> bool:
    birth = claim.get("birth_date")
    answer = await portal.verdict(
        SoDinhDanh=claim.get("citizen_id"),
        SoCMND=claim.get("id_card_number"),
        HoVaTen=claim["full_name"],
        NgayThangNam=birth,
        Nam=None if birth else str(claim["birth_year"]),
    )
    return "<SoLuongCongDan>1<" in answer.text


@pytest.mark.parametrize(
    ("quirk", "claim", "without", "with_it"),
    [
        ("year_matches_date", YEAR, ["birth", "hint:year_only"], []),
        ("exact_names", AN, [], ["name", "hint:not_folded"]),
        ("exact_names", AN | {"full_name": "NGUYENVANAN"}, [], []),
        ("exact_names", AN | {"full_name": "Nguyễn Văn Am"}, ["name"], ["name"]),
        ("nine_digits_alone", CARD, [], ["number", "hint:has_twelve_digits"]),
        ("nine_digits_alone", CARD | {"id_card_number": "999999999"}, ["number"], ["number"]),
    ],
)
async def test_an_explanation_follows_the_switches_of_the_account_that_asks(
    portal: SoapPortal,
    control: httpx.AsyncClient,
    quirk: str,
    claim: dict[str, Any],
    without: list[str],
    with_it: list[str],
) -> None:
    plain = await differs(control, claim, account="dvctt-hanoi")
    assert (plain, await is_confirmed(portal, claim)) == (without, not without)
    portal.account = (await control.post("/accounts", json={"name": "odd", "quirks": [quirk]})).json()
    odd = await differs(control, claim, account="odd")
    assert (odd, await is_confirmed(portal, claim)) == (with_it, not with_it)
    assert await differs(control, claim) == without


async def test_an_explanation_follows_the_runs_switches_and_the_runs_own_accounts(
    control: httpx.AsyncClient,
) -> None:
    own = {"name": "dvctt-hanoi", "quirks": ["year_matches_date"]}
    assert (await control.post("/runs/default/accounts", json=own)).status_code == 201
    assert await differs(control, YEAR, account="dvctt-hanoi") == []
    assert await differs(control, YEAR, account="limited") == ["birth", "hint:year_only"]
    await control.put("/runs/default/switches", json={"year_matches_date": True})
    assert await differs(control, YEAR) == await differs(control, YEAR, account="limited") == []
    await control.put("/runs/default/switches", json={"year_matches_date": False})
    assert await differs(control, YEAR, account="dvctt-hanoi") == ["birth", "hint:year_only"]


async def test_an_account_that_is_none_cannot_be_explained_for(control: httpx.AsyncClient) -> None:
    answer = await control.post("/runs/default/explain", json=AN | {"account": "nobody"})
    assert (answer.status_code, answer.json()["title"].partition(":")[0]) == (404, "no such account")
