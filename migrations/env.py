"""Alembic's environment: runs revisions on the connection from `gateway/schema.py`.

For a developer's `alembic revision --autogenerate` it opens `sqlalchemy.url` of alembic.ini itself.

On PostgreSQL a revision makes no index on a table with rows: that would stop every writer until it is built.
`gateway/schema.py` builds it afterwards, beside the writers (docs/decisions/0098).
"""

from typing import Any

import sqlalchemy as sa
from alembic import context
from alembic.operations import Operations, ops

from gateway.schema import all_tables


@Operations.implementation_for(ops.CreateIndexOp, replace=True)
def _create_index(operations: Operations, operation: Any) -> None:
    index = operation.to_index(operations.migration_context)
    connection = operations.get_bind()
    if connection.dialect.name == "postgresql" and not index.unique:
        table = operations.impl.dialect.identifier_preparer.quote(operation.table_name)
        if connection.execute(sa.text(f"SELECT 1 FROM {table} LIMIT 1")).first() is not None:  # noqa: S608 - a revision's own name
            return
    operations.impl.create_index(index)


@Operations.implementation_for(ops.DropIndexOp, replace=True)
def _drop_index(operations: Operations, operation: Any) -> None:
    # An index whose building was left for later may not be there.
    is_server = operations.get_bind().dialect.name == "postgresql"
    options = {"if_exists": True} if is_server else {}
    operations.impl.drop_index(operation.to_index(operations.migration_context), **options)


def _run(connection: sa.Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=all_tables()[0].metadata,
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
