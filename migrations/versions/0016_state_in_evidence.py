"""from here on each audit row says which rows it changed: `gateway migrate` takes over what is there.

No table changes: `gateway/schema.py` writes the baseline in the same transaction, once all revisions are through.

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
