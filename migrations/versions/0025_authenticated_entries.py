"""audit entries get a MAC.

Existing entries have none: the first start after this revision makes the first evidence key, gives the waiting entries a
MAC, and marks the rows that were there (gateway/audit/model.py). It also seals every key to its serial: after a downgrade an
older gateway can't open the keys.

Revision ID: 0025
Revises: 0024
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("audit_entries", sa.Column("mac", sa.String(80)))


def downgrade() -> None:
    op.drop_column("audit_entries", "mac")
    op.execute("DELETE FROM deployment WHERE name = 'audit_mark'")
    op.execute("DELETE FROM keys WHERE purpose = 'evidence'")
