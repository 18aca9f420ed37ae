"""Compact JWS, by property: whatever text arrives, it is claims that this key signed, or `JwsInvalid`."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey

from gateway.keys.jws import (
    JwsInvalid,
    peek_claims,
    plain_id,
    read_header,
    sign_jws,
    verify_jws,
    whole_seconds,
)

KEY = ECKey.generate_key("P-256")
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
claims_of_any_kind = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.integers() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    max_size=5,
)


def _read(raw: str) -> dict[str, Any]:
    read_header(raw, typ=None, may_contain_key=True)
    peek_claims(raw)
    return verify_jws(raw, key=KEY, algorithm="ES256")


@given(claims_of_any_kind)
def test_signed_claims_come_back_as_they_were(claims: dict[str, Any]) -> None:
    raw = sign_jws(claims, key=KEY, kid="k", typ="t")

    assert read_header(raw, typ="t") == {"alg": "ES256", "typ": "t", "kid": "k"}
    assert verify_jws(raw, key=KEY, algorithm="ES256") == claims


@given(st.text(max_size=60) | st.text("abcAB01_-.=", max_size=60))
def test_arbitrary_text_is_never_a_jws(raw: str) -> None:
    with pytest.raises(JwsInvalid):
        _read(raw)


@given(json_values, json_values)
def test_any_header_and_payload_without_a_signature_is_refused(header: Any, payload: Any) -> None:
    parts = (_encode(header), _encode(payload), "AAAA")

    with pytest.raises(JwsInvalid):
        _read(".".join(parts))


def _encode(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@given(st.integers(0, 10_000), st.sampled_from("AZaz09-_."))
def test_one_changed_character_of_a_jws_is_refused_or_means_the_same(place: int, character: str) -> None:
    raw = sign_jws({"a": 1}, key=KEY, kid="k", typ="t")
    place %= len(raw)
    changed = raw[:place] + character + raw[place + 1 :]
    if changed == raw:
        return
    try:
        # base64url's last character may carry bits that decode to nothing; the content is then the same.
        assert _read(changed) == {"a": 1}
        assert place == len(raw) - 1
    except JwsInvalid:
        pass


@pytest.mark.parametrize("algorithm", ["EdDSA", "PS256"])
def test_a_jws_of_another_accepted_algorithm_than_the_keys_is_refused(algorithm: str) -> None:
    raw = sign_jws({"a": 1}, key=KEY, kid="k", typ="t")

    with pytest.raises(JwsInvalid):
        verify_jws(raw, key=KEY, algorithm=algorithm)


def test_what_is_nested_or_long_beyond_reason_is_refused() -> None:
    deep = f"{_encode({'alg': 'ES256'})}.{_encode('x')}.AAAA".replace(_encode("x"), _nest(2500))
    for raw in (deep, f"{_nest(1500)}.e30.AAAA", f"{'A' * 9000}.e30.AAAA"):
        with pytest.raises(JwsInvalid):
            _read(raw)


def _nest(depth: int) -> str:
    return base64.urlsafe_b64encode(b'{"a":' * depth).decode().rstrip("=")


@given(st.integers(0, 2**33 - 1))
def test_plain_seconds_are_read_as_they_are(seconds: int) -> None:
    assert whole_seconds(seconds) == seconds


@pytest.mark.parametrize("value", [None, "1", 1.0, True, -1, 2**33, 10**18, [1], {}])
def test_what_is_no_plain_number_of_seconds_is_none(value: object) -> None:
    assert whole_seconds(value) is None


@pytest.mark.parametrize("value", [None, "", "a" * 9, "nul\x00", "\ud800", "line\n", "\u202e", 7, ["a"]])
def test_what_no_store_could_hold_is_no_id(value: object) -> None:
    assert plain_id(value, longest=8) is None
    assert plain_id("jti 1é", longest=8) == "jti 1é"
