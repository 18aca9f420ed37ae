"""Real words for generated bodies: procedures, roles and fields of the catalogue, people of the mock.

The document says what a procedure's name looks like, not which there are. A part of the bodies is steered to
words that mean something, so that generated requests pass the guards and reach the registry.
"""

from typing import Any

from hypothesis import strategies as st

ACTS = (
    ("khai-sinh", "requester", ("full_name", "birth_date", "child_full_name")),
    ("khai-sinh", "father", ("full_name", "ethnicity", "current_residence")),
    ("khai-tu", "deceased", ("full_name", "permanent_residence")),
    ("ket-hon", "husband", ("marital_status", "full_name", "citizen_id")),
    ("dang-ky-thuong-tru", "requester", ("full_name", "gender", "nationality")),
)
PEOPLE: tuple[dict[str, Any], ...] = (
    {"citizen_id": "001090000123", "full_name": "Nguyễn Văn An", "birth_date": "1990-01-31"},
    {"citizen_id": "001090000123", "full_name": "NGUYEN VAN AN", "birth_year": 1990},
    {"citizen_id": "001090000123", "full_name": "Nguyễn Văn Sai", "birth_date": "1990-01-31"},
)

FOREIGN = ("client_id", "client_assertion", "client_assertion_type", "resource", "authorization_details")
"""Members of OAuth forms that a client with a secret must get exactly right or leave out."""


def steer(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return bodies of the strategy, most with the words of an act, more than half of those with a known person."""
    return st.builds(
        _with_words, strategy, st.sampled_from([None, *ACTS]), st.sampled_from([None, None, *PEOPLE])
    )


def steer_surely(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return bodies of the strategy, all with the words of an act and the person who is known by them."""
    return st.builds(_with_words, strategy, st.sampled_from(ACTS), st.sampled_from(PEOPLE[:2]))


def _with_words(body: Any, act: tuple[str, str, tuple[str, ...]] | None, person: Any) -> Any:
    if not isinstance(body, dict) or act is None:
        return body
    procedure, role, fields = act
    words: dict[str, Any] = {"procedure": procedure, "subject_role": role, "fields": list(fields)}
    steered = {name: words.get(name, value) for name, value in body.items()}
    if isinstance(steered.get("prefill"), dict):
        steered["prefill"] = {"fields": list(fields)}
    if "claim" in steered and person is not None:
        steered["claim"] = person
    initiated_by = steered.get("initiated_by")
    if isinstance(initiated_by, dict) and "id" in initiated_by:
        steered["initiated_by"] = {"kind": "officer", "id": "can.bo.01"}
    return steered


def steer_form(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return OAuth forms of the strategy as a client with a secret fills them; two of three with real scopes."""
    return st.builds(_with_scope, strategy, st.sampled_from([None, "verify", "verify prefill"]))


def _with_scope(form: Any, scope: str | None) -> Any:
    if not isinstance(form, dict):
        return form
    kept = {name: value for name, value in form.items() if name not in FOREIGN}
    return kept | {"scope": scope} if scope and "scope" in kept else kept
