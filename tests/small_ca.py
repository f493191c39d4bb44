"""A small certificate authority, for tests of TLS: a root, a server, and whom the seed's secure channel joins."""

import base64
import datetime as dt
import hashlib
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

OFFICES = ("gn-division", "district", "ministry", "board")
PEM = serialization.Encoding.PEM


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with its key, as one PEM file."""

    path: Path
    der: bytes

    @property
    def thumbprint(self) -> str:
        """`x5t#S256`, computed apart from the code under test."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.der).digest()).rstrip(b"=").decode()

    @property
    def header(self) -> str:
        """As a proxy writes it, RFC 9440."""
        return f":{base64.b64encode(self.der).decode()}:"


class SmallCa:
    """Issues what the tests need below one folder."""

    def __init__(self, folder: Path, name: str = "Test CA") -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        constraints = (x509.BasicConstraints(ca=True, path_length=0), True)
        usage = (_usage(signs_certificates=True), True)
        certificate = self._signed(self._name, self._key.public_key(), [constraints, usage])
        self.path = folder / "ca.pem"
        self.path.write_bytes(certificate.public_bytes(PEM))

    def server(self, *addresses: str) -> Issued:
        """For 127.0.0.1 and localhost, and for further addresses."""
        numbers = [x509.IPAddress(ipaddress.ip_address(each)) for each in ("127.0.0.1", *addresses)]
        names = [x509.DNSName("localhost"), *numbers]
        return self._issued("server", ExtendedKeyUsageOID.SERVER_AUTH, [(x509.SubjectAlternativeName(names), False)])

    def client(self, name: str) -> Issued:
        """For an office or a system."""
        return self._issued(name, ExtendedKeyUsageOID.CLIENT_AUTH, [])

    def context(self, client: Issued | None = None) -> ssl.SSLContext:
        """A caller's TLS: trusts this CA only, shows the certificate."""
        context = ssl.create_default_context(cafile=self.path)
        if client:
            context.load_cert_chain(client.path)
        return context

    def _issued(self, name: str, use: x509.ObjectIdentifier, more: list[tuple[x509.ExtensionType, bool]]) -> Issued:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        own = [(x509.BasicConstraints(ca=False, path_length=None), True), (_usage(), True)]
        certificate = self._signed(subject, key.public_key(), [*own, (x509.ExtendedKeyUsage([use]), False), *more])
        path = self._folder / f"{name}.pem"
        plain = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path.write_bytes(certificate.public_bytes(PEM) + plain)
        return Issued(path, certificate.public_bytes(serialization.Encoding.DER))

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, more: list[tuple[x509.ExtensionType, bool]]
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        builder = x509.CertificateBuilder(self._name, subject, key, x509.random_serial_number())
        builder = builder.not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=30))
        ours = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ours)
        parts = [(x509.SubjectKeyIdentifier.from_public_key(key), False), (issuer, False), *more]
        for extension, critical in parts:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self._key, hashes.SHA256())


def _usage(*, signs_certificates: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
