"""What it costs to be sure of a caller: the token known, the proof or certificate checked, the message signature read.

In one process, without HTTP and without a pause between: microseconds of a core for a call. Beside it stands one bare
ES256 verification, which no proof of possession and no signature of that kind can do without.
"""

import asyncio
import json
import secrets
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from bench.arithmetic import Figure, Round, median_round, ratio_of
from bench.house import House
from bench.place import CALLER
from gateway.db import Database
from gateway.migrations import upgraded
from gateway.trust import Trust, tables, tokens
from gateway.trust.binding import Confirmation, Presented
from gateway.trust.certificate import PeerCertificate
from gateway.trust.dialects import DIALECTS, Message
from gateway.trust.jose import Key, b64, check, sha256
from gateway.trust.keys import new_key
from gateway.trust.policy import Policy, SignaturePolicy
from gateway.trust.tokens import Grant

ORIGIN, PATH, CALLS = "https://gateway.example", "/v1/exchanges", 2_000
CLIENT, BARE = CALLER.replace("/", "."), "bare ES256 verification"
ENVELOPE = {"header": {"message_id": "m", "sender_id": CLIENT}, "message": {"name": "නිමල්", "names": ["குமார்"] * 20}}
Work = Callable[[int], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Calls:
    """A gateway of trust alone with one caller, and what it presents."""

    trust: Trust
    key: Key
    certificate: PeerCertificate

    def bound(self, confirmation: Confirmation) -> str:
        """A token of ours for the caller, bound like this."""
        now = self.trust.clock()
        grant = Grant(CLIENT, frozenset({"exchange"}), confirmation, tokens.new_token_id(), ORIGIN)
        return tokens.issue(self.trust.keys.token.signing(now), grant, issuer=ORIGIN, now=now)

    def by_key(self, access: str) -> Presented:
        """A call with a fresh proof."""
        issued = int(self.trust.clock().timestamp())
        claims = {
            "jti": secrets.token_urlsafe(16),
            "htm": "POST",
            "htu": ORIGIN + PATH,
            "iat": issued,
            "ath": sha256(access),
        }
        return Presented("POST", PATH, [f"DPoP {access}"], [proof(self.key, claims)])

    def by_certificate(self, access: str) -> Presented:
        """A call over mutual TLS."""
        return Presented("POST", PATH, [f"Bearer {access}"], [], self.certificate)


def measure(house: House) -> list[Figure]:
    """Calls a second of each kind, as microseconds, beside the bare arithmetic."""
    found = asyncio.run(_measured(house.scale.rounds))
    bare = median_round(found.pop(BARE))
    figures = []
    for name, rounds in found.items():
        each = median_round(rounds)
        ratio = ratio_of(bare.rate, each.rate)
        figures.append(Figure(name, 1e6 / each.rate, "us", each.p50, each.p99, BARE, ratio))
    return figures


async def _measured(rounds: int) -> dict[str, list[Round]]:
    with tempfile.TemporaryDirectory(prefix="sandhi-bench-trust-") as folder:
        db = Database(f"sqlite+aiosqlite:///{folder}/trust.db")
        try:
            kinds = _kinds(await _furnished(db, Path(folder)))
            found: dict[str, list[Round]] = {name: [] for name in kinds}
            for _ in range(rounds):
                for name, prepared in kinds.items():
                    found[name].append(await _timed(prepared()))
        finally:
            await db.close()
    return found


def _kinds(calls: Calls) -> dict[str, Callable[[], Work]]:
    """Name -> what makes the calls of one round, outside the time that is taken."""
    policies = {"dci-jws": SignaturePolicy(), "rfc9421": SignaturePolicy(dialect="rfc9421")}
    kinds: dict[str, Callable[[], Work]] = {
        BARE: lambda: _bare(calls.key),
        "verified call, token known, DPoP proof": lambda: _proofs(calls),
        "verified call, token known, mutual TLS": lambda: _certificates(calls),
        "verified call, token seen first, mutual TLS": lambda: _first(calls),
    }
    for name, policy in policies.items():
        kinds[f"message signature verified, {name}"] = partial(_signatures, calls, policy)
    return kinds


def _bare(key: Key) -> Work:
    signed = b"x" * 200
    signature = key.signature(signed)

    async def one(_: int) -> None:
        check(signed, signature, key, key.alg)

    return one


def _proofs(calls: Calls) -> Work:
    access = calls.bound(Confirmation("jkt", calls.key.thumbprint))
    presented = [calls.by_key(access) for _ in range(CALLS)]
    return lambda number: calls.trust.authenticated(presented[number])


def _certificates(calls: Calls) -> Work:
    presented = calls.by_certificate(calls.bound(Confirmation("x5t#S256", calls.certificate.thumbprint)))
    return lambda _: calls.trust.authenticated(presented)


def _first(calls: Calls) -> Work:
    confirmation = Confirmation("x5t#S256", calls.certificate.thumbprint)
    presented = [calls.by_certificate(calls.bound(confirmation)) for _ in range(CALLS)]
    return lambda number: calls.trust.authenticated(presented[number])


def _signatures(calls: Calls, policy: SignaturePolicy) -> Work:
    now, dialect = calls.trust.clock(), DIALECTS[policy.dialect]
    headers = (("authorization", "DPoP x"), ("content-type", "application/json"))
    message = dialect.sign(Message.of(ENVELOPE, headers=headers, url=ORIGIN + PATH), calls.key, now)

    async def one(_: int) -> None:
        dialect.verify(message, [calls.key], policy, now)

    return one


async def _timed(work: Work) -> Round:
    latencies, begun = [], time.perf_counter()
    for number in range(CALLS):
        before = time.perf_counter()
        await work(number)
        latencies.append((time.perf_counter() - before) * 1000)
    return Round.of(time.perf_counter() - begun, latencies)


async def _furnished(db: Database, folder: Path) -> Calls:
    now = datetime.now(UTC)
    await upgraded(db)
    certificate = PeerCertificate(sha256("a certificate"), now + timedelta(days=1))
    policy = Policy(certificates=(certificate.thumbprint,)).document()
    member = CALLER.rpartition("/")[0]
    common = {"name": "caller", "state": "active", "changed_at": now}
    async with db.write() as connection:
        await connection.execute(tables.member.insert().values(id=member, contact="", **common))
        row = {"id": CALLER, "member_id": member, "client_id": CLIENT, "scopes": ["exchange"], "services": []}
        await connection.execute(tables.system.insert().values(row | common | {"policy": policy}))
    return Calls(Trust(db, folder / "keys", ORIGIN), new_key("ES256"), certificate)


def proof(key: Key, claims: object) -> str:
    """A DPoP proof."""
    header = {"typ": "dpop+jwt", "alg": key.alg, "jwk": {name: key.jwk[name] for name in ("kty", "crv", "x", "y")}}
    signed = ".".join(b64(json.dumps(part).encode()) for part in (header, claims))
    return f"{signed}.{b64(key.signature(signed.encode()))}"
