"""One trip for both: verify a citizen, and where the registry agrees fill the form at once.

The fields' guards ran before the first question (`Enquiry.fields`). The prefill is an act of its own, with its
own rows: what it meets (nobody found, a failed operation) it answers as it always does.
"""

from dataclasses import dataclass

from gateway.oauth.model import Caller
from gateway.parts import Parts
from gateway.prefills.model import Prefill, PrefillRequest
from gateway.prefills.prefill import prefill_form
from gateway.profiles.model import Place
from gateway.verifications.asking import VerificationFlights
from gateway.verifications.model import Enquiry, Outcome, Verdict
from gateway.verifications.verify import verify_citizen


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """A verification, how this call came by it, and the prefill where one was wanted and could be had."""

    outcome: Outcome
    prefill: Prefill | None


async def verify_and_fill(
    parts: Parts, place: Place, flights: VerificationFlights, caller: Caller, enquiry: Enquiry
) -> Trip:
    """Return a verification of the claim, with the fields that the enquiry names.

    Raises:
        What `verify_citizen` and `prefill_form` raise; of the latter only what can't be known beforehand.
    """
    outcome = await verify_citizen(parts, place, flights, caller, enquiry)
    found = outcome.verification
    if not enquiry.fields or found.verdict is not Verdict.CONFIRMED:
        return Trip(outcome=outcome, prefill=None)
    wanted = PrefillRequest(
        verification=found.id,
        procedure=found.procedure,
        dossier=found.dossier,
        subject_role=found.subject_role,
        fields=enquiry.fields,
        initiated_by=enquiry.initiated_by,
    )
    return Trip(outcome=outcome, prefill=await prefill_form(parts, place, caller, wanted))
