"""Exchanges about many people: whom a breach concerns and whether each line was decided rightly, line by line."""

import json
import os
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from audit import new_id
from gateway.delivery.tables import batch, batch_decision
from gateway.model import Identifier, Subject
from gateway.review import breach
from tests.agreeing import WBB
from tests.reviewing import CONSUMER, NIC, PROVIDER, House, a_house

NIGHTLY = bool(os.environ.get("SANDHI_NIGHTLY"))
EXCHANGES = 500_000 if NIGHTLY else 5_000
GRANT = [{"service": "pension.contributions", "actions": ["read", "bulk"], "fields": ["months"], "sends": ["NIC"]}]
STRANGER = "199012304568"


@pytest.fixture
async def house(tmp_path: Path, database_url: str) -> AsyncIterator[House]:
    async with a_house(tmp_path, database_url) as found:
        await found.agreed(services=GRANT)
        await found.consented()
        yield found


REASONS = ["deny consent c-of-another-purpose: other purpose", "allow agreement A1 v1: consent c-of-hers"]


async def batched(house: House) -> str:
    """A batch of two: one person consented, the other did not."""
    now = datetime.now(UTC)
    id_, ref = str(new_id(now)), house.services.person_ref
    said = {
        "exchange_id": id_,
        "consumer": CONSUMER,
        "provider": PROVIDER,
        "service": "pension.contributions",
        "action": "read",
        "purpose": "employment-support.eligibility",
        "asked": ["months"],
        "lines": 2,
    }
    await house.logged("exchange.intent", said, now)
    ended = said | {"outcome": "answered", "outcomes": {"answered": 1, "refused_by_rules": 1}, "agreements": ["A1 v1"]}
    await house.logged("exchange.outcome", ended, now + timedelta(milliseconds=5))
    granted = {"agreement": "A1", "agreement_version": 1, "basis": "consent", "released": ["months"], "withheld": []}
    lines = (
        (NIC, {"line": 0, "outcome": "answered", "reasons": REASONS, "answer": "0"} | granted),
        (STRANGER, {"line": 1, "outcome": "refused_by_rules", "reasons": ["deny agreement A1 v1"], "answer": "0"}),
    )
    kept = {"id": id_, "consumer": CONSUMER, "service": "s", "purpose": "p", "asked": {}, "state": "done", "lines": 2}
    async with house.services.db.write() as connection:
        await connection.execute(insert(batch).values(kept | {"outcomes": {}, "created": 0.0, "expires": 0.0}))
        for number, line in lines:
            row = {"exchange_id": id_, "line": line["line"], "outcome": line["outcome"], "decision": json.dumps(line)}
            row["person_ref"] = ref(Subject((Identifier("NIC", number),)))
            await connection.execute(insert(batch_decision).values(row))
    return id_


async def test_people_of_a_batch_are_found_and_only_those_who_were_answered_about_are_affected(house: House) -> None:
    id_ = await batched(house)
    _, desk = await house.officer("nimal", "data_protection_officer")
    for number in (NIC, STRANGER):
        subject = {"subject": {"identifiers": [{"type": "NIC", "value": number}]}}
        found = (await desk.json("POST", "/exchanges/search", subject))["exchanges"]
        assert [each["exchange_id"] for each in found] == [id_]
    for criteria in ({"agreement": "A1"}, {"system": CONSUMER}, {"system": PROVIDER}):
        figures = (await desk.json("POST", "/breaches", criteria))["figures"]
        assert (figures["exchanges"], figures["people"], figures["lines_of_batches"]) == (1, 1, 1)
        assert (figures["fields"], figures["recipients"]) == ({"months": 1}, {CONSUMER: 1})
    assert (await desk.json("POST", "/breaches", {"system": WBB}))["figures"]["people"] == 1
    for unknown in ({"agreement": "A2"}, {"system": "LK/GOV/WBB/NONE"}):
        assert "nothing was opened" in (await desk.json("POST", "/breaches", unknown, 409))["detail"]


async def test_a_field_counts_for_each_person_whom_it_is_about(house: House) -> None:
    await batched(house)
    async with house.services.db.write() as connection:
        granted = select(batch_decision.c.decision).where(batch_decision.c.line == 0)
        answered = (await connection.execute(granted)).scalar_one()
        await connection.execute(update(batch_decision).values(decision=answered))
    _, desk = await house.officer("nimal", "data_protection_officer")
    figures = (await desk.json("POST", "/breaches", {"agreement": "A1"}))["figures"]
    assert (figures["exchanges"], figures["people"], figures["lines_of_batches"]) == (1, 2, 2)
    assert (figures["fields"], figures["agreements"]) == ({"months": 2}, {"A1": 1})


async def test_each_line_of_a_batch_is_decided_again(house: House) -> None:
    id_ = await batched(house)
    _, desk = await house.officer("amara", "compliance_officer")
    told = await desk.json("POST", f"/exchanges/{id_}/replay")
    assert (told["result"], told["lines"]) == ("same", 2)
    async with house.services.db.write() as connection:
        await connection.exec_driver_sql("UPDATE consent_consent SET withdrawn_at = recorded_at")
    told = await desk.json("POST", f"/exchanges/{id_}/replay")
    assert (told["result"], told["different_lines"]) == ("different", [0])


async def test_a_reviewer_reads_for_each_line_how_it_ended_and_by_which_rules_and_not_whose_it_is(house: House) -> None:
    id_ = await batched(house)
    _, desk = await house.officer("amara", "external_auditor")
    told = await desk.json("GET", f"/exchanges/{id_}/lines?limit=1")
    (first,), after = told["lines"], told["next"]
    assert (first["line"], first["outcome"], first["released"]) == (0, "answered", ["months"])
    assert [each["result"] for each in first["rules"]] == ["allowed"]  # which consents do not count is left out
    (second,) = (await desk.json("GET", f"/exchanges/{id_}/lines?after={after}&limit=5"))["lines"]
    assert (second["line"], second["outcome"]) == (1, "refused_by_rules")
    assert {each["result"] for each in second["rules"]} == {"not_allowed"}
    person = house.services.person_ref(Subject((Identifier("NIC", NIC),)))
    assert all(each not in str(told) for each in (NIC, person, "c-of-hers", "c-of-another-purpose"))
    assert {each["how"] for each in await house.kinds("evidence.read")} == {"lines"}
    await desk.call("GET", "/exchanges/0192f0c1-0000-7000-8000-000000000000/lines", status=404)
    assert (await desk.json("GET", f"/exchanges/{await house.asked()}/lines"))["lines"] == []


@pytest.mark.timeout(1200)
async def test_the_scope_of_a_breach_is_known_in_under_a_minute_at_a_million_entries(house: House) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for hour in range(EXCHANGES // 5_000):
        await house.played(5_000, start + timedelta(hours=hour), every_s=0.5)
    begun = time.monotonic()
    found = await breach.scope_of(house.services.db, house.services.log, breach.Criteria(agreement="A1"))
    assert (found.exchanges, len(found.persons)) == (EXCHANGES, 5_000)
    assert time.monotonic() - begun < 60
