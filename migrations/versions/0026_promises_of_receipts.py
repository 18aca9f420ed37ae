"""receipts promise the audit row of their verification; earlier verifications have no promise

Revision ID: 0026
Revises: 0025
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "audit_promises",
        sa.Column("verification", sa.String(40), primary_key=True),
        sa.Column("entry", _NUMBER, nullable=False),
        sa.Column("leaf", sa.String(64), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("audit_promises")
