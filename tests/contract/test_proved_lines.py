"""One person's line of a bulk exchange is proved alone and offline, and nobody is found in it after an erasure."""

import json
import zipfile
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from audit import bundle, bundle_check, subject_pseudonym
from audit.lines import LineProof
from gateway.delivery.batch_values import Line
from gateway.model import Ask, Subject
from gateway.proved_lines import entries_around, forget_lines, proved_lines
from tests.durable_house import CONSUMER, House, a_house, subject

PATTERN = Ask(CONSUMER, "fund.status", "p", Subject(), date(2026, 10, 31), frozenset({"a"}))
ME = "199012300007"


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(database_url, tmp_path) as opened:
        yield opened


async def a_batch(house: House, count: int = 300) -> str:
    taken = await house.batches.accept(PATTERN, [Line(str(n), subject(f"1990123{n:05}")) for n in range(count)])
    await house.work()
    return taken.id


async def bundled(house: House, ref: str, exchange: str, file: Path) -> bundle.Wanted:
    await house.log.checkpoint()

    def written(connection) -> bundle.Wanted:
        lines = proved_lines(connection, ref, exchange)
        wanted = bundle.Wanted("one person", sorted(entries_around(connection, lines)), lines=lines)
        with file.open("wb") as out:
            bundle.written(connection, wanted, out)
        return wanted

    return await house.log.store.read(written)


async def test_bundle_of_an_exchange_proves_one_persons_line_offline(house: House, tmp_path: Path) -> None:
    exchange = await a_batch(house)
    await a_batch(house)
    ref, file = house.gate.person_ref(subject(ME)), tmp_path / "evidence.zip"
    wanted = await bundled(house, ref, exchange, file)
    verdict = bundle_check.checked(file)
    assert (verdict.findings, verdict.entries) == ((), 2)
    ((entry_id, (proof,)),) = wanted.lines.items()
    with zipfile.ZipFile(file) as archive:
        kept = LineProof.from_text(archive.read(f"lines/{entry_id}-000000007.json").decode())
        others = [name for name in archive.namelist() if name.startswith("lines/")]
    assert (kept, len(others)) == (proof, 1)
    line = json.loads(kept.line)
    assert line["subject"] == subject_pseudonym(ref, exchange)
    assert (line["line"], line["outcome"], ref in kept.line.decode()) == (7, "answered", False)


async def test_changed_line_in_a_bundle_is_found(house: House, tmp_path: Path) -> None:
    await a_batch(house)
    file, changed = tmp_path / "evidence.zip", tmp_path / "changed.zip"
    await bundled(house, house.gate.person_ref(subject(ME)), "", file)
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(changed, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            target.writestr(name, content.replace(b"answered", b"no_data.") if name.startswith("lines/") else content)
    findings = bundle_check.checked(changed).findings
    assert any(each.startswith("lines/") and "does not lead" in each for each in findings)


async def test_everybody_has_a_pseudonym_of_their_own_in_every_exchange(house: House) -> None:
    first, second = await a_batch(house, 20), await a_batch(house, 20)
    said = set()
    async with house.db.read() as connection:
        for n in range(20):
            ref = house.gate.person_ref(subject(f"1990123{n:05}"))
            proofs = await connection.run_sync(proved_lines, ref)
            said |= {json.loads(proof.line)["subject"] for found in proofs.values() for proof in found}
    assert len(said) == 40
    assert first != second


async def test_what_was_withheld_later_is_proved_too(house: House, tmp_path: Path) -> None:
    exchange = await a_batch(house, 20)
    house.clock[0] += timedelta(hours=1)
    house.agreements.clear()
    await house.batches.released(CONSUMER, exchange)
    wanted = await bundled(house, house.gate.person_ref(subject(ME)), exchange, tmp_path / "evidence.zip")
    told = [json.loads(proof.line)["outcome"] for proofs in wanted.lines.values() for proof in proofs]
    assert sorted(told) == ["answered", "refused_by_rules"]
    verdict = bundle_check.checked(tmp_path / "evidence.zip")
    assert (verdict.findings, verdict.entries) == ((), 3)


async def test_nobody_is_found_in_lines_after_an_erasure_and_the_others_still_are(house: House) -> None:
    await a_batch(house, 20)
    mine, other = (house.gate.person_ref(subject(number)) for number in (ME, "199012300006"))
    async with house.db.write() as connection:
        assert await connection.run_sync(forget_lines, mine) == 1
    async with house.db.read() as connection:
        assert await connection.run_sync(proved_lines, mine) == {}
        (proofs,) = (await connection.run_sync(proved_lines, other)).values()
    assert len(proofs) == 1
