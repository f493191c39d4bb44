"""The posture page: how each system may present itself, how it did, which exceptions it has, and what of it ends when.

`may` is the policy in force; `did` is what was seen (`uses`), with the time. An exception is whatever is weaker than
the strict default. Nothing here is secret, and nothing is about a person.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from . import client_secrets, held_certificates, held_keys, register, tables
from .held_keys import STALE_AFTER, utc
from .jose import Key
from .keys import GatewayKeys, Ring
from .keystore import FILES
from .parties import System
from .uses import Use, uses


@dataclass(frozen=True, slots=True)
class KeySet:
    """Of a system that publishes its keys itself. `problem`: why the last fetch failed; empty where it went well."""

    fetched_at: datetime
    problem: str

    @property
    def stale_at(self) -> datetime:
        """When its keys count no more, unless it is fetched before."""
        return self.fetched_at + STALE_AFTER


@dataclass(frozen=True, slots=True)
class Posture:
    """Of one system.

    Attributes:
        in_force: it may call now: it is active, and so is its member.
        keys: in force, of both uses.
        certificates: `x5t#S256` thumbprint -> when it ends; None where only the thumbprint was registered.
        secrets: when each of its client secrets ends.
    """

    system: System
    in_force: bool
    keys: tuple[Key, ...]
    certificates: Mapping[str, datetime | None]
    secrets: tuple[datetime, ...]
    did: tuple[Use, ...]
    key_set: KeySet | None

    @property
    def authentication(self) -> tuple[str, ...]:
        """Ways in which it may say who it is, at the token endpoint."""
        return ("private_key_jwt", *(("client_secret",) if self.system.policy.client_secret else ()))

    @property
    def binding(self) -> tuple[str, ...]:
        """Ways in which its tokens may be bound to it."""
        policy = self.system.policy
        return ("dpop", *(("mtls",) if policy.certificates else ()), *(("bearer",) if policy.bearer else ()))

    @property
    def last_used_at(self) -> datetime | None:
        """When it was last seen, in any way."""
        return max((each.last_used_at for each in self.did), default=None)

    def document(self) -> dict[str, object]:
        """As JSON."""
        return {
            "system": self.system.id,
            "client_id": self.system.client_id,
            "state": self.system.state,
            "in_force": self.in_force,
            "may": {"authentication": list(self.authentication), "binding": list(self.binding)},
            "did": [_did(each) for each in self.did],
            "last_used_at": _text(self.last_used_at),
            "exceptions": list(self.system.policy.exceptions()),
            "keys": [
                {"kid": key.kid, "use": key.use, "alg": key.alg, "not_after": _text(key.not_after)} for key in self.keys
            ],
            "certificates": [{"thumbprint": name, "not_after": _text(end)} for name, end in self.certificates.items()],
            "client_secrets": [{"not_after": _text(end)} for end in self.secrets],
            "key_set": self.key_set
            and {
                "uri": self.system.policy.jwks_uri,
                "fetched_at": _text(self.key_set.fetched_at),
                "stale_at": _text(self.key_set.stale_at),
                "problem": self.key_set.problem,
            },
        }


async def postures(connection: AsyncConnection, now: datetime) -> list[Posture]:
    """Of all systems, by id."""
    active = {each.id for each in await register.members(connection) if each.state == "active"}
    held = await held_keys.every(connection, now)
    certificates, secrets = await held_certificates.ends(connection), await client_secrets.ends(connection, now)
    seen: dict[str, list[Use]] = {}
    for use in await uses(connection):
        seen.setdefault(use.system, []).append(use)
    rows = await connection.execute(select(tables.key_set))
    sets = {row.system_id: KeySet(utc(row.fetched_at), row.problem) for row in rows}
    return [
        Posture(
            each,
            each.state == "active" and each.member_id in active,
            (*held.keys["sig"].get(each.id, ()), *held.keys["enc"].get(each.id, ())),
            {name: certificates.get(each.id, {}).get(name) for name in each.policy.certificates},
            secrets.get(each.id, ()) if each.policy.client_secret else (),
            tuple(seen.get(each.id, ())),
            sets.get(each.id),
        )
        for each in await register.systems(connection)
    ]


def own_posture(keys: GatewayKeys, now: datetime) -> dict[str, object]:
    """How the gateway itself keeps its keys, and which it uses."""
    vault, module = keys.care.vault, keys.care.module
    return {
        "keys_at_rest": "encrypted" if vault.seal else "plain files, for their owner only",
        "signing_keys_in": module.name if module else FILES,
        "exceptions": [] if vault.seal else ["keys are not encrypted at rest"],
        "keys": [row for ring in keys.rings for row in ring_rows(ring, now)],
    }


def ring_rows(ring: Ring, now: datetime) -> list[dict[str, str]]:
    """One row a key. `state` is next, current, previous (still good for what was made with it) or past."""
    current, published = ring.current(now), ring.published(now)
    rows = []
    for each in ring.keys:
        state = "next" if each.use_from > now else "previous" if each.key in published else "past"
        rows.append(
            {
                "use": ring.use,
                "kid": each.key.kid,
                "alg": each.key.alg,
                "use_from": each.use_from.isoformat(),
                "state": "current" if each.key is current else state,
                "held": "pkcs11" if each.key.held else FILES,
            }
        )
    return rows


def _did(use: Use) -> dict[str, object]:
    certificate = {"certificate_not_after": _text(use.expires_at)} if use.expires_at else {}
    return {"method": use.method, "last_used_at": _text(use.last_used_at), **certificate}


def _text(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None
