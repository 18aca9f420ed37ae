"""Receipts, and the acts on a stored verification: get, open by receipt, check, revoke, show the ledger.

A receipt is a JWS (ES256, `typ: receipt+jwt`) of a verification for one account, procedure, dossier and
role. It has no name, number or date of the citizen. Its claim `leaf` promises the audit row that records the verification,
and a proof shows that the signed tree has this row (docs/decisions/0094). Signature, issuer and account are checked first; only the store
knows whether the verification is still live.

A revocation ends the root, everything derived from it, and each other live verification of the account on the same
claim; their data keys are deleted in the same commit. A later answer about the claim is not stored. Verifications that
had ended before keep their state (docs/decisions/0005 and 0065).

The ledger lists an organisation's own enquiries on the citizen of a receipt (NĐ 13/2023). It leaves out rows about
another person who has, or had, the same number, and rows for which this is not certain.
"""

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.accounts.model import Caller
from gateway.audit.checkpoints import Checkpoint, prove_promise
from gateway.audit.model import AuditEntry, Kind
from gateway.audit.store import LEDGER_MOST, list_enquiries
from gateway.enquiries import budget_store, person_store, store
from gateway.enquiries.checks import Rights, check_rights, of_call, of_verification, refusals_recorded
from gateway.enquiries.claim import fold_claim, key_claim, open_claim
from gateway.enquiries.model import Verdict, Verification, VerificationState
from gateway.errors import FieldError
from gateway.errors.requests import (
    NotFound,
    ReceiptInvalid,
    VerificationExpired,
    VerificationInvalidated,
    VerificationNotConfirmed,
)
from gateway.identifiers import VerificationId
from gateway.keys.jws import JwsInvalid, read_header, sign_jws, verify_jws
from gateway.keys.model import write_base64url
from gateway.keys.sealing import SealBroken
from gateway.profiles.model import Dependencies, Place
from gateway.storage.database import Transaction
from gateway.storage.driver import ConnectionTransaction, Reader

TYP = "receipt+jwt"
_ID = re.compile(r"ver_[a-z2-7]{25}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The content of a receipt after the check of signature, issuer and account."""

    verification: VerificationId
    procedure: str
    dossier: str
    subject_role: str


def issue_receipt(place: Place, verification: Verification, *, now: datetime) -> str:
    """Sign a receipt for a confirmed verification of this profile."""
    if verification.expires_at is None or verification.profile is not place.profile:
        raise ReceiptInvalid
    leaf = verification.promise.leaf  # None of a verification older than schema 0026
    claims = {
        "iss": place.issuer,
        "aud": verification.client_id,
        "jti": verification.id,
        "iat": int(now.timestamp()),
        "exp": int(verification.expires_at.timestamp()),
        "procedure": verification.procedure,
        "dossier": verification.dossier,
        "subject_role": verification.subject_role,
        "sub": verification.subject,
        "derived_from": verification.derived_from,
        "leaf": None if leaf is None else write_base64url(bytes.fromhex(leaf)),
    }
    kid, key = place.receipts.signer(now)
    return sign_jws(claims, key=key, kid=kid, typ=TYP)


def verify_receipt(place: Place, raw: str, *, client_id: str, now: datetime) -> Receipt:
    """Return the content of a receipt of this profile for this account, expired or not. Raises `ReceiptInvalid`."""
    try:
        header = read_header(raw, typ=TYP)
        key = place.receipts.find(header.get("kid"), now=now)
        if key is None or header["alg"] != "ES256":
            raise _invalid()
        claims = verify_jws(raw, key=key, algorithm="ES256")
    except JwsInvalid:
        raise _invalid() from None
    if claims.get("iss") != place.issuer or claims.get("aud") != client_id:
        raise _invalid()
    return Receipt(
        verification=VerificationId(claims["jti"]),
        procedure=claims["procedure"],
        dossier=claims["dossier"],
        subject_role=claims["subject_role"],
    )


def _invalid() -> ReceiptInvalid:
    detail = "not a receipt of this account at this profile"
    return ReceiptInvalid(errors=(FieldError(field="receipt", code="receipt_invalid", detail=detail),))


def check_issued_for(
    receipt: Receipt | Verification, *, procedure: str, dossier: str, subject_role: str
) -> None:
    """Raise `ReceiptInvalid`, naming each member that differs from the receipt."""
    repeated = {"procedure": procedure, "dossier": dossier, "subject_role": subject_role}
    errors = tuple(
        FieldError(field=name, code="receipt_invalid", detail="not what the receipt was issued for")
        for name, value in repeated.items()
        if getattr(receipt, name) != value
    )
    if errors:
        raise ReceiptInvalid(errors=errors)


def check_live(verification: Verification, now: datetime) -> None:
    """Check that a verification is confirmed and live.

    Raises:
        VerificationNotConfirmed, VerificationExpired, VerificationInvalidated
    """
    if verification.verdict is not Verdict.CONFIRMED:
        raise VerificationNotConfirmed
    match verification.state_at(now):
        case VerificationState.EXPIRED:
            raise VerificationExpired
        case VerificationState.INVALIDATED | VerificationState.REVOKED:
            raise VerificationInvalidated(verification=verification.id)


async def get_verification(
    deps: Dependencies, place: Place, caller: Caller, verification_id: str
) -> Verification:
    """Return the account's own verification in any state. Raises `NotFound`."""
    if not _ID.fullmatch(verification_id):
        raise NotFound  # checked here, since PostgreSQL refuses some characters in a query
    return await _get_own(deps.database, place, caller, verification_id)


async def prove_receipt(
    deps: Dependencies,
    place: Place,
    caller: Caller,
    verification_id: str,
    *,
    cosigned: Checkpoint | None = None,
) -> str:
    """Return the proof (C2SP tlog-proof) that the signed tree has the row that the verification's receipts promise.

    `cosigned` is what a witness has signed last.

    Raises:
        NotFound: not a verification of this account, or one without a receipt.
        ProofPending: no signed checkpoint has the row yet.
    """
    found = await get_verification(deps, place, caller, verification_id)
    if found.promise.leaf is None:
        raise NotFound
    return await prove_promise(deps.database, found.id, cosigned=cosigned)


async def _get_own(reader: Reader, place: Place, caller: Caller, verification_id: str) -> Verification:
    found = await store.find_verification(
        reader, verification_id, profile=place.profile, client_id=caller.account.client_id
    )
    if found is None:
        raise NotFound
    return found


async def open_receipt(
    deps: Dependencies, place: Place, caller: Caller, raw: str
) -> tuple[Receipt, Verification]:
    """Return a receipt of this account and its verification, live or not. Raises `ReceiptInvalid`."""
    receipt = verify_receipt(place, raw, client_id=caller.account.client_id, now=deps.clock.now())
    try:
        return receipt, await get_verification(deps, place, caller, receipt.verification)
    except NotFound:
        raise ReceiptInvalid from None


async def revoke_verification(
    deps: Dependencies, place: Place, caller: Caller, verification_id: str
) -> Verification:
    """End the account's own verification and return it.

    Raises:
        NotFound: not a verification of this account.
        TokenInvalid, AccountSuspended: a right of the account has ended meanwhile.
    """
    found = await get_verification(deps, place, caller, verification_id)
    entry = of_verification(of_call(deps, place, caller), found)

    async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], VerificationState]:
        now = deps.clock.now()
        await check_rights(transaction, Rights(caller, asks=False), now)
        # Read again under the audit's lock: if it has ended meanwhile, it keeps its state.
        current = await _get_own(ConnectionTransaction(transaction), place, caller, found.id)
        state = current.state_at(now)
        if state is not VerificationState.LIVE:
            return (), state
        await _revoke(transaction, place, current, now)
        state = VerificationState.REVOKED
        return (entry.copy_with(at=now, kind=Kind.ENDED, outcome=state.value),), state

    async with refusals_recorded(deps, entry):
        state = await deps.audit.commit(decide)
    await deps.database.truncate_journal()
    return replace(found, state=state, sealed_claim=None, wrapped_key=None)


async def _revoke(transaction: Transaction, place: Place, live: Verification, now: datetime) -> None:
    if live.verdict is not Verdict.CONFIRMED:
        await store.revoke_one(transaction, live.id)
        return
    claim_keys = {live.claim_key}
    # A claim that can't be opened doesn't prevent a revocation.
    with contextlib.suppress(SealBroken):
        folded = fold_claim(open_claim(place.keys, live))
        # Under every look-up key, since another root may be stored under another one.
        claim_keys.update(key_claim(place.keys, live.organisation, folded, subject=live.subject, now=now).all)
    await store.revoke_claim(transaction, live, claim_keys, now=now)
    await budget_store.release_lease(
        transaction, profile=live.profile.value, client_id=live.client_id, claim_keys=claim_keys
    )


async def show_ledger(
    deps: Dependencies, place: Place, caller: Caller, raw: str
) -> tuple[Sequence[dict[str, object]], bool]:
    """Return the latest enquiries on the citizen of a receipt, oldest first, and whether there are earlier ones.

    Raises:
        ReceiptInvalid: not a receipt of this account.
        TokenInvalid, AccountSuspended: a right of the account has ended meanwhile.
    """
    _, verification = await open_receipt(deps, place, caller, raw)
    person = await person_store.find_person(deps.database, place.keys, verification)
    rows, has_earlier = await list_rows_about(
        deps, place, caller.account.organisation, person, claim_key=verification.claim_key
    )
    async with refusals_recorded(deps, of_call(deps, place, caller)), deps.database.read() as connection:
        await check_rights(connection, Rights(caller, asks=False), deps.clock.now())
    return rows, has_earlier


async def list_rows_about(
    deps: Dependencies,
    place: Place,
    organisation: str,
    person: person_store.Person,
    *,
    claim_key: str = "",
    most: int = LEDGER_MOST,
) -> tuple[Sequence[dict[str, object]], bool]:
    """Return an organisation's latest audit rows that are certainly about a person, and whether there are earlier ones.

    `claim_key`: the claim by which older rows without a holder are recognised. `most`: how many rows are looked at.
    """
    rows, has_earlier = await list_enquiries(
        deps.database,
        profile=place.profile,
        organisation=organisation,
        citizens=sorted(person.pseudonyms),
        most=most,
    )
    sole = await person_store.list_sole(deps.database, place.profile, organisation, person)
    async with deps.database.read() as connection:
        named = {str(row["verification"]) for row in rows if "verification" in row} if person.held else set()
        marks = await store.list_marks(connection, sorted(named))

    def is_own(row: dict[str, object]) -> bool:
        mark = marks.get(str(row.get("verification")))
        citizen = str(row["citizen"])
        if citizen in person.whole:
            return True
        if mark is None or not mark.confirmed:
            return citizen in sole
        if mark.holder is None:  # stored before holders were
            return mark.claim_key == claim_key
        return mark.holder == person.held[citizen]

    return [row for row in rows if is_own(row)], has_earlier
