"""Cosignatures: a witness says that it saw a checkpoint, after it checked that the log only grew.

Source: C2SP tlog-cosignature 1.0, Ed25519 (`cosignature/v1`, key type 4).
"""

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .errors import NoteInvalid
from .note import check_ed25519, key_id, parsed_vkey, signature_line, signatures, verifier_of

COSIGNATURE = b"\x04"
TIME_BYTES = 8


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness's name and Ed25519 public key (32 bytes): what checks its cosignatures."""

    name: str
    public: bytes

    @classmethod
    def from_vkey(cls, vkey: str) -> "Witness":
        """Read `<name>+<8 hex digits>+<base64>` with key type 4.

        Raises:
            NoteInvalid: another kind of key, or damaged.
        """
        return cls(*parsed_vkey(vkey, COSIGNATURE))

    @property
    def key_id(self) -> bytes:
        """4 bytes that stand before its signatures."""
        return key_id(self.name, COSIGNATURE, self.public)

    @property
    def vkey(self) -> str:
        """The key as text."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(COSIGNATURE + self.public).decode()}"

    def verify(self, text: bytes, signature: bytes) -> None:
        """Check 8 bytes of time and a 64-byte signature over the note's text.

        Raises:
            NoteInvalid: not by this witness.
        """
        check_ed25519(self.name, self.public, signature[TIME_BYTES:], _message(text, signature[:TIME_BYTES]))


@dataclass(frozen=True, slots=True)
class Cosigned:
    """Who cosigned a checkpoint, and when by its own clock (UTC, whole seconds)."""

    name: str
    at: datetime


class Cosigner:
    """A witness's private key. Never use one key under two names, nor a log's key."""

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        self.witness = Witness(verifier_of(name, key).name, key.public_key().public_bytes_raw())
        self._key = key

    def line(self, text: bytes, now: datetime) -> str:
        """The signature line over a checkpoint's text, with its newline."""
        stamp = int(now.timestamp()).to_bytes(TIME_BYTES, "big")
        signature = self._key.sign(_message(text, stamp))
        return signature_line(self.witness.name, self.witness.key_id, stamp + signature)


def cosigned(note: bytes, witnesses: Iterable[Witness]) -> list[Cosigned]:
    """Which of these witnesses cosigned a checkpoint, each once, its newest time.

    Raises:
        NoteInvalid: malformed, or a bad cosignature by one of them.
    """
    newest: dict[str, datetime] = {}
    for key, signature in signatures(note, witnesses)[1]:
        at = _time(signature)
        newest[key.name] = max(at, newest.get(key.name, at))
    return [Cosigned(name, at) for name, at in newest.items()]


def _message(text: bytes, stamp: bytes) -> bytes:
    return b"cosignature/v1\ntime %d\n" % int.from_bytes(stamp, "big") + text


def _time(signature: bytes) -> datetime:
    try:
        return datetime.fromtimestamp(int.from_bytes(signature[:TIME_BYTES], "big"), UTC)
    except (ValueError, OverflowError, OSError):
        raise NoteInvalid("the time of a cosignature is out of range") from None
