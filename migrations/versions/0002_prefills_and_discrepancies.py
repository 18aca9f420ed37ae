"""traces of prefills, without values, and discrepancies.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "prefills",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("profile", sa.String(length=16), nullable=False),
        sa.Column("client_id", sa.String(length=40), nullable=False),
        sa.Column("verification", sa.String(length=40), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["accounts.client_id"], name=op.f("fk_prefills_client_id_accounts")
        ),
        sa.ForeignKeyConstraint(
            ["verification"], ["verifications.id"], name=op.f("fk_prefills_verification_verifications")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prefills")),
    )
    op.create_index(op.f("ix_prefills_verification"), "prefills", ["verification"])
    op.create_table(
        "discrepancies",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("prefill", sa.String(length=40), nullable=False),
        sa.Column("profile", sa.String(length=16), nullable=False),
        sa.Column("client_id", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("subject_key", sa.String(length=40), nullable=False),
        sa.Column("field", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("filed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed_note", sa.LargeBinary(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["accounts.client_id"], name=op.f("fk_discrepancies_client_id_accounts")
        ),
        sa.ForeignKeyConstraint(["prefill"], ["prefills.id"], name=op.f("fk_discrepancies_prefill_prefills")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_discrepancies")),
    )
    op.create_index(op.f("ix_discrepancies_client_id_subject"), "discrepancies", ["client_id", "subject"])


def downgrade() -> None:
    op.drop_table("discrepancies")
    op.drop_table("prefills")
