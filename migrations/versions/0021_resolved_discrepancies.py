"""how an operator resolved a discrepancy, and an index to list an account's own.

Revision ID: 0021
Revises: 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("discrepancies", sa.Column("resolved_at", sa.DateTime(timezone=True)))
    op.add_column("discrepancies", sa.Column("resolved_by", sa.String(64)))
    op.add_column("discrepancies", sa.Column("reason_vi", sa.String(500)))
    op.add_column("discrepancies", sa.Column("reason", sa.String(500)))
    op.create_index(
        op.f("ix_discrepancies_profile_client_id_filed_at"),
        "discrepancies",
        ["profile", "client_id", "filed_at"],
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_discrepancies_profile_client_id_filed_at"), table_name="discrepancies")
    for name in ("reason", "reason_vi", "resolved_by", "resolved_at"):
        op.drop_column("discrepancies", name)
