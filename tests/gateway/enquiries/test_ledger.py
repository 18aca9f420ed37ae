"""The ledger: this organisation's own enquiries about the citizen of a receipt, and nobody else's."""

from typing import Any

from gateway.accounts.use_cases import add_organisation
from gateway.audit.store import LEDGER_MOST
from tests.kit.audit import entry
from tests.kit.scene import AN, Portal, Scene

DUNG = {"citizen_id": "001192000124", "full_name": "Lê Thị Dung", "birth_date": "1992-03-08"}


async def ledger(portal: Portal, receipt: str) -> list[dict[str, Any]]:
    answer = await portal.call("POST", "/ledger", {"receipt": receipt})
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"entries"}
    entries: list[dict[str, Any]] = answer.json()["entries"]
    return entries


async def test_an_entry_contains_its_procedure_dossier_fields_and_legal_basis(portal: Portal) -> None:
    members = (await portal.verify(initiated_by={"kind": "officer", "id": "can.bo.01"})).json()

    [entry] = await ledger(portal, members["receipt"])

    assert set(entry) >= {
        "at", "kind", "procedure", "dossier", "subject_role", "fields", "origin", "legal_basis", "initiated_by",
    }  # fmt: skip
    assert entry["at"].endswith("Z")
    assert (entry["kind"], entry["origin"], entry["fields"]) == ("answered", "registry", [])
    assert (entry["procedure"], entry["dossier"], entry["subject_role"]) == (
        "khai-sinh",
        "HN-2022-000123",
        "requester",
    )
    assert "Nghị định 278/2025/NĐ-CP (từ 22/10/2025)" in entry["legal_basis"]
    assert not any("47/2020" in basis for basis in entry["legal_basis"])  # it ended on 21/10/2025
    assert entry["initiated_by"]["kind"] == "officer"
    assert "can.bo" not in str(entry)


async def test_reuse_delivery_and_refusal_are_listed_next_to_the_question(portal: Portal) -> None:
    receipt = await portal.receipt()
    await portal.verify(procedure="ket-hon")
    await portal.prefill(receipt, ["full_name", "nationality"])
    await portal.verify(claim=AN | {"full_name": "Nguyễn Văn Sai"})
    await portal.verify(initiated_by={"kind": "officer", "id": "can.bo.02"})

    entries = await ledger(portal, receipt)

    assert [(entry["kind"], entry["origin"]) for entry in entries] == [
        ("answered", "registry"),
        ("reused", "reuse"),
        ("answered", "registry"),
        ("delivered", None),
        ("answered", "registry"),
        ("refused", None),
    ]
    assert entries[3]["fields"] == ["full_name", "nationality"]


async def test_threat_36_a_ledger_of_any_length_is_answered_with_its_latest_entries(
    scene: Scene, portal: Portal
) -> None:
    """A portal makes any number of entries; an answer with all of them would delay the worker."""
    receipt = await portal.receipt()
    rows = [row for row in await scene.audit() if row["kind"] == "answered"]
    likes = [
        entry(**{name: rows[0][name] for name in ("organisation", "citizen")}, dossier=f"HN-{number}")
        for number in range(LEDGER_MOST)
    ]
    await scene.gateway.deps.audit.record(*likes)

    answer = (await portal.call("POST", "/ledger", {"receipt": receipt})).json()

    assert answer["earlier_left_out"] is True
    assert [found["dossier"] for found in answer["entries"]] == [like.dossier for like in likes]


async def test_a_ledger_covers_one_citizen_and_all_accounts_of_one_organisation(
    scene: Scene, portal: Portal
) -> None:
    await add_organisation(scene.gateway.deps, "000.00.02.H26", "another")
    neighbour, stranger = await scene.portal(), await scene.portal(organisation="000.00.02.H26")
    mine = await portal.receipt()
    await neighbour.verify(dossier="neighbour")
    await stranger.verify(dossier="stranger")
    await portal.verify(claim=DUNG, dossier="somebody-else")

    dossiers = [entry["dossier"] for entry in await ledger(portal, mine)]

    assert dossiers == ["HN-2022-000123", "neighbour"]
    assert [entry["dossier"] for entry in await ledger(stranger, await stranger.receipt())] == [
        "stranger",
        "HN-2022-000123",
    ]


async def test_the_ledger_is_refused_without_its_own_scope(scene: Scene) -> None:
    portal = await scene.portal(scopes=["verify", "prefill"])
    receipt = await portal.receipt()

    answer = await portal.call("POST", "/ledger", {"receipt": receipt})

    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
