"""counts of preflights of a change, and of questions about a profile's test identity.

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "preflight_runs",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("change", sa.String(40), nullable=False),
        sa.Column("profile", sa.String(16)),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True)),
        sa.Column("questions", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_preflight_runs")),
    )
    op.create_index(op.f("ix_preflight_runs_begun_at"), "preflight_runs", ["begun_at"])


def downgrade() -> None:
    op.drop_table("preflight_runs")
