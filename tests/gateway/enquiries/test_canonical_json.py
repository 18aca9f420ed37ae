"""The canonical text of a body depends on its values and not on how it was written."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.state import write_canonical
from gateway.edge.strict_json import parse_object

LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=5), VALUES, max_size=4)


def turned(value: Any) -> Any:
    """Return the same value with the members of every object in reverse order."""
    if isinstance(value, dict):
        return {name: turned(inner) for name, inner in reversed(value.items())}
    return [turned(inner) for inner in value] if isinstance(value, list) else value


def same(one: Any, other: Any) -> bool:
    """Say whether two values are the same JSON: `true` is not 1, and 1 is not 1.0."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and repr(one) == repr(other)


@given(OBJECTS, st.sampled_from([None, 1, 4]), st.booleans())
def test_the_order_of_members_white_space_and_escapes_do_not_change_the_text(
    members: dict[str, Any], indent: int | None, ascii_only: bool
) -> None:
    written = json.dumps(turned(members), indent=indent, ensure_ascii=ascii_only).encode(
        errors="surrogatepass"
    )

    assert write_canonical(json.loads(written)) == write_canonical(members)


@given(OBJECTS, OBJECTS)
def test_two_bodies_have_one_text_only_if_their_values_are_equal(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert (write_canonical(one) == write_canonical(other)) == same(one, other)


@given(OBJECTS, st.text(max_size=5), VALUES)
def test_any_changed_value_gives_another_canonical_text(
    members: dict[str, Any], name: str, value: Any
) -> None:
    changed = members | {name: value}

    assert (write_canonical(changed) == write_canonical(members)) == same(changed, members)


def test_bodies_that_the_strict_reader_reads_alike_have_one_text() -> None:
    spellings = (b'{"a":"\\u1ec5","b":[1,2]}', '{ "b" : [ 1 , 2 ] , "a" : "ễ" }'.encode())

    assert len({write_canonical(parse_object(spelling)) for spelling in spellings}) == 1
