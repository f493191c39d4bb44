"""Detached JWS with Ed25519 over a message's canonical bytes: how partners without a policy of the gateway sign.

Source: RFC 7515 appendix F; RFC 8037; RFC 8785 for values without fractions.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from adapters.kit import strict_json


class KeyUnusable(ValueError):
    """The text is no Ed25519 JWK with a `kid`; the text of the error says so and never shows the key."""


class NotSigned(ValueError):
    """The signature is not the key's over this content."""


def canonical(value: object) -> bytes:
    """The RFC 8785 bytes of a JSON value whose numbers are whole and whose member names are ASCII.

    Raises:
        NotSigned: a number with a fraction, whose spelling this does not know.
    """
    _check_whole(value)
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


class Signer:
    """A private JWK (JSON text with `kty` OKP, `crv` Ed25519, `d`, `kid`)."""

    def __init__(self, jwk: str) -> None:
        """Raises KeyUnusable."""
        members = _members(jwk, "d")
        self._key = Ed25519PrivateKey.from_private_bytes(_unb64(members["d"]))
        self._header = _b64(orjson.dumps({"alg": "EdDSA", "kid": members["kid"]}))

    def detached(self, content: bytes) -> str:
        """`header..signature` over the content."""
        signed = f"{self._header}.{_b64(content)}".encode()
        return f"{self._header}..{_b64(self._key.sign(signed))}"


class Checker:
    """A public JWK (JSON text with `x` instead of `d`)."""

    def __init__(self, jwk: str) -> None:
        """Raises KeyUnusable."""
        members = _members(jwk, "x")
        self._key = Ed25519PublicKey.from_public_bytes(_unb64(members["x"]))
        self._kid = members["kid"]

    def check(self, content: bytes, signature: str) -> None:
        """Raises NotSigned unless `signature` is this key's detached JWS over the content."""
        header, middle, value = (*signature.split("."), "", "", "")[:3]
        try:
            told = strict_json.loads(_unb64(header))
            if signature.count(".") != 2 or middle or told != {"alg": "EdDSA", "kid": self._kid}:
                raise NotSigned("not a detached JWS of the registered key")
            self._key.verify(_unb64(value), f"{header}.{_b64(content)}".encode())
        except (InvalidSignature, ValueError, strict_json.StrictError):
            raise NotSigned("the signature is not the registered key's over this message") from None


def _members(jwk: str, wanted: str) -> Mapping[str, Any]:
    try:
        members = strict_json.loads(jwk.encode())
    except strict_json.StrictError:
        members = None
    usual = {"kty": "OKP", "crv": "Ed25519"}
    if not isinstance(members, dict) or not usual.items() <= members.items() or not {"kid", wanted} <= members.keys():
        raise KeyUnusable(f"not an Ed25519 JWK with kid and {wanted}")
    return members


def _check_whole(value: object) -> None:
    if isinstance(value, float):
        raise NotSigned("a number with a fraction has no canonical form here")
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_whole(each)


def _b64(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
