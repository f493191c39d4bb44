"""Keys for one conformance run; nothing here is ever stored."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID


@cache
def placeholders() -> Mapping[str, str]:
    """`rsa_key` and its self-signed `certificate` in PEM; `ssh_key` (OpenSSH) and `ssh_public_key` (one line);
    `jwk` and `public_jwk`, of another Ed25519 key, as JSON."""
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    ssh_key = ed25519.Ed25519PrivateKey.generate()
    return {
        "rsa_key": rsa_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "certificate": _certificate(rsa_key).public_bytes(Encoding.PEM).decode(),
        "ssh_key": ssh_key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode(),
        "ssh_public_key": ssh_key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode(),
        **_jwks(),
    }


def _jwks() -> Mapping[str, str]:
    key = ed25519.Ed25519PrivateKey.generate()
    public = {"kty": "OKP", "crv": "Ed25519", "kid": "conformance", "x": _b64(key.public_key().public_bytes_raw())}
    return {"jwk": json.dumps(public | {"d": _b64(key.private_bytes_raw())}), "public_jwk": json.dumps(public)}


def _b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _certificate(key: rsa.RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "conformance")])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
