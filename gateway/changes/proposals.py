"""From a body to a proposal, whoever brought it: the API, or a command's file."""

from typing import Any

from gateway.changes.account_subjects import draft_officers, draft_resumption, draft_rotation
from gateway.changes.bodies import ProposalBody
from gateway.changes.model import Change, ChangeKind
from gateway.changes.operator_subject import draft_operator
from gateway.changes.policy_subject import draft_policy
from gateway.changes.promotion_subject import Promotion, draft_promotion
from gateway.changes.propose import propose, propose_revision
from gateway.database import Transaction
from gateway.errors import FieldError
from gateway.errors.requests import RequestInvalid
from gateway.identifiers import OperatorName
from gateway.operators.model import Operator, Role, parse_name
from gateway.places import Profile
from gateway.profiles.model import Gateway

_OF_ACCOUNTS = (
    ChangeKind.PROMOTE_ACCOUNT,
    ChangeKind.ROTATE_ACCOUNT,
    ChangeKind.ACCOUNT_OFFICERS,
    ChangeKind.RESUME_ACCOUNT,
)
"""What is always of official."""


async def propose_body(gateway: Gateway, by: Operator, body: ProposalBody) -> Change:
    """Propose what a body says; raises as `propose` and the kind's draft."""
    kind = ChangeKind(body.kind)
    profile = Profile(body.profile) if body.profile else None
    if kind is ChangeKind.ACTIVATE_REVISION and profile and body.revision:
        return await propose_revision(gateway, by, profile, body.revision, application=body.application)

    async def draft(transaction: Transaction) -> dict[str, Any]:
        match kind:
            case ChangeKind.SET_POLICY if profile and body.policy:
                return await draft_policy(transaction, profile, body.policy.parse())
            case ChangeKind.OPERATOR if body.name and body.role:
                return dict(draft_operator(_name(body.name), Role(body.role)))
            case _ if kind in _OF_ACCOUNTS:
                return await _draft_on_account(transaction, gateway, kind, body)
        return {}

    at_home = Profile.OFFICIAL if kind in _OF_ACCOUNTS else profile
    return await propose(gateway, by, kind, at_home, draft)


async def _draft_on_account(
    transaction: Transaction, gateway: Gateway, kind: ChangeKind, body: ProposalBody
) -> dict[str, Any]:
    client_id = body.client_id or ""
    match kind:
        case ChangeKind.ROTATE_ACCOUNT:
            return await draft_rotation(transaction, client_id, body.public_key or {})
        case ChangeKind.ACCOUNT_OFFICERS:
            return await draft_officers(transaction, gateway, client_id, body.officers or ())
        case ChangeKind.RESUME_ACCOUNT:
            return await draft_resumption(transaction, client_id)
    return await draft_promotion(transaction, gateway, _promotion(body))


def _name(text: str) -> OperatorName:
    try:
        return parse_name(text)
    except ValueError as error:
        raise RequestInvalid((FieldError(field="name", code="request_invalid", detail=str(error)),)) from None


def _promotion(body: ProposalBody) -> Promotion:
    return Promotion(
        client_id=body.client_id or "",
        public_key=body.public_key or {},
        name=body.account_name,
        authorization_details=body.authorization_details,
        scopes=body.scopes,
        officers=tuple(body.officers or ()),
        bearer_allowed=bool(body.allow_bearer),
    )
