"""The table of the kinds of change: the functions that draft, compare, check and apply each (`…_kind.py`)."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.changes import account_kinds, operator_kind, profile_kinds, revision_kind
from gateway.changes.model import Change, ChangeKind, DiffLine
from gateway.changes.preflight_budget import PreflightOptions
from gateway.changes.requests import ProposalBody
from gateway.database import Transaction
from gateway.operators.model import Operator
from gateway.preflight.report import Preflight
from gateway.profiles.model import Gateway

Draft = Callable[[Transaction, Gateway, ProposalBody], Awaitable[Mapping[str, Any]]]
Diff = Callable[[Transaction, Gateway, Change], Awaitable[tuple[DiffLine, ...]]]
Check = Callable[[Gateway, Change, PreflightOptions], Awaitable[Preflight]]
Apply = Callable[[Transaction, Gateway, Change, Operator], Awaitable[Mapping[str, str] | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class KindOfChange:
    """One kind of change.

    `diff` returns what the change would change now, no lines if nothing. `check` is its preflight. `apply` does it inside
    the caller's commit; its result (an id, a code) is shown to the operator only once. `draft` checks a proposal and
    returns its document, without any secret; None for a revision, since `propose_revision` checks the connection before
    the transaction. `watched`: the gateway may roll it back. `official`: it is of official, and its body names no profile.
    """

    diff: Diff
    check: Check
    apply: Apply
    draft: Draft | None = None
    watched: bool = False
    official: bool = False


KINDS: Mapping[ChangeKind, KindOfChange] = {
    ChangeKind.ACTIVATE_REVISION: KindOfChange(
        diff=revision_kind.diff_revision,
        check=revision_kind.check_revision,
        apply=revision_kind.apply_revision,
        watched=True,
    ),
    ChangeKind.SET_POLICY: KindOfChange(
        draft=profile_kinds.draft_policy,
        diff=profile_kinds.diff_policy,
        check=profile_kinds.check_policy,
        apply=profile_kinds.apply_policy,
    ),
    ChangeKind.RESUME_PROFILE: KindOfChange(
        draft=profile_kinds.draft_resume,
        diff=profile_kinds.diff_resume,
        check=profile_kinds.check_resume,
        apply=profile_kinds.apply_resume,
    ),
    ChangeKind.OPERATOR: KindOfChange(
        draft=operator_kind.draft_operator,
        diff=operator_kind.diff_operator,
        check=operator_kind.check_operator,
        apply=operator_kind.apply_operator,
    ),
    ChangeKind.PROMOTE_ACCOUNT: KindOfChange(
        draft=account_kinds.draft_promotion,
        diff=account_kinds.diff_promotion,
        check=account_kinds.check_promotion,
        apply=account_kinds.apply_promotion,
        official=True,
    ),
    ChangeKind.ROTATE_ACCOUNT: KindOfChange(
        draft=account_kinds.draft_rotation,
        diff=account_kinds.diff_rotation,
        check=account_kinds.check_account,
        apply=account_kinds.apply_rotation,
        official=True,
    ),
    ChangeKind.ACCOUNT_OFFICERS: KindOfChange(
        draft=account_kinds.draft_officers,
        diff=account_kinds.diff_officers,
        check=account_kinds.check_account,
        apply=account_kinds.apply_officers,
        official=True,
    ),
    ChangeKind.ACCOUNT_RIGHTS: KindOfChange(
        draft=account_kinds.draft_rights,
        diff=account_kinds.diff_rights,
        check=account_kinds.check_account,
        apply=account_kinds.apply_rights,
        official=True,
    ),
    ChangeKind.RESUME_ACCOUNT: KindOfChange(
        draft=account_kinds.draft_resumption,
        diff=account_kinds.diff_resumption,
        check=account_kinds.check_account,
        apply=account_kinds.apply_resumption,
        official=True,
    ),
}
