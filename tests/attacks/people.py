"""Citizens of the mock with two numbers, as these tests ask about them, and what a portal sees of them."""

from typing import Any

import httpx

from gateway.audit.model import LOCAL
from gateway.database import Transaction
from gateway.deployment import advance_epoch
from gateway.keys.model import Purpose
from gateway.keys.store import insert_key
from gateway.keys.use_cases import make_key
from gateway.operators.use_cases import operator_entry
from gateway.places import Profile
from gateway.profiles.epochs import refresh
from tests.gateway.prefills.acts import Act, verified
from tests.gateway.scene import AN, Portal, Scene

AN_BY_CARD = {"id_card_number": "012345678", "full_name": "Nguyễn Văn An", "birth_date": "1990-01-31"}
TRUNG = {"citizen_id": "001076000303", "full_name": "Trịnh Văn Trùng", "birth_date": "1976-06-16"}
LAP = {"citizen_id": "036174000304", "full_name": "Mai Thị Lặp", "birth_date": "1974-01-21"}
SHARED = "145000303"
"""The nine-digit number that two provinces gave out, to Trùng and to Lặp."""


def by_card(claim: dict[str, str], card: str) -> dict[str, str]:
    """Return a claim with the nine-digit number in place of the other."""
    return {name: value for name, value in claim.items() if name != "citizen_id"} | {"id_card_number": card}


def misnamed(claim: dict[str, str], number: int) -> dict[str, str]:
    """Return a claim under a wrong name."""
    return claim | {"full_name": f"Nguyễn Văn Sai {'abcdefghijklmnopqrstuvwxyz'[number]}"}


async def shown(portal: Portal, claim: dict[str, str], *fields: str) -> Act:
    """Verify a citizen and fill a form: the record shows both numbers."""
    act = await verified(portal, claim=claim, dossier="HN-SHOWN")
    answer = await act.fill(*(fields or ("full_name",)))
    assert answer.status_code == 200, answer.text
    return act


async def joined(portal: Portal) -> None:
    """Let a record show that An's two numbers are one person's."""
    await shown(portal, AN)


def spent(answer: httpx.Response) -> str | None:
    """Return which budget a refusal names, None for any other answer."""
    if answer.status_code != 429 or answer.json()["code"] != "enquiry_budget_spent":
        return None
    assert int(answer.headers["retry-after"]) > 0
    return str(answer.json()["budget"])


async def seen(portal: Portal, receipt: str) -> list[str]:
    """Return the dossiers in a receipt's ledger."""
    answer = await portal.call("POST", "/ledger", {"receipt": receipt})
    assert answer.status_code == 200, answer.text
    entries: list[dict[str, Any]] = answer.json()["entries"]
    return [entry["dossier"] for entry in entries]


async def rotate_pseudonyms(scene: Scene) -> None:
    """Give the sandbox another pseudonym key, which no command does yet."""
    serial = len(scene.gateway.places[Profile.SANDBOX].keys.all(Purpose.PSEUDONYM)) + 1
    key = make_key(Profile.SANDBOX, Purpose.PSEUDONYM, serial=serial, now=scene.clock.now())

    async def change(transaction: Transaction) -> None:
        await insert_key(transaction, key, master=scene.gateway.vault.master)
        await advance_epoch(transaction)

    parts = scene.gateway.parts
    await parts.audit.record(operator_entry(parts, "key_rotated:pseudonym", actor=LOCAL), change=change)
    assert await refresh(scene.gateway)
