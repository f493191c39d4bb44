"""The system's own key, and what it signs: client assertions, DPoP proofs. And the gateway's keys, to check with.

Source: RFC 7523 (private_key_jwt), RFC 9449 (DPoP), RFC 7515 appendix F (detached JWS).
"""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from typing import Any

from joserfc import jwk
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry

ALGORITHMS = frozenset({"EdDSA", "ES256", "PS256"})
ASSERTION_LIFETIME = 60  # seconds
PUBLIC = frozenset({"kty", "crv", "x", "y", "n", "e"})


def b64(raw: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def unb64(text: str) -> bytes:
    """Raises ValueError for any other spelling than the canonical one."""
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if b64(raw) != text:
        raise ValueError("not canonical base64url")
    return raw


class OwnKey:
    """A private JWK with `alg` and `kid`, as the gateway knows its public half."""

    def __init__(self, member: Mapping[str, str]) -> None:
        """Raises ValueError: not a private key of an algorithm that the gateway takes."""
        self.alg, self.kid = member.get("alg", ""), member.get("kid", "")
        if self.alg not in ALGORITHMS or not self.kid:
            raise ValueError("the private JWK needs kid, and alg EdDSA, ES256 or PS256")
        self._key = jwk.import_key({name: value for name, value in member.items() if name not in {"alg", "use"}})
        if not self._key.is_private:
            raise ValueError("the JWK is not private")
        self._public: dict[str, Any] = {
            str(name): value for name, value in self._key.as_dict(private=False).items() if name in PUBLIC
        }
        self._proof_header = b64(_json({"typ": "dpop+jwt", "alg": self.alg, "jwk": self._public}))

    @property
    def public_jwk(self) -> dict[str, Any]:
        """What is registered at the gateway."""
        return {**self._public, "kid": self.kid, "alg": self.alg, "use": "sig"}

    def assertion(self, client_id: str, issuer: str) -> str:
        """A fresh client assertion: used once, for one token."""
        now = int(time.time())
        claims = {"iss": client_id, "sub": client_id, "aud": issuer, "iat": now, "exp": now + ASSERTION_LIFETIME}
        header = b64(_json({"typ": "JWT", "alg": self.alg, "kid": self.kid}))
        return self._signed(header, claims | {"jti": secrets.token_urlsafe(16)})

    def proof(self, method: str, url: str, token: str | None = None) -> str:
        """A fresh DPoP proof for one request; with the access token's hash when it comes with one.

        Args:
            url: of the request; query and fragment do not belong into it.
        """
        claims: dict[str, object] = {"jti": secrets.token_urlsafe(16), "htm": method, "htu": url}
        claims["iat"] = int(time.time())
        if token is not None:
            claims["ath"] = b64(hashlib.sha256(token.encode("ascii")).digest())
        return self._signed(self._proof_header, claims)

    def callback_statement(self, client_id: str, gateway: str, url: str) -> str:
        """What the host of a callback address serves at `/.well-known/sandhi-callback`, one such line an address: the
        gateway sends nothing to a new host that does not say so."""
        header = b64(_json({"typ": "sandhi-callback", "alg": self.alg, "kid": self.kid}))
        return self._signed(header, {"sub": client_id, "aud": gateway.rstrip("/"), "url": url})

    def detached(self, content: bytes) -> str:
        """A detached JWS over bytes, e.g. over the canonical form of a DCI envelope."""
        header = b64(_json({"alg": self.alg, "kid": self.kid}))
        signature = self._sign(f"{header}.{b64(content)}")
        return f"{header}..{signature}"

    def compact(self, content: bytes) -> str:
        """A compact JWS with these bytes as its payload."""
        return self._signed_bytes(b64(_json({"alg": self.alg, "kid": self.kid})), content)

    def signature(self, content: bytes) -> bytes:
        """Over the content, raw, as JWS and RFC 9421 have it."""
        made: bytes = JWSRegistry.algorithms[self.alg].sign(content, self._key)
        return made

    def _signed(self, header: str, claims: Mapping[str, object]) -> str:
        return self._signed_bytes(header, _json(claims))

    def _signed_bytes(self, header: str, payload: bytes) -> str:
        signed = f"{header}.{b64(payload)}"
        return f"{signed}.{self._sign(signed)}"

    def _sign(self, text: str) -> str:
        return b64(self.signature(text.encode("ascii")))


class PublicKeys:
    """A JWK set, to check detached signatures with."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._keys = {
            str(each["kid"]): (str(each["alg"]), jwk.import_key(each))
            for each in document.get("keys", ())
            if each.get("alg") in ALGORITHMS
        }

    def knows(self, kid: str) -> bool:
        """Whether the key of this id is here."""
        return kid in self._keys

    def signed(self, content: bytes, signature: str) -> bool:
        """Whether `signature` is a detached JWS over `content` by a key of this set."""
        header = detached_header(signature)
        alg, key = self._keys.get(str(header.get("kid")), ("", None))
        if key is None or header.get("alg") != alg or header.keys() != {"alg", "kid"}:
            return False
        first, _, last = signature.split(".")
        try:
            return self.made(str(header["kid"]), f"{first}.{b64(content)}".encode(), unb64(last))
        except ValueError:
            return False

    def made(self, kid: str, content: bytes, signature: bytes) -> bool:
        """Whether the key of this id made the raw signature over the content."""
        alg, key = self._keys.get(kid, ("", None))
        try:
            return key is not None and JWSRegistry.algorithms[alg].verify(content, signature, key)
        except (JoseError, ValueError):
            return False


def detached_header(signature: str) -> Mapping[str, object]:
    """The protected header of a detached JWS; empty if it is none."""
    segments = signature.split(".")
    return {} if len(segments) != 3 or segments[1] else read_header(segments[0])


def read_header(segment: str) -> Mapping[str, object]:
    """A protected header, not believed yet; empty if it is none."""
    try:
        found = json.loads(unb64(segment))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
