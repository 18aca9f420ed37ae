"""The desk's own signature check and seal against the RFC's example and a library that the mock doesn't have."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwe, jws
from joserfc.jwe import JWERegistry
from joserfc.jwk import ECKey

from mock_c06.accounts.bundles import (
    DeskSigner,
    canonical,
    derive_key,
    import_public_key,
    seal,
    thumbprint,
    verify_detached,
)

# RFC 7518 appendix C.
BOB = {
    "x": "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
    "y": "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck",
}
ALICE = "0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo"
AGREED = "VqqN6vgjbSBcIijNcacQGg"

KEY = ECKey.generate_key("P-256", {"kid": "k"})
PUBLIC = {name: str(value) for name, value in KEY.as_dict(private=False).items()}


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def test_the_agreed_key_is_that_of_the_rfcs_example() -> None:
    ours = ec.derive_private_key(int.from_bytes(base64.urlsafe_b64decode(ALICE + "=")), ec.SECP256R1())
    shared = ours.exchange(ec.ECDH(), import_public_key(BOB))
    assert encoded(derive_key(shared, "A128GCM", size=16, apu=b"Alice", apv=b"Bob")) == AGREED


def test_another_library_opens_what_is_sealed_and_agrees_on_thumbprints() -> None:
    rules = JWERegistry(algorithms=["ECDH-ES", "A256GCM"])
    opened = jwe.decrypt_compact(seal("điện mật", PUBLIC, typ="x"), KEY, registry=rules)
    assert opened.plaintext == "điện mật".encode()
    assert opened.headers()["kid"] == "k"
    assert thumbprint(PUBLIC) == KEY.thumbprint()
    assert seal("a", PUBLIC, typ="x") != seal("a", PUBLIC, typ="x")


def test_another_librarys_detached_signature_is_verified_over_its_payload_alone() -> None:
    signed = jws.serialize_compact({"alg": "ES256", "typ": "x"}, b"payload", KEY, algorithms=["ES256"])
    detached = jws.detach_content(signed)
    assert verify_detached(detached, b"payload", PUBLIC) == {"alg": "ES256", "typ": "x"}
    for signature, payload, key in (
        (detached, b"payloae", PUBLIC),
        (detached, b"payload", PUBLIC | BOB),
        (signed, b"payload", PUBLIC),
        (detached[:-2], b"payload", PUBLIC),
        (encoded(json.dumps({"alg": "none"}).encode()) + detached[detached.index(".") :], b"payload", PUBLIC),
    ):
        with pytest.raises(ValueError, match=r"signature|Incorrect padding|base64"):
            verify_detached(signature, payload, key)


def test_another_library_verifies_what_the_desk_signs_by_its_public_key() -> None:
    stamp = DeskSigner("1")
    signed = stamp.sign({"b": 1, "a": "tên"})

    key = ECKey.import_key({name: str(value) for name, value in stamp.jwk.items()})
    payload = canonical({"a": "tên", "b": 1})
    header = jws.deserialize_compact(
        signed["signature"], key, algorithms=["ES256"], payload=payload
    ).headers()

    assert header == {"alg": "ES256", "typ": "official-issued+jws", "kid": key.thumbprint()}
    assert DeskSigner("1").jwk == stamp.jwk != DeskSigner("2").jwk
    assert "d" not in stamp.jwk


def test_a_point_that_is_not_on_the_curve_is_no_key() -> None:
    with pytest.raises(ValueError, match="curve"):
        import_public_key({"x": "A" * 43, "y": BOB["y"]})
