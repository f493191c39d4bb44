"""Check an evidence bundle offline: only the file, and keys that the checker trusts from elsewhere."""

import base64
import binascii
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from . import anchors
from .bundle import FORMAT
from .details import FACT, Detail
from .entry import Entry
from .errors import AuditError, BundleInvalid, NoteInvalid, ProofInvalid
from .lines import LineProof
from .merkle import verify_consistency
from .note import Checkpoint
from .policy import Policy
from .proofs import Proof

T = TypeVar("T")

MOST_BYTES = 1_000_000_000
MOST_FILES = 200_000
ROOT_FACTS = ("decisions_root", "lines_root")
"""The facts of an entry that hold a root over lines, hex."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a bundle proves.

    Attributes:
        about: what it says that it is about.
        entries: how many entries are proved.
        cosigned: witness -> the newest time at which it saw the log.
        anchored: earliest time by which an authority had seen each log's checkpoint (UTC), by log.
        own_keys: nothing but the bundle vouches for its keys.
        findings: what is wrong; empty: nothing.
    """

    about: str
    entries: int
    cosigned: Mapping[str, datetime]
    anchored: Mapping[str, datetime]
    own_keys: bool
    findings: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Nothing is wrong."""
        return not self.findings

    def __str__(self) -> str:
        keys = "the bundle's own: compare policy.txt with a copy from elsewhere" if self.own_keys else "yours"
        lines = [f"about      {self.about}", f"entries    {self.entries} proved", f"keys       {keys}"]
        lines += [f"cosigned   {name} at {at.isoformat()}" for name, at in sorted(self.cosigned.items())]
        lines += [f"anchored   {log} at {at.isoformat()}" for log, at in sorted(self.anchored.items())]
        lines += [f"FINDING    {each}" for each in self.findings] or ["findings   none"]
        return "\n".join(lines)

    def wire(self) -> dict[str, object]:
        """As JSON."""
        return {
            "about": self.about,
            "entries": self.entries,
            "cosigned": {name: at.isoformat() for name, at in self.cosigned.items()},
            "anchored": {log: at.isoformat() for log, at in self.anchored.items()},
            "own_keys": self.own_keys,
            "findings": list(self.findings),
        }


def checked(path: Path, policy: str | None = None, tsa: bytes | None = None) -> Verdict:
    """Check a bundle.

    Args:
        path: the ZIP file.
        policy: text of the policy that the checker trusts; the bundle's own when None.
        tsa: certificates of time-stamping authorities that the checker trusts, PEM; the bundle's own when None.

    Raises:
        BundleInvalid: not a bundle at all.
        NoteInvalid: the trusted policy cannot be read.
    """
    files = _read(path)
    trusted = Policy.from_text(policy) if policy is not None else None
    checking = _Checking(files, trusted, tsa if tsa is not None else files.get("anchors/tsa.pem", b""))
    checking.run()
    return Verdict(
        checking.about,
        checking.proved,
        checking.cosigned,
        checking.anchored,
        policy is None,
        tuple(checking.findings),
    )


def _read(path: Path) -> dict[str, bytes]:
    """All files in memory: nothing is unpacked, so no name in the archive can lead anywhere."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            names = {each.filename for each in infos}
            plain = all(each.compress_type == zipfile.ZIP_STORED for each in infos)
            small = sum(each.file_size for each in infos) <= MOST_BYTES and len(infos) <= MOST_FILES
            if not plain or not small or len(names) != len(infos) or "manifest.json" not in names:
                raise BundleInvalid("this ZIP is no evidence bundle")
            return {each.filename: archive.read(each) for each in infos}
    except (OSError, zipfile.BadZipFile, RuntimeError, EOFError):
        raise BundleInvalid("this file is not a ZIP, or it is damaged") from None


class _Checking:
    """One bundle under check."""

    def __init__(self, files: Mapping[str, bytes], trusted: Policy | None, tsa: bytes) -> None:
        self.findings: list[str] = []
        self.cosigned: dict[str, datetime] = {}
        self.anchored: dict[str, datetime] = {}
        self.proved = 0
        self.about = ""
        self._files = files
        self._trusted = trusted
        self._tsa = tsa
        self._entries: dict[str, Entry] = {}
        self._covering: dict[str, Checkpoint] = {}

    def run(self) -> None:
        """Everything, in an order in which each step may rely on the one before."""
        self._manifest()
        policy = self._guarded("policy.txt", self._policy)
        if policy is None:
            return
        for name in self._below("checkpoints/", ".checkpoint"):
            self._guarded(name, partial(self._checkpoint, name, policy))
        for name in self._below("entries/", ".json"):
            self._guarded(name, partial(self._entry, name, policy))
        for name in self._below("anchors/", ".tsr"):
            self._guarded(name, partial(self._anchor, name, policy))
        for name in self._below("disclosures/", ".json"):
            self._guarded(name, partial(self._disclosure, name))
        for name in self._below("lines/", ".json"):
            self._guarded(name, partial(self._line, name))
        if not self.proved:
            self.findings.append("the bundle proves no entry")

    def _guarded(self, name: str, step: Callable[[], T]) -> T | None:
        try:
            return step()
        except (AuditError, ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
            why = str(error) if isinstance(error, AuditError) else f"cannot be read ({type(error).__name__})"
            self.findings.append(f"{name}: {why}")
            return None

    def _manifest(self) -> None:
        manifest = self._guarded("manifest.json", lambda: json.loads(self._files["manifest.json"]))
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            self.findings.append("manifest.json: not the manifest of an evidence bundle")
            return
        self.about = str(manifest.get("about"))
        sums = {name: sha256(content).hexdigest() for name, content in self._files.items() if name != "manifest.json"}
        stated = manifest.get("sha256")
        listed = stated if isinstance(stated, dict) else {}
        changed = sorted(name for name in sums.keys() | listed.keys() if sums.get(name) != listed.get(name))
        self.findings += [f"{name}: missing, added or changed after the bundle was made" for name in changed]

    def _policy(self) -> Policy:
        return self._trusted or Policy.from_text(self._files["policy.txt"].decode())

    def _checkpoint(self, name: str, policy: Policy) -> None:
        checkpoint, witnesses = policy.check(self._files[name])
        self._covering[_stem(name)] = checkpoint
        for each in witnesses:
            self.cosigned[each.name] = max(each.at, self.cosigned.get(each.name, each.at))

    def _entry(self, name: str, policy: Policy) -> None:
        body = self._files[name]
        log = _stem(name).partition("-")[0]
        proof = Proof.from_text(self._files[f"proofs/{_stem(name)}.tlog-proof"].decode())
        policy.check(proof.checkpoint)
        checkpoint = proof.verify(body, policy.logs)
        if checkpoint != self._covering.get(log):
            raise ProofInvalid("its proof leads to another checkpoint than the bundle's")
        if f"{log}-{proof.index:09}" != _stem(name):
            raise ProofInvalid(f"it stands at place {proof.index} of the log, not where its name says")
        entry = Entry.from_body(body)
        self._entries[str(entry.id)] = entry
        self.proved += 1

    def _anchor(self, name: str, policy: Policy) -> None:
        base = name.removesuffix(".tsr")
        note = self._files[f"{base}.checkpoint"]
        stamped = Checkpoint.from_note(note, policy.logs)
        newest = self._covering[_stem(name).partition("-")[0]]
        if stamped.origin != newest.origin:
            raise NoteInvalid("it is about another log")
        lines = self._files[f"{base}.consistency"].split()
        proof = [base64.b64decode(line, validate=True) for line in lines]
        verify_consistency(stamped.size, stamped.root, newest.size, newest.root, proof)
        at = anchors.stamped(note, self._files[name], anchors.certificates_of(self._tsa))
        self.anchored[f"{stamped.origin} at size {stamped.size}"] = at

    def _disclosure(self, name: str) -> None:
        committed = self._entries[_stem(name)].facts[FACT]
        content = json.loads(self._files[name])
        for detail, opened in content.items():
            made = Detail(detail, opened["value"].encode(), bytes.fromhex(opened["salt"]))
            if not isinstance(committed, dict) or committed.get(detail) != made.commitment:
                raise ProofInvalid(f"`{detail}` is not what the entry committed to")

    def _line(self, name: str) -> None:
        facts = self._entries[_stem(name).rpartition("-")[0]].facts
        root = next((str(facts[each]) for each in ROOT_FACTS if each in facts), "")
        LineProof.from_text(self._files[name].decode()).verify(root)

    def _below(self, folder: str, ending: str) -> list[str]:
        return sorted(name for name in self._files if name.startswith(folder) and name.endswith(ending))


def _stem(name: str) -> str:
    return name.rpartition("/")[2].rpartition(".")[0]
