"""The evidence bundle: read by a person, checked by the program alone, by OpenSSL alone and by Go alone."""

import asyncio
import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from time_stamping import Authority

from audit import Entry, FileMemory, Log, Signer, anchors, bundle, bundle_check, new_id
from audit.cosignature import Cosigner
from audit.details import commitments, detailed
from audit.errors import BundleInvalid, NotInLog
from audit.lines import line_proof, lines_root
from audit.note import Checkpoint, signed, unverified, verifier_of
from audit.policy import Policy, policy_text
from audit.store import store_of
from audit.tables import metadata
from audit.watching import Reply, Watch
from audit.witness import WitnessRole
from gateway.db import Database

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)
LINES = [f'{{"decision":"answered","line":{n}}}'.encode() for n in range(5)]
COSIGNER = Cosigner("audit-office.example/w", Ed25519PrivateKey.from_private_bytes(b"w" * 32))
POLICY = Policy.from_text(f"witness office {COSIGNER.witness.vkey} http://office\nquorum office")
DETAILS = detailed({"answer": {"employed": True}})


class Evidence:
    """A log with an exchange in it, cosigned and anchored; `made` writes a bundle of that exchange."""

    def __init__(self, log: Log, ids: list[Entry], authority: Authority, folder: Path) -> None:
        self.log, self.entries, self.authority, self.folder = log, ids, authority, folder

    @property
    def trusted(self) -> str:
        return policy_text(self.log.shard.signer.vkeys, POLICY)

    async def made(self, **changes: object) -> Path:
        last = self.entries[-1].id
        wanted = {
            "about": "exchange x1",
            "entry_ids": [each.id for each in self.entries],
            "policy": POLICY,
            "disclosed": {last: DETAILS},
            "lines": {last: [line_proof(LINES, 3)]},
            "tsa": self.authority.root,
        }
        out = io.BytesIO()
        await self.log.store.read(lambda connection: bundle.written(connection, bundle.Wanted(**wanted | changes), out))
        path = self.folder / "evidence.zip"
        await asyncio.to_thread(path.write_bytes, out.getvalue())
        return path


@pytest.fixture
async def evidence(tmp_path: Path) -> AsyncIterator[Evidence]:
    db = Database(f"sqlite+aiosqlite:///{tmp_path / 'log.db'}")
    async with db.write() as connection:
        await connection.run_sync(metadata.create_all)
    signer = Signer("gw.example/log", Ed25519PrivateKey.generate(), FileMemory(tmp_path / "signed"))
    log = await Log.open(db.engine, signer, db.write_lock)
    facts = {"exchange_id": "x1", "consumer": "LK/GOV/WBB", "provider": "LK/GOV/TAX", "service": "tax.employment"}
    facts |= {"purpose": "eligibility"}
    intent = Entry(new_id(NOW), "exchange.intent", NOW, facts)
    facts |= {"outcome": "answered", "agreement": "DSA-1", "released": ["employed"]}
    facts |= {"details": commitments(DETAILS), "decisions_root": lines_root(LINES)}
    outcome = Entry(new_id(NOW), "exchange.outcome", NOW, facts)
    noise = [Entry(new_id(NOW), "system.registered", NOW, {"n": n}) for n in range(300)]
    async with db.write() as connection:
        await log.append_all_in(connection, [*noise[:150], intent, *noise[150:], outcome])
    authority = Authority(tmp_path / "tsa")
    role = WitnessRole(COSIGNER, store_of(db.engine, db.write_lock), {log.origin: [signer.verifier]})

    async def post(url: str, body: bytes, content_type: str) -> Reply:
        if url == authority.url:
            return await authority.post(url, body, content_type)
        answer = await role.add_checkpoint(body)
        return Reply(answer.status, answer.body.encode())

    watch = Watch(log, POLICY, [anchors.Authority.of(authority.url, authority.root)], post)
    await watch.once(datetime.now(UTC))
    await log.append(Entry(new_id(NOW), "system.registered", NOW, {}))
    await watch.once(datetime.now(UTC))
    yield Evidence(log, [intent, outcome], authority, tmp_path)
    await log.close()
    await db.close()


async def ran(*command: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    parts = [str(each) for each in command]
    environment = {"PATH": os.environ["PATH"]}
    return await asyncio.to_thread(
        subprocess.run, parts, capture_output=True, text=True, check=False, cwd=cwd, env=environment, timeout=60
    )


async def test_program_alone_says_what_is_proved_cosigned_and_anchored(evidence: Evidence, tmp_path: Path) -> None:
    path = await evidence.made()
    await asyncio.to_thread((tmp_path / "policy").write_text, evidence.trusted)
    await asyncio.to_thread(shutil.copytree, ROOT / "audit", tmp_path / "alone" / "audit")
    done = await ran(
        sys.executable, "-m", "audit", "verify", path, "--policy", tmp_path / "policy", cwd=tmp_path / "alone"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for said in ("2 proved", "yours", "audit-office.example/w at 20", "gw.example/log at size", "findings   none"):
        assert said in done.stdout
    own = bundle_check.checked(path)
    assert (own.ok, own.own_keys) == (True, True)


async def test_same_evidence_gives_the_same_bytes(evidence: Evidence) -> None:
    first = await asyncio.to_thread((await evidence.made()).read_bytes)
    assert first == await asyncio.to_thread((await evidence.made()).read_bytes)


async def test_person_reads_what_happened(evidence: Evidence) -> None:
    with zipfile.ZipFile(await evidence.made()) as archive:
        timeline, readme = archive.read("timeline.txt").decode(), archive.read("README.txt").decode()
    assert "LK/GOV/WBB asked LK/GOV/TAX for tax.employment, purpose eligibility." in timeline
    assert "was answered; released: employed; under agreement DSA-1" in timeline
    assert "2 entries from a log" in readme


async def test_commands_of_the_readme_are_true_with_openssl_alone(evidence: Evidence, tmp_path: Path) -> None:
    with zipfile.ZipFile(await evidence.made()) as archive:
        await asyncio.to_thread(archive.extractall, tmp_path / "unpacked")
        readme = archive.read("README.txt").decode()
        stamp = next(name for name in archive.namelist() if name.endswith(".tsr"))
    commands = re.findall(r"^ +(openssl (?:[^\n]*\\\n)*[^\n]*)", readme, re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        words = command.replace("\\\n", " ").replace("anchors/NAME", stamp.removesuffix(".tsr")).split()
        done = await ran(*words, cwd=tmp_path / "unpacked")
        assert done.returncode == 0, done.stderr
    body = tmp_path / "unpacked/openssl/1.body"
    await asyncio.to_thread(body.write_bytes, b"x" + body.read_bytes())
    assert (await ran(*commands[0].replace("\\\n", " ").split(), cwd=tmp_path / "unpacked")).returncode == 1


async def test_go_alone_accepts_each_proof(evidence: Evidence, tlogcheck: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(await evidence.made()) as archive:
        await asyncio.to_thread(archive.extractall, tmp_path)
    vkey = evidence.log.shard.signer.vkey
    proofs = sorted((tmp_path / "proofs").iterdir())
    assert len(proofs) == 2
    for proof in proofs:
        entry = tmp_path / "entries" / f"{proof.stem}.json"
        assert (await ran(tlogcheck, "proof", vkey, proof, entry)).stdout.startswith("ok ")


def edited(prefix: str, change: Callable[[bytes], bytes | None]) -> Callable[[dict[str, bytes]], None]:
    """Change every file whose name begins like this; None deletes it."""

    def apply(files: dict[str, bytes]) -> None:
        for name in [name for name in files if name.startswith(prefix)]:
            new = change(files.pop(name))
            if new is not None:
                files[name] = new

    return apply


def replaced(prefix: str, old: bytes, new: bytes) -> Callable[[dict[str, bytes]], None]:
    return edited(prefix, lambda content: content.replace(old, new))


def one_bit(files: dict[str, bytes]) -> None:
    name = next(name for name in files if name.endswith(".tsr"))
    files[name] = files[name][:-1] + bytes([files[name][-1] ^ 1])


def without_witness(files: dict[str, bytes]) -> None:
    for name in [name for name in files if name.startswith(("checkpoints/", "proofs/"))]:
        files[name] = files[name].rsplit("— audit".encode(), 1)[0]


def swapped(files: dict[str, bytes]) -> None:
    first, second = sorted(name for name in files if name.startswith("entries/"))
    files[first], files[second] = files[second], files[first]


def other_keys(files: dict[str, bytes]) -> None:
    """Everything signed anew by somebody else: only a trusted policy sees it."""
    key = Ed25519PrivateKey.generate()
    name = next(name for name in files if name.startswith("checkpoints/"))
    note = signed(unverified(files[name]), Checkpoint.from_text(unverified(files[name])).origin, key)
    files["policy.txt"] = f"log {verifier_of('gw.example/log', key).vkey}\nquorum none\n".encode()
    files[name] = note
    for each in [each for each in files if each.startswith("proofs/")]:
        files[each] = files[each].partition(b"\n\n")[0] + b"\n\n" + note
    for each in [each for each in files if each.startswith("anchors/")]:
        del files[each]


TAMPERINGS: dict[str, Callable[[dict[str, bytes]], None]] = {
    "an entry": replaced("entries/", b"answered", b"refused_"),
    "a proof": replaced("proofs/", b"index 1", b"index 2"),
    "two entries swapped": swapped,
    "a commitment's value": replaced("disclosures/", b"true", b"false"),
    "a commitment's salt": edited("disclosures/", lambda content: re.sub(rb'"salt": "....', b'"salt": "0000', content)),
    "a line": replaced("lines/", b"answered", b"refused_"),
    "the checkpoint": replaced("checkpoints/", b"\n30", b"\n31"),
    "the witness is gone": without_witness,
    "a time stamp": one_bit,
    "the anchored checkpoint": replaced("anchors/", b"\n30", b"\n20"),
    "the keys": other_keys,
    "a proof is missing": edited("proofs/", lambda _content: None),
    "the policy is weaker": edited("policy.txt", lambda _content: b"quorum none"),
}


@pytest.mark.parametrize("what", TAMPERINGS)
async def test_whatever_is_changed_is_found(evidence: Evidence, tmp_path: Path, what: str) -> None:
    with zipfile.ZipFile(await evidence.made()) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    before = dict(files)
    TAMPERINGS[what](files)
    assert files != before
    manifest = json.loads(files["manifest.json"])  # who forges a bundle also forges its list of files
    manifest["sha256"] = {name: sha256(files[name]).hexdigest() for name in files if name != "manifest.json"}
    files["manifest.json"] = json.dumps(manifest).encode()
    path = tmp_path / "forged.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    found = bundle_check.checked(path, evidence.trusted)
    assert (what == "the policy is weaker") == found.ok, found


async def test_file_changed_after_the_bundle_was_made_is_named(evidence: Evidence, tmp_path: Path) -> None:
    path = await evidence.made()
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("entries/9-000000001.json", b"{}")
    assert "entries/9-000000001.json: missing, added or changed" in "".join(bundle_check.checked(path).findings)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04rubbish"])
def test_rubbish_is_no_bundle(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(BundleInvalid):
        bundle_check.checked(tmp_path / "x.zip")


async def test_copies_are_marked_and_harmless(evidence: Evidence) -> None:
    with zipfile.ZipFile(await evidence.made()) as archive:
        copies = {name: archive.read(name).decode() for name in archive.namelist() if name.startswith("not-evidence/")}
    assert len(copies) == 3
    assert all("not evidence" in copy for copy in copies.values())
    events = json.loads(copies["not-evidence/audit-events.json"])
    assert [each["resource"]["outcome"] for each in events["entry"]] == ["0", "0"]


async def test_entry_that_is_not_there_is_refused(evidence: Evidence) -> None:
    for ids in ([new_id()], []):
        with pytest.raises(NotInLog):
            await evidence.made(entry_ids=ids)
