"""One verification call, its guards passed, and the new verifications it can give rise to."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.audit.model import AuditEntry
from gateway.clock import today
from gateway.identifiers import VerificationId, new_identifier
from gateway.oauth.model import Caller
from gateway.parts import Parts
from gateway.procedures.model import Procedure
from gateway.profiles.model import Place
from gateway.verifications.claim_keys import ClaimKeys, key_claim
from gateway.verifications.fold import fold_claim
from gateway.verifications.model import Enquiry, Origin, Verdict, Verification, VerificationState
from gateway.verifications.persons import Number, key_holder, number_of
from gateway.verifications.rights import Rights, rights_of
from gateway.verifications.sealed_claims import seal_claim


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One call, its guards passed."""

    place: Place
    caller: Caller
    enquiry: Enquiry
    procedure: Procedure
    entry: AuditEntry

    @property
    def rights(self) -> Rights:
        """Return what this call hangs on until its answer leaves."""
        return rights_of(self.caller, officer=self.entry.officer)

    def claim_keys(self, now: datetime) -> ClaimKeys:
        """Return what stands for the claim in the store."""
        organisation, subject = self.caller.account.organisation, self.entry.citizen or ""
        return key_claim(self.place.keys, organisation, self.enquiry.claim, subject=subject, now=now)

    @property
    def number(self) -> Number:
        """Return what stands for the number that is asked about."""
        return number_of(self.place.keys, self.caller.account.organisation, self.enquiry.claim)

    def claim_in_flight(self) -> str:
        """Return what stands for the claim while it is asked: no key of it changes before the answer is there."""
        organisation = self.caller.account.organisation
        return self.place.keys.pseudonym("claim in flight", organisation, fold_claim(self.enquiry.claim))


def new_verification(parts: Parts, act: Act, verdict: Verdict) -> Verification:
    """Return a verification that the registry was asked for just now; a confirmed one seals its claim."""
    now = parts.clock.now()
    confirmed, asked = verdict is Verdict.CONFIRMED, act.enquiry.claim
    claim, organisation = act.claim_keys(now), act.caller.account.organisation
    verification = Verification(
        id=VerificationId(new_identifier("ver")),
        profile=act.place.profile,
        client_id=act.caller.account.client_id,
        organisation=organisation,
        procedure=act.procedure.slug,
        procedure_code=act.procedure.code_on(today(parts.clock)),
        dossier=act.enquiry.dossier,
        subject_role=act.enquiry.subject_role,
        verdict=verdict,
        origin=Origin.REGISTRY,
        derived_from=None,
        verified_at=now,
        expires_at=now + timedelta(seconds=act.place.policy.reuse_seconds) if confirmed else None,
        state=VerificationState.LIVE,
        subject=act.entry.citizen or "",
        subject_key=act.entry.citizen_key or "",
        claim_key=claim.current,
        claim_key_id=claim.key_id,
        holder=key_holder(act.place.keys, organisation, asked) if confirmed else None,
    )
    return _sealed(act, verification) if confirmed else verification


def _sealed(act: Act, verification: Verification) -> Verification:
    """Return the verification with its claim sealed under a new data key."""
    sealed_claim, wrapped = seal_claim(act.place.keys, verification.id, act.enquiry.claim)
    return replace(verification, sealed_claim=sealed_claim, wrapped_key=wrapped)
