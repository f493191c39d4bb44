"""Signed notes, verifier keys and checkpoints, as C2SP signed-note 1.0.0 and tlog-checkpoint 1.0.0 define them.

A checkpoint is a note of three lines (origin, size, root) under an Ed25519 signature: who shows two
checkpoints that contradict each other has proof that the log's operator changed history.
"""

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from .errors import NoteInvalid
from .merkle import HASH_BYTES

ED25519 = b"\x01"
MAX_NOTE = 1_000_000
MAX_SIGNATURES = 100
_MARK = "— "  # em dash U+2014 and a space open each signature line


class Key(Protocol):
    """What checks one signature line of a note: a log's `Verifier` or a `cosignature.Witness`."""

    @property
    def name(self) -> str:
        """The signer's name."""

    @property
    def key_id(self) -> bytes:
        """4 bytes that stand before the signature."""

    def verify(self, text: bytes, signature: bytes) -> None:
        """Raise NoteInvalid unless this key signed the text."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """A name and an Ed25519 public key (32 bytes): what checks the signatures of one signer."""

    name: str
    public: bytes

    @classmethod
    def from_vkey(cls, vkey: str) -> "Verifier":
        """Read `<name>+<8 hex digits>+<base64>`.

        Raises:
            NoteInvalid: not an Ed25519 verifier key, or its key id belongs to another key.
        """
        return cls(*parsed_vkey(vkey, ED25519))

    @property
    def key_id(self) -> bytes:
        """First 4 bytes of SHA-256(name || newline || type || key)."""
        return key_id(self.name, ED25519, self.public)

    @property
    def vkey(self) -> str:
        """The key as text."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(ED25519 + self.public).decode()}"

    def verify(self, text: bytes, signature: bytes) -> None:
        """Check a 64-byte signature over the note's text.

        Raises:
            NoteInvalid: the signature is not by this key.
        """
        check_ed25519(self.name, self.public, signature, text)


def verifier_of(name: str, key: Ed25519PrivateKey) -> Verifier:
    """The public half of a signer."""
    return Verifier(_checked_name(name), key.public_key().public_bytes_raw())


def key_id(name: str, kind: bytes, public: bytes) -> bytes:
    """First 4 bytes of SHA-256(name || newline || type || key). Source: C2SP signed-note."""
    return sha256(name.encode() + b"\n" + kind + public).digest()[:4]


def parsed_vkey(vkey: str, kind: bytes) -> tuple[str, bytes]:
    """The name and the 32-byte public key of a verifier key of this type (one byte).

    Raises:
        NoteInvalid: another type, or its key id belongs to another key.
    """
    name, _, rest = vkey.strip().partition("+")
    given, _, key = rest.partition("+")
    raw = _base64(key)
    if raw[:1] != kind or len(raw) != 33:
        raise NoteInvalid(f"not an Ed25519 verifier key: expected name+hash+base64 with key type {kind[0]}")
    if key_id(_checked_name(name), kind, raw[1:]).hex() != given:
        raise NoteInvalid("the verifier key's id does not belong to its name and key; copy it again")
    return name, raw[1:]


def check_ed25519(name: str, public: bytes, signature: bytes, message: bytes) -> None:
    """Raise unless the signature is by this key.

    Raises:
        NoteInvalid: it is not, or the key is none.
    """
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise NoteInvalid(f"the signature by {name} is not over this text") from None


def signature_line(name: str, kid: bytes, signature: bytes) -> str:
    """One line below a note, with its newline."""
    return f"{_MARK}{name} {base64.b64encode(kid + signature).decode()}\n"


def signed(text: str, name: str, *keys: Ed25519PrivateKey) -> bytes:
    """A note: the text, an empty line, one signature line for each key (several while keys change).

    Args:
        text: ends with a newline.
        name: the name of the keys.
        keys: the private keys, the one to stay first.

    Raises:
        NoteInvalid: the text does not end with a newline, or the name has a space or a plus.
    """
    if not text.endswith("\n"):
        raise NoteInvalid("the text of a note ends with a newline")
    lines = (signature_line(name, verifier_of(name, key).key_id, key.sign(text.encode())) for key in keys)
    return f"{text}\n{''.join(lines)}".encode()


def opened(note: bytes, verifiers: Iterable[Key]) -> str:
    """The text of a note that at least one known key has signed.

    Signatures by unknown keys are ignored (this is how keys rotate and witnesses join); a bad signature by a
    known key rejects the whole note.

    Raises:
        NoteInvalid: malformed, no known key among the signatures, or a bad signature by a known key.
    """
    text, found = signatures(note, verifiers)
    if not found:
        raise NoteInvalid("no signature on this note is by a known key; give its verifier key")
    return text


def signatures(note: bytes, verifiers: Iterable[Key]) -> tuple[str, list[tuple[Key, bytes]]]:
    """The text, and the known keys that signed it with their signatures, which are checked.

    Raises:
        NoteInvalid: malformed, or a bad signature by a known key.
    """
    text, lines = _split(note)
    known = {(each.name, each.key_id): each for each in verifiers}
    found: list[tuple[Key, bytes]] = []
    for name, kid, signature in map(_signature, lines):
        if key := known.get((name, kid)):
            key.verify(text.encode(), signature)
            found.append((key, signature))
    return text, found


def with_lines(note: bytes, lines: Sequence[str]) -> bytes:
    """The note with further signature lines (each with its newline) that it does not have yet."""
    text = note.decode()
    return (text + "".join(line for line in lines if line not in text)).encode()


def lines_of(signature_lines: bytes) -> list[str]:
    """Signature lines as a witness answers them, each with its newline.

    Raises:
        NoteInvalid: something else.
    """
    lines = _split(b"x\n\n" + signature_lines)[1]
    for line in lines:
        _signature(line)
    return [f"{line}\n" for line in lines]


def unverified(note: bytes) -> str:
    """The text of a note, its signatures not looked at: for what is checked elsewhere.

    Raises:
        NoteInvalid: malformed.
    """
    return _split(note)[0]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log commits to: its origin (the key's name), how many entries, and the root over them (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def from_text(cls, text: str) -> "Checkpoint":
        """Read the text of a note; extension lines after the third are allowed and ignored.

        Raises:
            NoteInvalid: fewer lines, or a size or root that is none.
        """
        lines = text.split("\n")
        if len(lines) < 4 or not lines[0]:
            raise NoteInvalid("a checkpoint has three lines: origin, size, root")
        size, root = lines[1], _base64(lines[2])
        if not (size.isascii() and size.isdigit()) or str(int(size)) != size or len(root) != HASH_BYTES:
            raise NoteInvalid("the checkpoint's size is no decimal number, or its root no 32 bytes of base64")
        return cls(lines[0], int(size), root)

    @classmethod
    def from_note(cls, note: bytes, verifiers: Iterable[Verifier]) -> "Checkpoint":
        """Open a signed checkpoint.

        Raises:
            NoteInvalid: see `opened`; or the origin is not the name of one of the keys.
        """
        known = tuple(verifiers)
        found = cls.from_text(opened(note, known))
        if found.origin not in {each.name for each in known}:
            raise NoteInvalid("the checkpoint's origin is not the name of a known log key")
        return found


def _split(note: bytes) -> tuple[str, list[str]]:
    try:
        whole = note.decode()
    except UnicodeDecodeError:
        raise NoteInvalid("a note is UTF-8 text") from None
    text, gap, rest = whole.rpartition("\n\n")
    lines = rest.split("\n")
    control = any(ord(each) < 0x20 and each != "\n" for each in whole)
    if len(note) > MAX_NOTE or control or not gap or lines.pop() or not 0 < len(lines) <= MAX_SIGNATURES:
        raise NoteInvalid("not a signed note: expected text, an empty line, signature lines")
    return text + "\n", lines


def _signature(line: str) -> tuple[str, bytes, bytes]:
    name, _, encoded = line.removeprefix(_MARK).partition(" ")
    raw = _base64(encoded)
    if not line.startswith(_MARK) or len(raw) < 5:
        raise NoteInvalid("a signature line is an em dash, a name and base64")
    return _checked_name(name), raw[:4], raw[4:]


def _checked_name(name: str) -> str:
    if not name or "+" in name or any(each.isspace() for each in name):
        raise NoteInvalid("a key name is not empty and has no space and no plus sign")
    return name


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteInvalid("expected base64") from None
