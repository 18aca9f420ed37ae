"""An application: its content, its evidence, what it never contains, and what it lists as missing."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from joserfc import jws
from joserfc.jwk import ECKey

from gateway.accounts.use_cases import add_organisation
from gateway.applications import store
from gateway.applications.document import Bundle
from gateway.applications.statement import Statement, read_statement
from gateway.applications.use_cases import make_application
from gateway.errors.operators import Unknown
from gateway.preflight.report import BEFORE_LOGIN, LOGIN, QUESTIONS
from tests.kit.applications import STATED, apply, faults, read_schema, rehearse
from tests.kit.scene import AGENCY, AN, Scene

SCHEMA = "official-application.schema.json"


@pytest.fixture
async def bundle(scene: Scene) -> Bundle:
    """A complete application of a sandbox in use."""
    await rehearse(scene)
    made = await apply(scene)
    assert made.missing == ()
    return made


def document(bundle: Bundle) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bundle.text)["document"]
    return found


def test_a_complete_bundle_fits_the_schema_and_is_canonical(bundle: Bundle) -> None:
    whole = json.loads(bundle.text)
    assert faults(read_schema(SCHEMA), whole) == []
    again = json.dumps(whole, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert bundle.text == again
    assert bundle.sha256 == hashlib.sha256(bundle.text.encode()).hexdigest()
    assert whole["document"]["draft"] is bundle.draft is False


def test_the_document_is_signed_by_the_key_that_it_contains(bundle: Bundle) -> None:
    whole = json.loads(bundle.text)
    key = ECKey.import_key(whole["document"]["keys"]["signing"])
    payload = json.dumps(whole["document"], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    signed = jws.deserialize_compact(whole["signature"], key, algorithms=["ES256"], payload=payload.encode())
    assert signed.headers()["typ"] == "official-application+jws"
    keys = whole["document"]["keys"].values()
    assert [key["use"] for key in keys] == ["enc", "sig"]
    assert not any("d" in key for key in keys)


def test_grants_meet_forms_by_procedure_and_role_with_sensitive_items_apart(bundle: Bundle) -> None:
    wanted = {each["slug"]: each for each in document(bundle)["procedures"]}
    assert set(wanted) == {"khai-sinh", "ket-hon"}
    assert (wanted["khai-sinh"]["service_code"], wanted["khai-sinh"]["code"]) == ("G15-TP110", "1.001193")
    assert wanted["khai-sinh"]["legal_basis"][0].startswith("Luật Hộ tịch")
    roles = {role["role"]: role for role in wanted["khai-sinh"]["roles"]}
    assert roles["father"] == {
        "role": "father",
        "fields": ["full_name", "birth_year", "nationality", "current_residence"],
        "sensitive_fields": ["ethnicity"],
    }
    assert "permanent_residence" not in roles["requester"]["fields"]  # on the form, in no grant


def test_operations_follow_from_the_data_items_that_are_wanted(bundle: Bundle) -> None:
    asked = {each["code"]: each["operation"] for each in document(bundle)["operations"]}
    assert asked == {"003": "XacThucThongTinCongDan", "037": "TraCuuThongTinCongDan"}


async def test_the_evidence_is_what_the_store_contains(scene: Scene, bundle: Bundle) -> None:
    evidence = document(bundle)["evidence"]
    assert set(evidence["scenarios"].values()) <= {1, 2}
    assert len(evidence["scenarios"]) == 6
    assert evidence["fence"] == {"official_questions": 0}
    assert evidence["preflight"]["passed"] is True
    names = [check["name"] for check in evidence["preflight"]["checks"]]
    assert names == [*BEFORE_LOGIN, *LOGIN, *[name for name in QUESTIONS if name in names]]
    assert evidence["parity"]["confirmed"]
    assert evidence["parity"]["refuted"] == []
    # The application's own row came after.
    assert evidence["audit"]["rows"] == len(await scene.audit()) - 1
    assert (await scene.journal("official")) == []


async def test_each_question_of_its_preflight_is_in_evidence_before(scene: Scene, bundle: Bundle) -> None:
    rows = [row for row in await scene.audit() if row.get("origin") == "preflight"]
    assert {row["profile"] for row in rows} == {"sandbox"}
    intended = [row["request_code"] for row in rows if row["kind"] == "intended"]
    asked = [entry["ma_yeu_cau"] for entry in await scene.journal()]
    assert intended
    assert set(intended) <= set(asked)


async def test_a_complete_application_is_stored_by_its_hash_with_an_audit_row(
    scene: Scene, bundle: Bundle
) -> None:
    async with scene.gateway.deps.database.read() as transaction:
        kept = await store.find_application(transaction, bundle.sha256)
        assert await store.find_application(transaction, "0" * 64) is None
    assert kept is not None
    assert kept.made_by == "local"
    last = (await scene.audit())[-1]
    assert (last["kind"], last["profile"]) == ("local", "official")
    assert last["outcome"] == f"application_made:{bundle.sha256}"


def test_no_person_and_no_officers_id_is_in_bundle_or_page(bundle: Bundle) -> None:
    shown = bundle.text + bundle.page
    kept = [*AN.values(), "NGUYỄN VĂN AN", "can.bo", "dvctt.dichvu", "HN-2022-000123"]
    assert [text for text in kept if text in shown] == []
    without_keys = re.sub(r'[0-9a-f]{40,64}|"[xy]":"[\w-]{43}"|"signature":"[^"]*"', "", shown)
    assert re.findall(r"[0-9]{9}", re.sub(r"0{12}", "", without_keys)) == []
    officers = document(bundle)["officers"]
    assert officers["count"] == len(officers["pseudonyms"]) == 2


async def test_no_secret_of_a_connection_is_in_bundle_or_page(scene: Scene, bundle: Bundle) -> None:
    accounts = [scene.mock.register.find(name) for name in ("dvctt-hanoi", "dvctt-hanoi-official")]
    secrets = [account.secret for account in accounts if account is not None]
    assert len(secrets) == 2
    assert [secret for secret in secrets if secret in bundle.text + bundle.page] == []


def test_the_page_loads_nothing_and_shows_the_bundles_hash(bundle: Bundle) -> None:
    page = bundle.page
    assert page.startswith('<!doctype html>\n<html lang="vi">')
    assert bundle.sha256 in page
    assert ECKey.import_key(document(bundle)["keys"]["signing"]).thumbprint() in page
    for words in ("ĐỀ NGHỊ CẤP TÀI KHOẢN KẾT NỐI CHÍNH THỨC", STATED.application_name, "Đăng ký khai sinh"):
        assert words in page
    assert re.findall(r"<script|<link|<img|src=|href=|@import|url\(|BẢN NHÁP", page) == []
    assert "@page" in page


async def test_what_is_stated_is_escaped_on_the_page(scene: Scene) -> None:
    await rehearse(scene)
    made = await apply(scene, application_name="<script>alert(1)</script> & Cổng")
    assert "<script" not in made.page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; Cổng" in made.page


async def test_each_missing_piece_is_named_and_nothing_is_stored(scene: Scene) -> None:
    await scene.portal(officers=())
    made = await make_application(scene.gateway, Statement(security_level=2), by="local")
    assert made.draft is True
    assert document(made)["draft"] is True
    assert "BẢN NHÁP" in made.page
    assert [each.what for each in made.missing] == [
        "application_id",
        "application_name",
        "retention",
        "deletion",
        "rate.per_second",
        "rate.per_day",
        "contact.unit",
        "contact.email",
        "contact.phone",
        "security_level",
        "officers",
        "scenario verification_confirmed",
        "scenario verification_reused",
        "scenario verification_not_confirmed",
        "scenario prefill_delivered",
        "scenario over_asking_refused",
        "scenario other_profile_refused",
        "preflight of the sandbox (not asked for)",
    ]
    assert all(each.remedy for each in made.missing)
    async with scene.gateway.deps.database.read() as transaction:
        assert (await transaction.execute(sa.select(store.applications))).all() == []
    assert faults(read_schema(SCHEMA), json.loads(made.text)) == []


async def test_a_store_without_an_account_names_agency_and_account(scene: Scene) -> None:
    made = await apply(scene)
    named = [each.what for each in made.missing]
    assert named[:2] == ["agency", "account"]


async def test_a_broken_audit_is_missing_evidence_not_a_crash(scene: Scene) -> None:
    await rehearse(scene)
    async with scene.gateway.deps.database.write() as transaction:
        await transaction.execute(sa.text("UPDATE audit_entries SET body = '{}' WHERE id = 3"))
        await transaction.execute(sa.text("DELETE FROM audit_entries WHERE id = 4"))
    made = await apply(scene)
    assert [each.what for each in made.missing] == ["audit (row 3: its content was changed)"]
    assert document(made)["evidence"]["audit"]["verified"] is False


async def test_a_failed_preflight_names_the_lines_that_failed(scene: Scene) -> None:
    await rehearse(scene)
    await scene.control.patch("/accounts/dvctt-hanoi", json={"status": "suspended"})
    (missing,) = (await apply(scene)).missing
    assert missing.what.startswith("preflight of the sandbox (")
    assert "login" in missing.what


async def test_of_several_organisations_one_must_be_named(scene: Scene) -> None:
    other = "000.00.02.H26"
    await add_organisation(scene.gateway.deps, other, "Sở Tư pháp")
    await rehearse(scene)
    await scene.portal(organisation=other)
    with pytest.raises(Unknown, match="2 organisations"):
        await apply(scene)
    with pytest.raises(Unknown, match="no such organisation"):
        await make_application(scene.gateway, STATED, by="local", organisation="000.00.09.H26")
    made = await make_application(
        scene.gateway, STATED, by="local", organisation=AGENCY, preflight_network=scene.preflight_network
    )
    assert made.missing == ()
    assert document(made)["agency"] == {"id": AGENCY, "name": "UBND thành phố Hà Nội"}


def test_a_statement_over_64_kib_is_refused_and_not_cut_off(tmp_path: Path) -> None:
    file = tmp_path / "statement.toml"
    file.write_text(f"# {'ộ' * 30_000}\nsecurity_level = 3\n", encoding="utf-8")
    with pytest.raises(ValueError, match="64 KiB at most are expected"):
        read_statement(file)
