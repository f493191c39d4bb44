"""The gateway's own keys: made on the first start, kept in one folder, each for one use.

    DATA/keys/token/0001.json     signs access tokens (ES256)
    DATA/keys/message/0001.json   signs answers, notifications and callbacks (EdDSA)
    DATA/keys/log.key             seed of the log's Ed25519 key
    DATA/keys/seal.key            data keys of stored payloads, one a line, newest first
    DATA/keys/pepper.key          of the persons' pseudonyms; losing it loses every consent

Token and message keys rotate with overlap: the next one is published `AHEAD` before its first use, the previous one
for as long as something it signed may have to be checked. Files are readable by their owner only; several hosts share
the folder, or an orchestrator mounts it.
"""

import base64
import binascii
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from joserfc import jwk
from joserfc.errors import JoseError

from .errors import KeyFileBroken
from .jose import Key
from .jwks import MEMBERS

ALG = {"token": "ES256", "message": "EdDSA"}
OVERLAP = {"token": timedelta(seconds=330), "message": timedelta(days=400)}
AHEAD = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class RingKey:
    """One key of a ring: it signs from `use_from` until the next one's."""

    key: Key
    use_from: datetime


@dataclass(frozen=True, slots=True)
class Ring:
    """The keys of one use, oldest first."""

    use: str
    keys: tuple[RingKey, ...]

    def signing(self, now: datetime) -> Key:
        """The key to sign with."""
        begun = [each.key for each in self.keys if each.use_from <= now]
        return begun[-1] if begun else self.keys[0].key

    def published(self, now: datetime) -> tuple[Key, ...]:
        """What others may verify with: the next, the current, and the previous ones while they matter."""
        ends = [each.use_from + OVERLAP[self.use] for each in self.keys[1:]]
        kept = [each.key for each, end in zip(self.keys, ends, strict=False) if end > now]
        return (*kept, self.keys[-1].key)


@dataclass(frozen=True, slots=True)
class GatewayKeys:
    """All keys of this gateway. `log_seed`, `pepper` and each of `seal` are 32 bytes."""

    folder: Path
    token: Ring
    message: Ring
    log_seed: bytes
    seal: tuple[bytes, ...]
    pepper: bytes

    @classmethod
    def open(cls, folder: Path, now: datetime) -> "GatewayKeys":
        """Read the keys; make what is not there yet.

        Raises:
            KeyFileBroken: a file is there and cannot be used.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(
            folder,
            _ring(folder, "token", now),
            _ring(folder, "message", now),
            _secrets(folder / "log.key")[0],
            _secrets(folder / "seal.key"),
            _secrets(folder / "pepper.key")[0],
        )

    def jwks(self, now: datetime) -> dict[str, list[dict[str, str]]]:
        """The public key set at `/.well-known/jwks.json`; the log's key is not in it (`/log/vkeys`)."""
        return {"keys": [dict(key.jwk) for ring in (self.token, self.message) for key in ring.published(now)]}

    def stamp(self) -> tuple[int, ...]:
        """Changes when a ring's folder does: time to read it again."""
        return tuple((self.folder / use).stat().st_mtime_ns for use in ALG)


def new_key(alg: str) -> Key:
    """A fresh private key; its `kid` is its thumbprint."""
    material: jwk.Key
    if alg == "EdDSA":
        material = jwk.OKPKey.generate_key("Ed25519")
    elif alg == "ES256":
        material = jwk.ECKey.generate_key("P-256")
    else:
        material = jwk.RSAKey.generate_key(2048)
    return private_key({**material.as_dict(private=True), "alg": alg, "kid": material.thumbprint()})


def private_key(member: Mapping[str, object]) -> Key:
    """A key of our own from its private JWK with `alg` and `kid`.

    Raises:
        KeyFileBroken: not a private key of an algorithm we use.
    """
    alg, kid = str(member.get("alg")), str(member.get("kid"))
    try:
        kty, names = MEMBERS[alg]
        material = jwk.import_key({name: str(value) for name, value in member.items() if name not in {"use", "alg"}})
        if not material.is_private or kty != member["kty"]:
            raise KeyFileBroken("the key is not a private key of its algorithm")
        public = {"kid": kid, "alg": alg, "use": "sig", "kty": kty} | {name: str(member[name]) for name in names}
    except (KeyError, JoseError, ValueError) as error:
        raise KeyFileBroken("the key is not a private JWK with alg, kid and its values") from error
    return Key(kid, alg, public, material)


def private_jwk(key: Key) -> dict[str, str]:
    """The private JWK of `new_key`, to be written to its owner's file only."""
    return dict(key.jwk) | {name: str(value) for name, value in key.material.as_dict(private=True).items()}


def add_to_ring(folder: Path, use: str, key: Key, use_from: datetime) -> Path:
    """Write the next key of a ring; running processes see it within a second. `use` is `token` or `message`."""
    number = 1 + max((int(path.stem) for path in (folder / use).glob("[0-9]*.json")), default=0)
    path = folder / use / f"{number:04}.json"
    write_new(path, json.dumps({"use_from": use_from.astimezone(UTC).isoformat(), "jwk": private_jwk(key)}))
    return path


def write_new(path: Path, text: str) -> bool:
    """Write a secret file that only its owner may read, whole or not at all; False if it was there already."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True


def _ring(folder: Path, use: str, now: datetime) -> Ring:
    place = folder / use
    place.mkdir(mode=0o700, exist_ok=True)
    if not any(place.glob("[0-9]*.json")):
        first = {"use_from": now.astimezone(UTC).isoformat(), "jwk": private_jwk(new_key(ALG[use]))}
        write_new(place / "0001.json", json.dumps(first))
    return Ring(use, tuple(_ring_keys(sorted(place.glob("[0-9]*.json")))))


def _ring_keys(paths: Iterable[Path]) -> Iterable[RingKey]:
    for path in paths:
        try:
            found = json.loads(path.read_text(encoding="ascii"))
            yield RingKey(private_key(found["jwk"]), datetime.fromisoformat(found["use_from"]))
        except (OSError, ValueError, KeyError, TypeError, KeyFileBroken) as error:
            raise KeyFileBroken(f"{path} is not a key file of this gateway; restore it from the backup") from error


def _secrets(path: Path) -> tuple[bytes, ...]:
    if not path.exists():
        write_new(path, base64.b64encode(os.urandom(32)).decode() + "\n")
    try:
        values = tuple(base64.b64decode(line, validate=True) for line in path.read_text("ascii").split())
    except (OSError, ValueError, binascii.Error) as error:
        raise KeyFileBroken(f"{path} cannot be read; restore it from the backup") from error
    if not values or any(len(value) != 32 for value in values):
        raise KeyFileBroken(f"{path} does not hold 32 bytes a line; restore it from the backup")
    return values
