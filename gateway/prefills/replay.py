"""A form that was kept goes out again: granted still, of a living verification, and with no field disputed since."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.errors.idempotency import IdempotencyAnswerGone
from gateway.oauth.model import Caller
from gateway.parts import Parts
from gateway.prefills.act import list_under_correction, pass_guards
from gateway.prefills.model import PrefillRequest
from gateway.profiles.model import Place
from gateway.verifications.evidence import refusals_recorded
from gateway.verifications.model import Enquiry, Verdict
from gateway.verifications.replay import allow_verification, record_replay
from gateway.verifications.rights import rights_of


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptForm:
    """What a kept prefill delivers: its id and the names of the fields that it fills."""

    id: str
    filled: tuple[str, ...]


def read_kept_form(members: Mapping[str, Any]) -> KeptForm:
    """Return what a prefill's answer delivers."""
    filled = (name for name, field in members["fields"].items() if field["state"] == "filled")
    return KeptForm(id=members["id"], filled=tuple(filled))


async def replay_prefill(
    parts: Parts, place: Place, caller: Caller, request: PrefillRequest, kept: KeptForm
) -> None:
    """Let a kept prefill pass, and record that it is delivered again.

    Raises:
        What `prefill_form` raises before it asks anything.
        IdempotencyAnswerGone: a field that it fills was disputed since.
    """
    act, _ = await pass_guards(parts, place, caller, request)
    async with refusals_recorded(parts, act.entry):
        _refuse_disputed(kept, act.under_correction, act.verification.id)
    await record_replay(parts, act.entry, act.rights, outcome=kept.id, fields=kept.filled)


async def replay_trip(
    parts: Parts, place: Place, caller: Caller, enquiry: Enquiry, verification_id: str, kept: KeptForm | None
) -> None:
    """Let a kept verification pass, with the form that it filled, and record that it is delivered again.

    Raises:
        What `verify_citizen` raises before it asks anything.
        VerificationExpired, VerificationInvalidated: it was confirmed, and has ended.
        IdempotencyAnswerGone: a field that it fills was disputed since.
    """
    entry, found = await allow_verification(parts, place, caller, enquiry, verification_id)
    is_confirmed = found.verdict is Verdict.CONFIRMED
    rights = rights_of(caller, officer=entry.officer, verification=found.id if is_confirmed else None)
    if kept is None:
        await record_replay(parts, entry, rights, outcome=found.verdict.value)
        return
    async with refusals_recorded(parts, entry):
        _refuse_disputed(kept, await list_under_correction(parts, place, found), found.id)
    await record_replay(parts, entry, rights, outcome=kept.id, fields=kept.filled)


def _refuse_disputed(kept: KeptForm, under_correction: frozenset[str], verification_id: str) -> None:
    if not under_correction.isdisjoint(kept.filled):
        raise IdempotencyAnswerGone(verification=verification_id)
