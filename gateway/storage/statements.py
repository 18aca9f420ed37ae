"""Texts of hot statements, which SQLAlchemy writes once for each database (docs/decisions/0077, 0126).

A list is one parameter (`is_one_of`). A statement that writes has a second text on PostgreSQL, for any number of rows at once:
each parameter is then an array with one value for each row.
"""

import importlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Any

import sqlalchemy as sa
from pydantic_core import to_json
from sqlalchemy.dialects import registry
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.visitors import InternalTraversal, replacement_traverse

Row = Sequence[Any]
"""The columns of one row, in the statement's order."""

Members = Mapping[str, Any]
"""The parameters of one run, by name."""


class _List(sa.TypeDecorator[Any]):
    """A list of texts or numbers as one parameter: an array on PostgreSQL, JSON on SQLite."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, of: Any) -> None:
        super().__init__()
        self.of = of

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        """Return the type on a database."""
        return sa.ARRAY(self.of) if dialect.name == "postgresql" else sa.Text()

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:
        """Write the list, where SQLAlchemy runs the statement."""
        return list(value) if dialect.name == "postgresql" else to_json(list(value)).decode()


class is_one_of(sa.ColumnElement[bool]):  # noqa: N801 - it reads as SQLAlchemy's own functions do
    """The condition that a column has one of the texts, or numbers, of a list parameter."""

    inherit_cache = True
    _traverse_internals = [  # noqa: RUF012 - as SQLAlchemy declares what a key of its cache of statements contains
        ("column", InternalTraversal.dp_clauseelement),
        ("list", InternalTraversal.dp_clauseelement),
    ]
    type = sa.Boolean()

    def __init__(self, column: sa.ColumnElement[Any], name: str) -> None:
        self.column = column
        self.list: sa.BindParameter[Any] = sa.bindparam(name, type_=_List(_of_an_array(column.type)))

    def self_group(self, against: Any = None) -> Any:
        """Return itself: SQLAlchemy would write `… = 1` for SQLite, which no index answers."""
        del against
        return self


@compiles(is_one_of, "sqlite")
def _on_sqlite(element: is_one_of, compiler: Any, **options: Any) -> str:
    column, some = compiler.process(element.column, **options), compiler.process(element.list, **options)
    return f"{column} IN (SELECT value FROM json_each({some}))"  # noqa: S608 - both texts are the compiler's own


@compiles(is_one_of, "postgresql")
def _on_postgresql(element: is_one_of, compiler: Any, **options: Any) -> str:
    column, some = compiler.process(element.column, **options), compiler.process(element.list, **options)
    return f"{column} = ANY({some})"


class instant_as_text(sa.sql.functions.FunctionElement[Any]):  # noqa: N801 - as `is_one_of`
    """An instant in ISO 8601: the driver can't read one of the year 10000. On SQLite what is stored, of any type."""

    inherit_cache = True
    type = sa.types.NULLTYPE


@compiles(instant_as_text, "sqlite")
def _as_stored(element: instant_as_text, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


@compiles(instant_as_text, "postgresql")
def _as_iso(element: instant_as_text, compiler: Any, **options: Any) -> str:
    return f"to_json({compiler.process(element.clauses, **options)}) #>> '{{}}'"  # whatever DateStyle says


def _is_instant(type_: object) -> bool:
    return isinstance(type_, sa.TypeDecorator) and isinstance(type_.impl_instance, sa.DateTime)


def _find_writer(type_: object) -> Callable[[Any], Any] | None:
    """Return what writes a value, on both databases; on SQLite instants and lists are written otherwise."""
    if isinstance(type_, _List):
        return list
    return json.dumps if isinstance(type_, sa.JSON) else None


class StatementText:
    """A statement's text for one database, and how its parameters and columns are converted."""

    def __init__(self, clause: Any, dialect: sa.Dialect) -> None:
        compiled = clause.compile(dialect=dialect)
        self.text, self._order = str(compiled), compiled.positiontup
        self._defaults = {name: value for name, value in compiled.params.items() if value is not None}
        on_sqlite = dialect.name == "sqlite"
        types = {name: bind.type for name, bind in compiled.binds.items()}
        self._instants = [name for name, type_ in types.items() if on_sqlite and _is_instant(type_)]
        self._lists = [name for name, type_ in types.items() if on_sqlite and isinstance(type_, _List)]
        writers = ((name, _find_writer(type_)) for name, type_ in types.items() if name not in self._lists)
        self._writers = [(name, write) for name, write in writers if write is not None]
        columns = list(getattr(clause, "selected_columns", ())) or list(getattr(clause, "_returning", ()))
        self._is_plain = not (self._defaults or self._instants or self._lists or self._writers)
        self._read = [place for place, column in enumerate(columns) if on_sqlite and _is_instant(column.type)]

    def arguments(self, members: Members) -> list[Any]:
        """Return the parameters in the text's order, each converted once. Raises `KeyError` for a missing one.

        On SQLite an instant is written as SQLAlchemy stores it, in UTC without an offset. Inline: an enquiry converts dozens.
        """
        if self._is_plain:
            return [members[name] for name in self._order]
        values = {**self._defaults, **members}
        for name in self._instants:
            if (instant := values[name]) is not None:
                values[name] = instant.astimezone(UTC).isoformat(" ", "microseconds")[:-6]
        for name in self._lists:
            values[name] = to_json(list(values[name])).decode()
        for name, write in self._writers:
            values[name] = write(values[name])
        return [values[name] for name in self._order]

    def rows(self, found: Sequence[Row]) -> Sequence[Row]:
        """Return rows with their instants read."""
        if not self._read or not found:
            return found
        rows = [list(row) for row in found]
        for place in self._read:
            for row in rows:
                if (text := row[place]) is not None:
                    row[place] = datetime.fromisoformat(text + "+00:00")
        return rows


class RowsText:
    """A writing statement's text on PostgreSQL, for any number of rows: each parameter is an array."""

    def __init__(self, clause: Any, dialect: sa.Dialect) -> None:
        single = clause.compile(dialect=dialect)
        columns = [sa.column(name, _of_an_array(single.binds[name].type)) for name in single.positiontup]
        arrays = (sa.bindparam(column.name, type_=sa.ARRAY(column.type)) for column in columns)
        rows = sa.func.unnest(*arrays).table_valued(*columns).render_derived()
        if isinstance(clause, sa.Insert):
            clause = clause.from_select([column.name for column in columns], sa.select(*rows.c))
        else:

            def replace(element: Any, **_: Any) -> Any:
                is_parameter = isinstance(element, sa.BindParameter) and element.key in rows.c
                return rows.c[element.key] if is_parameter else None

            clause = replacement_traverse(clause, {}, replace)
        compiled = clause.compile(dialect=dialect)
        self.table, self.text = clause.table.name, str(compiled)
        self._names = [(name, _find_writer(rows.c[name].type)) for name in compiled.positiontup]

    def arguments(self, rows: Sequence[Members]) -> list[list[Any]]:
        """Return an array for each parameter. Raises `KeyError` for a missing one."""
        return [
            [row[name] if write is None else write(row[name]) for row in rows] for name, write in self._names
        ]


def _of_an_array(type_: Any) -> Any:
    """Return a type for an array's elements. A text has no length: a cast would cut a long one instead of refusing it."""
    return sa.String() if isinstance(type_, sa.String) else type_


@lru_cache(maxsize=256)
def join_writes(texts: tuple[str, ...]) -> str:
    """Return one statement that runs these, each of which writes another table; their parameters follow one another."""
    if len(texts) == 1:
        return texts[0]
    parts, before = [], 0
    for number, text in enumerate(texts):
        pieces = _PARAMETER.split(text)  # every second one is a parameter's number
        pieces[1::2] = [f"${int(found) + before}" for found in pieces[1::2]]
        parts.append(f"write_{number} AS ({''.join(pieces)})")
        before = max(int(found[1:]) for found in pieces[1::2])
    return f"WITH {', '.join(parts)} SELECT 1"


_PARAMETER = re.compile(r"\$([0-9]+)")


def insert_of(dialect: str) -> Any:
    """Return the `insert` of a database, which has ON CONFLICT; PostgreSQL's dialect is loaded where it is used."""
    return importlib.import_module(f"sqlalchemy.dialects.{dialect}").insert


class HotStatement:
    """A statement whose text SQLAlchemy writes once per database, at its first run.

    `postgresql` is PostgreSQL's own form of it, where the two have no common one; `from_insert` makes it from `insert_of`.
    """

    def __init__(self, clause: Any = None, *, postgresql: Any = None, from_insert: Any = None) -> None:
        self._clauses = {"sqlite": clause, "postgresql": clause if postgresql is None else postgresql}
        self._from_insert = from_insert

    def clause(self, dialect: str) -> Any:
        """Return the clause for a database, which SQLAlchemy runs too."""
        if self._from_insert is not None and self._clauses[dialect] is None:
            self._clauses[dialect] = self._from_insert(insert_of(dialect))
        return self._clauses[dialect]

    @cached_property
    def on_sqlite(self) -> StatementText:
        """Return the text for SQLite."""
        return StatementText(self.clause("sqlite"), registry.load("sqlite")(paramstyle="qmark"))

    @cached_property
    def on_postgresql(self) -> StatementText:
        """Return the text for PostgreSQL."""
        return StatementText(self.clause("postgresql"), registry.load("postgresql.asyncpg")())

    @cached_property
    def rows_on_postgresql(self) -> RowsText:
        """Return the text for any number of rows on PostgreSQL, of a statement that writes."""
        return RowsText(self.clause("postgresql"), registry.load("postgresql.asyncpg")())
