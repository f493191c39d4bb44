"""Signing and checking by our own hand, apart from every other party's code: compact JWS with Ed25519 or P-256 keys.

Source: RFC 7515 (JWS; appendix F: detached content), RFC 8037 (Ed25519), RFC 7518 section 3.4 (ES256).
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from . import strict

_P256 = 32  # bytes of one half of a signature


class KeyUnusable(ValueError):
    """A JWK is not of a kind used here. The text says which is."""


def b64(raw: bytes) -> str:
    """base64url without padding."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def unb64(text: str) -> bytes:
    """Raises ValueError for anything that is not base64url."""
    return urlsafe_b64decode((text + "=" * (-len(text) % 4)).encode("ascii"))


class OwnKey:
    """A private Ed25519 JWK with `kid`, as it stands in a credentials file.

    Raises:
        KeyUnusable: another kind of key.
    """

    def __init__(self, jwk: Mapping[str, str]) -> None:
        if jwk.get("kty") != "OKP" or jwk.get("crv") != "Ed25519" or not jwk.get("d") or not jwk.get("kid"):
            raise KeyUnusable("the private JWK is an Ed25519 key with kid and d")
        self._key = Ed25519PrivateKey.from_private_bytes(unb64(jwk["d"]))
        self.kid = jwk["kid"]
        self.public = {"kty": "OKP", "crv": "Ed25519", "x": b64(self._key.public_key().public_bytes_raw())}

    def compact(self, header: Mapping[str, object], claims: Mapping[str, object]) -> str:
        """A compact JWS over JSON claims; `alg` is added to the header."""
        signed = f"{_packed({'alg': 'EdDSA', **header})}.{_packed(claims)}"
        return f"{signed}.{self._signature(signed)}"

    def detached(self, content: bytes) -> str:
        """A compact JWS without its content: `header..signature`."""
        header = _packed({"alg": "EdDSA", "kid": self.kid})
        return f"{header}..{self._signature(f'{header}.{b64(content)}')}"

    def _signature(self, signed: str) -> str:
        return b64(self._key.sign(signed.encode("ascii")))


class KeySet:
    """The usable public keys of a JWK set, by `kid`. Keys of other kinds are passed over."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._keys = {
            str(jwk["kid"]): key for jwk in document.get("keys", ()) if "kid" in jwk and (key := _public(jwk))
        }

    def knows(self, signature: str) -> bool:
        """Whether the key named in a detached JWS is in this set."""
        return header_of(signature).get("kid") in self._keys

    def signed(self, content: bytes, signature: str) -> bool:
        """Whether `signature` is a detached JWS over exactly this content by a key of this set."""
        header = header_of(signature)
        key = self._keys.get(str(header.get("kid")))
        if key is None or header.keys() != {"alg", "kid"}:
            return False
        first, _, last = signature.split(".")
        try:
            return _verified(key, str(header["alg"]), f"{first}.{b64(content)}".encode("ascii"), unb64(last))
        except ValueError:
            return False


def header_of(signature: str) -> Mapping[str, object]:
    """The protected header of a detached JWS; empty if it is none."""
    segments = signature.split(".")
    if len(segments) != 3 or segments[1]:
        return {}
    try:
        found = strict.loads(unb64(segments[0]))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _public(jwk: Mapping[str, str]) -> Ed25519PublicKey | ec.EllipticCurvePublicKey | None:
    match jwk.get("kty"), jwk.get("crv"):
        case "OKP", "Ed25519":
            return Ed25519PublicKey.from_public_bytes(unb64(jwk["x"]))
        case "EC", "P-256":
            x, y = (int.from_bytes(unb64(jwk[name])) for name in ("x", "y"))
            return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        case _:
            return None


def _verified(key: Ed25519PublicKey | ec.EllipticCurvePublicKey, alg: str, signed: bytes, signature: bytes) -> bool:
    try:
        if isinstance(key, Ed25519PublicKey) and alg == "EdDSA":
            key.verify(signature, signed)
            return True
        if isinstance(key, ec.EllipticCurvePublicKey) and alg == "ES256" and len(signature) == 2 * _P256:
            r, s = int.from_bytes(signature[:_P256]), int.from_bytes(signature[_P256:])
            key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
            return True
    except InvalidSignature:
        return False
    return False


def _packed(value: Mapping[str, object]) -> str:
    return b64(json.dumps(value, separators=(",", ":")).encode())
