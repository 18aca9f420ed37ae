"""What a connection trusts on the other side, and what it shows of itself where the registry asks for it.

The client certificate's key is handed to OpenSSL by a file that is gone at once, and where the system can lies in
memory alone: the ssl module reads from files only.
"""

import contextlib
import os
import ssl
import tempfile
from collections.abc import Iterator
from datetime import date

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gateway.clock import vietnam
from gateway.errors.commands import SettingInvalid
from gateway.registry.authorities import trusting
from gateway.registry.connection import Connection

_NOT_PEM = "client_certificate: a certificate in PEM, then its chain, is expected"
_NO_MATCH = "client_key: the private key of client_certificate, in PEM without a password, is expected"


def tls_of(connection: Connection) -> ssl.SSLContext:
    """Return what a connection trusts, and the client certificate that it shows, if there is one.

    It trusts the deployment's authorities; without any, those of the HTTP library's own list, whatever the environment
    says.

    Raises:
        SettingInvalid: certificate and key are not two halves of one pair.
    """
    if connection.authorities is None:
        context = httpx.create_ssl_context(trust_env=False)
    else:
        context = trusting(connection.authorities)
    if connection.client_certificate is None and connection.client_key is None:
        return context
    check_client(connection)
    pair = f"{connection.client_certificate}\n{connection.client_key}\n".encode()
    try:
        with _briefly_a_file(pair) as path:
            context.load_cert_chain(path)
    except (ssl.SSLError, OSError):
        raise SettingInvalid(_NO_MATCH) from None
    return context


@contextlib.contextmanager
def _briefly_a_file(content: bytes) -> Iterator[str]:
    """Give a path to read the content by while the block runs: in memory where the system can, else its owner's alone."""
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
    """Raise `SettingInvalid` unless both halves are there and belong together, or neither is; says nothing of them."""
    certificate, key = connection.client_certificate, connection.client_key
    if certificate is None and key is None:
        return
    if certificate is None or key is None:
        raise SettingInvalid("client_certificate and client_key: both or neither are expected")
    first = _read(certificate)
    with contextlib.suppress(ValueError, TypeError):
        own = load_pem_private_key(key.encode(), password=None).public_key()
        if _spki(own) == _spki(first.public_key()):
            return
    raise SettingInvalid(_NO_MATCH)


def ends_on(certificate: str) -> date:
    """Return the last day, here, on which a client certificate is good. Raises `SettingInvalid`."""
    return _read(certificate).not_valid_after_utc.astimezone(vietnam()).date()


def _read(certificate: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(certificate.encode())[0]
    except (ValueError, IndexError):
        raise SettingInvalid(_NOT_PEM) from None


def _spki(key: object) -> bytes:
    encoded: bytes = key.public_bytes(  # type: ignore[attr-defined]  # every kind of public key has it
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return encoded
