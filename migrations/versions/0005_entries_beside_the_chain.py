"""audit entries in a table of their own, by month; leases of questions under way.

Existing rows keep their hashes, which are over the entry itself (no digest), so that heads stored elsewhere stay
valid.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_MOVED = ("body", "profile", "organisation", "citizen", "kind")


def upgrade() -> None:
    _make_entries()
    _move_entries()
    op.drop_index(op.f("ix_audit_rows_organisation_citizen"), "audit_rows")
    with op.batch_alter_table("audit_rows") as batch:
        batch.add_column(sa.Column("digest", sa.String(length=64), nullable=True))
        for name in _MOVED:
            batch.drop_column(name)
    op.create_table(
        "flights",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("act", sa.String(length=40), nullable=False),
        sa.Column("lease_ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("landed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verification", sa.String(length=40), nullable=True),
        sa.Column("failure", sa.String(length=64), nullable=True),
        sa.Column("registry_code", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_flights")),
    )
    op.create_index(op.f("ix_flights_lease_ends_at"), "flights", ["lease_ends_at"])


def _make_entries() -> None:
    op.create_table(
        "audit_entries",
        sa.Column(
            "row", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("salt", sa.String(length=32), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("profile", sa.String(length=16), nullable=True),
        sa.Column("organisation", sa.String(length=64), nullable=True),
        sa.Column("citizen", sa.String(length=64), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("request_code", sa.String(length=40), nullable=True),
        sa.PrimaryKeyConstraint("row", "month", name=op.f("pk_audit_entries")),
    )
    op.create_index(
        op.f("ix_audit_entries_organisation_citizen"), "audit_entries", ["organisation", "citizen"]
    )
    op.create_index(op.f("ix_audit_entries_request_code"), "audit_entries", ["request_code"])


def _move_entries() -> None:
    columns = {
        "sqlite": ("json_extract(body, '$.at')", "json_extract(body, '$.request_code')"),
        "postgresql": ("body::json->>'at'", "body::json->>'request_code'"),
    }
    at, request_code = columns[op.get_context().dialect.name]
    members = f"row, substr({at}, 1, 7), body, profile, organisation, citizen, kind, {request_code}"
    into = "row, month, body, profile, organisation, citizen, kind, request_code"
    op.execute(f"INSERT INTO audit_entries ({into}) SELECT {members} FROM audit_rows")  # noqa: S608 - constant names


def downgrade() -> None:
    """Move the entries back into their rows; rows with a digest then no longer verify."""
    op.drop_table("flights")
    with op.batch_alter_table("audit_rows") as batch:
        batch.drop_column("digest")
        batch.add_column(sa.Column("body", sa.Text(), nullable=False, server_default=""))
        batch.add_column(sa.Column("profile", sa.String(length=16), nullable=True))
        batch.add_column(sa.Column("organisation", sa.String(length=64), nullable=True))
        batch.add_column(sa.Column("citizen", sa.String(length=64), nullable=True))
        batch.add_column(sa.Column("kind", sa.String(length=16), nullable=False, server_default=""))
    for name in _MOVED:
        op.execute(
            f"UPDATE audit_rows SET {name} = "  # noqa: S608 - constant names
            f"(SELECT e.{name} FROM audit_entries e WHERE e.row = audit_rows.row)"
        )
    with op.batch_alter_table("audit_rows") as batch:
        batch.alter_column("body", existing_type=sa.Text(), server_default=None)
        batch.alter_column("kind", existing_type=sa.String(length=16), server_default=None)
    op.create_index(op.f("ix_audit_rows_organisation_citizen"), "audit_rows", ["organisation", "citizen"])
    op.drop_table("audit_entries")
