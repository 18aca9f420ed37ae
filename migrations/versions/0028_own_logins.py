"""a wrong claim says whether the claimed person had signed in themselves

Revision ID: 0028
Revises: 0027
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("verifications", "reservations"):
        op.add_column(table, sa.Column("own_login", sa.Boolean(create_constraint=False)))


def downgrade() -> None:
    for table in ("verifications", "reservations"):
        op.drop_column(table, "own_login")
