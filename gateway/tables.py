"""Every table of the store. A room's tables are known once its store is imported: here are all of them."""

import sqlalchemy as sa

from gateway.accounts import store as accounts
from gateway.applications import store as applications
from gateway.audit import store as audit
from gateway.changes import preflight_store, tally_store
from gateway.changes import store as changes
from gateway.database import metadata
from gateway.deployment import deployment
from gateway.idempotency import store as idempotency
from gateway.keys import store as keys
from gateway.oauth import store as oauth
from gateway.operators import store as operators
from gateway.prefills import store as prefills
from gateway.profiles import alarms_store
from gateway.profiles import store as profiles
from gateway.verifications import budgets_store, flights_store, persons_store, volume_store
from gateway.verifications import store as verifications

STORES = (
    accounts, alarms_store, applications, audit, budgets_store, changes, flights_store, idempotency, keys, oauth,
    operators, persons_store, prefills, preflight_store, profiles, tally_store, verifications, volume_store,
)  # fmt: skip
"""Where the tables are; a test compares them with what is there when everything is imported."""


def all_tables() -> list[sa.Table]:
    """Return every table of the store by name."""
    assert deployment.metadata is metadata
    return sorted(metadata.tables.values(), key=lambda table: table.name)
