"""reuse looks for a claim's roots, and for what was derived for a dossier, each by an index of its own

Revision ID: 0024
Revises: 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_verifications_profile_client_id_claim_key", "verifications")
    op.create_index(
        "ix_verifications_claim_key_dossier",
        "verifications",
        ["claim_key", "dossier"],
    )
    op.create_index(
        "ix_verifications_roots",
        "verifications",
        ["claim_key"],
        sqlite_where=sa.text("derived_from IS NULL"),
        postgresql_where=sa.text("derived_from IS NULL"),
    )
    # Only of derived ones, so that roots are never looked for by it.
    op.drop_index("ix_verifications_derived_from", "verifications")
    op.create_index(
        "ix_verifications_derived_from",
        "verifications",
        ["derived_from"],
        sqlite_where=sa.text("derived_from IS NOT NULL"),
        postgresql_where=sa.text("derived_from IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_verifications_derived_from", "verifications")
    op.create_index("ix_verifications_derived_from", "verifications", ["derived_from"])
    op.drop_index("ix_verifications_roots", "verifications")
    op.drop_index("ix_verifications_claim_key_dossier", "verifications")
    op.create_index(
        "ix_verifications_profile_client_id_claim_key", "verifications", ["profile", "client_id", "claim_key"]
    )
