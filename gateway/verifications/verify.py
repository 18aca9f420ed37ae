"""Verify once: reuse what is live, else ask the registry yes or no, and remember the answer.

Order: meaning, grants, officer, connection, reuse, question (`asking.py`).
"""

from dataclasses import replace

from gateway.oauth.model import Caller
from gateway.parts import Parts
from gateway.profiles.model import Link, Place
from gateway.verifications.act import Act
from gateway.verifications.asking import VerificationFlights, ask_once
from gateway.verifications.evidence import about, open_act, refusals_recorded, within
from gateway.verifications.guards import check_grants, find_act, get_link
from gateway.verifications.model import Enquiry, Outcome
from gateway.verifications.reuse import reuse

_FIELDS = "prefill.fields"


async def verify_citizen(
    parts: Parts, place: Place, flights: VerificationFlights, caller: Caller, enquiry: Enquiry
) -> Outcome:
    """Return a verification of the claim for this act.

    Raises:
        FieldsError, GrantError, ProfileError: before anything was asked.
        RegistryError: the registry gave no usable answer.
    """
    act, link = await pass_guards(parts, place, caller, enquiry)
    if not enquiry.fresh and (reused := await reuse(parts, act)):
        return reused
    return await ask_once(parts, flights, act, link)


async def pass_guards(parts: Parts, place: Place, caller: Caller, enquiry: Enquiry) -> tuple[Act, Link]:
    """Return the act that an enquiry stands for, its guards passed, and the way to the registry.

    Raises:
        FieldsError, GrantError, ProfileError
    """
    opened = open_act(parts, place, caller, dossier=enquiry.dossier, initiated_by=enquiry.initiated_by)
    opened = about(opened, place, enquiry.claim)
    async with refusals_recorded(parts, opened):
        procedure, role = find_act(parts, enquiry.procedure, enquiry.subject_role, enquiry.fields, at=_FIELDS)
    entry = within(opened, procedure, role)
    async with refusals_recorded(parts, entry):
        officer = await check_grants(
            parts, place, caller, (procedure, role), enquiry.initiated_by, enquiry.fields, at=_FIELDS
        )
        link = get_link(place)
    act = Act(
        place=place,
        caller=caller,
        enquiry=enquiry,
        procedure=procedure,
        entry=replace(entry, officer=officer),
    )
    return act, link
