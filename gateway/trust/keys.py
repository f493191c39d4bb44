"""The gateway's own keys: made on the first start, kept in one folder, each for one use.

    DATA/keys/token/0001.json        signs access tokens (ES256)
    DATA/keys/message/0001.json      signs answers, notifications and callbacks (EdDSA)
    DATA/keys/partner/0001.json      signs to partners that read RS256 only; made by the first `keys rotate partner`
    DATA/keys/encryption/0001.json   opens what partners encrypt to us (ECDH-ES+A256KW on P-256)
    DATA/keys/log.key                the log's Ed25519 key
    DATA/keys/seal.key               data keys of stored payloads, one a line, newest first
    DATA/keys/pepper.key             of the persons' pseudonyms; losing it loses every consent

Token and message keys rotate with overlap: the next one is published `AHEAD` before its first use, the previous one
for as long as something it signed may have to be checked. Of encryption keys only the one in use is published, and
the previous ones still open what was encrypted before. Files are encrypted by the vault and readable by their owner
only; several hosts share the folder, or an orchestrator mounts it.
"""

import base64
import binascii
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .errors import KeyFileBroken
from .jose import Key
from .keystore import Care, FileKeys, KeyStore
from .log_key import ModuleLogKey
from .private_keys import new_key, private_jwk, private_key, write_new

__all__ = ["new_key", "private_jwk", "private_key", "write_new"]

ALG = {"token": "ES256", "message": "EdDSA", "encryption": "ECDH-ES+A256KW"}
OVERLAP = {"token": timedelta(seconds=330), "message": timedelta(days=400), "encryption": timedelta(days=30)}
OVERLAP |= {"partner": OVERLAP["message"]}
ON_DEMAND = {"partner": "RS256"}  # there is no such ring until somebody rotates it
AHEAD = timedelta(hours=24)
AT_ONCE = timedelta(seconds=3)  # by then every process has seen it; see Trust.LOOK_AGAIN


@dataclass(frozen=True, slots=True)
class RingKey:
    """One key of a ring: it is used from `use_from` until the next one's."""

    key: Key
    use_from: datetime


@dataclass(frozen=True, slots=True)
class Ring:
    """The keys of one use, oldest first."""

    use: str
    keys: tuple[RingKey, ...]

    def current(self, now: datetime) -> Key:
        """The key in use."""
        begun = [each.key for each in self.keys if each.use_from <= now]
        return begun[-1] if begun else self.keys[0].key

    def signing(self, now: datetime) -> Key:
        """The key to sign with."""
        return self.current(now)

    def published(self, now: datetime) -> tuple[Key, ...]:
        """What others may verify with: the next, the current, and the previous ones while they matter."""
        ends = [each.use_from + OVERLAP[self.use] for each in self.keys[1:]]
        kept = [each.key for each, end in zip(self.keys, ends, strict=False) if end > now]
        return (*kept, self.keys[-1].key)


@dataclass(frozen=True, slots=True)
class GatewayKeys:
    """All keys of this gateway. `pepper` and each of `seal` are 32 bytes."""

    folder: Path
    care: Care
    token: Ring
    message: Ring
    encryption: Ring
    log_key: Ed25519PrivateKey = field(repr=False)
    seal: tuple[bytes, ...] = field(repr=False)
    pepper: bytes = field(repr=False)
    partner: Ring | None = None

    @classmethod
    def open(cls, folder: Path, now: datetime, care: Care | None = None) -> "GatewayKeys":
        """Read the keys; make what is not there yet.

        Raises:
            KeyFileBroken: a file is there and cannot be used.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        care = care or Care()
        token, message, encryption = (_ring(folder, use, now, care) for use in ALG)
        seal, pepper = (_secrets(folder, f"{name}.key", care) for name in ("seal", "pepper"))
        partner = _ring(folder, "partner", now, care) if any((folder / "partner").glob("[0-9]*.json")) else None
        return cls(folder, care, token, message, encryption, log_key_in(folder, care), seal, pepper[0], partner)

    @property
    def rings(self) -> tuple[Ring, ...]:
        """All that rotate."""
        return (*self._signing, self.encryption)

    @property
    def _signing(self) -> tuple[Ring, ...]:
        return (self.token, self.message, self.partner) if self.partner else (self.token, self.message)

    def jwks(self, now: datetime) -> dict[str, list[dict[str, str]]]:
        """The public key set at `/.well-known/jwks.json`; the log's key is not in it (`/log/vkeys`)."""
        signing = [key for ring in self._signing for key in ring.published(now)]
        return {"keys": [dict(key.jwk) for key in (*signing, self.encryption.current(now))]}

    def stamp(self) -> tuple[int, ...]:
        """Changes when a ring's folder does: time to read it again."""
        places = [self.folder / use for use in (*ALG, *ON_DEMAND)]
        return tuple(each.stat().st_mtime_ns for each in places if each.exists())


def add_to_ring(
    folder: Path, use: str, key: Key, use_from: datetime, *, care: Care | None = None, store: KeyStore | None = None
) -> Path:
    """Write the next key of a ring; running processes see it within a second. `use` is one of `ALG` or `ON_DEMAND`.

    Args:
        store: that made the key; files by default.
    """
    number = 1 + max((int(path.stem) for path in (folder / use).glob("[0-9]*.json")), default=0)
    path = folder / use / f"{number:04}.json"
    document = {"use_from": use_from.astimezone(UTC).isoformat(), **(store or FileKeys()).document(key)}
    vault = (care or Care()).vault
    if not write_new(path, vault.closed(f"{use}/{path.name}", json.dumps(document))):
        raise KeyFileBroken(f"{path} was just written by somebody else; rotate again if it was not you")
    return path


def _ring(folder: Path, use: str, now: datetime, care: Care) -> Ring:
    place = folder / use
    place.mkdir(mode=0o700, exist_ok=True)
    if not any(place.glob("[0-9]*.json")):
        store = care.store(use)
        first = {"use_from": now.astimezone(UTC).isoformat(), **store.document(store.made(ALG[use]))}
        write_new(place / "0001.json", care.vault.closed(f"{use}/0001.json", json.dumps(first)))
    return Ring(use, tuple(_ring_keys(sorted(place.glob("[0-9]*.json")), use, care)))


def _ring_keys(paths: Iterable[Path], use: str, care: Care) -> Iterable[RingKey]:
    for path in paths:
        try:
            found = json.loads(care.vault.opened(f"{use}/{path.name}", path.read_text(encoding="ascii")))
            yield RingKey(care.opened(found), datetime.fromisoformat(found["use_from"]))
        except KeyFileBroken as error:
            raise KeyFileBroken(f"{path} is not a key file that can be used here: {error.detail}") from None
        except (OSError, ValueError, KeyError, TypeError):
            raise KeyFileBroken(f"{path} is not a key file of this gateway; restore it from the backup") from None


def log_key_in(folder: Path, care: Care) -> Ed25519PrivateKey:
    """The key in `folder/log.key`, made when absent."""
    path, store = folder / "log.key", care.store("log")
    if store.name != FileKeys.name and not path.exists():
        write_new(path, care.vault.closed(path.name, json.dumps(store.document(store.made("EdDSA")))))
    text = care.vault.opened(path.name, path.read_text("ascii")) if path.exists() else ""
    if not text.startswith("{"):
        return Ed25519PrivateKey.from_private_bytes(_secrets(folder, path.name, care)[0])
    try:
        return ModuleLogKey(care.opened(json.loads(text)))
    except (ValueError, KeyError, TypeError):
        raise KeyFileBroken(f"{path} cannot be read; restore it from the backup") from None


def _secrets(folder: Path, name: str, care: Care) -> tuple[bytes, ...]:
    path = folder / name
    if not path.exists():
        write_new(path, care.vault.closed(name, base64.b64encode(os.urandom(32)).decode() + "\n"))
    try:
        text = care.vault.opened(name, path.read_text("ascii"))
        values = tuple(base64.b64decode(line, validate=True) for line in text.split())
    except (OSError, ValueError, binascii.Error):
        raise KeyFileBroken(f"{path} cannot be read; restore it from the backup") from None
    if not values or any(len(value) != 32 for value in values):
        raise KeyFileBroken(f"{path} does not hold 32 bytes a line; restore it from the backup")
    return values
