"""Signed notes, verifier keys and checkpoints, as C2SP signed-note 1.0.0 and tlog-checkpoint 1.0.0 define them.

A checkpoint is a note of three lines (origin, size, root) under an Ed25519 signature: who shows two
checkpoints that contradict each other has proof that the log's operator changed history.
"""

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from .errors import NoteInvalid
from .merkle import HASH_BYTES

ED25519 = b"\x01"
MAX_NOTE = 1_000_000
MAX_SIGNATURES = 100
_MARK = "— "  # em dash U+2014 and a space open each signature line


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
        name, _, rest = vkey.strip().partition("+")
        key_id, _, key = rest.partition("+")
        raw = _base64(key)
        if raw[:1] != ED25519 or len(raw) != 33:
            raise NoteInvalid("not an Ed25519 verifier key: expected name+hash+base64 with key type 1")
        found = cls(_checked_name(name), raw[1:])
        if found.key_id.hex() != key_id:
            raise NoteInvalid("the verifier key's id does not belong to its name and key; copy it again")
        return found

    @property
    def key_id(self) -> bytes:
        """First 4 bytes of SHA-256(name || newline || type || key)."""
        return sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:4]

    @property
    def vkey(self) -> str:
        """The key as text."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(ED25519 + self.public).decode()}"

    def verify(self, text: bytes, signature: bytes) -> None:
        """Check a 64-byte signature over the note's text.

        Raises:
            NoteInvalid: the signature is not by this key.
        """
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text)
        except InvalidSignature:
            raise NoteInvalid(f"the signature by {self.name} is not over this text") from None


def verifier_of(name: str, key: Ed25519PrivateKey) -> Verifier:
    """The public half of a signer."""
    return Verifier(_checked_name(name), key.public_key().public_bytes_raw())


def signed(text: str, name: str, key: Ed25519PrivateKey) -> bytes:
    """A note: the text, an empty line, one signature line.

    Args:
        text: ends with a newline.
        name: the key's name.
        key: the private key.

    Raises:
        NoteInvalid: the text does not end with a newline, or the name has a space or a plus.
    """
    if not text.endswith("\n"):
        raise NoteInvalid("the text of a note ends with a newline")
    signature = verifier_of(name, key).key_id + key.sign(text.encode())
    return f"{text}\n{_MARK}{name} {base64.b64encode(signature).decode()}\n".encode()


def opened(note: bytes, verifiers: Iterable[Verifier]) -> str:
    """The text of a note that at least one known key has signed.

    Signatures by unknown keys are ignored (this is how keys rotate and witnesses join); a bad signature by a
    known key rejects the whole note.

    Raises:
        NoteInvalid: malformed, no known key among the signatures, or a bad signature by a known key.
    """
    text, lines = _split(note)
    known = {(each.name, each.key_id): each for each in verifiers}
    good = 0
    for line in lines:
        name, key_id, signature = _signature(line)
        if verifier := known.get((name, key_id)):
            verifier.verify(text.encode(), signature)
            good += 1
    if not good:
        raise NoteInvalid("no signature on this note is by a known key; give its verifier key")
    return text


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
