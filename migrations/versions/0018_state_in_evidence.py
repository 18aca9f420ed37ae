"""from here on each audit row says which rows it changed: `gateway migrate` takes over what is there.

No table changes: `gateway/schema.py` writes the baseline in the same transaction, once all revisions are through.

Revision ID: 0018
Revises: 0017
"""

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
