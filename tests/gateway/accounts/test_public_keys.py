"""Public keys of accounts: three kinds, public members only, none too weak or for another use."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from gateway.keys.jws import algorithm_of, import_public_key, parse_public_keys

EC = ECKey.generate_key("P-256")
OKP = OKPKey.generate_key("Ed25519")
RSA = RSAKey.generate_key(2048)
Key = ECKey | OKPKey | RSAKey


def _public(key: Key) -> dict[str, Any]:
    return dict(key.as_dict(private=False))


@pytest.mark.parametrize(("key", "algorithm"), [(EC, "ES256"), (OKP, "EdDSA"), (RSA, "PS256")])
def test_each_accepted_kind_of_key_has_one_algorithm(key: Key, algorithm: str) -> None:
    (parsed,) = parse_public_keys(_public(key))

    assert algorithm_of(import_public_key(parsed)) == algorithm
    assert parsed["kid"] == key.thumbprint()


def test_a_set_of_keys_keeps_their_own_ids() -> None:
    parsed = parse_public_keys({"keys": [_public(EC) | {"kid": "mine"}, _public(OKP)]})

    assert [jwk["kid"] for jwk in parsed] == ["mine", OKP.thumbprint()]


@pytest.mark.parametrize("key", [EC, OKP, RSA])
def test_a_key_with_private_members_is_refused_as_such(key: Key) -> None:
    with pytest.raises(ValueError, match="private members") as refused:
        parse_public_keys(key.as_dict(private=True))

    assert str(key.as_dict(private=True)["d"]) not in str(refused.value)


def test_an_rsa_key_of_fewer_than_2048_bits_is_refused() -> None:
    numbers = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key().public_numbers()
    modulus = base64.urlsafe_b64encode(numbers.n.to_bytes(128)).decode().rstrip("=")

    with pytest.raises(ValueError, match=r"2,048 bits"):
        parse_public_keys({"kty": "RSA", "n": modulus, "e": "AQAB"})


@pytest.mark.parametrize(
    "change",
    [{"use": "enc"}, {"alg": "ES384"}, {"alg": "none"}, {"kid": 7}, {"kid": "nul\x00"}, {"kid": "k" * 129}],
)
def test_a_key_for_another_use_or_with_an_odd_id_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"another use|kid"):
        parse_public_keys(_public(EC) | change)


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"keys": []},
        {"keys": "x"},
        {"keys": [7]},
        {"kty": "EC", "crv": "P-256"},
        _public(EC) | {"crv": "P-384"},
        _public(EC) | {"x": _public(EC)["y"]},
        _public(EC) | {"x": "!!"},
        _public(EC) | {"x": "\ud800"},
        _public(EC) | {"x": 5},
        _public(RSA) | {"n": "AA"},
        _public(RSA) | {"e": "AA"},
        _public(OKP) | {"x": "AA"},
        {"kty": ["EC"], "crv": {}},
    ],
)
def test_a_malformed_document_is_refused_saying_what_is_expected(document: object) -> None:
    with pytest.raises(ValueError, match="a public JWK or JWK Set"):
        parse_public_keys(document)


def test_a_shared_secret_is_no_public_key() -> None:
    with pytest.raises(ValueError, match="private members"):
        parse_public_keys(OctKey.generate_key(256).as_dict(private=True))


def test_the_same_key_twice_in_one_set_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        parse_public_keys({"keys": [_public(EC), _public(EC) | {"kid": "other"}]})
