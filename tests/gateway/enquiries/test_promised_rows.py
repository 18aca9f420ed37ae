"""What a receipt promises: the audit row of its verification, by its leaf hash, and the proof that the signed tree has it."""

import asyncio
import base64
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from gateway.audit.checkpoints import parse_checkpoint
from gateway.audit.model import Kind
from gateway.audit.state import ADOPTED
from gateway.audit.store import audit_entries, audit_promises, audit_rows
from gateway.audit.tree import verify_inclusion
from gateway.audit.verify import verify_audit, verify_state
from gateway.errors.operators import AuditBroken
from gateway.profiles.model import Gateway
from mock_c06.app import MockRegistry
from tests.attacks.evidence import trust_of
from tests.attacks.networks import Network, network
from tests.gateway.audit.test_proofs import fill
from tests.gateway.enquiries.test_receipts import claims_of
from tests.kit.audit import Held, SignedLog, entry
from tests.kit.clocks import HandClock
from tests.kit.scene import AN, Portal, Scene, another_worker, open_scene, settings_for
from tests.kit.stores import opened

__all__ = ["network"]

SCOPES = ("verify", "audit.read")


def leaf_of(receipt: str) -> bytes:
    text = claims_of(receipt)["leaf"]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def check_proof(text: str, leaf: bytes) -> int:
    """Check a C2SP tlog-proof of a leaf under its own checkpoint, and return the row."""
    proof, _, note = text.partition("\n\n")
    head, extra, index, *hashes = proof.split("\n")
    assert head == "c2sp.org/tlog-proof@v1"
    assert base64.b64decode(extra.removeprefix("extra ")) == leaf
    place, checkpoint = int(index.removeprefix("index ")), parse_checkpoint(note)
    verify_inclusion(
        leaf, place, checkpoint.size, [base64.b64decode(each) for each in hashes], checkpoint.root
    )
    return place + 1


async def ask_proof(portal: Portal, verification: str) -> httpx.Response:
    return await portal.call("GET", f"/receipts/{verification}/proof")


async def row_kinds(scene: Scene) -> dict[int, tuple[str, str]]:
    """Return kind and verification of each row that has a number."""
    bodies = {each["row"]: each for each in await numbered(scene.gateway)}
    return {row: (each["kind"], each["verification"]) for row, each in bodies.items()}


async def numbered(gateway: Gateway) -> list[dict[str, Any]]:
    query = sa.select(audit_rows.c.row, audit_entries.c.kind, audit_entries.c.body).join_from(
        audit_rows, audit_entries, audit_rows.c.entry == audit_entries.c.id
    )
    async with gateway.deps.database.read() as connection:
        found = (await connection.execute(query)).all()
    return [
        {"row": row, "kind": kind, "verification": body.partition('"verification":"')[2].partition('"')[0]}
        for row, kind, body in found
    ]


async def test_every_receipt_of_a_verification_promises_the_row_that_recorded_it(scene: Scene) -> None:
    portal = await scene.portal(scopes=SCOPES)
    asked = (await portal.verify()).json()
    reused = (await portal.verify(procedure="ket-hon")).json()
    again = (await portal.verify(procedure="ket-hon")).json()
    read = (await portal.call("GET", f"/verifications/{asked['id']}")).json()
    await fill(scene, 300)
    assert await scene.gateway.sequencer.run()

    rows = await row_kinds(scene)
    for answer, kind in ((asked, "answered"), (reused, "reused"), (again, "reused"), (read, "answered")):
        proof = await ask_proof(portal, answer["id"])
        assert (proof.status_code, proof.headers["content-type"]) == (200, "text/plain; charset=utf-8")
        row = check_proof(proof.text, leaf_of(answer["receipt"]))
        assert rows[row] == (kind, answer["id"])
    assert again["id"] == reused["id"] != asked["id"]


async def test_receipts_derived_in_one_commit_promise_one_row_each(scene: Scene) -> None:
    portal = await scene.portal(scopes=SCOPES)
    await portal.verify()
    answers = [
        answer.json()
        for answer in await asyncio.gather(
            *(portal.verify(procedure="ket-hon", dossier=f"HN-{number % 3}") for number in range(12))
        )
    ]
    assert await scene.gateway.sequencer.run()
    promised = {(answer["id"], leaf_of(answer["receipt"])) for answer in answers}
    assert len(promised) == 3
    for verification, leaf in promised:
        check_proof((await ask_proof(portal, verification)).text, leaf)


async def test_an_answer_shared_by_identical_questions_promises_one_row(scene: Scene) -> None:
    portal = await scene.portal(scopes=SCOPES)
    answers = [answer.json() for answer in await asyncio.gather(*(portal.verify() for _ in range(5)))]
    assert await scene.gateway.sequencer.run()
    ((verification, leaf),) = {(answer["id"], leaf_of(answer["receipt"])) for answer in answers}
    check_proof((await ask_proof(portal, verification)).text, leaf)


async def test_an_answer_that_is_reused_in_its_own_commit_promises_its_row(
    database_url: str, mock: MockRegistry, clock: HandClock, network: Network
) -> None:
    async with open_scene(settings_for(database_url, mock), mock, clock, network=lambda _: network) as scene:
        portal, log = await scene.portal(scopes=SCOPES), scene.gateway.deps.audit
        held: list[Held] = []

        async def keep_the_writer_busy() -> None:
            held.append(Held(log))
            await held[0].reached()

        async def wait_for(records: int) -> None:
            for _ in range(1000):
                if held and log.waiting == records:
                    break
                await asyncio.sleep(0.01)

        network.afterwards = keep_the_writer_busy
        asked = asyncio.create_task(portal.verify(fresh=True))
        await wait_for(1)
        reused = asyncio.create_task(portal.verify())  # one that wants no fresh answer doesn't wait for one
        await wait_for(2)
        await held[0].release()
        first, second = (await asked).json(), (await reused).json()
        assert (first["id"], first["origin"]) == (second["id"], "registry")
        assert leaf_of(second["receipt"]) == leaf_of(first["receipt"])


async def test_another_worker_names_the_same_leaf_in_its_receipts(scene: Scene) -> None:
    portal = await scene.portal(scopes=SCOPES)
    asked = (await portal.verify()).json()
    async with another_worker(scene) as http:
        portal.http = http
        again, read = (
            (await portal.verify()).json(),
            (await portal.call("GET", f"/verifications/{asked['id']}")).json(),
        )
    assert leaf_of(asked["receipt"]) == leaf_of(again["receipt"]) == leaf_of(read["receipt"])


async def test_a_proof_is_pending_until_a_checkpoint_has_the_row(scene: Scene) -> None:
    portal = await scene.portal(scopes=SCOPES)
    found = (await portal.verify()).json()
    pending = await ask_proof(portal, found["id"])
    assert (pending.status_code, pending.json()["code"]) == (503, "proof_pending")
    assert pending.headers["retry-after"] == "1"
    assert await scene.gateway.sequencer.run()
    check_proof((await ask_proof(portal, found["id"])).text, leaf_of(found["receipt"]))


async def test_an_ended_verification_keeps_its_proof(scene: Scene) -> None:
    portal = await scene.portal(scopes=SCOPES)
    found = (await portal.verify()).json()
    assert (await portal.call("POST", f"/verifications/{found['id']}/revoke")).status_code == 200
    assert await scene.gateway.sequencer.run()
    check_proof((await ask_proof(portal, found["id"])).text, leaf_of(found["receipt"]))


async def test_what_has_no_receipt_of_the_account_has_no_proof(scene: Scene) -> None:
    portal, stranger = await scene.portal(scopes=SCOPES), await scene.portal(scopes=SCOPES)
    wrong = (await portal.verify(claim=AN | {"full_name": "Trần Thị Lạ"})).json()
    theirs = (await stranger.verify()).json()
    assert wrong["verdict"] == "not_confirmed"
    assert await scene.gateway.sequencer.run()
    for verification in (wrong["id"], theirs["id"], "ver_" + "a" * 25, "x", "%00"):
        answer = await ask_proof(portal, verification)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_proof_is_refused_without_the_scope_of_the_audit(scene: Scene, portal: Portal) -> None:
    found = (await portal.verify()).json()
    answer = await ask_proof(portal, found["id"])
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


async def test_a_verification_older_than_promises_has_no_leaf_and_no_proof(scene: Scene) -> None:
    portal = await scene.portal(scopes=SCOPES)
    found = (await portal.verify()).json()
    async with scene.gateway.deps.database.write() as transaction:
        await transaction.execute(sa.delete(audit_promises))
    assert claims_of((await portal.verify()).json()["receipt"])["leaf"] is None
    assert (await ask_proof(portal, found["id"])).status_code == 404


async def test_a_promise_that_was_deleted_is_found_by_the_check(scene: Scene) -> None:
    portal = await scene.portal(scopes=SCOPES)
    await portal.verify(claim=AN | {"full_name": "Trần Thị Lạ"})  # not confirmed: nothing is promised
    await portal.verify(fresh=True)
    derived = (await portal.verify(procedure="ket-hon")).json()
    await portal.verify(procedure="ket-hon")
    database, trust = scene.gateway.deps.database, await trust_of(scene)
    await verify_audit(database, trust=trust)
    delete = sa.delete(audit_promises).where(audit_promises.c.verification == derived["id"])
    async with database.write() as transaction:
        await transaction.execute(delete)
    for _ in ("waiting", "with rows"):
        with pytest.raises(AuditBroken, match=f"^audit_promises/{derived['id']}: deleted outside the audit$"):
            await verify_audit(database, trust=trust)
        assert await scene.gateway.sequencer.run()


@pytest.mark.parametrize("adopted", [True, False])
async def test_only_entries_before_the_adoption_of_an_old_store_need_no_promise(
    database_url: str, adopted: bool
) -> None:
    async with opened(database_url) as database:
        log = await SignedLog.open(database)
        await log.log.record(entry(verification="ver_old", state={"verifications/ver_old": (None, "d" * 64)}))
        if adopted:
            await log.log.record(entry(kind=Kind.LOCAL, outcome=ADOPTED))
            assert (await log.verify()).waiting == 2
            await log.sign()
            assert (await log.verify()).rows == 2
        else:
            with pytest.raises(AuditBroken, match=r"^audit_promises/ver_old: deleted outside the audit$"):
                await log.verify()


@pytest.mark.parametrize("kind", ["reused", "delivered"])
async def test_a_promise_of_another_entry_that_names_the_verification_is_found(
    scene: Scene, kind: str
) -> None:
    portal = await scene.portal(scopes=(*SCOPES, "prefill"))
    found = (await portal.verify()).json()
    await portal.verify()
    await portal.prefill(found["receipt"], ["full_name"])
    assert await scene.gateway.sequencer.run()
    database, trust = scene.gateway.deps.database, await trust_of(scene)
    await verify_audit(database, trust=trust)
    other = sa.select(audit_entries).where(
        audit_entries.c.kind == kind, audit_entries.c.body.contains(found["id"])
    )
    async with database.write() as transaction:
        one = (await transaction.execute(other)).one()
        await transaction.execute(sa.update(audit_promises).values(entry=one.id, leaf=one.leaf))
    with pytest.raises(AuditBroken, match=f"audit_promises/{found['id']}: its leaf"):
        await verify_audit(database, trust=trust)


@pytest.mark.parametrize("column", ["verification", "entry", "leaf"])
async def test_a_promise_that_was_changed_is_found_by_the_check(scene: Scene, column: str) -> None:
    portal = await scene.portal(scopes=SCOPES)
    found = (await portal.verify()).json()
    assert await scene.gateway.sequencer.run()
    database = scene.gateway.deps.database
    trust = await trust_of(scene)
    await verify_audit(database, trust=trust)
    values = {"verification": "ver_" + "b" * 25, "entry": 1, "leaf": "0" * 64}
    async with database.write() as transaction:
        await transaction.execute(sa.update(audit_promises).values({column: values[column]}))
    named = values["verification"] if column == "verification" else found["id"]
    with pytest.raises(AuditBroken, match=f"audit_promises/{named}: its leaf"):
        await verify_audit(database, trust=trust)


@pytest.mark.parametrize("origin", ["registry", "reuse"])
async def test_a_promise_that_was_deleted_is_found_by_the_check_of_the_state(
    scene: Scene, origin: str
) -> None:
    portal = await scene.portal(scopes=SCOPES)
    found = {
        "registry": (await portal.verify()).json(),
        "reuse": (await portal.verify(procedure="ket-hon")).json(),
    }
    await portal.verify(claim=AN | {"full_name": "Trần Thị Lạ"})  # promises nothing
    assert await scene.gateway.sequencer.run()
    database, trust = scene.gateway.deps.database, await trust_of(scene)
    await verify_state(database, trust=trust)
    verification = found[origin]["id"]
    async with database.write() as transaction:
        own = audit_promises.c.verification == verification
        await transaction.execute(sa.delete(audit_promises).where(own))
    with pytest.raises(AuditBroken, match=f"audit_promises/{verification}: deleted outside the audit"):
        await verify_state(database, trust=trust)
