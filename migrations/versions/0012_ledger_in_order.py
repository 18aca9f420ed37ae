"""the ledger's index in order, so that its latest entries are found without reading all.

Revision ID: 0012
Revises: 0011
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_FORMER = "ix_audit_entries_organisation_citizen"


def upgrade() -> None:
    op.create_index(f"{_FORMER}_row", "audit_entries", ["organisation", "citizen", "row"])
    op.drop_index(_FORMER, table_name="audit_entries")


def downgrade() -> None:
    op.create_index(_FORMER, "audit_entries", ["organisation", "citizen"])
    op.drop_index(f"{_FORMER}_row", table_name="audit_entries")
