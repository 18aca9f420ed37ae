"""holders of numbers, by pseudonyms; counts of answered enquiries, and the volume that an application stated.

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _add_persons()
    _add_volume()


def _add_persons() -> None:
    op.create_table(
        "holdings",
        sa.Column("profile", sa.String(length=16), nullable=False),
        sa.Column("organisation", sa.String(length=64), nullable=False),
        sa.Column("card", sa.String(length=64), nullable=False),
        sa.Column("card_holder", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("person_holder", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint(
            "profile", "organisation", "card", "card_holder", "person", name=op.f("pk_holdings")
        ),
    )
    op.create_index(
        op.f("ix_holdings_profile_organisation_person"), "holdings", ["profile", "organisation", "person"]
    )
    op.create_table(
        "renamed_numbers",
        sa.Column("profile", sa.String(length=16), nullable=False),
        sa.Column("organisation", sa.String(length=64), nullable=False),
        sa.Column("pseudonym", sa.String(length=64), nullable=False),
        sa.Column("stable", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("profile", "organisation", "pseudonym", name=op.f("pk_renamed_numbers")),
    )
    op.create_index(
        op.f("ix_renamed_numbers_profile_organisation_stable"),
        "renamed_numbers",
        ["profile", "organisation", "stable"],
    )
    op.add_column("verifications", sa.Column("holder", sa.String(length=64)))
    op.create_index(f"{_SUBJECT}_holder", "verifications", [*_OF_SUBJECT, "holder"])
    op.drop_index(_SUBJECT, table_name="verifications")


def _add_volume() -> None:
    op.create_table(
        "enquiry_counts",
        sa.Column("profile", sa.String(length=16), nullable=False),
        sa.Column("client_id", sa.String(length=40), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("profile", "client_id", "since", name=op.f("pk_enquiry_counts")),
    )
    op.create_index(op.f("ix_enquiry_counts_since"), "enquiry_counts", ["since"])
    op.create_table(
        "enquiry_alarms",
        sa.Column("profile", sa.String(length=16), nullable=False),
        sa.Column("client_id", sa.String(length=40), nullable=False),
        sa.Column("budget", sa.String(length=32), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("most", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("profile", "client_id", "budget", name=op.f("pk_enquiry_alarms")),
    )
    for table, columns in _STATED.items():
        for column in columns:
            op.add_column(table, sa.Column(column, sa.Integer()))


def downgrade() -> None:
    for table, columns in _STATED.items():
        for column in columns:
            op.drop_column(table, column)
    op.drop_table("enquiry_alarms")
    op.drop_table("enquiry_counts")
    op.create_index(_SUBJECT, "verifications", _OF_SUBJECT)
    op.drop_index(f"{_SUBJECT}_holder", table_name="verifications")
    op.drop_column("verifications", "holder")
    op.drop_table("renamed_numbers")
    op.drop_table("holdings")


_SUBJECT = "ix_verifications_profile_organisation_subject"
_OF_SUBJECT = ["profile", "organisation", "subject"]
_STATED = {
    "applications": ("rate_per_second", "rate_per_day"),
    "revisions": ("stated_hour", "stated_day"),
}
