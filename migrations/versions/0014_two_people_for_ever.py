"""since when official needs two people, who admitted each operator, and since when each has their role.

Revision ID: 0014
Revises: 0013
"""

import json
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_IN_ONE_COMMIT = timedelta(seconds=60)
"""The greatest difference of the times that one activation wrote into its change and its operator."""

_OPERATORS = sa.table(
    "operators",
    sa.column("name", sa.String),
    sa.column("state", sa.String),
    sa.column("created_at", sa.DateTime(timezone=True)),
    sa.column("created_by", sa.String),
    sa.column("role_since", sa.DateTime(timezone=True)),
    sa.column("admitted_in", sa.String),
)
_CHANGES = sa.table(
    "changes",
    sa.column("id", sa.String),
    sa.column("kind", sa.String),
    sa.column("profile", sa.String),
    sa.column("document", sa.Text),
    sa.column("proposed_by", sa.String),
    sa.column("approved_by", sa.String),
    sa.column("activated_by", sa.String),
    sa.column("activated_at", sa.DateTime(timezone=True)),
    sa.column("proposer_admitted_by", sa.String),
)
_STANDINGS = sa.table(
    "profile_standings",
    sa.column("profile", sa.String),
    sa.column("two_people_since", sa.DateTime(timezone=True)),
)


def upgrade() -> None:
    op.add_column("operators", sa.Column("role_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("operators", sa.Column("admitted_in", sa.String(length=40), nullable=True))
    op.add_column("changes", sa.Column("proposer_admitted_by", sa.String(length=64), nullable=True))
    op.add_column(
        "profile_standings", sa.Column("two_people_since", sa.DateTime(timezone=True), nullable=True)
    )
    _fill_operators(op.get_bind())
    _fill_changes(op.get_bind())
    _fill_standing(op.get_bind())


def _fill_operators(connection: sa.Connection) -> None:
    """Fill the columns from the changes; an operator without a change was admitted by one person."""
    done = connection.execute(
        sa.select(_CHANGES)
        .where(_CHANGES.c.kind == "operator", _CHANGES.c.activated_at.is_not(None))
        .order_by(_CHANGES.c.activated_at)
    ).all()
    for row in connection.execute(sa.select(_OPERATORS)).all():
        own = [each for each in done if json.loads(each.document).get("name") == row.name]
        own = [each for each in own if each.activated_at >= row.created_at - _IN_ONE_COMMIT]
        values: dict[str, Any] = {}
        if row.state != "invited":
            values["role_since"] = max([row.created_at, *(each.activated_at for each in own)])
        if own and own[0].activated_by == row.created_by:
            values["admitted_in"] = own[0].id
        if values:
            change = sa.update(_OPERATORS).where(_OPERATORS.c.name == row.name).values(values)
            connection.execute(change)


def _fill_changes(connection: sa.Connection) -> None:
    made_by = {row.name: row.created_by for row in connection.execute(sa.select(_OPERATORS))}
    for name, maker in made_by.items():
        change = sa.update(_CHANGES).where(_CHANGES.c.proposed_by == name)
        connection.execute(change.values(proposer_admitted_by=maker))


def _fill_standing(connection: sa.Connection) -> None:
    """Official needs two people since the first change of it that two people proposed and activated."""
    since: datetime | None = connection.execute(
        sa.select(sa.func.min(_CHANGES.c.activated_at)).where(
            _CHANGES.c.profile == "official",
            _CHANGES.c.approved_by.is_not(None),
            _CHANGES.c.proposed_by != "local",
        )
    ).scalar_one()
    if since is None:
        return
    own = _STANDINGS.c.profile == "official"
    if not connection.execute(sa.update(_STANDINGS).where(own).values(two_people_since=since)).rowcount:
        connection.execute(sa.insert(_STANDINGS).values(profile="official", two_people_since=since))


def downgrade() -> None:
    op.drop_column("profile_standings", "two_people_since")
    op.drop_column("changes", "proposer_admitted_by")
    op.drop_column("operators", "admitted_in")
    op.drop_column("operators", "role_since")
