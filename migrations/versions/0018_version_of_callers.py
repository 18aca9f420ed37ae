"""a version of everything that says who may call; each change of it increments the version, SQL by hand too.

On PostgreSQL such a change, and one of the epoch, also notifies the workers (docs/decisions/0091).

Revision ID: 0018
Revises: 0017
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

CHANGES = ("INSERT", "UPDATE", "DELETE")
WATCHED = {
    "accounts": CHANGES,
    "account_keys": CHANGES,
    "account_officers": CHANGES,
    "account_secrets": CHANGES,
    "organisations": CHANGES,
    "revoked_tokens": ("INSERT", "UPDATE"),  # expired ones are deleted, and nothing is kept about them
}
"""The tables that decide who may call."""

_ADVANCE = "UPDATE callers_version SET version = version + 1;"

_FUNCTIONS = f"""
CREATE FUNCTION advance_callers() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    {_ADVANCE}
    PERFORM pg_notify('gateway', 'callers');
    RETURN NULL;
END $$;
CREATE FUNCTION notify_epoch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('gateway', 'epoch');
    RETURN NULL;
END $$;
CREATE TRIGGER notify_epoch AFTER INSERT OR UPDATE ON deployment FOR EACH ROW
    WHEN (NEW.name = 'epoch') EXECUTE FUNCTION notify_epoch();
"""


def upgrade() -> None:
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    op.create_table(
        "callers_version",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callers_version")),
    )
    op.execute("INSERT INTO callers_version (id, version) VALUES (1, 0)")
    if on_postgresql:
        for statement in _FUNCTIONS.strip().split(";\nCREATE"):
            op.execute(sa.text(statement if statement.startswith("CREATE") else f"CREATE{statement}"))
    for table, changes in WATCHED.items():
        if on_postgresql:
            op.execute(
                f"CREATE TRIGGER callers_of_{table} AFTER {' OR '.join(changes)} ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION advance_callers()"
            )
            continue
        for change in changes:
            op.execute(
                f"CREATE TRIGGER callers_of_{table}_{change.lower()} AFTER {change} ON {table} "
                f"BEGIN {_ADVANCE} END"
            )


def downgrade() -> None:
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    for table, changes in WATCHED.items():
        if on_postgresql:
            op.execute(f"DROP TRIGGER callers_of_{table} ON {table}")
            continue
        for change in changes:
            op.execute(f"DROP TRIGGER callers_of_{table}_{change.lower()}")
    if on_postgresql:
        op.execute("DROP TRIGGER notify_epoch ON deployment")
        op.execute("DROP FUNCTION notify_epoch()")
        op.execute("DROP FUNCTION advance_callers()")
    op.drop_table("callers_version")
