"""Authorise a verification or a prefill before anything is asked: `checks.py`, the officer, the verification, the client.

A refusal is recorded with everything that is known of the call.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from gateway.accounts import store as accounts
from gateway.accounts.model import Caller
from gateway.accounts.use_cases import officer_pseudonym
from gateway.audit.model import AuditEntry
from gateway.clock import today, vietnam
from gateway.enquiries import person_store, prefill_store
from gateway.enquiries.checks import (
    NO_OFFICER,
    Evaluation,
    Rights,
    RowTemplate,
    find_procedure,
    list_refusals,
    needed_operations,
    of_call,
    refusal_of,
    refusals_recorded,
)
from gateway.enquiries.claim import (
    ClaimKeys,
    Number,
    fold_claim,
    key_claim,
    key_holder,
    key_number,
    open_claim,
    seal_claim,
)
from gateway.enquiries.model import (
    Enquiry,
    Origin,
    PortalRequest,
    PrefillRequest,
    Verdict,
    Verification,
    VerificationState,
)
from gateway.enquiries.receipts import Receipt, check_issued_for, check_live, get_verification, open_receipt
from gateway.errors.requests import ProfileSuspended, ProfileUnconfigured
from gateway.identifiers import VerificationId, new_timed_identifier
from gateway.keys.model import Purpose
from gateway.procedures.model import Procedure, SubjectRole
from gateway.profiles.model import Dependencies, Place
from gateway.registry.model import Claim

if TYPE_CHECKING:
    from gateway.registry.client import RegistryClient

_GRACE_S = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorisedEnquiry:
    """An enquiry that passed its checks. `folded` is its claim's fold, `claim_keys` its MACs; `entry` the template of its rows.

    `has_own_login`: the claimed person has signed in themselves, since the claim is about the number of the ID token; not set for
    a prefill, whose question counts no claim.
    """

    place: Place
    caller: Caller
    client: "RegistryClient"
    procedure: Procedure
    role: SubjectRole
    request: PortalRequest
    claim: Claim
    folded: str
    claim_keys: ClaimKeys
    number: Number
    rights: Rights
    entry: AuditEntry
    fresh: bool = False
    has_own_login: bool = False

    @property
    def account(self) -> tuple[str, str]:
        """Return whose budgets count the enquiry: the profile and the account."""
        return self.place.profile.value, self.caller.account.client_id


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorisedPrefill(AuthorisedEnquiry):
    """A prefill that passed its checks, by its `verification`; fields `under_correction` are not asked."""

    verification: Verification
    under_correction: frozenset[str]


def lease_length(enquiry: AuthorisedEnquiry) -> timedelta:
    """Return the length of a lease or a reservation, if its worker dies: the question's deadline and a grace period."""
    return timedelta(milliseconds=enquiry.client.connection.deadline_ms, seconds=_GRACE_S)


def new_verification(
    deps: Dependencies, enquiry: AuthorisedEnquiry, verdict: Verdict, *, source: Verification | None = None
) -> Verification:
    """Return a new verification with the registry's verdict; a confirmed one has its claim sealed.

    With a `source` it is derived from that one's root and has its times.
    """
    now, keys, organisation = deps.clock.now(), enquiry.place.keys, enquiry.caller.account.organisation
    id_, confirmed, claim = new_timed_identifier("ver", now), verdict is Verdict.CONFIRMED, enquiry.claim_keys
    sealed, wrapped = seal_claim(keys, id_, enquiry.claim, now=now) if confirmed else (None, None)
    ends_at = now + timedelta(seconds=enquiry.place.policy.reuse_seconds) if confirmed else None
    return Verification(
        id=VerificationId(id_),
        profile=enquiry.place.profile,
        client_id=enquiry.caller.account.client_id,
        organisation=organisation,
        procedure=enquiry.procedure.slug,
        procedure_code=enquiry.procedure.code_on(now.astimezone(vietnam()).date()),
        dossier=enquiry.request.dossier,
        subject_role=enquiry.request.subject_role,
        verdict=verdict,
        origin=Origin.REUSE if source else Origin.REGISTRY,
        derived_from=source.root if source else None,
        verified_at=source.verified_at if source else now,
        expires_at=source.expires_at if source else ends_at,
        state=VerificationState.LIVE,
        subject=enquiry.entry.citizen or "",
        subject_key=enquiry.entry.citizen_key or "",
        claim_key=claim.current,
        claim_key_id=claim.key_id,
        holder=key_holder(keys, organisation, enquiry.claim) if confirmed else None,
        own_login=enquiry.has_own_login or None,
        sealed_claim=sealed,
        wrapped_key=wrapped,
    )


async def authorise_enquiry(
    deps: Dependencies, place: Place, caller: Caller, enquiry: Enquiry
) -> AuthorisedEnquiry:
    """Return an enquiry that passed its checks; a refusal is recorded.

    Raises:
        FieldsError, GrantError, ProfileError
    """
    organisation = caller.account.organisation
    number = key_number(place.keys, organisation, enquiry.claim.number)
    entry = _open_entry(
        deps,
        place,
        caller,
        enquiry,
        citizen=number.pseudonyms[0],
        citizen_key=place.keys.current(Purpose.PSEUDONYM).kid,
    )
    async with refusals_recorded(deps, entry) as refusals:
        procedure, role = await _check_request(deps, place, caller, enquiry, refusals, at="prefill.fields")
        client = get_client(place)
    folded = fold_claim(enquiry.claim)
    return AuthorisedEnquiry(
        place=place,
        caller=caller,
        client=client,
        procedure=procedure,
        role=role,
        request=enquiry,
        fresh=enquiry.fresh,
        has_own_login=caller.citizen_id is not None and caller.citizen_id == enquiry.claim.citizen_id,
        claim=enquiry.claim,
        folded=folded,
        claim_keys=key_claim(place.keys, organisation, folded, subject=number.pseudonyms[0], now=entry.at),
        number=number,
        rights=Rights(caller, officer=refusals.entry.officer),
        entry=refusals.entry,
    )


async def authorise_prefill(
    deps: Dependencies, place: Place, caller: Caller, request: PrefillRequest
) -> AuthorisedPrefill:
    """Return a prefill that passed its checks, with its verification; a refusal is recorded.

    Raises:
        FieldsError, GrantError, VerificationError, ProfileError, NotFound
    """
    async with refusals_recorded(deps, _open_entry(deps, place, caller, request)) as refusals:
        procedure, role = await _check_request(deps, place, caller, request, refusals, at="fields")
        verification = await _open_verification(deps, place, caller, request, procedure)
        client = get_client(place)
    entry = refusals.entry.copy_with(
        verification=verification.id,
        citizen=verification.subject,
        citizen_key=verification.subject_key,
    )
    organisation, claim = caller.account.organisation, open_claim(place.keys, verification)
    folded = fold_claim(claim)
    return AuthorisedPrefill(
        place=place,
        caller=caller,
        client=client,
        procedure=procedure,
        role=role,
        request=request,
        claim=claim,
        folded=folded,
        claim_keys=key_claim(place.keys, organisation, folded, subject=verification.subject, now=entry.at),
        number=key_number(place.keys, organisation, claim.number),
        rights=Rights(caller, officer=entry.officer, verification=verification.id),
        entry=entry,
        verification=verification,
        under_correction=await list_under_correction(deps, place, verification),
    )


def _open_entry(
    deps: Dependencies, place: Place, caller: Caller, request: PortalRequest, **members: str
) -> AuditEntry:
    return of_call(
        deps,
        place,
        caller,
        dossier=request.dossier,  # its form is checked
        initiated_by=request.initiated_by.kind,
        authentication=request.initiated_by.authentication,
        **members,
    )


async def _check_request(
    deps: Dependencies,
    place: Place,
    caller: Caller,
    request: PortalRequest,
    refusals: RowTemplate,
    *,
    at: str,
) -> tuple[Procedure, SubjectRole]:
    """Return the procedure and role, if they and the fields are known and granted, and the officer is the account's.

    Raises:
        FieldsError: as `find_procedure`.
        ScopeMissing (fields at all, sensitive ones), ProcedureNotGranted, SubjectRoleNotGranted, FieldNotGranted,
        OfficerNotGranted: the first that applies, with the errors of all.
    """
    day = refusals.entry.at.astimezone(vietnam()).date()
    procedure, role = find_procedure(
        deps.catalogue, day, request.procedure, request.subject_role, request.fields, at=at
    )
    refusals.entry = refusals.entry.copy_with(
        procedure=procedure.slug,
        subject_role=role.name,
        legal_basis=procedure.legal_basis_on(day),
    )
    errors = list_refusals(caller, procedure, role, request.fields, at=at)
    if request.initiated_by.officer is not None:
        officer = await _find_officer(deps, place, caller, request.initiated_by.officer)
        errors += [NO_OFFICER] if officer is None else []
        # Not recorded in the row of a refusal.
        if not errors:
            refusals.entry = refusals.entry.copy_with(officer=officer)
    if errors:
        raise refusal_of(caller, request.fields, errors)
    return procedure, role


async def evaluate(
    deps: Dependencies,
    place: Place,
    caller: Caller,
    *,
    procedure: str,
    subject_role: str,
    fields: Sequence[str],
    officer: str | None = None,
) -> Evaluation:
    """Return whether the caller, and an officer where one is named, may have the fields in this procedure and role.

    Asks the registry nothing and writes no row.

    Raises:
        ProcedureUnknown, SubjectRoleUnknown, FieldUnknown, FieldNotInProcedure
    """
    found, role = find_procedure(
        deps.catalogue, today(deps.clock), procedure, subject_role, fields, at="fields"
    )
    refusals = list_refusals(caller, found, role, fields, at="fields")
    if officer is not None and await _find_officer(deps, place, caller, officer) is None:
        refusals.append(NO_OFFICER)
    # A refused request asks nothing, so it has no operations.
    return Evaluation(refusals=refusals, operations=() if refusals else needed_operations(fields))


async def _find_officer(deps: Dependencies, place: Place, caller: Caller, officer: str) -> str | None:
    """Return the pseudonym of an officer of the account, None for another person."""
    pseudonym = officer_pseudonym(place.keys, caller.account.organisation, officer)
    version, key = await deps.kept.version(), (caller.account.client_id, pseudonym)
    if deps.kept.find(version, "officer", key):
        return pseudonym
    async with deps.database.read() as connection:
        if not await accounts.has_officer(connection, caller.account.client_id, [pseudonym]):
            return None
    deps.kept.keep(version, "officer", key, True)
    return pseudonym


async def _open_verification(
    deps: Dependencies, place: Place, caller: Caller, request: PrefillRequest, procedure: Procedure
) -> Verification:
    """Return the live verification for exactly this procedure, dossier and role, by receipt or by id."""
    issued: Receipt | Verification
    if request.receipt is not None:
        issued, verification = await open_receipt(deps, place, caller, request.receipt)
    else:
        issued = verification = await get_verification(deps, place, caller, request.verification or "")
    check_issued_for(
        issued, procedure=procedure.slug, dossier=request.dossier, subject_role=request.subject_role
    )
    check_live(verification, deps.clock.now())
    return verification


async def list_under_correction(
    deps: Dependencies, place: Place, verification: Verification
) -> frozenset[str]:
    """Return the disputed fields of the citizen, by any of their numbers, which the citizen declares."""
    person = await person_store.find_person(deps.database, place.keys, verification)
    return await prefill_store.list_open_fields(
        deps.database,
        profile=verification.profile,
        client_id=verification.client_id,
        person=person,
        claim_key=verification.claim_key,
    )


def get_client(place: Place) -> "RegistryClient":
    """Return the place's client of the registry. Raises `ProfileUnconfigured`, `ProfileSuspended`."""
    if place.client is None:
        raise ProfileUnconfigured
    if place.suspension is not None:
        raise ProfileSuspended
    return place.client
