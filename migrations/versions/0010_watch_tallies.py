"""the counters of each worker's client under a watched revision.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "watch_tallies",
        sa.Column("change", sa.String(length=40), nullable=False),
        sa.Column("link", sa.String(length=40), nullable=False),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("refused_logins", sa.Integer(), nullable=False),
        sa.Column("invalid_answers", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("change", "link", name=op.f("pk_watch_tallies")),
    )


def downgrade() -> None:
    op.drop_table("watch_tallies")
