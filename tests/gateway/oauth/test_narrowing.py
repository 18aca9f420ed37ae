"""A token request's `authorization_details` (RFC 9396): they only narrow, and the token is held to them."""

import json
from typing import Any

from gateway.accounts.model import make_grant
from tests.kit.forging import read, refusal
from tests.kit.scene import Portal, Scene


def details(procedures: list[str], roles: list[str], fields: list[str]) -> str:
    """Return `authorization_details` of one entry as a request carries it."""
    return json.dumps(make_grant(procedures, roles, fields).to_details())


async def test_a_narrowed_token_names_its_details_and_allows_no_more(scene: Scene, portal: Portal) -> None:
    narrow = details(["khai-sinh"], ["father"], ["full_name"])
    answer = await portal.ask_token({"authorization_details": narrow})
    portal.access_token = answer.json()["access_token"]

    assert answer.json()["authorization_details"] == json.loads(narrow)
    assert read(portal.access_token)[1]["authorization_details"] == json.loads(narrow)
    refused = [await portal.verify(procedure="ket-hon", subject_role="husband"), await portal.verify()]
    assert [r.json()["code"] for r in refused] == ["procedure_not_granted", "subject_role_not_granted"]
    assert await scene.journal() == []
    assert (await portal.verify(subject_role="father")).status_code == 201


async def test_details_wider_than_granted_are_refused(scene: Scene) -> None:
    portal = await scene.portal(grants=make_grant(["khai-sinh"], ["father"], ["full_name", "birth_date"]))
    own: list[Any] = json.loads(details(["khai-sinh"], ["father"], ["birth_year"]))
    assert (await portal.ask_token({"authorization_details": json.dumps(own)})).status_code == 200

    wider_requests: list[Any] = [
        [own[0] | {"procedures": ["khai-sinh", "ket-hon"]}],
        [own[0] | {"procedures": ["*"]}],
        [own[0] | {"subject_roles": ["mother"]}],
        [own[0] | {"fields": ["*"]}],
        [own[0] | {"fields": ["ethnicity"]}],
        [own[0] | {"type": "payment"}],
        [own[0] | {"locations": ["x"]}],
        [own[0] | {"procedures": "khai-sinh"}],
        [own[0] | {"procedures": ["\ud800"]}],
        [own[0], own[0] | {"subject_roles": ["mother"]}],
        [],
        {},
        own[0],
        "x",
    ]
    for wider in wider_requests:
        answer = await portal.ask_token({"authorization_details": json.dumps(wider)})
        assert refusal(answer) == (400, "invalid_authorization_details"), wider


async def test_refused_details_are_told_what_is_wrong(scene: Scene) -> None:
    portal = await scene.portal(grants=make_grant(["khai-sinh"], ["father"], ["full_name"]), log_in=False)
    own: list[Any] = json.loads(details(["khai-sinh"], ["father"], ["full_name"]))
    for text, said in (
        ("{", "they are not well-formed JSON"),
        ("1" * 5000, "they have more than 4096 characters"),
        ("[" * 4096, "they are not well-formed JSON"),
        ("[]", "they are not a list with an object"),
        (json.dumps([{"type": "payment"}]), "an entry is wrong: expected an object of type citizen_enquiry"),
        (json.dumps([own[0] | {"fields": "x"}]), "an entry is wrong: expected fields: a list of names"),
        (
            json.dumps([own[0], own[0] | {"fields": ["gender"]}]),
            "entry 1 (counting from 0) is wider than the account's grants",
        ),
    ):
        told = (await portal.ask_token({"authorization_details": text})).json()["error_description"]
        assert told == f"objects of type citizen_enquiry within the account's grants, but {said}"


async def test_details_too_long_or_no_json_are_refused(portal: Portal) -> None:
    many = details([f"procedure-{number}" for number in range(500)], ["*"], ["full_name"])
    odd = json.dumps([{"type": "citizen_enquiry", "procedures": ["a\ud800"], "subject_roles": ["*"]}])
    for text in ("{", "NaN", "1" * 5000, "[" * 5000, many, odd):
        answer = await portal.ask_token({"authorization_details": text})
        assert refusal(answer) == (400, "invalid_authorization_details"), text[:20]
