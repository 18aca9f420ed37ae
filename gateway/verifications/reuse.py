"""Reuse: the same live verification again, or a new one derived from its root, as far as the policy goes.

Never across accounts, never extended: a derived verification has its root's times. Source: docs/decisions/0004.
"""

from collections.abc import Sequence
from dataclasses import replace

from gateway.audit.model import AuditEntry, Kind
from gateway.database import Transaction
from gateway.parts import Parts
from gateway.verifications import persons, store
from gateway.verifications.act import Act, new_verification
from gateway.verifications.evidence import refusals_recorded
from gateway.verifications.model import Origin, Outcome, Verdict, Verification
from gateway.verifications.rights import check_rights


async def reuse(parts: Parts, act: Act) -> Outcome | None:
    """Serve the same live verification again, or derive a new one, as far as the policy goes; None where none is live.

    Raises:
        TokenInvalid, AccountSuspended, ProfileSuspended: a right of the call ended meanwhile.
    """
    async with parts.database.read() as connection:
        if await _find_reusable(parts, act, connection) is None:
            return None
    found: list[Verification] = []

    async def decide(transaction: Transaction) -> Sequence[AuditEntry]:
        found.clear()
        await check_rights(transaction, act.rights, parts.clock.now())
        # Read again where nobody else writes: the root may have ended since, or a twin been derived.
        chosen = await _find_reusable(parts, act, transaction)
        if chosen is None:
            return ()
        if not chosen.is_for(act.procedure.slug, act.enquiry.dossier, act.enquiry.subject_role):
            chosen = _derive(parts, act, chosen)
            await persons.note_number(transaction, act.number)
            await store.insert_verification(transaction, chosen)
        found.append(chosen)
        return [
            replace(
                act.entry,
                at=parts.clock.now(),
                kind=Kind.REUSED,
                verification=chosen.id,
                origin=Origin.REUSE.value,
                outcome=chosen.verdict.value,
            )
        ]

    async with refusals_recorded(parts, act.entry):
        await parts.audit.commit(decide)
    return Outcome(verification=found[0], origin=Origin.REUSE) if found else None


async def _find_reusable(parts: Parts, act: Act, transaction: Transaction) -> Verification | None:
    now = parts.clock.now()
    reach = store.Reach(
        procedure=act.procedure.slug,
        dossier=act.enquiry.dossier,
        subject_role=act.enquiry.subject_role,
        any_dossier=act.place.policy.reuse == "account",
    )
    return await store.find_reusable(
        transaction,
        reach,
        profile=act.place.profile,
        client_id=act.caller.account.client_id,
        claim_keys=act.claim_keys(now).all,
        now=now,
    )


def _derive(parts: Parts, act: Act, source: Verification) -> Verification:
    """Return a new verification from a root: its own id and seal, the root's times."""
    return replace(
        new_verification(parts, act, Verdict.CONFIRMED),
        origin=Origin.REUSE,
        derived_from=source.root,
        verified_at=source.verified_at,
        expires_at=source.expires_at,
    )
