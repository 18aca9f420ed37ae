"""What stands for a claim in the store: its keyed fold, under each look-up key that is accepted.

Look-up keys are rotated, so one claim may be stored under two of them. It is looked for under all, the serving
one first, and wherever it is counted its rows are first brought under that one (`budgets.unite`).
"""

from dataclasses import dataclass
from datetime import datetime

from gateway.keys.model import PlaceKeys, Purpose
from gateway.places import Profile
from gateway.registry.model import Claim
from gateway.verifications.fold import fold_claim


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimKeys:
    """An organisation's claim: `current` under the serving look-up key, `others` under the rest.

    One for the whole organisation, whose accounts share the budget of a number; reuse looks by account too.
    """

    profile: Profile
    organisation: str
    subject: str
    key_id: str
    current: str
    others: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """Return what the claim may be stored as."""
        return (self.current, *self.others)


def key_claim(keys: PlaceKeys, organisation: str, claim: Claim, *, subject: str, now: datetime) -> ClaimKeys:
    """Return what stands for a claim about the citizen behind the pseudonym `subject`."""
    text = f"claim|{organisation}|{fold_claim(claim)}"
    serving, *others = keys.accepted(Purpose.LOOKUP, now)
    return ClaimKeys(
        profile=keys.profile,
        organisation=organisation,
        subject=subject,
        key_id=serving.kid,
        current=serving.mac(text),
        others=tuple(key.mac(text) for key in others),
    )
