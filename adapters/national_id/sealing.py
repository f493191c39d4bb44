"""The cryptography of MOSIP IDA: a sealed block, its hash, a detached signature, and the way back.

Source: `schemas/agency/mosip-ida/wire.md`.
"""

import hashlib
import secrets
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from joserfc import jws
from joserfc.jwk import RSAKey

_IV = 16  # bytes; at the end of the sealed bytes
_OAEP = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)


class SealError(Exception):
    """A key is not what it must be, or sealed bytes cannot be opened. Holds no content."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """The three encrypted members of a request."""

    request: str
    session_key: str
    hmac: str


class Keys:
    """Our partner key and certificate, and IDA's certificate."""

    def __init__(self, partner_key: str, partner_cert: str, ida_cert: str) -> None:
        """All in PEM.

        Raises:
            SealError: not RSA, or not PEM.
        """
        try:
            key = load_pem_private_key(partner_key.encode(), password=None)
            certificate = x509.load_pem_x509_certificate(partner_cert.encode())
            ida = x509.load_pem_x509_certificate(ida_cert.encode())
        except (ValueError, TypeError):
            raise SealError("partner key, partner certificate or IDA certificate is not PEM") from None
        ida_key = ida.public_key()
        if not isinstance(key, rsa.RSAPrivateKey) or not isinstance(ida_key, rsa.RSAPublicKey):
            raise SealError("partner key and IDA certificate must be RSA")
        self._key, self._ida_key = key, ida_key
        self._jwk = RSAKey.import_key(partner_key)
        self._header = {"alg": "RS256", "x5c": [b64encode(certificate.public_bytes(Encoding.DER)).decode()]}
        self.ida_thumbprint = _encoded(ida.fingerprint(hashes.SHA256()))
        self.partner_thumbprint = certificate.fingerprint(hashes.SHA256()).hex()

    def seal(self, block: bytes) -> Sealed:
        """Encrypt a request block to IDA with a fresh key."""
        key = secrets.token_bytes(32)
        digest = hashlib.sha256(block).hexdigest().upper().encode()
        return Sealed(
            request=_encoded(_encrypted(key, block)),
            session_key=_encoded(self._ida_key.encrypt(key, _OAEP)),
            hmac=_encoded(_encrypted(key, digest)),
        )

    def open(self, sealed: str, session_key: str) -> bytes:
        """Decrypt what IDA sealed to us.

        Raises:
            SealError: not base64url, or not sealed to our key, or altered.
        """
        try:
            key = self._key.decrypt(_decoded(session_key), _OAEP)
            data = _decoded(sealed)
            return AESGCM(key).decrypt(data[-_IV:], data[:-_IV], None)
        except (ValueError, Base64Error, InvalidTag):
            raise SealError("the identity block cannot be opened with our key") from None

    def sign(self, body: bytes) -> str:
        """The `Signature` header: detached JWS over the exact body bytes (RFC 7515 appendix F), RS256 with x5c."""
        protected, _, signature = jws.serialize_compact(self._header, body, self._jwk).split(".")
        return f"{protected}..{signature}"


def _encrypted(key: bytes, plain: bytes) -> bytes:
    iv = secrets.token_bytes(_IV)
    return AESGCM(key).encrypt(iv, plain, None) + iv  # ciphertext, tag, IV


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
