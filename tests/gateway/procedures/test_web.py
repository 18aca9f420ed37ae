"""The catalogue and the account as a portal reads them: what there is, and what this caller may have."""

import pytest

from gateway.accounts.model import make_grant
from gateway.identifiers import Profile
from tests.kit.scene import Portal, Scene

FIRST_AND_LAST = ("xac-nhan-cmnd", "doi-chu-hop-dong-dien")


async def test_all_twenty_five_services_are_listed_in_the_contracts_shape(portal: Portal) -> None:
    answer = await portal.call("GET", "/procedures")

    assert answer.status_code == 200
    assert list(answer.json()) == ["procedures"]
    listed = answer.json()["procedures"]
    assert (len(listed), listed[0]["slug"], listed[-1]["slug"]) == (25, *FIRST_AND_LAST)
    for each in listed:
        assert set(each) == {"slug", "code", "name_vi", "name_en", "roles"}
    birth = next(each for each in listed if each["slug"] == "khai-sinh")
    assert (birth["code"], birth["roles"]) == ("1.001193", ["requester", "father", "mother"])


@pytest.mark.parametrize("name", ["khai-sinh", "1.001193"])
async def test_one_service_shows_its_forms_by_slug_or_code(portal: Portal, name: str) -> None:
    answer = await portal.call("GET", f"/procedures/{name}")

    members = answer.json()
    assert set(members) >= {"slug", "code", "name_vi", "name_en", "roles", "legal_basis", "purpose"}
    assert (members["slug"], members["code"]) == ("khai-sinh", "1.001193")
    assert members["legal_basis"]
    roles = {role["role"]: role["fields"] for role in members["roles"]}
    assert list(roles) == ["requester", "father", "mother"]
    by_name = {field["name"]: field for field in roles["requester"]}
    assert by_name["full_name"].items() >= {
        "from": "registry", "operation": "TraCuuThongTinCongDan", "sensitive": False, "granted": True,
    }.items()  # fmt: skip
    assert by_name["child_full_name"].items() >= {"from": "citizen", "sensitive": False}.items()
    assert "operation" not in by_name["child_full_name"]


async def test_a_field_says_whether_it_is_sensitive_and_granted_to_this_caller(scene: Scene) -> None:
    portal = await scene.portal(grants=make_grant(["khai-sinh"], ["father"], ["birth_date"]))

    members = (await portal.call("GET", "/procedures/khai-sinh")).json()

    roles = {role["role"]: {field["name"]: field for field in role["fields"]} for role in members["roles"]}
    granted = [
        (role, name) for role, fields in roles.items() for name, field in fields.items() if field["granted"]
    ]
    assert granted == [("father", "birth_year")]
    assert roles["father"]["ethnicity"]["sensitive"] is True


@pytest.mark.parametrize("name", ["khai-sin", "2.000986", "001090000123", "%00", "KHAI-SINH"])
async def test_an_unknown_service_in_a_path_is_not_found(portal: Portal, name: str) -> None:
    answer = await portal.call("GET", f"/procedures/{name}")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "001090000123" not in answer.text


async def test_me_shows_what_the_account_is_and_may_do(scene: Scene, portal: Portal) -> None:
    await portal.verify(claim={"citizen_id": "001090000123", "full_name": "Sai", "birth_year": 1990})

    answer = await portal.call("GET", "/me")

    assert answer.status_code == 200
    members = answer.json()
    assert members == {
        "client_id": portal.client_id,
        "organisation": "000.00.01.H26",
        "profile": "sandbox",
        "state": "active",
        "authorization_details": [
            {"type": "citizen_enquiry", "procedures": ["*"], "subject_roles": ["*"], "fields": ["*"]}
        ],
        "scopes": ["ledger", "prefill", "verify"],
        "budgets": {
            "account_hour": {"limit": 1000, "used": 1},
            "subject_day": {"limit": 50},
            "own_login_day": {"limit": 50},
            "confirmed_hour": {"limit": 10_000_000, "used": 0},
            "confirmed_day": {"limit": 100_000_000, "used": 0},
        },
        "back_off_minutes": [1, 2, 4, 8, 16, 32, 60],
        "credentials": [{"kind": members["credentials"][0]["kind"], "expires_at": None}],
        "policy": {"reuse": "account", "reuse_seconds": 1800},
    }
    assert portal.secret is not None
    assert portal.secret not in answer.text


async def test_me_on_official_shows_its_own_policy_and_no_key(scene: Scene) -> None:
    official = await scene.portal(Profile.OFFICIAL)

    members = (await official.call("GET", "/me")).json()

    assert members["policy"] == {"reuse": "dossier", "reuse_seconds": 1800}
    assert members["budgets"] == {
        "account_hour": {"limit": 30, "used": 0},
        "subject_day": {"limit": 5},
        "own_login_day": {"limit": 5},
        "confirmed_hour": {"limit": 5_000, "used": 0},
        "confirmed_day": {"limit": 20_000, "used": 0},
    }
    assert set(members["credentials"][0]) == {"kind", "expires_at"}


async def test_the_catalogue_needs_no_scope_but_a_token(scene: Scene) -> None:
    portal = await scene.portal(scopes=["ledger"])

    for path in ("/procedures", "/procedures/khai-sinh", "/me"):
        assert (await portal.call("GET", path)).status_code == 200
        without = await scene.http.get(f"{portal.issuer}/v1{path}")
        assert (without.status_code, without.json()["code"]) == (401, "token_missing")


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json", 200),
        ("*/*", 200),
        ("application/*; q=0.1", 200),
        ("text/html, application/json;q=0.5", 200),
        ("text/html", 406),
        ("application/json;q=0", 406),
        ("application/json; q=0.000", 406),
    ],
)
async def test_json_is_answered_to_whoever_accepts_it(portal: Portal, accept: str, status: int) -> None:
    for path in ("/procedures", "/procedures/khai-sinh", "/me"):
        answer = await portal.call("GET", path, Accept=accept)
        assert answer.status_code == status
