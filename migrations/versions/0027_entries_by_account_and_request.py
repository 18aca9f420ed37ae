"""audit entries are found by account and by request id

Revision ID: 0027
Revises: 0026
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_COLUMNS = {"client_id": 40, "request_id": 64}


def upgrade() -> None:
    for name, length in _COLUMNS.items():
        op.add_column("audit_entries", sa.Column(name, sa.String(length=length), nullable=True))
    if op.get_context().dialect.name == "sqlite":
        values = ", ".join(f"{name} = json_extract(body, '$.{name}')" for name in _COLUMNS)
        op.execute(f"UPDATE audit_entries SET {values}")  # noqa: S608 - constant names
    else:  # beside the writers, a batch at a time: `fill_columns` in gateway/schema.py
        op.execute("INSERT INTO deployment (name, value) VALUES ('filled_0027', '0')")
    op.create_index("ix_audit_entries_client_id_id", "audit_entries", ["client_id", "id"])
    op.create_index("ix_audit_entries_request_id", "audit_entries", ["request_id"])


def downgrade() -> None:
    op.execute("DELETE FROM deployment WHERE name = 'filled_0027'")
    op.drop_index("ix_audit_entries_request_id", "audit_entries")
    op.drop_index("ix_audit_entries_client_id_id", "audit_entries")
    with op.batch_alter_table("audit_entries") as batch:
        for name in _COLUMNS:
            batch.drop_column(name)
