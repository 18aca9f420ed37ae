"""Properties of grants: entries never mix, `*` includes no sensitive field, and a narrower grant is covered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.accounts.model import ANY, Grant, Grants, make_grant, parse_grants
from gateway.procedures.model import SENSITIVE_FIELDS

PROCEDURES = ["khai-sinh", "ket-hon", "khai-tu"]
ROLES = ["requester", "father", "mother"]
PLAIN = ["full_name", "birth_date", "birth_year", "gender"]
FIELDS = [*PLAIN, *sorted(SENSITIVE_FIELDS)]


def _names(names: list[str]) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from([*names, ANY]), max_size=3)


grants_of_one = st.builds(
    Grant, procedures=_names(PROCEDURES), subject_roles=_names(ROLES), fields=_names(FIELDS)
)
grants_of_many = st.lists(grants_of_one, max_size=4).map(lambda entries: Grants(tuple(entries)))
asked = st.tuples(st.sampled_from(PROCEDURES), st.sampled_from(ROLES), st.sampled_from(FIELDS))


@given(grants_of_many, asked)
def test_a_field_is_allowed_only_by_an_entry_that_allows_it_alone(
    grants: Grants, asked: tuple[str, str, str]
) -> None:
    alone = any(Grants((entry,)).allows_field(*asked) for entry in grants.entries)

    assert grants.allows_field(*asked) is alone


@given(grants_of_many, asked)
def test_a_field_is_never_allowed_without_its_role_and_procedure(
    grants: Grants, asked: tuple[str, str, str]
) -> None:
    procedure, role, field = asked
    if grants.allows_field(procedure, role, field):
        assert any(entry.covers_procedure(procedure) and entry.covers_role(role) for entry in grants.entries)


def test_the_role_of_one_entry_never_mixes_with_the_field_of_another() -> None:
    grants = Grants(
        (
            *make_grant(["khai-sinh"], ["father"], ["full_name"]).entries,
            *make_grant(["ket-hon"], ["mother"], ["ethnicity"]).entries,
        )
    )

    assert not grants.allows_field("khai-sinh", "mother", "ethnicity")
    assert not grants.allows_field("khai-sinh", "father", "ethnicity")
    assert not grants.covers(make_grant(["khai-sinh", "ket-hon"], ["father"], ["full_name"]).entries[0])


@given(st.sampled_from(sorted(SENSITIVE_FIELDS)), _names(PLAIN))
def test_a_star_never_allows_a_sensitive_field(field: str, others: frozenset[str]) -> None:
    grants = make_grant([ANY], [ANY], [ANY, *others])

    assert not grants.allows_field("khai-sinh", "father", field)
    assert make_grant([ANY], [ANY], [ANY, field]).allows_field("khai-sinh", "father", field)


@given(_names(PLAIN))
def test_a_birth_date_allows_the_year_but_not_the_reverse(others: frozenset[str]) -> None:
    with_date = make_grant([ANY], [ANY], [*(others - {ANY}), "birth_date"])
    with_year = make_grant([ANY], [ANY], sorted(others - {ANY, "birth_date"} | {"birth_year"}))

    assert with_date.allows_field("khai-sinh", "father", "birth_year")
    assert not with_year.allows_field("khai-sinh", "father", "birth_date")


@given(grants_of_many, grants_of_one, asked)
def test_what_is_covered_allows_nothing_more_than_the_whole(
    grants: Grants, wanted: Grant, asked: tuple[str, str, str]
) -> None:
    narrowed = Grants((wanted,))
    if grants.covers(wanted) and narrowed.allows_field(*asked):
        assert grants.allows_field(*asked)


@given(grants_of_many)
def test_every_entry_is_covered_by_its_own_grants(grants: Grants) -> None:
    assert all(grants.covers(entry) for entry in grants.entries)


@given(grants_of_many)
def test_grants_survive_being_written_and_read(grants: Grants) -> None:
    assert parse_grants(grants.to_details()) == grants


@pytest.mark.parametrize(
    "detail",
    [
        None,
        "citizen_enquiry",
        {"procedures": ["*"], "subject_roles": ["*"]},
        {"type": "payment", "procedures": ["*"], "subject_roles": ["*"]},
        {"type": "citizen_enquiry", "subject_roles": ["*"]},
        {"type": "citizen_enquiry", "procedures": "*", "subject_roles": ["*"]},
        {"type": "citizen_enquiry", "procedures": [1], "subject_roles": ["*"]},
        {"type": "citizen_enquiry", "procedures": ["a b"], "subject_roles": ["*"]},
        {"type": "citizen_enquiry", "procedures": [""], "subject_roles": ["*"]},
        {"type": "citizen_enquiry", "procedures": ["*"], "subject_roles": ["*"], "actions": ["read"]},
    ],
)
def test_an_entry_of_another_form_is_refused_whole(detail: object) -> None:
    with pytest.raises(ValueError, match=r"citizen_enquiry|list of names|only the members"):
        parse_grants([detail])
