"""an index of wrong claims only, so that a budget is counted without reading confirmed ones.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_NAME = "ix_verifications_wrong_claims"
_WRONG = sa.text("verdict = 'not_confirmed'")


def upgrade() -> None:
    op.create_index(
        _NAME,
        "verifications",
        ["profile", "client_id", "verified_at", "claim_key"],
        sqlite_where=_WRONG,
        postgresql_where=_WRONG,
    )


def downgrade() -> None:
    op.drop_index(_NAME, table_name="verifications")
