"""since when a key is used and until when it is accepted; existing keys are used since their creation.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("keys", sa.Column("serves_from", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE keys SET serves_from = created_at")
    with op.batch_alter_table("keys") as batch:
        batch.alter_column("serves_from", existing_type=sa.DateTime(timezone=True), nullable=False)
        batch.add_column(sa.Column("accepted_until", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("keys") as batch:
        batch.drop_column("accepted_until")
        batch.drop_column("serves_from")
