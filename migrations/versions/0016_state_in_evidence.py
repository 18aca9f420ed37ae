"""from this revision each audit row names the rows that it changed; a baseline names the existing rows.

No table changes: `gateway/schema.py` writes the baseline in the same transaction, after all revisions.

Revision ID: 0016
Revises: 0015
"""

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
