"""first tables.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _make_audit()
    _make_deployment_and_keys()
    _make_accounts()
    _make_credentials()
    _make_single_use()
    _make_verifications()


def downgrade() -> None:
    for table in (
        "reservations",
        "verifications",
        "revoked_tokens",
        "spent_ids",
        "account_secrets",
        "account_officers",
        "account_keys",
        "accounts",
        "organisations",
        "keys",
        "deployment",
        "audit_rows",
    ):
        op.drop_table(table)


def _make_audit() -> None:
    op.create_table(
        "audit_rows",
        sa.Column(
            "row", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("profile", sa.String(length=16), nullable=True),
        sa.Column("organisation", sa.String(length=64), nullable=True),
        sa.Column("citizen", sa.String(length=64), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("row", name=op.f("pk_audit_rows")),
    )
    op.create_index(op.f("ix_audit_rows_organisation_citizen"), "audit_rows", ["organisation", "citizen"])


def _make_deployment_and_keys() -> None:
    op.create_table(
        "deployment",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("value", sa.String(length=400), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_deployment")),
    )
    op.create_table(
        "keys",
        sa.Column("kid", sa.String(length=40), nullable=False),
        sa.Column("profile", sa.String(length=16), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_keys")),
        sa.UniqueConstraint("profile", "purpose", "serial", name=op.f("uq_keys_profile_purpose_serial")),
    )


def _make_accounts() -> None:
    op.create_table(
        "organisations",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisations")),
    )
    op.create_table(
        "accounts",
        sa.Column("client_id", sa.String(length=40), nullable=False),
        sa.Column("profile", sa.String(length=16), nullable=False),
        sa.Column("organisation", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("grants", sa.JSON(), nullable=False),
        sa.Column("grant_epoch", sa.Integer(), nullable=False),
        sa.Column("bearer_allowed", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation"], ["organisations.id"], name=op.f("fk_accounts_organisation_organisations")
        ),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_accounts")),
    )


def _make_credentials() -> None:
    op.create_table(
        "account_keys",
        sa.Column("client_id", sa.String(length=40), nullable=False),
        sa.Column("thumbprint", sa.String(length=64), nullable=False),
        sa.Column("jwk", sa.JSON(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["client_id"], ["accounts.client_id"], name=op.f("fk_account_keys_client_id_accounts")
        ),
        sa.PrimaryKeyConstraint("client_id", "thumbprint", name=op.f("pk_account_keys")),
    )
    op.create_table(
        "account_officers",
        sa.Column("client_id", sa.String(length=40), nullable=False),
        sa.Column("officer", sa.String(length=64), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["client_id"], ["accounts.client_id"], name=op.f("fk_account_officers_client_id_accounts")
        ),
        sa.PrimaryKeyConstraint("client_id", "officer", name=op.f("pk_account_officers")),
    )
    op.create_table(
        "account_secrets",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.String(length=40), nullable=False),
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["client_id"], ["accounts.client_id"], name=op.f("fk_account_secrets_client_id_accounts")
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_account_secrets")),
    )
    op.create_index(op.f("ix_account_secrets_client_id"), "account_secrets", ["client_id"])


def _make_single_use() -> None:
    op.create_table(
        "spent_ids",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("owner", sa.String(length=80), nullable=False),
        sa.Column("jti", sa.String(length=128), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kind", "owner", "jti", name=op.f("pk_spent_ids")),
    )
    op.create_index(op.f("ix_spent_ids_expires_at"), "spent_ids", ["expires_at"])
    op.create_table(
        "revoked_tokens",
        sa.Column("jti", sa.String(length=40), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("jti", name=op.f("pk_revoked_tokens")),
    )
    op.create_index(op.f("ix_revoked_tokens_expires_at"), "revoked_tokens", ["expires_at"])


def _make_verifications() -> None:
    op.create_table(
        "verifications",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("profile", sa.String(length=16), nullable=False),
        sa.Column("client_id", sa.String(length=40), nullable=False),
        sa.Column("organisation", sa.String(length=64), nullable=False),
        sa.Column("procedure", sa.String(length=64), nullable=False),
        sa.Column("procedure_code", sa.String(length=32), nullable=True),
        sa.Column("dossier", sa.String(length=64), nullable=False),
        sa.Column("subject_role", sa.String(length=32), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column("derived_from", sa.String(length=40), nullable=True),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("subject_key", sa.String(length=40), nullable=False),
        sa.Column("claim_key", sa.String(length=64), nullable=False),
        sa.Column("claim_key_id", sa.String(length=40), nullable=False),
        sa.Column("sealed_claim", sa.LargeBinary(), nullable=True),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["client_id"], ["accounts.client_id"], name=op.f("fk_verifications_client_id_accounts")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verifications")),
    )
    op.create_index(op.f("ix_verifications_derived_from"), "verifications", ["derived_from"])
    op.create_index(op.f("ix_verifications_expires_at"), "verifications", ["expires_at"])
    op.create_index(
        op.f("ix_verifications_profile_client_id_claim_key"),
        "verifications",
        ["profile", "client_id", "claim_key"],
    )
    op.create_index(
        op.f("ix_verifications_profile_organisation_subject"),
        "verifications",
        ["profile", "organisation", "subject"],
    )
    op.create_table(
        "reservations",
        sa.Column("act", sa.String(length=40), nullable=False),
        sa.Column("profile", sa.String(length=16), nullable=False),
        sa.Column("client_id", sa.String(length=40), nullable=False),
        sa.Column("organisation", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("claim_key", sa.String(length=64), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("act", name=op.f("pk_reservations")),
    )
    op.create_index(op.f("ix_reservations_ends_at"), "reservations", ["ends_at"])
