"""The message security of IDA, from the agency's side: signature, session key, blocks.

Source: `schemas/agency/mosip-ida/wire.md`; RFC 7515 appendix F (detached content) and section 4.1.6 (x5c);
RFC 8017 section 7.1 (RSA-OAEP); NIST SP 800-38D (GCM).
"""

import hashlib
import hmac
import os
from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode

from cryptography import x509
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sandbox import strict

from .errors import refused

_IV = 16
_OAEP = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)


def verify_signature(header: str, body: bytes, partner: x509.Certificate) -> None:
    """Check the detached JWS in the `Signature` header over the exact bytes of the body.

    Raises:
        Refused: IDA-MPA-001 wrong signature, -002 unreadable certificate, -021 another's certificate, -022 none sent.
    """
    protected, payload, signature = [*header.split("."), "", ""][:3]
    if header.count(".") != 2 or payload:
        raise refused("IDA-MPA-001", "request")
    if _sent_certificate(_jws_header(protected)).fingerprint(hashes.SHA256()) != partner.fingerprint(hashes.SHA256()):
        raise refused("IDA-MPA-021")
    key = partner.public_key()
    assert isinstance(key, RSAPublicKey)
    signed = protected.encode() + b"." + urlsafe_b64encode(body).rstrip(b"=")
    try:
        key.verify(unbase64url(signature), signed, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        raise refused("IDA-MPA-001", "request") from None


def _jws_header(protected: str) -> dict[str, object]:
    try:
        header = strict.loads(unbase64url(protected))
    except ValueError:
        raise refused("IDA-MPA-001", "request") from None
    if not isinstance(header, dict) or header.get("alg") != "RS256" or "crit" in header:
        raise refused("IDA-MPA-001", "request")
    return header


def _sent_certificate(header: dict[str, object]) -> x509.Certificate:
    """`x5c[0]`: DER as RFC 7515 says, or PEM text as the public SDK sends it; line breaks are passed over."""
    chain = header.get("x5c")
    if not isinstance(chain, list) or not chain or not isinstance(chain[0], str):
        raise refused("IDA-MPA-022")
    try:
        raw = b64decode("".join(chain[0].split()), validate=True)
        if raw.startswith(b"-----BEGIN"):
            return x509.load_pem_x509_certificate(raw)
        return x509.load_der_x509_certificate(raw)
    except ValueError:
        raise refused("IDA-MPA-002") from None


def open_session_key(sealed: str, key: RSAPrivateKey) -> bytes:
    """The AES-256 key of a request.

    Raises:
        Refused: IDA-MPA-003: not to this key, not this padding, or not 256 bits.
    """
    try:
        session_key = key.decrypt(unbase64url(sealed), _OAEP)
    except ValueError:
        raise refused("IDA-MPA-003") from None
    if len(session_key) != 32:
        raise refused("IDA-MPA-003")
    return session_key


def open_block(sealed: str, session_key: bytes) -> bytes:
    """Decrypt `ciphertext || tag || IV`.

    Raises:
        Refused: IDA-MPA-003.
    """
    try:
        raw = unbase64url(sealed)
        return AESGCM(session_key).decrypt(raw[-_IV:], raw[:-_IV], None)
    except (InvalidTag, ValueError):
        raise refused("IDA-MPA-003") from None


def check_hash(sealed: str, session_key: bytes, block: bytes) -> None:
    """`requestHMAC` is the upper-case hex SHA-256 of the plain block, encrypted as the block is.

    Raises:
        Refused: IDA-MPA-016.
    """
    expected = hashlib.sha256(block).hexdigest().upper().encode()
    if not hmac.compare_digest(open_block(sealed, session_key), expected):
        raise refused("IDA-MPA-016")


def seal(plain: bytes, partner: x509.Certificate) -> tuple[str, str]:
    """Encrypt an answer to the partner: (identity, sessionKey), both base64url."""
    key = partner.public_key()
    assert isinstance(key, RSAPublicKey)
    session_key, iv = AESGCM.generate_key(256), os.urandom(_IV)
    block = AESGCM(session_key).encrypt(iv, plain, None) + iv
    return urlsafe_b64encode(block).decode(), urlsafe_b64encode(key.encrypt(session_key, _OAEP)).decode()


def thumbprint(certificate: x509.Certificate) -> bytes:
    """SHA-256 over the DER certificate."""
    return certificate.fingerprint(hashes.SHA256())


def unbase64url(text: str) -> bytes:
    """Decode base64url, with or without padding.

    Raises:
        ValueError: any other character, or a length no encoder makes.
    """
    bare = text.rstrip("=")
    if not all(character.isascii() and (character.isalnum() or character in "-_") for character in bare):
        raise ValueError("not base64url")
    return urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
