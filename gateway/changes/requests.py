"""The request bodies of operators about changes. Secrets are text and never show in a repr.

A revision doesn't decide where a profile may connect: a body with `hosts` or `networks` is refused.
"""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from gateway.accounts.model import OFFICER
from gateway.changes.model import ChangeKind
from gateway.edge.requests import Body
from gateway.identifiers import parse_line
from gateway.operators.model import NAME
from gateway.profiles.revisions import PolicyChange
from gateway.registry.connection import ConnectionMembers


def _check_client_ids(found: object) -> object:
    """Refuse other keys before the members are read: an error would repeat the key, which may be a person's number."""
    if isinstance(found, dict) and not all(re.fullmatch(_CLIENT_ID, str(name)) for name in found):
        raise ValueError("client ids of accounts, each with its budgets or null")
    return found


Officer = Annotated[str, Field(pattern=f"^{OFFICER.pattern}$")]
ProfileText = Literal["sandbox", "official"]
RoleText = Literal["viewer", "proposer", "approver", "data_protection", "admin"]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(parse_line)
]
_Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=3, max_length=400), AfterValidator(parse_line)
]
Reason = (
    Annotated[str, StringConstraints(strip_whitespace=True, max_length=400), AfterValidator(parse_line)]
    | None
)
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
    ChangeKind.ACCOUNT_RIGHTS: (frozenset({"client_id"}), frozenset({"authorization_details", "scopes"})),
    ChangeKind.RESUME_ACCOUNT: (frozenset({"client_id"}), frozenset()),
}
"""The required and the optional members of each kind, besides `kind`."""


class VolumeBody(Body):
    """One account's own limits of answered enquiries, which replace the profile's."""

    confirmed_hour: Volume | None = None
    confirmed_day: Volume | None = None


class BudgetsBody(Body):
    """Limits of wrong claims and answered enquiries; `accounts` by client id, null to remove an override."""

    account_hour: Count | None = None
    subject_day: Count | None = None
    confirmed_hour: Volume | None = None
    confirmed_day: Volume | None = None
    accounts: (
        Annotated[
            dict[str, VolumeBody | None],
            BeforeValidator(_check_client_ids),
            Field(max_length=100, json_schema_extra={"propertyNames": {"pattern": _CLIENT_ID}}),
        ]
        | None
    ) = None


class WatchBody(Body):
    """How long a new revision is watched, and at how many failures it is rolled back."""

    seconds: Annotated[int, Field(ge=1, le=86400)] | None = None
    refused_logins: Count | None = None
    invalid_answers: Count | None = None
    failures: Count | None = None


class PolicyBody(Body):
    """The members of the policy to change; absent members stay."""

    reuse: Literal["account", "dossier"] | None = None
    reuse_seconds: Annotated[int, Field(ge=1, le=86400)] | None = None
    budgets: BudgetsBody | None = None
    legal_basis: _Text | None = None
    reason: _Text | None = None
    watch: WatchBody | None = None

    def parse(self) -> PolicyChange:
        """Return the body as a change of the policy."""
        budgets = self.budgets or BudgetsBody()
        accounts = budgets.accounts or {}
        return PolicyChange(
            **self.model_dump(exclude={"budgets", "watch"}),
            **budgets.model_dump(exclude={"accounts"}),
            accounts={
                name: None if own is None else own.model_dump(exclude_none=True)
                for name, own in accounts.items()
            },
            watch={} if self.watch is None else self.watch.model_dump(exclude_none=True),
        )


class ProposalBody(Body):
    """`POST /ops/v1/changes`: `kind` decides which other members are required or allowed."""

    kind: Literal[
        "activate_revision",
        "promote_account",
        "set_policy",
        "resume_profile",
        "operator",
        "rotate_account",
        "account_officers",
        "account_rights",
        "resume_account",
    ]
    profile: ProfileText | None = None
    revision: ConnectionMembers | None = None
    application: Digest | None = None
    policy: PolicyBody | None = None
    name: Annotated[str, Field(pattern=f"^{NAME.pattern}$", examples=["lan.nguyen"])] | None = None
    role: RoleText | None = None
    client_id: ClientIdText | None = None
    public_key: Annotated[dict[str, Any], Field(description="A public JWK, or a JWK Set.")] | None = None
    account_name: _Name | None = None
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
    """`POST /ops/v1/changes/{id}/preflight`. `login_only` is a rehearsal, whose result doesn't count.

    The caller can't choose whom a preflight asks about: a test identity is a member of the revision.
    """

    login_only: bool = False


class ApprovalBody(Body):
    """`POST /ops/v1/changes/{id}/approve`: the hash of the diff that the approver saw."""

    diff_hash: Digest


class ReasonBody(Body):
    """`POST …/reject`, `…/rollback`, `…/suspend`: the reason, for the evidence."""

    reason: Reason = None
