"""Time stamps by `openssl ts`: asked for, kept as received, verified by us and by OpenSSL alone."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select
from time_stamping import Authority

from audit import Entry, FileMemory, Log, Signer, Wanted, anchors, new_id
from audit.errors import AnchorInvalid
from audit.policy import Policy
from audit.tables import log_anchor, metadata
from audit.watching import Watch
from gateway.db import Database

NOW = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "tsa")


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[Log]:
    db = Database(f"sqlite+aiosqlite:///{tmp_path / 'log.db'}")
    async with db.write() as connection:
        await connection.run_sync(metadata.create_all)
    signer = Signer("gw.example.gov/log", Ed25519PrivateKey.generate(), FileMemory(tmp_path / "signed"))
    made = await Log.open(db.engine, signer, db.write_lock)
    await made.append(Entry(new_id(), "system.registered", NOW, {}))
    yield made
    await made.close()
    await db.close()


def watch(log: Log, authority: Authority) -> Watch:
    return Watch(log, Policy(), [anchors.Authority.of(authority.url, authority.root)], authority.post)


async def kept(log: Log) -> list[tuple[int | None, bytes, bytes]]:
    query = select(log_anchor.c.gen_time, log_anchor.c.note, log_anchor.c.reply).order_by(log_anchor.c.asked)
    rows = await log.store.read(lambda connection: connection.execute(query).all())
    return [(row.gen_time, bytes(row.note), bytes(row.reply)) for row in rows]


async def said(command: list[str], folder: Path) -> str:
    done = await asyncio.to_thread(subprocess.run, command, cwd=folder, capture_output=True, text=True, check=False)
    return str(done.stdout + done.stderr)


async def test_time_stamp_is_kept_and_verifies_here_and_with_openssl_alone(log: Log, authority: Authority) -> None:
    await watch(log, authority).once(NOW)
    ((gen_time, note, reply),) = await kept(log)
    assert gen_time is not None
    certificates = anchors.certificates_of(authority.root)
    assert abs(anchors.stamped(note, reply, certificates) - datetime.now(UTC)) < timedelta(minutes=1)
    folder = authority.folder
    (folder / "checkpoint").write_bytes(note)
    (folder / "reply.tsr").write_bytes(reply)
    command = ["openssl", "ts", "-verify", "-in", "reply.tsr", "-data", "checkpoint", "-CAfile", "ca.pem"]
    assert "Verification: OK" in await said(command, folder)
    (folder / "checkpoint").write_bytes(note.replace(b"gw", b"xx"))
    assert "Verification: FAILED" in await said(command, folder)
    (entry,) = await log.search(Wanted(kind="anchor.recorded"))
    (logged,) = await log.find([entry.entry_id])
    assert logged.entry.facts["reply"] == anchors.digest(reply)


async def test_an_hour_passes_between_two_time_stamps_and_a_close_does_not_wait(log: Log, authority: Authority) -> None:
    watching = watch(log, authority)
    for minutes in (0, 10, 59, 61):
        await watching.once(NOW + timedelta(minutes=minutes))
    assert len(await kept(log)) == 2
    await watching.close(NOW + timedelta(minutes=62))
    assert len(await kept(log)) == 3


async def test_reply_that_does_not_hold_is_kept_and_said(
    log: Log, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    authority.wrong = authority.reply(anchors.request_of(b"something else").der)
    await watch(log, authority).once(NOW)
    ((gen_time, note, reply),) = await kept(log)
    assert (gen_time, reply) == (None, authority.wrong)
    assert "could not be verified" in caplog.text
    with pytest.raises(AnchorInvalid):
        anchors.stamped(note, b"no DER at all", anchors.certificates_of(authority.root))


async def test_stranger_s_certificate_vouches_for_nothing(log: Log, authority: Authority, tmp_path: Path) -> None:
    other = Authority(tmp_path / "stranger")
    note = await log.checkpoint()
    request = anchors.request_of(note)
    with pytest.raises(AnchorInvalid):
        anchors.stamped(note, other.reply(request.der), anchors.certificates_of(authority.root))
    with pytest.raises(AnchorInvalid):
        anchors.stamped(note, authority.reply(request.der), anchors.certificates_of(authority.root), nonce=1)
    with pytest.raises(AnchorInvalid, match="no PEM"):
        anchors.certificates_of(b"rubbish")


async def test_authority_that_is_down_warns_and_after_four_hours_stops_exchanges(
    log: Log, authority: Authority
) -> None:
    watching = watch(log, authority)
    now = datetime.now(UTC)
    await watching.begin(now)
    await watching.once(now)
    authority.down = True
    assert "time stamp" in (await watching.once(now + timedelta(hours=2, minutes=5))).warnings[0]
    assert (await watching.once(now + timedelta(hours=4, minutes=5))).stopped
    authority.down = False
    assert not (await watching.once(datetime.now(UTC) + timedelta(hours=1, minutes=5))).stopped
