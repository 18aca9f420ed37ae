"""From a sandbox in use to a bundle, the desk's answer and the unsealed proposal; and every refusal on the way."""

import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from gateway.app import open_gateway
from gateway.applications import store
from gateway.applications.document import Bundle
from gateway.applications.issued import open_issued, read_issued_file, read_issuer_key, unseal_issued
from gateway.applications.store import Application
from gateway.changes.model import Change
from gateway.changes.propose import propose_revision
from gateway.errors.operators import StateWrong
from gateway.errors.requests import RequestInvalid
from gateway.identifiers import Profile
from gateway.keys.model import PlaceKeys, Purpose
from gateway.keys.vault import make_key
from gateway.profiles import store as profiles
from gateway.profiles.key_rotation import rotate_master
from gateway.profiles.model import Gateway
from gateway.profiles.revisions import list_secrets
from gateway.registry.connection import ConnectionMembers
from gateway.settings import Settings
from gateway.storage.database import Transaction
from mock_c06.accounts.bundles import DeskSigner, Terms, seal_account
from mock_c06.accounts.model import Environment
from mock_c06.accounts.register import make_account
from tests.kit.applications import apply, faults, read_schema, rehearse
from tests.kit.audit import entry
from tests.kit.clocks import HandClock
from tests.kit.operators import Desk, operator_behind
from tests.kit.scene import AGENCY, MASTER_KEY, Portal, Scene


async def send(scene: Scene, bundle: Bundle) -> dict[str, Any]:
    """Send the bundle to the desk, byte for byte; return the case."""
    headers = {"Content-Type": "application/json"}
    answer = await scene.control.post("/desk/applications", content=bundle.text.encode(), headers=headers)
    assert answer.status_code == 201, answer.text
    case: dict[str, Any] = answer.json()
    return case


async def decide(scene: Scene, case: str, decision: str, **members: Any) -> httpx.Response:
    """Decide as an officer of the desk."""
    return await scene.control.post(
        f"/desk/applications/{case}/decision", json={"decision": decision, **members}
    )


async def issue(scene: Scene, bundle: Bundle, **members: Any) -> str:
    """Apply, let the desk issue, and return the issued file's text."""
    case = await send(scene, bundle)
    answer = await decide(scene, case["id"], "issue", **members)
    assert answer.status_code == 200, answer.text
    issued = (await scene.control.get(f"/desk/applications/{case['id']}/issued")).json()
    return json.dumps(issued, ensure_ascii=False)


NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


@pytest.fixture
async def bundle(scene: Scene) -> Bundle:
    """A complete application of a sandbox in use."""
    await rehearse(scene)
    return await apply(scene)


@pytest.fixture
async def issued(scene: Scene, bundle: Bundle) -> str:
    """The file that the desk issues for it."""
    return await issue(scene, bundle, name="dvctt-that", expires_on="2099-11-24")


@pytest.fixture
async def elsewhere(tmp_path: Path, clock: HandClock) -> AsyncIterator[Gateway]:
    """Another gateway, with keys of its own."""
    settings = Settings.model_validate(
        {"database_url": f"sqlite:///{tmp_path / 'elsewhere.db'}", "master_key": MASTER_KEY}
    )
    async with open_gateway(settings, clock=clock) as gateway:
        yield gateway


async def propose(
    scene: Scene, desk: Desk, opened: tuple[ConnectionMembers, str], *, issuer_key: str | None = None
) -> Change:
    """Propose the opened account, as the proposer."""
    by = await operator_behind(scene, desk.proposer)
    members, application = opened
    return await propose_revision(
        scene.gateway, by, Profile.OFFICIAL, members, application=application, issuer_key=issuer_key
    )


async def know(gateway: Gateway, sha256: str) -> None:
    """Insert an application that the store's gateway didn't make."""
    row = Application(sha256=sha256, made_at=NOW, made_by="local", procedures=("khai-sinh",), operations=())

    async def change(transaction: Transaction) -> None:
        await store.insert_application(transaction, row)

    await gateway.deps.audit.record(entry(), change=change)


async def test_an_issued_account_is_opened_approved_and_put_into_service(
    scene: Scene, bundle: Bundle, issued: str, official: Portal, desk: Desk
) -> None:
    members, application = await open_issued(scene.gateway, issued)
    change = await propose(scene, desk, (members, application))

    made = scene.mock.register.get("dvctt-that")
    assert (application, made.status) == (bundle.sha256, "granted")
    assert list_secrets(members) == {"c06_secret": made.secret}
    shown = {line.member: line.after for line in change.diff}
    assert (shown["application"], members.agency) == (bundle.sha256, AGENCY)
    assert shown["expires_on"] == "2099-11-24"
    assert shown["service_codes.khai-sinh"] == "G15-TP110"
    assert shown["contact"]
    assert shown["c06_secret"] == "(sealed, another)"

    known = {"id": change.id}
    found = await desk.preflight(known)
    assert [check["name"] for check in found["checks"] if not check["passed"]] == []
    assert scene.mock.register.get("dvctt-that").status == "active"  # its first login
    desk.done(await desk.approve(known))
    desk.done(await desk.act(desk.approver, known, "activate"))

    assert (await official.verify()).status_code == 201
    asked = (await scene.journal("official"))[-1]
    assert (asked["account"], asked["outcome"]) == ("dvctt-that", "found")


async def test_a_preflight_asks_for_what_was_applied_for_and_no_more(
    scene: Scene, bundle: Bundle, issued: str, desk: Desk
) -> None:
    change = await propose(scene, desk, await open_issued(scene.gateway, issued))
    found = await desk.preflight({"id": change.id})
    assert found["passed"] is True
    asked = {entry["operation"] for entry in await scene.journal("official")}
    assert asked == {"XacThucThongTinCongDan", "TraCuuThongTinCongDan"}


async def test_a_change_that_names_an_application_nobody_made_is_refused(
    scene: Scene, bundle: Bundle, desk: Desk
) -> None:
    async def name(profile: Profile, sha256: str) -> httpx.Response:
        body = {"kind": "activate_revision", "profile": profile.value, "revision": desk.revision(profile)}
        return await desk.proposer.call("POST", "/changes", body | {"application": sha256})

    for profile, sha256 in ((Profile.OFFICIAL, "0" * 64), (Profile.SANDBOX, bundle.sha256)):
        answer = await name(profile, sha256)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "application")
    taken = desk.done(await name(Profile.OFFICIAL, bundle.sha256), 201)
    assert taken["application"] == bundle.sha256


async def test_the_issued_file_fits_the_schema_outside_and_inside(scene: Scene, issued: str) -> None:
    schema = read_schema("official-issued.schema.json")
    document = json.loads(issued)
    assert faults(schema, document) == []
    keys = scene.gateway.places[Profile.OFFICIAL].keys
    inside = unseal_issued(keys, document)
    assert faults(schema["$defs"]["sealed"] | {"$defs": schema["$defs"]}, inside) == []


async def test_what_the_desk_signed_is_proposed_with_the_keys_thumbprint(
    scene: Scene, issued: str, desk: Desk
) -> None:
    jwk = (await scene.control.get("/desk/key")).json()

    key = read_issuer_key(jwk)
    opened = await open_issued(scene.gateway, issued, issuer_key=key)

    change = await propose(scene, desk, opened, issuer_key=key.thumbprint())
    assert {line.member: line.after for line in change.diff}["issuer_key"] == jwk["kid"]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"issued_at": "2020-01-01T00:00:00Z"}, "signature is not valid"),
        ({"reference": "app-2"}, "signature is not valid"),
        ({"signature": None}, "not signed"),
        ({"signature": "a..b"}, "signature is not valid"),
    ],
)
async def test_a_file_with_a_wrong_signature_of_the_desk_is_refused(
    scene: Scene, issued: str, changed: dict[str, Any], told: str
) -> None:
    key = read_issuer_key((await scene.control.get("/desk/key")).json())
    with pytest.raises(StateWrong, match=told):
        await open_issued(scene.gateway, json.dumps(json.loads(issued) | changed), issuer_key=key)


async def test_a_file_of_another_desk_is_refused_though_it_is_sealed_to_this_gateway(
    scene: Scene, issued: str
) -> None:
    another = read_issuer_key(DeskSigner("another seed").jwk)
    with pytest.raises(StateWrong, match="another issuer signed it"):
        await open_issued(scene.gateway, issued, issuer_key=another)


@pytest.mark.parametrize(
    "jwk",
    [
        None,
        [],
        {},
        {"kty": "EC", "crv": "P-384"},
        {"kty": "EC", "crv": "P-256", "x": "a", "y": "b", "d": "c"},
    ],
)
def test_an_issuers_key_is_a_public_one_of_p256(jwk: Any) -> None:
    with pytest.raises(StateWrong, match="public JWK"):
        read_issuer_key(jwk)


async def test_no_secret_is_readable_on_the_way_to_the_proposal(
    scene: Scene, issued: str, desk: Desk
) -> None:
    opened = await open_issued(scene.gateway, issued)
    change = await propose(scene, desk, opened)
    secret = scene.mock.register.get("dvctt-that").secret
    async with scene.gateway.deps.database.read() as transaction:
        rows = [
            row
            for table in ("revisions", "revision_secrets", "changes", "audit_entries", "applications")
            for row in await transaction.execute(sa.text(f"SELECT * FROM {table}"))
        ]
    shown = issued + repr(opened) + repr(change) + repr(rows)
    assert secret not in shown
    assert secret.encode().hex() not in shown


async def test_a_tampered_bundle_is_refused_by_the_desk(scene: Scene, bundle: Bundle) -> None:
    whole = json.loads(bundle.text)
    whole["document"]["procedures"][0]["roles"][0]["fields"].append("religion")
    answer = await scene.control.post("/desk/applications", json=whole)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "signature")
    assert (await scene.control.get("/desk/applications")).json() == []


async def test_a_draft_is_received_and_never_issued(scene: Scene) -> None:
    await rehearse(scene)
    case = await send(scene, await apply(scene, retention=""))
    assert case["findings"] == [{"field": "draft", "reason": "a draft is not an application"}]
    answer = await decide(scene, case["id"], "issue")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (409, "draft")


async def test_a_file_sealed_to_another_gateway_is_refused(
    scene: Scene, bundle: Bundle, issued: str, elsewhere: Gateway
) -> None:
    with pytest.raises(StateWrong, match="no application of this gateway"):
        await open_issued(elsewhere, issued)
    await know(elsewhere, bundle.sha256)
    with pytest.raises(StateWrong, match="another gateway's key"):
        await open_issued(elsewhere, issued)
    own = elsewhere.places[Profile.OFFICIAL].keys.current(Purpose.ISSUANCE).kid
    with pytest.raises(StateWrong, match="can't be opened"):
        await open_issued(elsewhere, with_header(issued, kid=own))


async def test_a_file_that_names_another_application_is_refused(
    scene: Scene, bundle: Bundle, issued: str
) -> None:
    other = await apply(scene, retention="không lưu")
    assert other.sha256 != bundle.sha256
    with pytest.raises(StateWrong, match="belongs to another file"):
        await open_issued(scene.gateway, json.dumps(json.loads(issued) | {"application": other.sha256}))
    with pytest.raises(StateWrong, match="not for the official environment"):
        await open_issued(scene.gateway, json.dumps(json.loads(issued) | {"environment": "sandbox"}))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', "\x00", '{"a":' * 5000])
async def test_a_malformed_issued_file_is_refused_in_one_line(scene: Scene, text: str) -> None:
    with pytest.raises(StateWrong, match="not a file that C06's desk issues"):
        await open_issued(scene.gateway, text)


async def test_an_issued_account_for_another_network_is_not_proposed(
    scene: Scene, bundle: Bundle, desk: Desk
) -> None:
    text = await issue(scene, bundle, registry_url="http://192.0.2.7:8110")
    opened = await open_issued(scene.gateway, text)
    with pytest.raises(RequestInvalid) as refused:
        await propose(scene, desk, opened)
    assert [error.field for error in refused.value.errors] == ["revision.registry_url"]
    async with scene.gateway.deps.database.read() as transaction:
        assert await profiles.next_number(transaction, Profile.OFFICIAL) == 2


async def test_an_issued_file_opens_after_the_master_key_was_rotated(scene: Scene, issued: str) -> None:
    new = b"n" * 32
    await rotate_master(scene.gateway, given=new)
    text = base64.urlsafe_b64encode(new).decode()
    settings = Settings.model_validate({"database_url": scene.settings.database_url, "master_key": text})
    async with open_gateway(settings, clock=scene.clock) as again:
        members, _ = await open_issued(again, issued)
    assert members.c06_user == "dvctt-that"


async def test_an_asked_application_is_answered_and_issued_by_its_new_hash(
    scene: Scene, bundle: Bundle
) -> None:
    case = await send(scene, bundle)
    reasons = [{"field": "retention", "reason": "nói rõ thời hạn"}]
    assert (await decide(scene, case["id"], "ask_more", reasons=reasons)).json()["state"] == "asked"
    second = await apply(scene, retention="24 tháng")
    path = f"/desk/applications/{case['id']}/answer"
    answered = (await scene.control.post(path, json=json.loads(second.text))).json()
    assert (answered["state"], answered["sha256"]) == ("received", second.sha256)
    issued = (await decide(scene, case["id"], "issue")).json()["issued"]
    assert (await open_issued(scene.gateway, json.dumps(issued)))[1] == second.sha256


def test_a_missing_or_too_large_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StateWrong, match="No such file"):
        read_issued_file(tmp_path / "issued.json")
    (tmp_path / "issued.json").write_text("x" * 70_000, encoding="ascii")
    with pytest.raises(StateWrong, match="64 KiB"):
        read_issued_file(tmp_path / "issued.json")


def official_keys() -> PlaceKeys:
    key = make_key(Profile.OFFICIAL, Purpose.ISSUANCE, serial=1, now=NOW)
    return PlaceKeys(profile=Profile.OFFICIAL, keys=(key,))


KEYS, OTHERS = official_keys(), official_keys()
TEXTS = st.text(min_size=1, max_size=60)


def sealed(keys: PlaceKeys, *, contact: str = "C06") -> dict[str, Any]:
    public = keys.current(Purpose.ISSUANCE).opening_key().as_dict(private=False)
    terms = Terms(
        registry_url="http://127.0.0.1:8110",
        officers=["can.bo.01"],
        service_officer="dvctt.dichvu",
        expires_on=date(2099, 1, 1),
        contact=contact,
    )
    return seal_account(
        make_account("1", "sealed", Environment.OFFICIAL),
        terms,
        application="a" * 64,
        reference="app-1",
        issued_at=NOW,
        sealing_key={name: str(value) for name, value in public.items()},
    )


def with_header(issued: str, **members: str) -> str:
    document = json.loads(issued)
    head, _, rest = document["sealed"].partition(".")
    header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))) | members
    encoded = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    return json.dumps(document | {"sealed": f"{encoded}.{rest}"})


@given(contact=TEXTS)
def test_a_text_sealed_to_a_key_opens_only_with_that_key(contact: str) -> None:
    document = sealed(KEYS, contact=contact)
    assert unseal_issued(KEYS, document)["connection"]["contact"] == contact
    with pytest.raises(StateWrong, match="another gateway's key"):
        unseal_issued(OTHERS, document)


DOCUMENT = sealed(KEYS)


@given(position=st.integers(0, len(DOCUMENT["sealed"]) - 1), letter=st.sampled_from("AQgw-_z"))
def test_a_sealed_part_changed_anywhere_never_opens(position: int, letter: str) -> None:
    text = DOCUMENT["sealed"]
    changed = text[:position] + letter + text[position + 1 :]
    if decoded(changed) == decoded(text):
        return  # the last letter of a part has bits to spare: the same bytes
    with pytest.raises(StateWrong):
        unseal_issued(KEYS, DOCUMENT | {"sealed": changed})


def decoded(text: str) -> list[bytes]:
    return [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in text.split(".")]
