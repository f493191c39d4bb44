"""The witness role: cosign other logs' checkpoints, each only as a continuation of the one before.

Source: C2SP tlog-witness 1.0, `POST <prefix>/add-checkpoint`. One row a log is all that is kept; what was checked is
durable before the answer leaves, so a witness that dies in between has promised nothing it could contradict.
"""

import base64
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple

from sqlalchemy import Connection, select, update

from .cosignature import Cosigner
from .errors import NoteInvalid, ProofInvalid
from .merkle import EMPTY_ROOT, HASH_BYTES, verify_consistency
from .note import Checkpoint, Verifier, opened, unverified, with_lines
from .rows import insert_rows
from .shards import watched_as
from .store import Store
from .tables import log_witnessed

logger = logging.getLogger(__name__)

MOST_HASHES = 63
MOST_BYTES = 64 * 1024
SIZE_TYPE = "text/x.tlog.size"
TEXT_TYPE = "text/plain; charset=utf-8"


class Answer(NamedTuple):
    """What the HTTP edge sends."""

    status: int
    body: str
    content_type: str = TEXT_TYPE


class Asked(NamedTuple):
    """A request to cosign: the size the log thinks we know, the consistency proof, the signed checkpoint."""

    old: int
    proof: tuple[bytes, ...]
    note: bytes

    @classmethod
    def from_body(cls, body: bytes) -> "Asked":
        """Read the body of `add-checkpoint`.

        Raises:
            NoteInvalid: something else.
        """
        head, gap, note = body.partition(b"\n\n")
        first, *lines = head.split(b"\n")
        digits = first.removeprefix(b"old ")
        if not gap or len(body) > MOST_BYTES or not first.startswith(b"old ") or not digits.isdigit():
            raise NoteInvalid("expected `old <size>`, proof lines, an empty line and a checkpoint")
        if len(lines) > MOST_HASHES or digits != b"%d" % int(digits):
            raise NoteInvalid(f"a proof has at most {MOST_HASHES} hashes, and a size no leading zero")
        return cls(int(digits), tuple(map(_hash, lines)), note)

    def body(self) -> bytes:
        """The request as bytes."""
        lines = b"".join(base64.b64encode(each) + b"\n" for each in self.proof)
        return b"old %d\n%s\n%s" % (self.old, lines, self.note)


class WitnessRole:
    """Cosigns for the logs it is told to watch.

    Args:
        cosigner: our key; not the key of our own log.
        store: where what was seen is kept; the table is `log_witnessed`.
        logs: origin -> the verifier keys of that log, which sign its later shards under their own names.
    """

    def __init__(self, cosigner: Cosigner, store: Store, logs: Mapping[str, Sequence[Verifier]]) -> None:
        self.vkey = cosigner.witness.vkey
        self._cosigner = cosigner
        self._store = store
        self._logs = logs

    async def add_checkpoint(self, body: bytes, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Answer:
        """Answer one request: 200 with our signature line, or why not (400, 403, 404, 409, 422)."""
        try:
            asked = Asked.from_body(body)
            claimed = Checkpoint.from_text(unverified(asked.note))
        except NoteInvalid as error:
            return Answer(400, f"{error}\n")
        keys = self._keys_of(claimed.origin)
        if not keys:
            return Answer(404, "This witness does not watch that log.\n")
        try:
            text = opened(asked.note, keys)
        except NoteInvalid:
            return Answer(403, "The checkpoint is not signed by a key we know of that log.\n")
        refusal = await self._store.write(lambda connection: _remembered(connection, asked, claimed))
        if refusal and refusal.status == 422:
            logger.critical("log %s shows two histories; see log_witnessed and its request", claimed.origin)
        return refusal or Answer(200, self._cosigner.line(text.encode(), clock()))

    def _keys_of(self, origin: str) -> list[Verifier]:
        """The keys of a log that we watch, under the name of this shard of it; none: we do not watch it."""
        found = (keys for base, keys in self._logs.items() if watched_as(origin, base))
        return [Verifier(origin, key.public) for keys in found for key in keys]

    async def newest(self, digest: str) -> bytes | None:
        """The newest checkpoint we cosigned of the log whose origin has this SHA-256 (hex), with our line.

        None: none yet, or not a log that we watch. Source: C2SP tlog-witness, the read side.
        """
        origins = await self._store.read(_origins)
        origin = next((each for each in origins if sha256(each.encode()).hexdigest() == digest), None)
        if origin is None or not self._keys_of(origin):
            return None
        note = await self._store.read(lambda connection: _known(connection, origin)[1])
        return note and with_lines(note, [self._cosigner.line(unverified(note).encode(), datetime.now(UTC))])


def _origins(connection: Connection) -> Sequence[str]:
    return connection.execute(select(log_witnessed.c.origin)).scalars().all()


def _remembered(connection: Connection, asked: Asked, new: Checkpoint) -> Answer | None:
    """Remember the checkpoint if it continues what is known; else say why not."""
    known, note = _known(connection, new.origin)
    refusal = _refusal(asked, known, new)
    if refusal:
        return refusal
    row = (new.origin, new.size, new.root, asked.note)
    if note is None:
        insert_rows(connection, log_witnessed, [row], skip=True)
    same = (log_witnessed.c.origin == new.origin) & (log_witnessed.c.size == known.size)
    changed = update(log_witnessed).where(same).values(size=new.size, root=new.root, note=asked.note)
    if note is not None and connection.execute(changed).rowcount != 1:
        return Answer(409, f"{_known(connection, new.origin)[0].size}\n", SIZE_TYPE)
    if _known(connection, new.origin)[0] != new:
        return Answer(409, f"{_known(connection, new.origin)[0].size}\n", SIZE_TYPE)
    return None


def _refusal(asked: Asked, known: Checkpoint, new: Checkpoint) -> Answer | None:
    if asked.old > new.size:
        return Answer(400, "The old size is greater than the checkpoint's.\n")
    if asked.old != known.size:
        return Answer(409, f"{known.size}\n", SIZE_TYPE)
    try:
        verify_consistency(known.size, known.root, new.size, new.root, asked.proof)
    except ProofInvalid:
        return Answer(422, "The checkpoint does not continue the one we cosigned.\n")
    return None


def _known(connection: Connection, origin: str) -> tuple[Checkpoint, bytes | None]:
    row = connection.execute(select(log_witnessed).where(log_witnessed.c.origin == origin)).first()
    if row is None:
        return Checkpoint(origin, 0, EMPTY_ROOT), None
    return Checkpoint(origin, row.size, bytes(row.root)), bytes(row.note)


def _hash(line: bytes) -> bytes:
    try:
        found = base64.b64decode(line, validate=True)
    except ValueError:
        found = b""
    if len(found) != HASH_BYTES:
        raise NoteInvalid("a line of the proof is not 32 bytes of base64")
    return found
