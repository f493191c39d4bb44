"""Batches are found by every agreement that they were decided by, and by how any of their lines ended."""

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Select, insert, select, update

from audit import Wanted, new_id
from audit.derived import strayed
from audit.lookup import _query, _query_of_batches
from audit.stored import logs_in
from audit.tables import audit_batch
from gateway.delivery.tables import batch_decision
from gateway.migrations import STEPS, newest
from gateway.model import Identifier, Subject
from tests.reviewing import CONSUMER, NIC, PROVIDER, WHY, Desk, House, a_house, plan_of

BEGUN = datetime(2026, 10, 5, 6, 0, tzinfo=UTC)
TWO = ("A1 v1", "A2 v3")
Line = dict[str, object]


@pytest.fixture
async def house(tmp_path: Path, database_url: str) -> AsyncIterator[House]:
    async with a_house(tmp_path, database_url) as opened:
        yield opened


async def batched(house: House, at: datetime, agreements: Sequence[str], lines: Sequence[Line], **more: object) -> str:
    """A batch as the gateway logs it: what its people were decided by stands in `agreements`, and beside the log."""
    id_ = str(new_id(at))
    said = {"exchange_id": id_, "consumer": CONSUMER, "provider": PROVIDER, "service": "pension.contributions"}
    said |= {"action": "read", "purpose": "employment-support.eligibility", "asked": ["months"], "lines": len(lines)}
    said |= more
    await house.logged("exchange.intent", said, at)
    codes = [str(each["outcome"]) for each in lines]
    counts = {code: codes.count(code) for code in sorted(set(codes))}
    ended = {"outcome": "answered" if "answered" in codes else codes[0], "outcomes": counts}
    await house.logged("exchange.outcome", said | ended | {"agreements": [*agreements]}, at + timedelta(milliseconds=5))
    ref = house.services.person_ref(Subject((Identifier("NIC", NIC),)))
    async with house.services.db.write() as connection:
        for number, line in enumerate(lines):
            row = {"exchange_id": id_, "line": number, "outcome": line["outcome"], "person_ref": ref}
            row["decision"] = json.dumps({"line": number, "reasons": [], "answer": "0"} | line)
            await connection.execute(insert(batch_decision).values(row))
    return id_


def line(outcome: str, agreement: str = "", version: int = 1, *released: str) -> Line:
    """What a line of a batch was decided."""
    granted = {"agreement": agreement, "agreement_version": version, "basis": "consent", "released": [*released]}
    return {"outcome": outcome} | (granted if agreement else {})


async def found(desk: Desk, query: str) -> list[str]:
    return [each["exchange_id"] for each in (await desk.json("GET", f"/exchanges?{query}"))["exchanges"]]


async def some(house: House) -> tuple[str, str, str]:
    """A batch under one agreement, a single exchange under it, and a batch under two; in this order."""
    mine = [line("answered", "A1", 1, "months"), line("refused_by_rules")]
    both = [line("answered", "A1", 1, "months"), line("no_data", "A2", 3, "pensions"), line("source_down", "A2", 3)]
    first = await batched(house, BEGUN, TWO[:1], mine, case_ref="c" * 64)
    await house.played(1, BEGUN + timedelta(hours=1))
    last = await batched(house, BEGUN + timedelta(hours=2), TWO, both)
    _, desk = await house.officer("first", "compliance_officer")
    (single,) = set(await found(desk, "")) - {first, last}
    return first, single, last


async def test_who_asks_what_was_exchanged_under_an_agreement_gets_all_of_it(house: House) -> None:
    first, single, last = await some(house)
    _, desk = await house.officer("amara", "compliance_officer")
    hour = "2026-10-05T07:00:00Z"
    for query, wanted in (
        ("agreement=A1", [last, single, first]),
        ("agreement=A2", [last]),
        ("agreement=A", []),
        (f"agreement=A1&consumer={CONSUMER}", [last, single, first]),
        (f"agreement=A1&system={PROVIDER}", [last, single, first]),
        (f"agreement=A1&provider={CONSUMER}", []),
        (f"agreement=A1&since={hour}", [last, single]),
        (f"agreement=A1&until={hour}", [first]),
        ("agreement=A2&purpose=another", []),
        ("outcome=answered", [last, single, first]),
        ("outcome=refused_by_rules", [first]),
        ("outcome=no_data", [last]),
        ("agreement=A2&outcome=source_down", [last]),
        ("agreement=A1&outcome=refused_by_rules", [first]),
        ("agreement=A2&outcome=refused_by_rules", []),
    ):
        assert await found(desk, query) == wanted, query


@pytest.mark.parametrize("period", ["", "&since=2026-10-01T00:00:00Z"])
async def test_pages_go_through_batches_and_single_exchanges_in_one_order_there_and_back(
    house: House, period: str
) -> None:
    newest = [*reversed(await some(house))]
    _, desk = await house.officer("amara", "compliance_officer")
    query, seen, turn = f"/exchanges?agreement=A1&limit=1{period}", [], ""
    for _ in newest:
        page = await desk.json("GET", query + turn)
        seen.append(page["exchanges"][0]["exchange_id"])
        turn = f"&before={page['next']}"
    assert seen == newest
    assert (await desk.json("GET", query + turn))["exchanges"] == []
    back = await desk.json("GET", f"{query}&after={page['previous']}")
    assert [each["exchange_id"] for each in back["exchanges"]] == [newest[1]]


async def test_of_a_person_too_batches_are_narrowed_by_agreement_and_outcome(house: House) -> None:
    first, _, last = await some(house)
    _, desk = await house.officer("nimal", "data_protection_officer")
    subject = {"subject": {"identifiers": [{"type": "NIC", "value": NIC}]}}
    for narrowed, wanted in (
        ({}, [last, first]),
        ({"agreement": "A2"}, [last]),
        ({"agreement": "A1", "outcome": "answered"}, [last, first]),
        (
            {"agreement": "A1", "outcome": "refused_by_rules"},
            [],
        ),  # of one line: what was refused was under no agreement
        ({"outcome": "refused_by_rules"}, [first]),
        ({"outcome": "ambiguous"}, []),
    ):
        told = (await desk.json("POST", "/exchanges/search", subject | narrowed))["exchanges"]
        assert [each["exchange_id"] for each in told] == wanted, narrowed


async def test_of_a_person_a_batch_tells_how_it_ended_for_them_and_not_for_others(house: House) -> None:
    await house.agreed()
    others = house.services.person_ref(Subject((Identifier("NIC", "198512345678"),)))
    id_ = await batched(house, BEGUN, TWO[:1], [line("answered", "A1", 1, "months"), line("no_data", "A1")])
    async with house.services.db.write() as connection:  # the first line is somebody else's
        whose = (batch_decision.c.exchange_id == id_) & (batch_decision.c.line == 0)
        await connection.execute(update(batch_decision).where(whose).values(person_ref=others))
    _, desk = await house.officer("nimal", "data_protection_officer")
    for number, outcome, released, others_outcome in (
        (NIC, "no_data", [], "answered"),
        ("198512345678", "answered", ["months"], "no_data"),
    ):
        subject = {"subject": {"identifiers": [{"type": "NIC", "value": number}]}}
        (told,) = (await desk.json("POST", "/exchanges/search", subject))["exchanges"]
        (own,) = told["own"]
        assert (own["outcome"], own.get("released", [])) == (outcome, released)
        assert told["sentence"].endswith("; released: months.") == bool(released)
        assert "; about this person it " in told["sentence"]
        for asked, wanted in ((outcome, [id_]), (others_outcome, [])):
            found = (await desk.json("POST", "/exchanges/search", subject | {"outcome": asked}))["exchanges"]
            assert [each["exchange_id"] for each in found] == wanted, (number, asked)


async def test_a_batch_names_and_links_every_agreement_that_it_was_decided_by(house: House) -> None:
    first, single, last = await some(house)
    _, desk = await house.officer("amara", "compliance_officer")
    told = {each["exchange_id"]: each for each in (await desk.json("GET", "/exchanges"))["exchanges"]}
    one, two = {"id": "A1", "version": 1}, {"id": "A2", "version": 3}
    assert [told[each]["agreements"] for each in (first, single, last)] == [[one], [one], [one, two]]
    assert told[last]["outcomes"] == {"answered": 1, "no_data": 1, "source_down": 1}
    form = {"csrf": await desk.browser.csrf(), "reason": WHY["Audit-Reason"], "next": "/console"}
    await desk.browser.http.post("/console/reason", data=form, headers={"origin": house.origin})
    page = (await desk.browser.http.get(f"/console/exchanges/{last}")).text
    for address in ("/console/agreements/A1?version=1", "/console/agreements/A2?version=3"):
        assert f'href="{address}"' in page
    assert page.count("The agreement that it was decided by") == 2


async def test_a_log_from_before_is_brought_along(house: House) -> None:
    first, single, last = await some(house)
    async with house.services.db.write() as connection:
        kept = (await connection.execute(select(audit_batch))).all()
        await connection.run_sync(stepped_again)
    async with house.services.db.read() as connection:
        assert sorted((await connection.execute(select(audit_batch))).all()) == sorted(kept)
        origins = await connection.run_sync(lambda reading: strayed(reading, logs_in(reading)))
    assert [*origins.values()] == [[]]
    _, desk = await house.officer("amara", "compliance_officer")
    assert await found(desk, "agreement=A1") == [last, single, first]


def stepped_again(connection: Connection) -> None:
    """As it was before the step that makes the lines of batches; then that step alone."""
    connection.exec_driver_sql("DROP TABLE audit_batch")
    connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0025'")
    config = Config()
    config.set_main_option("script_location", str(STEPS.parent))
    config.attributes["connection"] = connection
    command.upgrade(config, "0026")
    connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{newest()}'")


async def test_batches_are_read_in_the_order_of_their_index(house: House) -> None:
    now = datetime.now(UTC)
    many: Sequence[tuple[tuple[str, str], ...]] = (
        (("agreement", "A1"),),
        (("outcome", "answered"), ("agreement", "A1")),
        (("outcome", "answered"), ("consumer", CONSUMER), ("service", "s"), ("purpose", "p")),
    )
    windows: Sequence[dict[str, Any]] = ({}, {"since": now}, {"subject_ref": "r", "until": now})
    for facts in many:
        for window in windows:
            steps = await plan(house, Wanted(facts, kind="exchange.outcome", **window))
            assert "audit_batch_ts" in steps if window else "audit_batch_" in steps or "audit_batch USING" in steps
            assert not any(each in steps for each in ("SCAN", "Seq Scan", "TEMP B-TREE", "Sort")), steps


@pytest.mark.parametrize("page", [{"before": (1, 500)}, {"after": (1, 500)}])
async def test_a_page_deep_in_a_list_begins_at_its_place(house: House, page: dict[str, Any]) -> None:
    """And passes over nothing that the pages before it had: of a million lines each page would take a tenth second."""
    wanted = Wanted((("agreement", "A1"),), kind="exchange.outcome", **page)
    for query_of in (_query, _query_of_batches):
        steps = await plan(house, wanted, query_of)
        sought = "(log_id,seq)" if house.services.db.is_sqlite else "(seq "
        index = next(each for each in steps.splitlines() if sought in each)
        assert ("(?,?)" in index) or ("Index Cond" in index), steps


async def plan(house: House, wanted: Wanted, query_of: Callable[..., Select[Any]] = _query_of_batches) -> str:
    """How the database finds its lines."""
    return await plan_of(house, query_of(1, wanted, sqlite=house.services.db.is_sqlite).limit(25))


async def test_the_use_of_an_agreement_tells_what_batches_released_under_it(house: House) -> None:
    grants = [{"service": "pension.contributions", "actions": ["read", "bulk"], "fields": ["months"], "sends": ["NIC"]}]
    await house.agreed(services=grants)
    await some(house)
    _, desk = await house.officer("amara", "compliance_officer")
    period = "since=2026-10-05T00:00:00Z&until=2026-10-05T06:30:00Z"  # the first batch alone
    text = (await desk.call("GET", f"/reports/usage?{period}")).text
    (row,) = csv.DictReader(io.StringIO(text.partition("\r\n")[2]))
    assert (row["agreement"], row["exchanges"], row["released"]) == ("A1 v1", "1", "months")
    await batched(house, BEGUN + timedelta(minutes=5), TWO, [line("answered", "A2", 3, "pensions")])
    text = (await desk.call("GET", f"/reports/usage?{period}")).text
    (row,) = csv.DictReader(io.StringIO(text.partition("\r\n")[2]))
    assert (row["exchanges"], row["released"]) == ("2", "months")  # what left under another agreement is told there
    day = "since=2026-10-05T00:00:00Z&until=2026-10-06T00:00:00Z"
    text = (await desk.call("GET", f"/reports/usage?{day}")).text
    (row,) = csv.DictReader(io.StringIO(text.partition("\r\n")[2]))
    assert (row["exchanges"], row["people"]) == ("4", "4")  # of a batch under two, one of three; of the last, nobody
    text = (await desk.call("GET", f"/reports/processing?{day}")).text
    (row,) = csv.DictReader(io.StringIO(text.partition("\r\n")[2]))
    assert (row["exchanges"], row["people answered about"]) == ("4", "3")
