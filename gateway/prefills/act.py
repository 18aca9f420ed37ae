"""One prefill call: what it is for, its guards in the contract's order, and the verification that carries it."""

from dataclasses import dataclass, replace

from gateway.audit.model import AuditEntry
from gateway.oauth.model import Caller
from gateway.parts import Parts
from gateway.prefills import store
from gateway.prefills.model import PrefillRequest
from gateway.procedures.model import Procedure, Role
from gateway.profiles.model import Link, Place
from gateway.verifications import persons
from gateway.verifications.evidence import open_act, refusals_recorded, within
from gateway.verifications.guards import check_grants, find_act, get_link
from gateway.verifications.model import Verification
from gateway.verifications.receipts import Receipt, check_act
from gateway.verifications.rights import Rights, rights_of
from gateway.verifications.use_cases import check_live, get_verification, open_receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One call, its guards passed."""

    place: Place
    caller: Caller
    request: PrefillRequest
    procedure: Procedure
    role: Role
    verification: Verification
    under_correction: frozenset[str]
    entry: AuditEntry

    @property
    def rights(self) -> Rights:
        """Return what this call hangs on until its answer leaves."""
        return rights_of(self.caller, officer=self.entry.officer, verification=self.verification.id)


async def pass_guards(
    parts: Parts, place: Place, caller: Caller, request: PrefillRequest
) -> tuple[Act, Link]:
    """Return the act that a request stands for, its guards passed, and the way to the registry.

    Raises:
        FieldsError, GrantError, VerificationError, ProfileError, NotFound
    """
    opened = open_act(parts, place, caller, dossier=request.dossier, initiated_by=request.initiated_by)
    async with refusals_recorded(parts, opened):
        procedure, role = find_act(parts, request.procedure, request.subject_role, request.fields)
    entry = within(opened, procedure, role)
    async with refusals_recorded(parts, entry):
        officer = await check_grants(
            parts, place, caller, (procedure, role), request.initiated_by, request.fields
        )
        verification = await _open_verification(parts, place, caller, request, procedure)
        link = get_link(place)
    act = Act(
        place=place,
        caller=caller,
        request=request,
        procedure=procedure,
        role=role,
        verification=verification,
        under_correction=await list_under_correction(parts, place, verification),
        entry=replace(
            entry,
            officer=officer,
            verification=verification.id,
            citizen=verification.subject,
            citizen_key=verification.subject_key,
        ),
    )
    return act, link


async def _open_verification(
    parts: Parts, place: Place, caller: Caller, request: PrefillRequest, procedure: Procedure
) -> Verification:
    """Return the live verification for exactly this act, by receipt or by id."""
    if request.receipt is not None:
        receipt, verification = await open_receipt(parts, place, caller, request.receipt)
    else:
        verification = await get_verification(parts, place, caller, request.verification or "")
        receipt = Receipt(
            verification=verification.id,
            procedure=verification.procedure,
            dossier=verification.dossier,
            subject_role=verification.subject_role,
        )
    check_act(receipt, procedure=procedure.slug, dossier=request.dossier, subject_role=request.subject_role)
    check_live(verification, parts.clock.now())
    return verification


async def list_under_correction(parts: Parts, place: Place, verification: Verification) -> frozenset[str]:
    """Return the fields of the citizen that are disputed, by whichever number: they are the citizen's to declare."""
    async with parts.database.read() as connection:
        person = await persons.find_person(connection, place.keys, verification)
        return await store.list_open_fields(
            connection,
            profile=verification.profile,
            client_id=verification.client_id,
            person=person,
            claim_key=verification.claim_key,
        )
