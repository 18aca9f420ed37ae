"""What operators send about changes: shapes, exact. A secret comes as text and never shows in a repr.

Where a profile may connect is no member of a revision: a body that brings `hosts` or `networks` is refused.
"""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from gateway.accounts.model import OFFICER
from gateway.changes.model import ChangeKind
from gateway.edge.bodies import Body
from gateway.identifiers import parse_line
from gateway.operators.bodies import OperatorNameText
from gateway.profiles.revisions import PolicyChange
from gateway.registry.members import ConnectionMembers


def _of_accounts(found: object) -> object:
    """Refuse any other name before the members are read: an error would tell it, and it may be a person's number."""
    if isinstance(found, dict) and not all(re.fullmatch(_CLIENT_ID, str(name)) for name in found):
        raise ValueError("client ids of accounts, each with its budgets or null")
    return found


Officer = Annotated[str, Field(pattern=f"^{OFFICER.pattern}$")]
ProfileText = Literal["sandbox", "official"]
RoleText = Literal["viewer", "proposer", "approver", "data_protection", "admin"]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Words = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(parse_line)]
Reason = Annotated[Words | None, Field(max_length=400)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Volume = Annotated[int, Field(ge=1, le=100_000_000)]
_CLIENT_ID = r"^acc_[a-z2-7]{25}$"
ClientIdText = Annotated[str, Field(pattern=_CLIENT_ID)]

_MEMBERS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    ChangeKind.ACTIVATE_REVISION: (frozenset({"profile", "revision"}), frozenset({"application"})),
    ChangeKind.SET_POLICY: (frozenset({"profile", "policy"}), frozenset()),
    ChangeKind.RESUME_PROFILE: (frozenset({"profile"}), frozenset()),
    ChangeKind.OPERATOR: (frozenset({"name", "role"}), frozenset()),
    ChangeKind.PROMOTE_ACCOUNT: (
        frozenset({"client_id", "public_key"}),
        frozenset({"authorization_details", "scopes", "officers", "allow_bearer", "account_name"}),
    ),
    ChangeKind.ROTATE_ACCOUNT: (frozenset({"client_id", "public_key"}), frozenset()),
    ChangeKind.ACCOUNT_OFFICERS: (frozenset({"client_id", "officers"}), frozenset()),
    ChangeKind.RESUME_ACCOUNT: (frozenset({"client_id"}), frozenset()),
}
"""What each kind must and may have, beside `kind`."""


class VolumeBody(Body):
    """How many answered enquiries one account has, in place of the profile's."""

    confirmed_hour: Volume | None = None
    confirmed_day: Volume | None = None


class BudgetsBody(Body):
    """How many wrong claims and answered enquiries a caller has; `accounts` by client id, null to end an override."""

    account_hour: Count | None = None
    subject_day: Count | None = None
    confirmed_hour: Volume | None = None
    confirmed_day: Volume | None = None
    accounts: (
        Annotated[
            dict[str, VolumeBody | None],
            BeforeValidator(_of_accounts),
            Field(max_length=100, json_schema_extra={"propertyNames": {"pattern": _CLIENT_ID}}),
        ]
        | None
    ) = None


class WatchBody(Body):
    """How long a new revision is watched, and what is too much."""

    seconds: Annotated[int, Field(ge=1, le=86400)] | None = None
    refused_logins: Count | None = None
    invalid_answers: Count | None = None
    failures: Count | None = None


class PolicyBody(Body):
    """A policy to be laid over the present one; absent members stay as they are."""

    reuse: Literal["account", "dossier"] | None = None
    reuse_seconds: Annotated[int, Field(ge=1, le=86400)] | None = None
    budgets: BudgetsBody | None = None
    legal_basis: Annotated[Words, Field(min_length=3, max_length=400)] | None = None
    reason: Annotated[Words, Field(min_length=3, max_length=400)] | None = None
    watch: WatchBody | None = None

    def parse(self) -> PolicyChange:
        """Return the policy in our words."""
        budgets = self.budgets or BudgetsBody()
        return PolicyChange(
            reuse=self.reuse,
            reuse_seconds=self.reuse_seconds,
            account_hour=budgets.account_hour,
            subject_day=budgets.subject_day,
            confirmed_hour=budgets.confirmed_hour,
            confirmed_day=budgets.confirmed_day,
            accounts={
                name: None if own is None else own.model_dump(exclude_none=True)
                for name, own in (budgets.accounts or {}).items()
            },
            reason=self.reason,
            legal_basis=self.legal_basis,
            watch={} if self.watch is None else self.watch.model_dump(exclude_none=True),
        )


class ProposalBody(Body):
    """`POST /ops/v1/changes`: which members stand is said by `kind`."""

    kind: Literal[
        "activate_revision",
        "promote_account",
        "set_policy",
        "resume_profile",
        "operator",
        "rotate_account",
        "account_officers",
        "resume_account",
    ]
    profile: ProfileText | None = None
    revision: ConnectionMembers | None = None
    application: Digest | None = None
    policy: PolicyBody | None = None
    name: OperatorNameText | None = None
    role: RoleText | None = None
    client_id: ClientIdText | None = None
    public_key: Annotated[dict[str, Any], Field(description="A public JWK, or a JWK Set.")] | None = None
    account_name: Annotated[Words, Field(min_length=1, max_length=200)] | None = None
    authorization_details: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=20)] | None = None
    scopes: Annotated[list[str], Field(min_length=1, max_length=5)] | None = None
    officers: Annotated[list[Officer], Field(max_length=500)] | None = None
    allow_bearer: bool | None = None

    @model_validator(mode="after")
    def _members_of_the_kind(self) -> Self:
        needed, allowed = _MEMBERS[self.kind]
        given = {name for name in self.model_fields_set if getattr(self, name) is not None} - {"kind"}
        if missing := needed - given:
            raise ValueError(f"{self.kind} needs {', '.join(sorted(missing))}")
        if beyond := given - needed - allowed:
            raise ValueError(f"{self.kind} has no {', '.join(sorted(beyond))}")
        return self


class PreflightBody(Body):
    """`POST /ops/v1/changes/{id}/preflight`. `login_only` is a rehearsal: it shows, and lets nothing happen.

    Whom a preflight asks about is never the caller's to say: a test identity is a member of the revision.
    """

    login_only: bool = False


class ApprovalBody(Body):
    """`POST /ops/v1/changes/{id}/approve`: the hash of the diff that was looked at."""

    diff_hash: Digest


class ReasonBody(Body):
    """`POST …/reject`, `…/rollback`, `…/suspend`: why, for the evidence."""

    reason: Reason = None
