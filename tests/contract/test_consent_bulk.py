"""Many consents: a result for each line, on from where a cut import stood, and nobody speaks for whom it may not."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from agreeing import SR, Here, line, lines, nic, opened
from typer.testing import CliRunner, Result

from gateway.cli import consent, consent_import
from gateway.recording import Recording, Told
from gateway.wiring import open_services

WBB = "LK/GOV/WBB"
GUARDIAN = {"given_how": "guardian"}


@pytest.fixture
async def here(database_url: str, tmp_path: Path) -> AsyncIterator[Here]:
    async with opened(database_url, tmp_path) as made:
        yield made


def born(day: str, **changes: Any) -> dict[str, Any]:
    return line(1, subject={"identifiers": [{"type": "NIC", "value": nic(1)}], "birth_date": day}, **changes)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (born("1990-01-01"), 201),
        (born("2020-01-01"), 403),
        (born("2020-01-01", **GUARDIAN), 201),
        (born("1990-01-01", **GUARDIAN), 403),
        (line(1, **GUARDIAN), 403),  # nobody said how old the person is
        (line(1, **GUARDIAN, given_by="household_head"), 201),
        (line(1, **GUARDIAN, given_by="household_head", purposes=["employment-support.outreach"]), 403),
        (line(1, **GUARDIAN, given_by="next_of_kin"), 201),
        (line(1, **GUARDIAN, given_by="next_of_kin", purposes=["employment-support.outreach"]), 403),
        (born("2020-02-30"), 400),
    ],
)
async def test_who_may_consent_for_whom_is_the_country_s_rule(here: Here, sent: dict[str, Any], status: int) -> None:
    reply = await here.call(SR, "POST", "/consents", json=sent)
    assert reply.status_code == status, reply.text
    assert "1990" not in reply.text
    if status == 403:
        assert reply.json()["detail"].startswith("giver_refused: employment-support.")


async def test_a_birth_date_is_looked_at_and_not_kept(here: Here) -> None:
    await here.call(SR, "POST", "/consents", json=born("1987-06-05"))
    async with here.db.read() as connection:
        for table in ("consent_consent", "consent_terms", "log_entry"):
            assert "1987" not in str((await connection.exec_driver_sql(f"SELECT * FROM {table}")).all())


async def test_in_bulk_the_refused_giver_stops_no_other_line(here: Here) -> None:
    reply = await here.call(SR, "POST", "/consents", **lines(line(1), line(2, **GUARDIAN), line(3)))
    told = [json.loads(each) for each in reply.text.splitlines()]
    assert [each["outcome"] for each in told] == ["recorded", "refused", "recorded"]
    assert told[1]["detail"].startswith("employment-support.eligibility: guardian may not consent")


# --- the command ------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SANDHI_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "consents.jsonl"


def person(number: int, **changes: Any) -> bytes:
    identifiers = [{"type": "NIC", "value": f"{190000000000 + number}"}]
    return json.dumps(line(number, subject={"identifiers": identifiers}, **changes)).encode() + b"\n"


def without_id(number: int) -> bytes:
    content = json.loads(person(number))
    del content["id"]
    return json.dumps(content).encode() + b"\n"


def run(file: Path, *more: object) -> Result:
    arguments = ["import", str(file), "--controller", WBB, *map(str, more)]
    return CliRunner().invoke(consent.app, arguments)


def kept() -> int:
    async def counted() -> int:
        async with open_services() as services, services.db.read() as connection:
            return int((await connection.exec_driver_sql("SELECT count(*) FROM consent_consent")).scalar_one())

    return asyncio.run(counted())


def test_every_line_has_its_result(file: Path, tmp_path: Path) -> None:
    file.write_bytes(person(1) + b"\n" + person(2, given_how="assumed") + person(3) + person(3, title=1) + b"{oops")
    made = run(file, "--results", tmp_path / "results.jsonl", "--json")
    assert made.exit_code == 1
    assert json.loads(made.stdout)["outcomes"] == {"recorded": 2, "refused": 3}
    results = [json.loads(each) for each in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert [(each["line"], each["outcome"]) for each in results] == [
        (1, "recorded"),
        (3, "refused"),
        (4, "recorded"),
        (5, "refused"),
        (6, "refused"),
    ]
    assert all(each["receipt"] for each in results if each["outcome"] == "recorded")
    assert not file.with_name("consents.jsonl.progress").exists()


class Cut(Recording):
    """A recording that dies after some parts, one of them committed."""

    left = 2

    async def consents(self, consents: Any, *, by: str, at_once: int = 0) -> list[Told]:
        if Cut.left == 0:
            raise ConnectionError("the power went")
        Cut.left -= 1
        told = await super().consents(consents, by=by, at_once=at_once)
        if Cut.left == 0:
            raise ConnectionError("the power went")
        return told


def test_an_import_that_was_cut_goes_on_where_it_stood(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consent_import, "AT_ONCE", 10)
    file.write_bytes(b"".join(without_id(number) for number in range(45)))
    with monkeypatch.context() as cut:
        cut.setattr(consent_import, "Recording", Cut)
        assert isinstance(run(file, "--results", tmp_path / "results").exception, ConnectionError)
    progress = json.loads(file.with_name("consents.jsonl.progress").read_bytes())
    assert (progress["line"], kept()) == (10, 20)  # the second part was written, and not noted
    made = run(file, "--results", tmp_path / "results")
    assert (made.exit_code, made.stdout) == (0, "35 recorded, 10 unchanged\n")
    assert [json.loads(each)["line"] for each in (tmp_path / "results").read_text().splitlines()] == list(range(1, 46))
    assert kept() == 45


def ids() -> list[str]:
    async def named() -> list[str]:
        async with open_services() as services, services.db.read() as connection:
            found = await connection.exec_driver_sql("SELECT id FROM consent_consent")
            return list(found.scalars())

    return asyncio.run(named())


def test_the_id_of_a_line_is_not_its_digest_which_whoever_reads_the_log_could_try(file: Path) -> None:
    file.write_bytes(without_id(1))
    assert run(file).stdout == "1 recorded\n"
    [made] = ids()
    digest = sha256(WBB.encode() + without_id(1).strip()).hexdigest()
    assert made.startswith("line-")
    assert made.removeprefix("line-") not in digest
    assert run(file).stdout == "1 unchanged\n"


def test_a_line_that_came_before_ids_were_keyed_keeps_the_id_it_has(file: Path) -> None:
    text = json.loads(without_id(1))
    digest = sha256(WBB.encode() + without_id(1).strip()).hexdigest()
    file.write_bytes(json.dumps(text | {"id": f"line-{digest[:40]}"}).encode() + b"\n")
    assert run(file).stdout == "1 recorded\n"
    file.write_bytes(without_id(1) + without_id(2))
    assert run(file).stdout == "1 recorded, 1 unchanged\n"
    assert len(ids()) == 2


def test_the_progress_of_another_file_is_not_taken_up(file: Path) -> None:
    file.write_bytes(person(1))
    progress = file.with_name("consents.jsonl.progress")
    progress.write_text('{"file": "other", "controller": "LK/GOV/WBB"}', encoding="utf-8")
    made = run(file)
    assert (made.exit_code, "delete it to begin" in made.stderr) == (1, True)
    progress.write_text("{", encoding="utf-8")
    assert run(file).exit_code == 1
    progress.unlink()
    assert run(file).stdout == "1 recorded\n"
    assert run(file.with_name("nothing")).exit_code == 1


def _many(file: Path, count: int) -> None:
    file.write_bytes(b"".join(person(number) for number in range(count)))
    begun = time.perf_counter()
    assert run(file).stdout == f"{count} recorded\n"
    seconds = time.perf_counter() - begun
    sys.stdout.write(
        f"\n{count} consents in {seconds:.1f} s: {count / seconds:.0f} lines/s on {os.cpu_count()} cores\n"
    )


def test_thousands_are_imported(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        _many(file, 10_000)
    assert kept() == 10_000


@pytest.mark.nightly
@pytest.mark.timeout(1200)
def test_a_million_are_imported_in_minutes(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begun = time.perf_counter()
    with capsys.disabled():
        _many(file, 1_000_000)
    assert time.perf_counter() - begun < 600
