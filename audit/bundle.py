"""The evidence bundle: one ZIP with everything that is needed to believe a few entries, and nothing else to ask.

Made from the database alone; read by a person (README.txt, timeline.txt), by `python -m audit verify`, by OpenSSL and
by standard transparency-log tools. Files stand in one order with one date, stored and not compressed, so that the same
evidence gives the same bytes.
"""

import base64
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from sqlalchemy import Connection, select

from . import lookup, reading, shards, views
from .anchors import digest
from .bundle_text import readme, timeline
from .details import Detail
from .errors import NotInLog
from .lines import LineProof
from .lookup import Logged
from .merkle import consistency_proof, inclusion_proof
from .note import Checkpoint, Verifier, signatures, unverified, with_lines
from .policy import Policy, policy_text
from .proofs import Proof
from .publishing import lines_at
from .rows import MOST_ROWS
from .tables import log_anchor, log_checkpoint, log_entry, log_head, log_key
from .tiles import TileTree

FORMAT = "sandhi evidence bundle v1"
MOST_ENTRIES = 20_000
"""In one file, which is made in memory; more are several files (`parts`)."""
_DATE = (1980, 1, 1, 0, 0, 0)
_SPKI_ED25519 = bytes.fromhex("302a300506032b6570032100")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a bundle shall hold.

    Attributes:
        about: for the reader, e.g. `exchange 0192...`; never a person's number.
        entry_ids: which entries.
        policy: the witnesses a reader should demand.
        disclosed: details the recipient may see, by entry.
        lines: proofs of single lines of bulk exchanges, by entry.
        tsa: certificates of the time-stamping authorities, PEM.
    """

    about: str
    entry_ids: Sequence[UUID]
    policy: Policy = field(default_factory=Policy)
    disclosed: Mapping[UUID, Sequence[Detail]] = field(default_factory=dict)
    lines: Mapping[UUID, Sequence[LineProof]] = field(default_factory=dict)
    tsa: bytes = b""


def written(connection: Connection, wanted: Wanted, out: BinaryIO) -> int:
    """Write a bundle; gives the number of its entries.

    Raises:
        NotInLog: none of the entries is in the log, or more than `MOST_ENTRIES`, or no checkpoint covers one of them.
    """
    logs = _by_log(connection, wanted.entry_ids)
    files: dict[str, bytes] = {}
    told: list[tuple[str, Logged]] = []
    for log_id, entries in sorted(logs.items()):
        origin, covering = _covering(connection, log_id, wanted.policy, max(each.seq for each in entries))
        files |= _proved(connection, log_id, entries, covering) | _anchors(connection, log_id, covering)
        told += [(origin, each) for each in entries]
    files |= _disclosed(wanted) | _keys(connection, sorted(logs), wanted) | _views(told)
    files["timeline.txt"] = timeline(wanted.about, told).encode()
    anchored = any(name.endswith(".tsr") for name in files)
    files["README.txt"] = readme(wanted.about, len(told), log=min(logs), anchored=anchored).encode()
    _zip(wanted.about, files, out)
    return len(told)


def all_found(connection: Connection, wanted: lookup.Wanted) -> list[UUID]:
    """All entries that a search finds, whatever its limit, oldest first."""
    page, found = replace(wanted, limit=MOST_ENTRIES), list[UUID]()
    while lines := lookup.search(connection, page):
        found += [each.entry_id for each in lines]
        page = replace(page, before=lines[-1].place)
    return found[::-1]


def parts(wanted: Wanted) -> list[Wanted]:
    """The same in as many bundles as it takes, each complete in itself; one where it fits."""
    ids = wanted.entry_ids
    count = max(1, -(-len(ids) // MOST_ENTRIES))
    if count == 1:
        return [wanted]
    return [
        replace(
            wanted,
            about=f"{wanted.about}, part {n} of {count}",
            entry_ids=some,
            disclosed={each: wanted.disclosed[each] for each in some if each in wanted.disclosed},
            lines={each: wanted.lines[each] for each in some if each in wanted.lines},
        )
        for n, some in enumerate((ids[at : at + MOST_ENTRIES] for at in range(0, len(ids), MOST_ENTRIES)), 1)
    ]


def files(connection: Connection, wanted: Wanted, path: Path) -> list[Path]:
    """Write it below this name, or as `NAME-1.zip`, `NAME-2.zip` ... where one file is too small; gives the files.

    Raises:
        NotInLog: see `written`.
    """
    each = parts(wanted)
    names = [path] if len(each) == 1 else [path.with_stem(f"{path.stem}-{n}") for n in range(1, len(each) + 1)]
    for name, part in zip(names, each, strict=True):
        with name.open("wb") as out:
            written(connection, part, out)
    return names


def _by_log(connection: Connection, ids: Sequence[UUID]) -> dict[int, list[Logged]]:
    if not ids or len(ids) > MOST_ENTRIES:
        raise NotInLog(f"a bundle has 1 to {MOST_ENTRIES} entries, not {len(ids)}")
    places: dict[bytes, int] = {}
    for at in range(0, len(ids), MOST_ROWS):
        keys = [each.bytes for each in ids[at : at + MOST_ROWS]]
        rows = connection.execute(
            select(log_entry.c.entry_id, log_entry.c.log_id).where(log_entry.c.entry_id.in_(keys))
        )
        places |= {bytes(row.entry_id): row.log_id for row in rows}
    logs: dict[int, list[Logged]] = {}
    for each in lookup.find(connection, ids):
        logs.setdefault(places[each.entry.id.bytes], []).append(each)
    if len(places) != len(set(ids)):
        raise NotInLog("not all of these entries are in the log")
    return logs


def _covering(connection: Connection, log_id: int, policy: Policy, seq: int) -> tuple[str, bytes]:
    """The newest checkpoint that covers a place, one with the witnesses of the policy if there is one."""
    table = log_checkpoint.c
    query = select(table.size, table.note).where(table.log_id == log_id, table.size > seq).order_by(table.size.desc())
    best = b""
    for row in connection.execute(query.limit(500)):
        note = with_lines(bytes(row.note), lines_at(connection, log_id, row.size))
        best = best or note
        if policy.met(policy.cosigned(note)):
            best = note
            break
    if not best:
        raise NotInLog("no checkpoint covers these entries yet; wait a second, or start the gateway once")
    return Checkpoint.from_text(unverified(best)).origin, best


def _proved(connection: Connection, log_id: int, entries: Iterable[Logged], note: bytes) -> dict[str, bytes]:
    checkpoint = Checkpoint.from_text(unverified(note))
    tree = TileTree(checkpoint.size, lambda level, n, width: reading.tile(connection, log_id, level, n, width))
    files = _checkpoint_files(log_id, note, connection)
    for each in entries:
        hashes = inclusion_proof(each.seq, checkpoint.size, tree.subtree)
        body = select(log_entry.c.body).where(log_entry.c.log_id == log_id, log_entry.c.seq == each.seq)
        files[f"entries/{log_id}-{each.seq:09}.json"] = bytes(connection.execute(body).scalar_one())
        proof = Proof(each.seq, tuple(hashes), note)
        files[f"proofs/{log_id}-{each.seq:09}.tlog-proof"] = proof.text().encode()
    return files


def _checkpoint_files(log_id: int, note: bytes, connection: Connection) -> dict[str, bytes]:
    """The checkpoint, and apart from it what OpenSSL needs: signed text, signature, public key."""
    text = unverified(note).encode()
    verifiers = [Verifier.from_vkey(each) for each in shards.known_vkeys(connection, log_id)]
    files = {f"checkpoints/{log_id}.checkpoint": note, f"openssl/{log_id}.body": text}
    for n, (key, signature) in enumerate(signatures(note, verifiers)[1], 1):
        files[f"openssl/{log_id}-{n}.sig"] = signature
        public = next(each.public for each in verifiers if each.key_id == key.key_id)
        files[f"openssl/{log_id}-{n}.pub.pem"] = _pem(_SPKI_ED25519 + public)
    return files


def _anchors(connection: Connection, log_id: int, note: bytes) -> dict[str, bytes]:
    """Verified time stamps of this checkpoint or earlier ones: the newest of each authority, and the first after it."""
    newest = Checkpoint.from_text(unverified(note))
    table = log_anchor.c
    query = select(log_anchor).where(table.log_id == log_id, table.gen_time.is_not(None))
    tree = TileTree(newest.size, lambda level, n, width: reading.tile(connection, log_id, level, n, width))
    files: dict[str, bytes] = {}
    seen: set[str] = set()
    for row in connection.execute(query.where(table.size <= newest.size).order_by(table.size.desc()).limit(100)):
        if row.tsa in seen:
            continue
        seen.add(row.tsa)
        base = f"anchors/{log_id}-{row.size:09}-{digest(bytes(row.reply))[:8]}"
        hashes = consistency_proof(row.size, newest.size, tree.subtree)
        lines = "".join(base64.b64encode(each).decode() + "\n" for each in hashes)
        files |= {f"{base}.tsr": bytes(row.reply), f"{base}.checkpoint": bytes(row.note)}
        files |= {f"{base}.consistency": lines.encode()}
    return files


def _disclosed(wanted: Wanted) -> dict[str, bytes]:
    files = {}
    for entry_id, details in sorted(wanted.disclosed.items()):
        content = {
            each.name: {"salt": each.salt.hex(), "value": each.value.decode()}
            for each in sorted(details, key=lambda each: each.name)
        }
        files[f"disclosures/{entry_id}.json"] = _json(content)
    for entry_id, proofs in sorted(wanted.lines.items()):
        for each in proofs:
            files[f"lines/{entry_id}-{each.index:09}.json"] = each.text().encode()
    return files


def _keys(connection: Connection, log_ids: Sequence[int], wanted: Wanted) -> dict[str, bytes]:
    table = log_key.c
    query = select(log_head.c.origin, table.vkey, table.since).join(log_head, log_head.c.log_id == table.log_id)
    rows = connection.execute(query.where(table.log_id.in_(log_ids)).order_by(table.log_id, table.since)).all()
    history = [{"origin": row.origin, "vkey": row.vkey, "since_size": row.since} for row in rows]
    files = {
        "policy.txt": policy_text([row.vkey for row in rows], wanted.policy).encode(),
        "keys/vkeys": "".join(f"{row.vkey}\n" for row in rows).encode(),
        "keys/history.json": _json(history),
    }
    return files | ({"anchors/tsa.pem": wanted.tsa} if wanted.tsa else {})


def _views(told: Sequence[tuple[str, Logged]]) -> dict[str, bytes]:
    names = {"jsonl": "entries.jsonl", "csv": "entries.csv", "fhir": "audit-events.json"}
    origin = told[0][0]
    return {
        f"not-evidence/{names[kind]}": view(origin, [each for _, each in told]).encode()
        for kind, view in views.FORMATS.items()
    }


def _zip(about: str, files: Mapping[str, bytes], out: BinaryIO) -> None:
    sums = {name: sha256(content).hexdigest() for name, content in sorted(files.items())}
    manifest = _json({"format": FORMAT, "about": about, "sha256": sums})
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in ("README.txt", "timeline.txt", *(name for name in sums if "/" in name or name == "policy.txt")):
            archive.writestr(zipfile.ZipInfo(name, _DATE), files[name])
        archive.writestr(zipfile.ZipInfo("manifest.json", _DATE), manifest)


def _pem(der: bytes) -> bytes:
    return b"-----BEGIN PUBLIC KEY-----\n" + base64.encodebytes(der) + b"-----END PUBLIC KEY-----\n"


def _json(content: object) -> bytes:
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"
