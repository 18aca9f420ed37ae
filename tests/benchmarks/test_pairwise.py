"""The combinations: every two values occur together, none is missing, few rows are enough."""

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.parity.pairwise import Value, all_pairs, cover_pairs, pairs_of

factors = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=3),
    st.lists(st.sampled_from(["1", "2", "3", "4"]), min_size=1, max_size=4, unique=True),
    min_size=1,
    max_size=8,
)


@given(factors)
@settings(max_examples=60)
def test_every_two_values_of_every_two_factors_occur_together(chosen: dict[str, list[Value]]) -> None:
    met = set().union(*(pairs_of(row) for row in cover_pairs(chosen)))
    assert met == set(all_pairs(chosen))


@given(factors)
@settings(max_examples=30)
def test_a_row_has_one_value_of_every_factor(chosen: dict[str, list[Value]]) -> None:
    for row in cover_pairs(chosen):
        assert list(row) == list(chosen)
        assert all(row[name] in values for name, values in chosen.items())


def test_the_first_row_has_the_first_value_of_every_factor() -> None:
    chosen: dict[str, list[Value]] = {"a": [False, True], "b": ["x", "y"]}
    assert cover_pairs(chosen)[0] == {"a": False, "b": "x"}


def test_thirty_switches_need_no_more_than_two_dozen_rows() -> None:
    chosen: dict[str, list[Value]] = {"dialect": ["1", "2", "3", "4"]}
    chosen |= {f"switch {number}": [False, True] for number in range(30)}
    rows = cover_pairs(chosen)
    assert len(rows) <= 24
    assert cover_pairs(chosen) == rows
