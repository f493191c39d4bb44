"""One entry of the log: what it says, the exact bytes that are hashed, and what the caller gets back.

An entry holds no personal data: a person appears as `subject_pseudonym`, a payload as `commit`.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

from .errors import EntryInvalid
from .randomness import random_128

MAX_BODY = 65_535
"""Bytes. The length of an entry in a bundle is a uint16. Source: C2SP tlog-tiles."""

INDEXED = (
    "exchange_id",
    "consumer",
    "provider",
    "service",
    "purpose",
    "agreement",
    "outcome",
    "case_ref",
    "officer_ref",
)
"""Facts that the search table holds as well; each is a text."""

MANY = ("agreement", "outcome")
"""Indexed facts of which a batch has several: the facts `agreements` (`DSA-1 v2`), `outcomes` (code -> people)."""

MAX_TEXT = 512
"""Characters of an indexed text: a longer one would not fit into a database's index and fail the whole batch."""

INTENT, OUTCOME = "exchange.intent", "exchange.outcome"
_BLOCK = 64
_INNER, _OUTER = (bytes(each ^ pad for each in range(256)) for pad in (0x36, 0x5C))


def of_many(facts: Mapping[str, object]) -> list[tuple[str, str]]:
    """What the outcome of a batch says of `MANY`: each with one text, e.g. (`agreement`, `DSA-1`), each pair once."""
    agreements, outcomes = facts.get("agreements"), facts.get("outcomes")
    names = map(str, agreements) if isinstance(agreements, list) else ()
    found = {("agreement", name.rpartition(" v")[0] or name) for name in names}
    return sorted(found | ({("outcome", str(code)) for code in outcomes} if isinstance(outcomes, dict) else set()))


def new_nonce() -> str:
    """128 random bits in hex, so that hash tiles can be shown to anyone without being guessed."""
    return random_128().hex()


def new_id(now: datetime | None = None) -> UUID:
    """A UUID of version 7: 48 bits of milliseconds, then random. Source: RFC 9562 section 5.7."""
    stamp = time.time_ns() // 1_000_000 if now is None else int(now.timestamp() * 1000)
    random = int.from_bytes(random_128(), "big")
    value = stamp << 80 | 0x7 << 76 | (random >> 64 & 0xFFF) << 64 | 0b10 << 62 | random & (1 << 62) - 1
    return UUID(int=value)


@dataclass(frozen=True, slots=True)
class Entry:
    """What happened.

    Attributes:
        id: UUID, version 7; makes appending idempotent.
        kind: what kind of event, e.g. `exchange.intent`, `agreement.recorded`.
        at: the writer's clock, aware; readers show it as claimed.
        facts: JSON object; the keys of `INDEXED` can be searched.
        subject_refs: stable references of the persons concerned: never in the body, kept off-log and erasable.
        nonce: makes equal entries differ.
    """

    id: UUID
    kind: str
    at: datetime
    facts: Mapping[str, object]
    subject_refs: tuple[str, ...] = ()
    nonce: str = field(default_factory=new_nonce, kw_only=True)

    def body(self) -> bytes:
        """The bytes that are hashed and stored: JSON, keys sorted, no spaces, UTF-8.

        Raises:
            EntryInvalid: longer than 65,535 bytes, not JSON, a time without zone, or an indexed fact that is no text.
        """
        if self.at.tzinfo is None:
            raise EntryInvalid("`at` has no time zone; pass an aware UTC datetime")
        content = {
            "at": self.at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "facts": self.facts,
            "id": str(self.id),
            "kind": self.kind,
            "nonce": self.nonce,
        }
        try:
            body = _ENCODER.encode(content).encode()
            self._check_indexed()
        except (TypeError, ValueError, RecursionError) as error:
            raise EntryInvalid(
                f"the facts of a {self.kind} entry are not plain JSON ({type(error).__name__})"
            ) from None
        if len(body) > MAX_BODY:
            raise EntryInvalid(f"an entry has at most {MAX_BODY} bytes, this one {len(body)}; log a commitment instead")
        return body

    def _check_indexed(self) -> None:
        many = [text for _, text in of_many(self.facts)] if self.kind == OUTCOME else ()
        values = (self.kind, *self.subject_refs, *map(self.facts.get, INDEXED), *many)
        texts = [value for value in values if isinstance(value, str)]
        absent = values.count(None)
        together = "".join(texts)
        if len(texts) + absent != len(values) or max(map(len, texts)) > MAX_TEXT or "\x00" in together:
            raise EntryInvalid(f"kind, subject_refs and indexed facts: texts of at most {MAX_TEXT} characters, no NUL")
        together.encode()

    @classmethod
    def from_body(cls, body: bytes) -> "Entry":
        """Read an entry back, without its `subject_refs`.

        Raises:
            EntryInvalid: these are not the bytes of an entry.
        """
        try:
            read = json.loads(body)
            return cls(
                UUID(read["id"]), read["kind"], datetime.fromisoformat(read["at"]), read["facts"], nonce=read["nonce"]
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise EntryInvalid("these bytes are not an entry") from None


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where an entry stands: the log's origin, its place from 0, its id. `str()` is the `Audit-Receipt` value."""

    log: str
    seq: int
    entry_id: str

    def __str__(self) -> str:
        return f"{self.log}:{self.seq}:{self.entry_id}"


def subject_pseudonym(person_ref: bytes | str, entry_id: UUID | str) -> str:
    """A person in one entry: HMAC-SHA256(person_ref, entry id), hex.

    Different in every entry, so that entries cannot be linked; whoever holds `person_ref` can show that one
    is theirs. `person_ref` must itself be unguessable (keyed): a bare identity number would be found by trying.
    """
    key = person_ref.encode() if isinstance(person_ref, str) else person_ref
    key = key.ljust(_BLOCK, b"\x00") if len(key) <= _BLOCK else sha256(key).digest().ljust(_BLOCK, b"\x00")
    inner = sha256(key.translate(_INNER) + str(entry_id).encode()).digest()
    return sha256(key.translate(_OUTER) + inner).hexdigest()  # RFC 2104; `hmac.digest` lets go of the interpreter


def commit(tag: str, salt: bytes, content: bytes) -> str:
    """A salted commitment to a payload: SHA-256(tag || 0x00 || salt || content), hex.

    Args:
        tag: what is committed to, e.g. `request`; holds no NUL.
        salt: 32 random bytes, kept off-log; without it the commitment says nothing.
        content: the payload.

    Raises:
        EntryInvalid: the salt has not 32 bytes, or the tag holds NUL.
    """
    if len(salt) != 32 or "\x00" in tag:
        raise EntryInvalid("a commitment needs a salt of 32 bytes and a tag without NUL")
    return sha256(tag.encode() + b"\x00" + salt + content).hexdigest()


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
