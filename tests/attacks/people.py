"""Citizens of the mock who have two numbers, claims about them, and what a portal sees of them."""

import httpx

from gateway.audit.model import LOCAL
from gateway.deployment import advance_epoch
from gateway.identifiers import Profile
from gateway.keys.model import Purpose
from gateway.keys.store import insert_key
from gateway.keys.vault import make_key
from gateway.operators.model import operator_entry
from gateway.profiles.places import refresh
from gateway.storage.database import Transaction
from tests.kit.enquiries import VerifiedEnquiry, verified
from tests.kit.scene import AN, Portal, Scene


def misnamed(claim: dict[str, str], number: int) -> dict[str, str]:
    """Return a claim under a wrong name."""
    return claim | {"full_name": f"Nguyễn Văn Sai {'abcdefghijklmnopqrstuvwxyz'[number]}"}


async def shown(portal: Portal, claim: dict[str, str], *fields: str) -> VerifiedEnquiry:
    """Verify a citizen and fill a form: the record shows both numbers."""
    act = await verified(portal, claim=claim, dossier="HN-SHOWN")
    answer = await act.fill(*(fields or ("full_name",)))
    assert answer.status_code == 200, answer.text
    return act


async def joined(portal: Portal) -> None:
    """Let a record show that An's two numbers belong to one person."""
    await shown(portal, AN)


def spent(answer: httpx.Response) -> str | None:
    """Return the budget that a refusal names; None for any other answer."""
    if answer.status_code != 429 or answer.json()["code"] != "enquiry_budget_spent":
        return None
    assert int(answer.headers["retry-after"]) > 0
    return str(answer.json()["budget"])


async def rotate_pseudonyms(scene: Scene) -> None:
    """Give the sandbox another pseudonym key; no command does this yet."""
    serial = len(scene.gateway.places[Profile.SANDBOX].keys.all(Purpose.PSEUDONYM)) + 1
    key = make_key(Profile.SANDBOX, Purpose.PSEUDONYM, serial=serial, now=scene.clock.now())

    async def change(transaction: Transaction) -> None:
        await insert_key(transaction, key, master=scene.gateway.vault.master)
        await advance_epoch(transaction)

    deps = scene.gateway.deps
    await deps.audit.record(operator_entry(deps, "key_rotated:pseudonym", actor=LOCAL), change=change)
    assert await refresh(scene.gateway)
