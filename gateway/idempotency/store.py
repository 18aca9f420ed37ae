"""Idempotent requests at rest: who holds the lease, and the answer, sealed. All SQL of this room."""

import sqlalchemy as sa

from gateway.database import Instant, metadata

idempotent_requests = sa.Table(
    "idempotent_requests",
    metadata,
    sa.Column("profile", sa.String(16), primary_key=True),
    sa.Column("client_id", sa.ForeignKey("accounts.client_id"), primary_key=True),
    sa.Column("route", sa.String(128), primary_key=True),
    sa.Column("key_digest", sa.String(64), primary_key=True),
    sa.Column("body_digest", sa.String(64), nullable=False),
    sa.Column("lease", sa.String(40), nullable=False),
    sa.Column("lease_ends_at", Instant, nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("sealed", sa.LargeBinary),
    sa.Column("verification", sa.String(40)),
    sa.Column("answer_ends_at", Instant),
    sa.Column("expires_at", Instant, nullable=False, index=True),
)
