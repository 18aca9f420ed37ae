"""Alembic's environment: runs revisions on the connection that `gateway/schema.py` hands in.

For a developer's `alembic revision --autogenerate` it opens `sqlalchemy.url` of alembic.ini itself.
"""

import sqlalchemy as sa
from alembic import context

import gateway.accounts.store
import gateway.applications.store
import gateway.audit.store
import gateway.changes.store
import gateway.changes.tally_store
import gateway.deployment
import gateway.idempotency.store
import gateway.keys.store
import gateway.oauth.store
import gateway.operators.store
import gateway.prefills.store
import gateway.profiles.store
import gateway.verifications.budgets_store
import gateway.verifications.flights_store
import gateway.verifications.store  # noqa: F401 - each store adds its tables to the metadata
from gateway.database import metadata


def _run(connection: sa.Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    address = context.config.get_main_option("sqlalchemy.url") or "sqlite:///var/alembic.db"
    with sa.create_engine(address).connect() as opened:
        _run(opened)
