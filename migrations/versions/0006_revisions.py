"""revisions of profiles, their sealed secrets, and the state of each profile.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "revisions",
        sa.Column("profile", sa.String(length=16), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.String(length=64), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("profile", "number", name=op.f("pk_revisions")),
    )
    op.create_table(
        "revision_secrets",
        sa.Column("profile", sa.String(length=16), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("member", sa.String(length=32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["profile", "number"],
            ["revisions.profile", "revisions.number"],
            name=op.f("fk_revision_secrets_profile_revisions"),
        ),
        sa.PrimaryKeyConstraint("profile", "number", "member", name=op.f("pk_revision_secrets")),
    )
    op.create_table(
        "profile_standings",
        sa.Column("profile", sa.String(length=16), nullable=False),
        sa.Column("active", sa.Integer(), nullable=True),
        sa.Column("former", sa.Integer(), nullable=True),
        sa.Column("suspended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("suspended_by", sa.String(length=64), nullable=True),
        sa.Column("suspended_for", sa.String(length=400), nullable=True),
        sa.Column("policy", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("profile", name=op.f("pk_profile_standings")),
    )


def downgrade() -> None:
    op.drop_table("profile_standings")
    op.drop_table("revision_secrets")
    op.drop_table("revisions")
