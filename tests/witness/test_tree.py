"""The tree's right edge: the vectors of RFC 6962's implementations, growth from any size to any other, and paths of leaves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.gateway.audit.test_tree import INCLUSION, KNOWN, ROOTS, by_definition
from witness.errors import NoteInvalid
from witness.tree import EMPTY_ROOT, Edge, perfect_root, verify_inclusion

MANY = [bytes([number]) * 32 for number in range(200)]


def grow(edge: Edge, size: int, leaves: list[bytes]) -> Edge:
    return edge.grown(
        size,
        [
            perfect_root(leaves[index << level : (index + 1) << level])
            for level, index in edge.subtrees_to(size)
        ],
    )


@pytest.mark.parametrize("size", range(1, 9))
def test_the_root_of_each_size_is_that_of_the_known_tree(size: int) -> None:
    assert grow(Edge(), size, KNOWN).root().hex() == ROOTS[size - 1]
    assert Edge().root() == EMPTY_ROOT


@given(st.lists(st.integers(0, 200), min_size=1, max_size=6))
def test_a_tree_grown_in_any_steps_has_the_root_by_definition(sizes: list[int]) -> None:
    edge = Edge()
    for size in sorted(sizes):
        edge = grow(edge, size, MANY)
        assert edge.root() == by_definition(MANY[:size])


@given(former=st.integers(1, 199), more=st.integers(1, 100), at=st.integers(0, 199))
def test_a_tree_with_another_former_leaf_is_never_reached(former: int, more: int, at: int) -> None:
    size = min(200, former + more)
    forged = list(MANY)
    forged[at % former] = b"f" * 32
    assert grow(grow(Edge(), former, MANY), size, forged).root() != by_definition(forged[:size])


@given(former=st.integers(0, 1 << 40), more=st.integers(1, 1 << 40))
def test_growth_of_any_length_needs_few_subtrees_that_follow_one_another(former: int, more: int) -> None:
    at = former
    found = Edge(size=former, roots=(b"",) * former.bit_count()).subtrees_to(former + more)
    for level, index in found:
        assert index << level == at
        at += 1 << level
    assert at == former + more
    assert len(found) <= 2 * 41


@pytest.mark.parametrize(("leaf", "size"), INCLUSION)
def test_a_known_path_leads_to_the_known_root_and_no_other_leaf_does(leaf: int, size: int) -> None:
    path = [bytes.fromhex(each) for each in INCLUSION[leaf, size]]
    root = bytes.fromhex(ROOTS[size - 1])
    verify_inclusion(KNOWN[leaf - 1], leaf - 1, size, path, root)
    for wrong in (
        (KNOWN[leaf % 8], leaf - 1, size, path, root),
        (KNOWN[leaf - 1], leaf - 1, size, path[:-1], root),
        (KNOWN[leaf - 1], leaf - 1, size, [*path, b"x" * 32], root),
        (KNOWN[leaf - 1], size, size, path, root),
        (KNOWN[leaf - 1], -1, size, path, root),
        (KNOWN[leaf - 1], leaf - 1, size, path, b"x" * 32),
    ):
        with pytest.raises(NoteInvalid):
            verify_inclusion(*wrong)
