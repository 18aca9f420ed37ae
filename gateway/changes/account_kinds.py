"""Changes of official accounts: promotion, new keys, more officers, other rights, the end of a suspension. And of operators:
a new one, or another role of one.

A promotion creates an official account from a sandbox one, which stays. It has a new client id and key; its grants and
scopes are the sandbox account's or fewer. Officers are named again, since each profile has its own pseudonyms. Tokens are
DPoP-bound unless the proposal says otherwise, which the diff shows (docs/decisions/0057).

Once there are operators, a command without a sign-in can do none of these: the holder of an account's key can act as the
portal. Each diff has the account, its organisation and its rights, so that the second person sees whose key it is. A
suspension, a revocation and disabling officers only remove rights, and need one person (docs/decisions/0069).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gateway.accounts import store
from gateway.accounts.model import SCOPES, Account, AccountState, Grants, parse_grants
from gateway.accounts.use_cases import find_unknown, insert_new_account, officer_pseudonym, replace_keys
from gateway.changes.kind import KindOfChange, PreflightOptions, one_check
from gateway.changes.model import Change, DiffLine, compare
from gateway.changes.requests import ProposalBody
from gateway.errors.operators import AlreadyExists, StateWrong
from gateway.errors.requests import RequestInvalid
from gateway.identifiers import ClientId, OperatorName, OrganisationId, Profile, new_identifier
from gateway.keys.jws import import_public_key, parse_public_keys
from gateway.operators.model import Operator, OperatorState, Role, parse_name
from gateway.operators.store import find_record
from gateway.operators.use_cases import admit_operator, change_role, require_another_admin
from gateway.preflight.report import Preflight
from gateway.profiles.model import Gateway
from gateway.storage.database import Transaction


class _AccountKind(KindOfChange):
    """A change of an official account, which the document names."""

    official = True

    async def check(self, gateway: Gateway, change: Change, _options: PreflightOptions) -> Preflight:
        """Check that the account can have this change now."""
        title = "Tài khoản chính thức còn nhận thay đổi này"
        async with gateway.deps.database.read() as transaction:
            try:
                account = await _get_account(transaction, change.document["client_id"])
                await _refuse_known(transaction, account, change.document.get("public_keys", ()))
            except (StateWrong, RequestInvalid) as error:
                detail = error.reason if isinstance(error, StateWrong) else error.errors[0].detail
                remedy = "gateway accounts show CLIENT_ID, then propose again"
                return one_check("account", detail, title, passed=False, remedy=remedy)
        return one_check("account", f"the account is {account.state.value}", title)


class PromoteAccount(KindOfChange):
    """The creation of an official account from a sandbox account."""

    official = True

    async def draft(self, transaction: Transaction, gateway: Gateway, body: ProposalBody) -> dict[str, Any]:
        """Return the document of a promotion, with the new account's id. Raises `RequestInvalid`, `StateWrong`."""
        source = await _get_source(transaction, body.client_id)
        keys = _parse_keys(body)
        scopes = sorted(source.scopes if body.scopes is None else set(body.scopes))
        if beyond := set(scopes) - source.scopes:
            raise RequestInvalid.of("scopes", f"beyond the sandbox account's: {', '.join(sorted(beyond))}")
        return {
            "promoted_from": source.client_id,
            "client_id": new_identifier("acc"),
            "name": body.account_name or source.name,
            "organisation": source.organisation,
            "scopes": scopes,
            "authorization_details": _narrow(source, body).to_details(),
            "public_keys": keys,
            "officers": _name_officers(gateway, source, body),
            "dpop_required": not body.allow_bearer,
        }

    async def diff(self, transaction: Transaction, _gateway: Gateway, change: Change) -> tuple[DiffLine, ...]:
        """Compare the official account with its sandbox one; the rights are shown even if they are equal."""
        wanted = change.document
        source = await _get_source(transaction, wanted["promoted_from"])
        before = {
            "client_id": source.client_id,
            "name": source.name,
            "scopes": sorted(source.scopes),
            "authorization_details": source.grants.to_details(),
            "dpop_required": not source.bearer_allowed,
        }
        after = {name: wanted[name] for name in before} | {
            "profile": Profile.OFFICIAL.value,
            "public_keys": _thumbprints(wanted["public_keys"]),
            "officers": len(wanted["officers"]),
        }
        kept = [
            DiffLine(member=name, before=before[name], after=after[name])
            for name in ("authorization_details", "scopes")
            if before[name] == after[name]
        ]
        lines = compare(before | {"profile": source.profile.value}, after)
        return tuple(sorted([*lines, *kept], key=lambda line: line.member))

    async def check(self, gateway: Gateway, change: Change, _options: PreflightOptions) -> Preflight:
        """Check that the sandbox account is still active."""
        async with gateway.deps.database.read() as transaction:
            source = await store.find_account(transaction, str(change.document["promoted_from"]))
        active = source is not None and source.state is AccountState.ACTIVE
        return one_check(
            "promoted_from",
            "the sandbox account is active" if active else "the sandbox account is not active",
            "Tài khoản thử nghiệm còn hiệu lực",
            passed=active,
            remedy="" if active else "gateway accounts resume CLIENT_ID",
        )

    async def apply(
        self, transaction: Transaction, gateway: Gateway, change: Change, _by: Operator
    ) -> Mapping[str, str]:
        """Create the account with its keys and officers; return its client id and issuer, which the portal needs."""
        wanted = change.document
        account = Account(
            client_id=ClientId(wanted["client_id"]),
            profile=Profile.OFFICIAL,
            organisation=OrganisationId(wanted["organisation"]),
            name=wanted["name"],
            state=AccountState.ACTIVE,
            scopes=frozenset(wanted["scopes"]),
            grants=parse_grants(wanted["authorization_details"]),
            grant_epoch=1,
            bearer_allowed=not wanted["dpop_required"],
            created_at=gateway.deps.clock.now(),
            promoted_from=ClientId(wanted["promoted_from"]),
        )
        await insert_new_account(
            transaction, account, public_keys=wanted["public_keys"], officers=wanted["officers"]
        )
        return {"client_id": account.client_id, "issuer": gateway.places[Profile.OFFICIAL].issuer}


class RotateAccount(_AccountKind):
    """New keys instead of the present ones."""

    async def draft(self, transaction: Transaction, _gateway: Gateway, body: ProposalBody) -> dict[str, Any]:
        """Return the document of the keys that replace the present ones. Raises `RequestInvalid`, `StateWrong`."""
        account = await _get_account(transaction, body.client_id)
        keys = _parse_keys(body)
        await _refuse_known(transaction, account, keys)
        return {"client_id": account.client_id, "public_keys": keys}

    async def diff(self, transaction: Transaction, _gateway: Gateway, change: Change) -> tuple[DiffLine, ...]:
        """Compare the thumbprints of the new keys with those of the present keys."""
        account = await _get_account(transaction, change.document["client_id"])
        found = await store.get_credentials(transaction, account.client_id)
        before = sorted(_thumbprints([key.jwk for key in found.public_keys if key.retired_at is None]))
        after = sorted(_thumbprints(change.document["public_keys"]))
        return (*_describe(account), DiffLine(member="public_keys", before=before, after=after))

    async def apply(self, transaction: Transaction, gateway: Gateway, change: Change, _by: Operator) -> None:
        """Replace the present keys. Raises `StateWrong` for a key that the account has had meanwhile."""
        account = await _get_account(transaction, change.document["client_id"])
        keys = change.document["public_keys"]
        await _refuse_known(transaction, account, keys)
        try:
            await replace_keys(transaction, account, keys, at=gateway.deps.clock.now())
        except AlreadyExists as error:
            raise StateWrong(error.reason) from None


class AddOfficers(_AccountKind):
    """Officers that the account may also name."""

    async def draft(self, transaction: Transaction, gateway: Gateway, body: ProposalBody) -> dict[str, Any]:
        """Return the document of officers that the account may also name. Raises `RequestInvalid`, `StateWrong`."""
        account = await _get_account(transaction, body.client_id)
        if not body.officers:
            raise RequestInvalid.of("officers", "at least one officer's id")
        return {"client_id": account.client_id, "officers": _name_officers(gateway, account, body)}

    async def diff(self, transaction: Transaction, _gateway: Gateway, change: Change) -> tuple[DiffLine, ...]:
        """Return the new number of officers, and the new ones by pseudonym; no lines if none is new."""
        account = await _get_account(transaction, change.document["client_id"])
        present = set(await store.list_officers(transaction, [account.client_id]))
        new = sorted(set(change.document["officers"]) - present)
        if not new:
            return ()
        return (
            *_describe(account),
            DiffLine(member="officers", before=len(present), after=len(present) + len(new)),
            DiffLine(member="officers.new", before=None, after=new),
        )

    async def apply(self, transaction: Transaction, gateway: Gateway, change: Change, _by: Operator) -> None:
        """Allow the account to name these officers."""
        account = await _get_account(transaction, change.document["client_id"])
        officers = change.document["officers"]
        await store.enable_officers(transaction, account.client_id, officers, at=gateway.deps.clock.now())


class ChangeRights(_AccountKind):
    """Other grants and scopes."""

    async def draft(self, transaction: Transaction, gateway: Gateway, body: ProposalBody) -> dict[str, Any]:
        """Return the document of the grants and scopes that replace the present ones. Raises `RequestInvalid`, `StateWrong`."""
        account = await _get_account(transaction, body.client_id)
        if body.authorization_details is None and body.scopes is None:
            raise RequestInvalid.of("authorization_details", "authorization_details or scopes are needed")
        grants = _parse_grants(account, body)
        if unknown := find_unknown(gateway.deps.catalogue, grants):
            raise RequestInvalid.of("authorization_details", f"{unknown[0]}: a name is not in the catalogue")
        scopes = sorted(account.scopes if body.scopes is None else set(body.scopes))
        if not set(scopes) <= set(SCOPES):
            raise RequestInvalid.of("scopes", f"each one of {', '.join(SCOPES)}")
        return {
            "client_id": account.client_id,
            "authorization_details": grants.to_details(),
            "scopes": scopes,
        }

    async def diff(self, transaction: Transaction, _gateway: Gateway, change: Change) -> tuple[DiffLine, ...]:
        """Compare the account's grants and scopes with the proposed ones; no lines if nothing changes."""
        account = await _get_account(transaction, change.document["client_id"])
        after = {name: change.document[name] for name in ("authorization_details", "scopes")}
        lines = [
            line if line.member not in after else replace(line, after=after[line.member])
            for line in _describe(account)
        ]
        return tuple(lines) if any(line.before != line.after for line in lines) else ()

    async def apply(self, transaction: Transaction, _gateway: Gateway, change: Change, _by: Operator) -> None:
        """Replace the account's grants and scopes; its live tokens end."""
        account = await _get_account(transaction, change.document["client_id"])
        await store.update_rights(
            transaction,
            account.client_id,
            grants=parse_grants(change.document["authorization_details"]),
            scopes=change.document["scopes"],
        )


class ResumeAccount(_AccountKind):
    """The end of an account's suspension."""

    async def draft(self, transaction: Transaction, _gateway: Gateway, body: ProposalBody) -> dict[str, Any]:
        """Return the document of a resumption. Raises `RequestInvalid`, `StateWrong` if it is not suspended."""
        account = await _get_account(transaction, body.client_id)
        if account.state is not AccountState.SUSPENDED:
            raise StateWrong(
                f"{account.client_id} is {account.state.value}: only a suspended account is resumed"
            )
        return {"client_id": account.client_id}

    async def diff(self, transaction: Transaction, _gateway: Gateway, change: Change) -> tuple[DiffLine, ...]:
        """Return that the account becomes active, and its rights; no lines if it isn't suspended."""
        account = await _get_account(transaction, change.document["client_id"])
        if account.state is not AccountState.SUSPENDED:
            return ()
        active = AccountState.ACTIVE.value
        return (*_describe(account), DiffLine(member="state", before=account.state.value, after=active))

    async def apply(self, transaction: Transaction, _gateway: Gateway, change: Change, _by: Operator) -> None:
        """End the suspension. Raises `StateWrong` without one."""
        client_id = str(change.document["client_id"])
        former = AccountState.SUSPENDED
        if not await store.update_state(transaction, client_id, AccountState.ACTIVE, former=former):
            raise StateWrong(f"{client_id} is not suspended")


async def _get_source(transaction: Transaction, client_id: str | None) -> Account:
    """Return an active sandbox account. Raises `RequestInvalid`, `StateWrong`."""
    found = await store.find_account(transaction, client_id or "")
    if found is None or found.profile is not Profile.SANDBOX:
        raise RequestInvalid.of(
            "client_id", "the client id of a sandbox account is expected: gateway accounts list"
        )
    if found.state is not AccountState.ACTIVE:
        raise StateWrong(f"{client_id} is {found.state.value}: only an active account is promoted")
    return found


async def _get_account(transaction: Transaction, client_id: str | None) -> Account:
    """Return an official account that is not revoked. Raises `RequestInvalid`, `StateWrong`."""
    found = await store.find_account(transaction, client_id or "")
    if found is None or found.profile is not Profile.OFFICIAL:
        raise RequestInvalid.of(
            "client_id", "the client id of an official account is expected: gateway accounts list"
        )
    if found.state is AccountState.REVOKED:
        raise StateWrong(f"{client_id} is revoked, which can't be undone: promote the sandbox account again")
    return found


async def _refuse_known(transaction: Transaction, account: Account, keys: Sequence[dict[str, Any]]) -> None:
    """Raise `StateWrong` if the account has, or had, one of these keys."""
    found = await store.get_credentials(transaction, account.client_id)
    if set(_thumbprints([key.jwk for key in found.public_keys])) & set(_thumbprints(keys)):
        raise StateWrong(
            f"{account.client_id} has or had this key: make a new one, since a retired key is never accepted again"
        )


def _parse_keys(body: ProposalBody) -> list[dict[str, Any]]:
    try:
        return list(parse_public_keys(body.public_key or {}))
    except ValueError as error:
        raise RequestInvalid.of("public_key", str(error)) from None


def _name_officers(gateway: Gateway, account: Account, body: ProposalBody) -> list[str]:
    """Return the officers' pseudonyms, each once."""
    keys = gateway.places[Profile.OFFICIAL].keys
    named = dict.fromkeys(body.officers or ())
    return [officer_pseudonym(keys, account.organisation, officer) for officer in named]


def _parse_grants(account: Account, body: ProposalBody) -> Grants:
    """Return the proposed grants; the account's own if none are proposed."""
    if body.authorization_details is None:
        return account.grants
    try:
        return parse_grants(body.authorization_details)
    except ValueError as error:
        raise RequestInvalid.of("authorization_details", str(error)) from None


def _narrow(source: Account, body: ProposalBody) -> Grants:
    """Return the proposed grants; raises `RequestInvalid` if they are more than the sandbox account's."""
    grants = _parse_grants(source, body)
    for position, entry in enumerate(grants.entries):
        if not source.grants.covers(entry):
            raise RequestInvalid.of(
                f"authorization_details.{position}", "beyond the sandbox account's grants"
            )
    return grants


def _describe(account: Account) -> tuple[DiffLine, ...]:
    """Return lines on the account's organisation and rights, which are shown although they don't change."""
    shown = {
        "authorization_details": account.grants.to_details(),
        "client_id": account.client_id,
        "name": account.name,
        "organisation": account.organisation,
        "scopes": sorted(account.scopes),
    }
    return tuple(DiffLine(member=name, before=value, after=value) for name, value in shown.items())


def _thumbprints(jwks: Sequence[dict[str, Any]]) -> list[str]:
    return [import_public_key(jwk).thumbprint() for jwk in jwks]


class ChangeOperator(KindOfChange):
    """A new operator, or another role of one."""

    async def draft(self, _transaction: Transaction, _gateway: Gateway, body: ProposalBody) -> dict[str, str]:
        """Return the document of an operator's name and role. Raises `RequestInvalid` for a malformed name."""
        try:
            return {"name": parse_name(body.name or ""), "role": Role(body.role or "").value}
        except ValueError as error:
            raise RequestInvalid.of("name", str(error)) from None

    async def diff(self, transaction: Transaction, _gateway: Gateway, change: Change) -> tuple[DiffLine, ...]:
        """Return the former and the new role; no lines if the active operator has the role."""
        name = _operator(change)
        record = await find_record(transaction, name)
        active = record is not None and record.operator.state is OperatorState.ACTIVE
        before = record.operator.role.value if record is not None and active else None
        return compare({f"operator.{name}": before}, {f"operator.{name}": change.document["role"]})

    async def check(self, gateway: Gateway, change: Change, _options: PreflightOptions) -> Preflight:
        """Check that an active admin remains."""
        title = "Tên và vai trò hợp lệ"
        async with gateway.deps.database.read() as transaction:
            record = await find_record(transaction, _operator(change))
            try:
                if record is not None:
                    await require_another_admin(transaction, record)
            except StateWrong as error:
                remedy = "gateway operators propose NAME --role admin"
                return one_check("operator", error.reason, title, passed=False, remedy=remedy)
        return one_check("operator", "name and role are well formed", title)

    async def apply(
        self, transaction: Transaction, gateway: Gateway, change: Change, by: Operator
    ) -> Mapping[str, str]:
        """Invite the operator, whose one-time code is shown only now; or give an active one the role."""
        name, role = _operator(change), Role(change.document["role"])
        record = await find_record(transaction, name)
        if record is not None and record.operator.state is OperatorState.ACTIVE:
            await change_role(transaction, name, role, at=gateway.deps.clock.now())
            return {}
        code = await admit_operator(transaction, gateway, name, role, by=by.name, change=change.id)
        return {"one_time_code": code}


def _operator(change: Change) -> OperatorName:
    return OperatorName(change.document["name"])
