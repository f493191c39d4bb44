"""What the tests of trust share: a clock, a log, systems, and a key pair that can lie in every way."""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from sqlalchemy.ext.asyncio import AsyncConnection

from audit import Entry
from gateway.trust import Offered, System

ORIGIN = "http://127.0.0.1:8080"
NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
SR = System("LK/GOV/WBB/SRIS", "LK.GOV.WBB.SRIS", "social registry", frozenset({"audit", "exchange"}))
ESS = System(
    "LK/GOV/DME/ESS",
    "LK.GOV.DME.ESS",
    "employment support",
    frozenset({"exchange"}),
    (Offered("progress", "http://127.0.0.1:9/progress", "canonical/programme-update.v1.json"),),
)
ADMIN = System("LK/GOV/SANDHI/CONSOLE", "LK.GOV.SANDHI.CONSOLE", "console", frozenset({"admin"}))


class Clock:
    """A clock that moves only when told."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class LogInMemory:
    """Keeps the entries of transactions, and refuses on demand."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.broken = False

    async def append_in(self, connection: AsyncConnection, entry: Entry) -> str:
        if self.broken:
            raise OSError("the log is full")
        self.entries.append(entry)
        return f"test:{len(self.entries) - 1}:{entry.id}"

    async def append_all_in(self, connection: AsyncConnection, entries: Sequence[Entry]) -> list[str]:
        return [await self.append_in(connection, each) for each in entries]

    @property
    def kinds(self) -> list[str]:
        return [entry.kind for entry in self.entries]


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


@dataclass(slots=True)
class Pair:
    """A key pair made with `cryptography` alone, so that the code under test does not check itself."""

    alg: str = "ES256"
    kid: str = "k1"
    private: Any = field(default=None)

    def __post_init__(self) -> None:
        if self.private is None:
            self.private = {
                "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
                "EdDSA": Ed25519PrivateKey.generate,
                "PS256": lambda: rsa.generate_private_key(65537, 2048),
            }[self.alg]()

    @property
    def jwk(self) -> dict[str, str]:
        public = self.private.public_key()
        common = {"kid": self.kid, "alg": self.alg, "use": "sig"}
        if self.alg == "ES256":
            numbers = public.public_numbers()
            point = {"x": b64(numbers.x.to_bytes(32, "big")), "y": b64(numbers.y.to_bytes(32, "big"))}
            return common | {"kty": "EC", "crv": "P-256"} | point
        if self.alg == "EdDSA":
            return common | {"kty": "OKP", "crv": "Ed25519", "x": b64(public.public_bytes_raw())}
        numbers = public.public_numbers()
        return common | {"kty": "RSA", "n": b64(numbers.n.to_bytes(256, "big")), "e": "AQAB"}

    def thumbprint(self) -> str:
        required = {"ES256": ("crv", "kty", "x", "y"), "EdDSA": ("crv", "kty", "x"), "PS256": ("e", "kty", "n")}
        return b64(hashlib.sha256(compact({name: self.jwk[name] for name in required[self.alg]})).digest())

    def sign(self, text: str) -> str:
        raw = text.encode()
        if self.alg == "EdDSA":
            return b64(self.private.sign(raw))
        if self.alg == "PS256":
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
            return b64(self.private.sign(raw, pss, hashes.SHA256()))
        r, s = decode_dss_signature(self.private.sign(raw, ec.ECDSA(hashes.SHA256())))
        return b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))

    def jws(self, header: object, payload: object) -> str:
        parts = [part if isinstance(part, bytes) else compact(part) for part in (header, payload)]
        signed = ".".join(b64(part) for part in parts)
        return f"{signed}.{self.sign(signed)}"

    def assertion(self, now: datetime = NOW, header: Mapping[str, Any] | None = None, **claims: Any) -> str:
        """A good client assertion of the social registry, but for what is overridden; None takes a member away."""
        seconds = int(now.timestamp())
        good = {"iss": SR.client_id, "sub": SR.client_id, "aud": ORIGIN, "iat": seconds, "exp": seconds + 60}
        full = good | {"jti": secrets.token_urlsafe(16)} | claims
        top = {"alg": self.alg, "kid": self.kid, "typ": "JWT"} | dict(header or {})
        return self.jws(present(top), present(full))

    def proof(self, now: datetime = NOW, header: Mapping[str, Any] | None = None, **claims: Any) -> str:
        """A good DPoP proof for the token endpoint, but for what is overridden; None takes a member away."""
        public = {name: value for name, value in self.jwk.items() if name not in {"kid", "alg", "use"}}
        good = {"jti": secrets.token_urlsafe(16), "htm": "POST", "htu": f"{ORIGIN}/oauth2/token"}
        full = good | {"iat": int(now.timestamp())} | claims
        top = {"typ": "dpop+jwt", "alg": self.alg, "jwk": public} | dict(header or {})
        return self.jws(present(top), present(full))


def present(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def ath(token: str) -> str:
    return b64(hashlib.sha256(token.encode()).digest())


def form(assertion: str, **more: str) -> dict[str, str]:
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    return {
        "grant_type": "client_credentials",
        "client_assertion_type": kind,
        "client_assertion": assertion,
    } | more
