"""fsck names what was changed: in the database behind the guards' back, and in a directory of tiles."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from audit import Entry, Log, Signer
from audit.__main__ import main
from audit.databases import in_database
from audit.errors import SourceUnreadable
from audit.export import export
from audit.fsck import Report
from audit.merkle import leaf_hash, root_of
from audit.places import checked, checked_database
from audit.stored import logs_in
from audit.tiles import bundle, unbundle

Fill = Callable[[int], Awaitable[list[Entry]]]
TRIGGERS = ("log_entry_no_update", "log_entry_no_delete", "log_head_no_less", "log_entry_no_replace")
CHECKPOINT_TRIGGERS = ("log_checkpoint_no_update", "log_checkpoint_no_delete", "log_node_no_update")


async def tampered(engine: AsyncEngine, *statements: str) -> None:
    """What somebody with the database's password does."""
    async with engine.begin() as connection:
        for trigger in TRIGGERS + CHECKPOINT_TRIGGERS:
            await connection.exec_driver_sql(f"DROP TRIGGER {trigger}")
        for statement in statements:
            await connection.exec_driver_sql(statement)


async def report(engine: AsyncEngine, kept: list[bytes] | None = None, vkeys: tuple[str, ...] = ()) -> Report:
    found = await checked_database(engine.url.render_as_string(hide_password=False), vkeys, kept or [])
    return found[0]


def swap(first: int, second: int) -> tuple[str, ...]:
    return tuple(
        f"UPDATE log_entry SET seq = {new} WHERE seq = {old}"
        for old, new in [(first, -1), (second, first), (-1, second)]
    )


async def test_untouched_log_has_no_finding(engine: AsyncEngine, log: Log, filled: Fill) -> None:
    await filled(300)
    await log.checkpoint()
    found = await report(engine)
    assert (found.ok, found.origin, found.size, found.signed) == (True, "gw.example.gov/log", 300, 300)
    assert found.root in (await log.checkpoint()).decode()


async def test_empty_log_has_no_finding(engine: AsyncEngine, log: Log) -> None:
    assert (await report(engine)).ok


async def test_edited_body_is_named(engine: AsyncEngine, log: Log, filled: Fill) -> None:
    await filled(300)
    await log.checkpoint()
    await tampered(engine, "UPDATE log_entry SET body = replace(body, '\"n\":37', '\"n\":99') WHERE seq = 37")
    found = await report(engine)
    assert [(each.first, each.last) for each in found.findings] == [(37, None)]


async def test_forged_entry_with_all_its_hashes_is_cornered_by_the_checkpoints(
    engine: AsyncEngine, log: Log, filled: Fill, entry: Callable[..., Entry]
) -> None:
    await filled(40)
    await log.checkpoint()
    await filled(1)
    await log.checkpoint()
    await filled(40)
    await log.checkpoint()
    forged = entry(n="forged")
    body = forged.body()
    change = f"SET body = x'{body.hex()}', leaf = x'{leaf_hash(body).hex()}', entry_id = x'{forged.id.hex}'"
    await tampered(engine, f"UPDATE log_entry {change} WHERE seq = 40", "DELETE FROM audit_search")
    found = await report(engine)
    assert [(each.first, each.last) for each in found.findings] == [(40, 40)]
    assert found.signed == 40


async def test_edited_tile_hash_alone_is_named_as_such(engine: AsyncEngine, log: Log, filled: Fill) -> None:
    await filled(600)
    await log.checkpoint()
    await tampered(engine, "UPDATE log_node SET hash = zeroblob(32) WHERE n = 1")
    (finding,) = (await report(engine)).findings
    assert (finding.first, finding.last) == (256, 511)
    assert "entries are right" in str(finding)


async def test_deleted_entry_is_named(engine: AsyncEngine, log: Log, filled: Fill) -> None:
    await filled(300)
    await log.checkpoint()
    await tampered(engine, "DELETE FROM log_entry WHERE seq = 123")
    assert (await report(engine)).findings[0].first == 123


async def test_reordered_entries_are_named(engine: AsyncEngine, log: Log, filled: Fill) -> None:
    await filled(300)
    await log.checkpoint()
    await tampered(engine, *swap(280, 290))
    assert (await report(engine)).findings[0].first == 280


async def test_reordered_entries_are_cornered_when_the_search_table_was_changed_too(
    engine: AsyncEngine, log: Log, filled: Fill
) -> None:
    await filled(600)
    await log.checkpoint()
    await tampered(engine, *swap(280, 290), "DELETE FROM audit_search")
    (finding,) = (await report(engine)).findings
    assert (finding.first, finding.last) == (256, 511)


def inserted(forged: Entry, place: int, last: int) -> tuple[str, ...]:
    """A whole entry with all that belongs to it, put in; those after it move on by one."""
    body = forged.body()
    moved = [f"UPDATE log_entry SET seq = seq + 1 WHERE seq = {seq}" for seq in range(last, place - 1, -1)]
    values = f"1, {place}, x'{forged.id.hex}', x'{leaf_hash(body).hex()}', x'{body.hex()}'"
    head = "UPDATE log_head SET size = size + 1, compact_range = zeroblob(32 * 5)"  # 301 has five bits that are set
    return (*moved, f"INSERT INTO log_entry (log_id, seq, entry_id, leaf, body) VALUES ({values})", head)


async def test_inserted_entry_is_named(
    engine: AsyncEngine, log: Log, filled: Fill, entry: Callable[..., Entry]
) -> None:
    await filled(300)
    await log.checkpoint()
    await tampered(engine, *inserted(entry(n="put in"), 150, 299))
    assert (await report(engine)).findings[0].first == 150


async def test_inserted_entry_is_cornered_when_the_search_table_was_changed_too(
    engine: AsyncEngine, log: Log, filled: Fill, entry: Callable[..., Entry]
) -> None:
    await filled(300)
    await log.checkpoint()
    await tampered(engine, *inserted(entry(n="put in"), 150, 299), "DELETE FROM audit_search")
    (finding,) = (await report(engine)).findings
    assert (finding.first, finding.last) == (0, 255)


async def test_body_under_another_entrys_id_is_named(engine: AsyncEngine, log: Log, filled: Fill) -> None:
    await filled(10)
    await log.checkpoint()
    await tampered(engine, "UPDATE log_entry SET entry_id = randomblob(16) WHERE seq = 4")
    assert (await report(engine)).findings[0].first == 4


async def test_cut_tail_is_named_even_if_the_head_was_set_back(engine: AsyncEngine, log: Log, filled: Fill) -> None:
    await filled(300)
    await log.checkpoint()
    await tampered(engine, "DELETE FROM log_entry WHERE seq >= 256")
    assert (await report(engine)).findings[0].first == 256
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE log_head SET size = 256, compact_range = (SELECT hash FROM log_node)"))
    assert (await report(engine)).findings[0].first == 256


async def test_cut_tail_without_its_checkpoint_is_named_by_the_one_an_auditor_kept(
    engine: AsyncEngine, log: Log, filled: Fill
) -> None:
    await filled(300)
    kept = await log.checkpoint()
    await tampered(
        engine,
        "DELETE FROM log_entry WHERE seq >= 256",
        "UPDATE log_head SET size = 256, compact_range = (SELECT hash FROM log_node)",
        "DELETE FROM log_checkpoint WHERE size > 256",
    )
    assert (await report(engine)).ok
    (finding,) = (await report(engine, [kept])).findings
    assert finding.first == 256


async def test_rewritten_history_contradicts_the_checkpoint_an_auditor_kept(
    tmp_path: Path, engine: AsyncEngine, log: Log, filled: Fill
) -> None:
    await filled(5)
    kept = await log.checkpoint()
    root = kept.decode().split("\n")[2]
    forged = kept.decode().replace(root, "A" * 43 + "=").encode()
    assert "a checkpoint of yours is not valid" in str((await report(engine, [forged])).findings[0])


async def test_key_of_somebody_else_confirms_nothing(engine: AsyncEngine, log: Log, filled: Fill) -> None:
    await filled(5)
    await log.checkpoint()
    foreign = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
    found = await report(engine, vkeys=(foreign,))
    assert (found.ok, found.signed) == (False, 0)


async def exported(engine: AsyncEngine, log: Log, folder: Path) -> None:
    await log.checkpoint()
    where = engine.url.render_as_string(hide_password=False)
    await in_database(where, lambda connection: export(connection, logs_in(connection)[-1], folder))


async def test_exported_directory_verifies_and_grows(
    engine: AsyncEngine, log: Log, filled: Fill, tmp_path: Path
) -> None:
    for count in (300, 212, 1):
        await filled(count)
        await exported(engine, log, tmp_path / "tiles")
    (found,) = checked(str(tmp_path / "tiles"))
    assert (found.ok, found.size, found.signed) == (True, 513, 513)
    assert (tmp_path / "tiles/tile/1/000.p/2").stat().st_size == 64


@pytest.mark.parametrize(
    ("path", "change", "first", "last"),
    [
        ("tile/entries/000", lambda old: old.replace(b'"n":7}', b'"n":8}'), 7, None),
        ("tile/entries/001.p/44", lambda old: bundle(unbundle(old)[:20]), 276, None),
        ("tile/entries/000", lambda old: bundle([*unbundle(old)[:9], b"{}", *unbundle(old)[9:]]), 9, None),
        ("tile/entries/000", lambda old: old[:-1], 0, None),
        ("tile/0/000", lambda old: old[:64] + bytes(32) + old[96:], 2, None),
        ("tile/0/000", lambda old: old[:3200], 100, None),
        ("tile/1/000.p/1", lambda _old: bytes(32), 0, 255),
    ],
)
async def test_change_in_a_directory_is_named(
    engine: AsyncEngine,
    log: Log,
    filled: Fill,
    tmp_path: Path,
    path: str,
    change: Callable[[bytes], bytes],
    first: int,
    last: int | None,
) -> None:
    await filled(300)
    await exported(engine, log, tmp_path / "tiles")
    file = tmp_path / "tiles" / path
    file.write_bytes(change(file.read_bytes()))
    finding = checked(str(tmp_path / "tiles"))[0].findings[0]
    assert (finding.first, finding.last) == (first, last)


async def test_swapped_entries_with_swapped_hashes_are_cornered_in_a_directory(
    engine: AsyncEngine, log: Log, filled: Fill, tmp_path: Path
) -> None:
    await filled(300)
    await exported(engine, log, tmp_path)
    bodies = unbundle((tmp_path / "tile/entries/000").read_bytes())
    (tmp_path / "tile/entries/000").write_bytes(bundle([bodies[1], bodies[0], *bodies[2:]]))
    hashes = (tmp_path / "tile/0/000").read_bytes()
    (tmp_path / "tile/0/000").write_bytes(hashes[32:64] + hashes[:32] + hashes[64:])
    (finding,) = checked(str(tmp_path))[0].findings
    assert (finding.first, finding.last) == (0, 255)


async def test_command_prints_the_findings_and_exits_1(
    engine: AsyncEngine, log: Log, filled: Fill, capsys: pytest.CaptureFixture[str], signer: Signer
) -> None:
    await filled(10)
    await log.checkpoint()
    where = str(engine.url.database)
    assert await asyncio.to_thread(main, ["fsck", where, "--vkey", signer.vkey]) == 0
    assert "findings  none" in capsys.readouterr().out
    await tampered(engine, "UPDATE log_entry SET body = 'x' WHERE seq = 3")
    assert await asyncio.to_thread(main, ["fsck", where, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)[0]["findings"][0]["first"] == 3


async def test_proof_file_verifies_offline(
    log: Log, filled: Fill, tmp_path: Path, signer: Signer, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = await filled(300)
    (tmp_path / "proof").write_text(await log.proof(entries[280].id))
    (tmp_path / "entry").write_bytes(entries[280].body())
    (tmp_path / "other").write_bytes(entries[281].body())
    command = ["proof", str(tmp_path / "proof")]
    assert main([*command, str(tmp_path / "entry"), "--vkey", signer.vkey]) == 0
    assert main([*command, str(tmp_path / "other"), "--vkey", signer.vkey]) == 1
    assert "does not lead" in capsys.readouterr().err


@pytest.mark.parametrize("where", ["nowhere.db", "ftp://x/log", "http://127.0.0.1:1/log"])
def test_place_without_a_log_is_said_in_words(where: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fsck", where]) == 1
    assert capsys.readouterr().err.startswith("audit: ")


def test_empty_directory_and_foreign_database_are_no_logs(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable):
        checked(str(tmp_path))
    (tmp_path / "x.db").touch()
    with pytest.raises(SourceUnreadable):
        checked(str(tmp_path / "x.db"))


async def test_tiles_of_another_log_are_found(
    engine: AsyncEngine, log: Log, filled: Fill, tmp_path: Path, signer: Signer
) -> None:
    """Another log's directory under this log's checkpoint: as long, as well formed, and not what was signed."""
    await filled(300)
    await exported(engine, log, tmp_path / "mine")
    bodies = unbundle((tmp_path / "mine/tile/entries/000").read_bytes())
    others = [body.replace(b'"n":', b'"m":') for body in bodies]
    (tmp_path / "mine/tile/entries/000").write_bytes(bundle(others))
    (tmp_path / "mine/tile/0/000").write_bytes(b"".join(map(leaf_hash, others)))
    (tmp_path / "mine/tile/1/000.p/1").write_bytes(root_of(others))
    finding = checked(str(tmp_path / "mine"), [signer.vkey])[0].findings[0]
    assert (finding.first, finding.last) == (0, 299)
