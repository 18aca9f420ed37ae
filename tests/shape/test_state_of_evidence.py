"""Every table is in the state of evidence or has a stated reason; nothing writes to it without the audit.

The audit sees SQLAlchemy's own statements. It does not see text SQL, and it ignores statements marked
`unrecorded`: these tests limit both.
"""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator

from gateway.audit.state import COVERED, NOT_COVERED
from gateway.schema import all_tables
from tests.kit.source import Source, read_python

HOW = (
    "declare a table in gateway/audit/state.py: a line in COVERED puts its rows in evidence, "
    "a line in NOT_COVERED says why they need not be; and its store in gateway/schema.py"
)
UNRECORDED = {
    "gateway/changes/store.py": 2,
    "gateway/keys/store.py": 1,
    "gateway/operators/store.py": 1,
    "gateway/enquiries/store.py": 1,
}
"""How many statements of a file may write a covered table outside a record of the audit."""

WRITES = ("insert", "update", "delete", "replace", "truncate", "merge", "copy")


def test_every_table_is_in_evidence_or_has_a_reason() -> None:
    names = {table.name for table in all_tables()}
    assert names - set(COVERED) - set(NOT_COVERED) == set(), HOW
    assert (set(COVERED) | set(NOT_COVERED)) - names == set(), "a table is gone: its line goes too"
    assert set(COVERED) & set(NOT_COVERED) == set()


def test_every_table_of_the_program_is_among_all_tables() -> None:
    made = {
        ast.literal_eval(node.args[0])
        for source in read_python()
        if source.is_within("gateway")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "sa.Table"
    }
    assert made == {table.name for table in all_tables()}, HOW


def test_a_column_left_out_of_a_digest_is_one_that_may_change() -> None:
    for table in all_tables():
        rules = COVERED.get(table.name)
        if rules is not None:
            columns = {column.name for column in table.columns}
            keys = {column.name for column in table.primary_key}
            assert set(rules.left_out) | set(rules.alike) <= columns - keys, table.name


def test_a_covered_table_accepts_no_value_outside_its_statements() -> None:
    """A digest covers the inserted values: it would miss a value that the database adds."""
    made_elsewhere = [
        f"{table.name}.{column.name}"
        for table in all_tables()
        if table.name in COVERED
        for column in table.columns
        if column.default is not None or column.server_default is not None or column.onupdate is not None
    ]
    assert made_elsewhere == []


def _texts(sources: Iterable[Source]) -> Iterator[tuple[str, str]]:
    """Yield each text that is run as SQL, with its file and line."""
    for source in sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and _name_of(node.func) in {
                "text",
                "exec_driver_sql",
                "executescript",
            }:
                for argument in node.args[:1]:
                    yield f"{source.place}:{node.lineno}", ast.unparse(argument).strip("f'\"").lower()


def _name_of(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def test_no_text_sql_writes_to_a_table_of_the_gateway() -> None:
    sources = [source for source in read_python() if source.is_within("gateway")]
    writes = [f"{place} {text}" for place, text in _texts(sources) if text.split(" ")[0] in WRITES]
    assert writes == []


def test_text_sql_that_writes_to_a_table_is_found() -> None:
    source = Source("gateway/x.py", "connection.execute(sa.text('UPDATE accounts SET name = 1'))\n")
    assert [text for _, text in _texts([source]) if text.split(" ")[0] in WRITES] != []


def test_only_listed_statements_write_a_covered_table_unrecorded() -> None:
    found = Counter(
        source.place
        for source in read_python()
        if source.is_within("gateway")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.keyword) and node.arg == "unrecorded"
    )
    assert dict(found) == UNRECORDED
