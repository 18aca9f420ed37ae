"""A certificate authority for one test, and a server on loopback that shows one of its certificates."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass
class Authority:
    """Signs server certificates; `folder` is for what the ssl module reads from files only."""

    folder: Path
    name: str = "Synthetic Authority"
    key: ec.EllipticCurvePrivateKey = field(default_factory=_new_key)

    def pem(self) -> str:
        """Return its own certificate in the form that a trusting client needs."""
        certificate = self._sign(_name(self.name), self.key, days=(-1, 3650), authority=True)
        return certificate.public_bytes(serialization.Encoding.PEM).decode()

    def serving(self, *names: str, days: tuple[float, float] = (-1, 90)) -> ssl.SSLContext:
        """Return a server's TLS context: a certificate for these names, valid for this range of days from now."""
        file = self.folder / "server.pem"
        file.write_text("".join(self._make_pair(names[0], days=days, names=names)), encoding="ascii")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def client(self, *, days: tuple[float, float] = (-1, 90)) -> tuple[str, str]:
        """Return a client certificate and its key, in PEM."""
        return self._make_pair("gateway.test", days=days)

    def asking(self, *names: str) -> ssl.SSLContext:
        """Return a server's TLS context that asks its callers for a certificate of this authority."""
        context = self.serving(*names)
        context.load_verify_locations(cadata=self.pem())
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _make_pair(
        self, subject: str, *, days: tuple[float, float], names: tuple[str, ...] = ()
    ) -> tuple[str, str]:
        key = _new_key()
        certificate = self._sign(_name(subject), key, days=days, names=names)
        form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return (
            certificate.public_bytes(serialization.Encoding.PEM).decode(),
            key.private_bytes(serialization.Encoding.PEM, *form).decode(),
        )

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *,
        days: tuple[float, float],
        names: tuple[str, ...] = (),
        authority: bool = False,
    ) -> x509.Certificate:
        now = datetime.now(UTC)  # noqa: TID251 - OpenSSL uses the machine's clock, so the certificate must too
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(_name(self.name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=days[0]))
            .not_valid_after(now + timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
        )
        if authority:
            builder = builder.add_extension(_USAGE, critical=True)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([*map(_alternative, names)]), False)
        return builder.sign(self.key, hashes.SHA256())


_USAGE = x509.KeyUsage(
    digital_signature=True,
    key_cert_sign=True,
    crl_sign=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@asynccontextmanager
async def listening(context: ssl.SSLContext | None) -> AsyncIterator[tuple[int, asyncio.Queue[bytes]]]:
    """A server on loopback: yields its port, and what each caller sent after the handshake."""
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(1):
                heard.put_nowait(await reader.read())
        except (OSError, TimeoutError):
            heard.put_nowait(b"")
        finally:
            writer.close()

    server = await asyncio.start_server(hear, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1], heard
    finally:
        server.close()
        await server.wait_closed()
