"""Keys, certificates and secrets an agency makes once and keeps in its own folder, so restarts change nothing."""

import datetime
import os
import secrets
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import NameOID


class Kept:
    """A folder of texts, each made at the first use and read ever after. Files are readable by the owner only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def text(self, name: str, make: Callable[[], str]) -> str:
        """The text of this name; `make` is called only if there is none yet."""
        path = self._folder / name
        if path.exists():
            return path.read_text("utf-8")
        made = make()
        draft = path.with_suffix(".new")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(made)
        draft.replace(path)
        return made

    def secret(self, name: str) -> str:
        """A random secret of 256 bits."""
        return self.text(name, lambda: secrets.token_urlsafe(32))

    def rsa_key(self, name: str) -> str:
        """An RSA private key of 2048 bits as PKCS #8 PEM."""
        return self.text(f"{name}.key.pem", _rsa_pem)

    def certificate(self, name: str, *, common_name: str) -> str:
        """A self-signed certificate, as PEM, over the key of the same name, valid for ten years."""
        key = rsa_private_key(self.rsa_key(name))
        return self.text(f"{name}.cert.pem", lambda: _certificate_pem(key, common_name))


@lru_cache(maxsize=16)
def rsa_private_key(pem: str) -> rsa.RSAPrivateKey:
    """Read a key that `Kept.rsa_key` wrote. Remembered: reading one proves its primes, which takes 40 ms."""
    key: PrivateKeyTypes = serialization.load_pem_private_key(pem.encode("ascii"), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def _rsa_pem() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode("ascii")


def _certificate_pem(key: rsa.RSAPrivateKey, common_name: str) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")
