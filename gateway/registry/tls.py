"""TLS of a connection: the authorities that it trusts, and its client certificate if it has one.

A deployment may name its own authorities, which are then the only ones trusted (docs/decisions/0061); a revision can't.
The ssl module reads a certificate's key only from a file, so the key is written to a file in memory (where the system
has that), which is removed at once.
"""

from __future__ import annotations

import contextlib
import os
import ssl
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.bounded_files import read_bounded, why_unread
from gateway.clock import vietnam
from gateway.errors.operators import SettingInvalid
from gateway.registry.connection import Connection

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

_LARGEST = 8 << 20
"""Bytes of a file of authorities: a system's whole bundle is a quarter of a megabyte."""

_REMEDY = "name a PEM file of the authorities to trust, or leave the setting out"


def read_authorities(path: Path) -> str:
    """Return the PEM text of a file of authorities; raises `ValueError` that says what to do.

    Remarks between the certificates may be in any language: bytes that are not ASCII are dropped.
    """
    try:
        found = read_bounded(path, most=_LARGEST).decode("ascii", errors="ignore")
    except (OSError, ValueError) as error:
        raise ValueError(f"can't read the file it names ({why_unread(error)}); {_REMEDY}") from None
    try:
        context_trusting(found)
    except (ssl.SSLError, ValueError):
        raise ValueError(
            f"the file it names has no certificate in PEM, or a malformed one; {_REMEDY}"
        ) from None
    return found


def context_trusting(authorities: str) -> ssl.SSLContext:
    """Return a context that trusts only these authorities; raises `ssl.SSLError` or `ValueError` without a certificate.

    Not the library's default context, which differs between versions: Python 3.13 refuses an authority made by plain
    `openssl req -x509`, earlier ones refuse an authority whose own issuer is not in the file.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=authorities)
    return context


_NOT_PEM = "client_certificate: a certificate in PEM, then its chain, is expected"
_NO_MATCH = "client_key: the private key of client_certificate, in PEM without a password, is expected"


def tls_of(connection: Connection) -> ssl.SSLContext:
    """Return a connection's context; raises `SettingInvalid` if certificate and key are not a pair.

    Without the deployment's authorities it trusts the HTTP library's list; the environment is ignored.
    """
    if connection.authorities is None:
        import httpx  # noqa: PLC0415 - a command that asks nothing needn't load it

        context = httpx.create_ssl_context(trust_env=False)
    else:
        context = context_trusting(connection.authorities)
    if connection.client_certificate is None and connection.client_key is None:
        return context
    check_client(connection)
    pair = f"{connection.client_certificate}\n{connection.client_key}\n".encode()
    try:
        with _temporary_file(pair) as path:
            context.load_cert_chain(path)
    except (ssl.SSLError, OSError):
        raise SettingInvalid(_NO_MATCH) from None
    return context


@contextlib.contextmanager
def _temporary_file(content: bytes) -> Iterator[str]:
    """Yield the path of a file with this content, in memory if the system can, else readable only by this user."""
    if not hasattr(os, "memfd_create"):
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            yield file.name
        return
    descriptor = os.memfd_create("client", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def check_client(connection: Connection) -> None:
    """Raise `SettingInvalid` unless certificate and key are a pair or both absent; the error shows neither."""
    certificate, key = connection.client_certificate, connection.client_key
    if certificate is None and key is None:
        return
    if certificate is None or key is None:
        raise SettingInvalid("client_certificate and client_key: both or neither are expected")
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415 - as `_read`

    first = _read(certificate)
    with contextlib.suppress(ValueError, TypeError):
        own = load_pem_private_key(key.encode(), password=None).public_key()
        if _spki(own) == _spki(first.public_key()):
            return
    raise SettingInvalid(_NO_MATCH)


def ends_on(certificate: str) -> date:
    """Return the last day, in Vietnam's time, on which a client certificate is valid. Raises `SettingInvalid`."""
    return _read(certificate).not_valid_after_utc.astimezone(vietnam()).date()


def _read(certificate: str) -> x509.Certificate:
    from cryptography import x509  # noqa: PLC0415 - few connections have a client certificate

    try:
        return x509.load_pem_x509_certificates(certificate.encode())[0]
    except (ValueError, IndexError):
        raise SettingInvalid(_NOT_PEM) from None


def _spki(key: PublicKeyTypes) -> bytes:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - as `_read`

    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
