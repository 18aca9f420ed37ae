"""Accounts that exist from the start. Secrets are derived from the seed, so they are the same in every process."""

import hashlib
import hmac
from dataclasses import replace

from mock_c06.accounts.model import FIELDS, SERVICE_CODES, Account, Adapter, Dialect, Environment, Status
from mock_c06.operations import Operation

DEFAULT_SEED = "1"
"""The seed of secrets, unless a command or MOCK_C06_SECRET_SEED names another."""

AGENCY = "000.00.01.H26"
OFFICERS = ("can.bo.01", "can.bo.02", "dvctt.dichvu")


def derive_secret(seed: str, account: str, purpose: str) -> str:
    """Derive one synthetic secret of an account."""
    return hmac.new(seed.encode(), f"{account}\n{purpose}".encode(), hashlib.sha256).hexdigest()


def make_account(seed: str, name: str, environment: Environment, dialect: Dialect = Dialect.SOAP) -> Account:
    """Make an account with derived secrets and all permissions."""
    account = Account(
        name=name,
        environment=environment,
        user=name,
        secret=derive_secret(seed, name, "secret"),
        dialect=dialect,
        agency=AGENCY,
        officers=OFFICERS,
        procedures=tuple(SERVICE_CODES),
        operations=tuple(Operation),
        fields=FIELDS,
    )
    return account if dialect is Dialect.SOAP else _with_platform(account, seed)


def _with_platform(account: Account, seed: str) -> Account:
    """Add what a provincial platform requires besides C06's own login."""
    return replace(
        account,
        ngsp_key=derive_secret(seed, account.name, "ngsp_key")[:32],
        ngsp_secret=derive_secret(seed, account.name, "ngsp_secret"),
        adapter=Adapter(
            access_key=derive_secret(seed, account.name, "access_key")[:32],
            secret_key=derive_secret(seed, account.name, "secret_key"),
            app_name="DVCTT",
            partner_code=account.agency,
            partner_code_cus=account.agency,
        ),
    )


def ready_made_accounts(seed: str) -> tuple[Account, ...]:
    """Return the accounts that every mock starts with."""
    test, official = Environment.TEST, Environment.OFFICIAL
    limited = replace(
        make_account(seed, "limited", test),
        procedures=("khai-sinh",),
        operations=(Operation.AUTHENTICATE,),
        fields=(),
    )
    return (
        replace(make_account(seed, "dvctt-hanoi", test), change_feed=True),
        make_account(seed, "dvctt-lgsp-passthrough", test, Dialect.LGSP_PASSTHROUGH),
        make_account(seed, "dvctt-lgsp-camel", test, Dialect.LGSP_CAMEL),
        make_account(seed, "dvctt-lgsp-pascal", test, Dialect.LGSP_PASCAL),
        replace(make_account(seed, "dvctt-hanoi-official", official), change_feed=True),
        limited,
        replace(make_account(seed, "suspended", test), status=Status.SUSPENDED),
    )
