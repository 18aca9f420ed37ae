"""audit entries get an id and a leaf hash; rows are given by a sequencer, over a Merkle tree with signed checkpoints.

Existing rows keep their hash chain, and are the first leaves of the tree: the leaf of such a row is the hash of its chain
hash. `audit_settled` was the number of a row, and is the id of an entry: the same number for existing rows.

Revision ID: 0017
Revises: 0016
"""

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_PAGE = 5_000
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_CHAIN = ("previous", "hash")


def upgrade() -> None:
    _rename("row", "id")
    op.add_column("audit_entries", sa.Column("leaf", sa.String(64)))
    with op.batch_alter_table("audit_rows") as batch:
        batch.add_column(sa.Column("entry", _NUMBER))
        batch.add_column(sa.Column("leaf", sa.String(64)))
        for name in _CHAIN:
            batch.alter_column(name, existing_type=sa.String(64), nullable=True)
    _set_leaves()
    with op.batch_alter_table("audit_rows") as batch:
        batch.alter_column("entry", existing_type=_NUMBER, nullable=False)
        batch.alter_column("leaf", existing_type=sa.String(64), nullable=False)
        batch.create_unique_constraint(op.f("uq_audit_rows_entry"), ["entry"])
    op.create_table(
        "audit_waiting",
        sa.Column("entry", _NUMBER, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("entry", name=op.f("pk_audit_waiting")),
    )
    op.create_table(
        "audit_checkpoints",
        sa.Column("size", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("root", sa.String(64), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("frontier", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_audit_checkpoints")),
    )
    op.create_table(
        "audit_subtrees",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("level", "position", name=op.f("pk_audit_subtrees")),
    )
    if _on_postgresql():
        last = op.get_bind().execute(sa.text("SELECT coalesce(max(id), 0) FROM audit_entries")).scalar_one()
        op.execute(f"CREATE SEQUENCE audit_entry_ids START WITH {int(last) + 1}")


def downgrade() -> None:
    """Chain all rows again, each entry under the number of its row, waiting ones at the end."""
    connection = op.get_bind()
    settled = "SELECT value FROM deployment WHERE name = 'audit_settled'"
    mark = connection.execute(sa.text(settled)).scalar_one_or_none()
    _give_rows(connection)
    _chain_again(connection)
    if mark is not None:
        before = (
            "SELECT coalesce(min(row) - 1, (SELECT coalesce(max(row), 0) FROM audit_rows)) FROM audit_rows"
        )
        row = connection.execute(sa.text(f"{before} WHERE entry > :mark"), {"mark": int(mark)}).scalar_one()
        change = sa.text("UPDATE deployment SET value = :row WHERE name = 'audit_settled'")
        connection.execute(change, {"row": str(row)})
    # Through negative numbers, so that no number is there twice.
    number = "(SELECT r.row FROM audit_rows r WHERE r.entry = audit_entries.id)"
    op.execute(f"UPDATE audit_entries SET id = -{number}")  # noqa: S608 - constant text
    op.execute("UPDATE audit_entries SET id = -id")
    if _on_postgresql():
        op.execute("DROP SEQUENCE audit_entry_ids")
    for name in ("audit_subtrees", "audit_checkpoints", "audit_waiting"):
        op.drop_table(name)
    with op.batch_alter_table("audit_rows") as batch:
        batch.drop_constraint(op.f("uq_audit_rows_entry"), type_="unique")
        batch.drop_column("leaf")
        batch.drop_column("entry")
        for name in _CHAIN:
            batch.alter_column(name, existing_type=sa.String(64), nullable=False)
    with op.batch_alter_table("audit_entries") as batch:
        batch.drop_column("leaf")
    _rename("id", "row")
    op.execute("DELETE FROM keys WHERE purpose = 'checkpoint'")


def _on_postgresql() -> bool:
    return op.get_context().dialect.name == "postgresql"


def _rename(former: str, name: str) -> None:
    """Rename the entries' number, also in the index."""
    index = "ix_audit_entries_organisation_citizen"
    op.drop_index(f"{index}_{former}", table_name="audit_entries")
    op.execute(f"ALTER TABLE audit_entries RENAME COLUMN {former} TO {name}")
    op.create_index(f"{index}_{name}", "audit_entries", ["organisation", "citizen", name])


def _set_leaves() -> None:
    """Set the entry and the leaf of every existing row."""
    if _on_postgresql():
        leaf = "encode(sha256(decode('00', 'hex') || convert_to(hash, 'UTF8')), 'hex')"
        op.execute(f"UPDATE audit_rows SET entry = row, leaf = {leaf}")  # noqa: S608 - constant text
        return
    connection, after = op.get_bind(), -1
    query = sa.text("SELECT row, hash FROM audit_rows WHERE row > :after ORDER BY row LIMIT :page")
    change = sa.text("UPDATE audit_rows SET entry = row, leaf = :leaf WHERE row = :row")
    while page := connection.execute(query, {"after": after, "page": _PAGE}).all():
        rows = [
            {"row": row, "leaf": hashlib.sha256(b"\x00" + chained.encode()).hexdigest()}
            for row, chained in page
        ]
        connection.execute(change, rows)
        after = page[-1][0]


def _give_rows(connection: sa.Connection) -> None:
    """Give the waiting entries the next rows."""
    connection.execute(
        sa.text(
            "INSERT INTO audit_rows (row, entry, leaf) "
            "SELECT (SELECT coalesce(max(row), 0) FROM audit_rows) + row_number() OVER (ORDER BY w.entry), "
            "w.entry, e.leaf FROM audit_waiting w JOIN audit_entries e ON e.id = w.entry"
        )
    )


def _chain_again(connection: sa.Connection) -> None:
    """Compute the hash chain of the rows that have none."""
    last = sa.text("SELECT row, hash FROM audit_rows WHERE hash IS NOT NULL ORDER BY row DESC LIMIT 1")
    found = connection.execute(last).first()
    after, previous = (found[0], found[1]) if found else (0, "0" * 64)
    query = sa.text(
        "SELECT r.row, e.salt, e.body FROM audit_rows r JOIN audit_entries e ON e.id = r.entry "
        "WHERE r.row > :after ORDER BY r.row LIMIT :page"
    )
    change = sa.text(
        "UPDATE audit_rows SET previous = :previous, hash = :hash, digest = :digest WHERE row = :row"
    )
    while page := connection.execute(query, {"after": after, "page": _PAGE}).all():
        rows = []
        for row, salt, body in page:
            digest = hashlib.sha256(f"{salt}\n{body}".encode()).hexdigest()
            chained = hashlib.sha256(f"{row}\n{previous}\n{digest}".encode()).hexdigest()
            rows.append({"row": row, "previous": previous, "hash": chained, "digest": digest})
            previous = chained
        connection.execute(change, rows)
        after = page[-1][0]
