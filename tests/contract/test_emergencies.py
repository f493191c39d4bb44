"""Breaking the glass is possible, leaves a trace before anything is asked, and is looked at by a person in time."""

import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI, Request
from sqlalchemy import func, select

from adapters.kit.contract import Question, RawAnswer
from audit import details
from audit.details import Vault
from audit.erasure import erase
from audit.tables import audit_detail
from consent import LegalBasis
from gateway.delivery.tables import job
from gateway.edges.people import officer
from gateway.edges.v1 import emergencies as routes
from gateway.edges.v1 import problems
from gateway.errors import NoEvidence, RefusedByRules
from gateway.gate import Gate
from gateway.model import Ask
from gateway.oversight.emergencies import Emergencies, Reviewed, UseUnknown
from gateway.oversight.tables import emergency_use
from gateway.people.errors import NotAllowed
from gateway.people.roles import Right
from gateway.pipeline import exchange
from tests.durable_house import AT, CONSUMER, Fund, House, a_house, subject

REASON = "Silva, 199012304567, lies unconscious in ward 7"


class Answering(Fund):
    """An agency that answers single questions too."""

    async def ask(self, question: Question) -> RawAnswer:
        self.asked.append(question.subject.identifiers[0].value)
        return RawAnswer({"a": 1}, date(2026, 9, 30))


@dataclass
class Ward:
    """A house whose agreement holds in an emergency only."""

    house: House
    emergencies: Emergencies
    gate: Gate

    async def entries(self, kind: str) -> list[dict[str, Any]]:
        async with self.house.db.read() as connection:
            rows = await connection.exec_driver_sql("SELECT body FROM log_entry ORDER BY seq")
            bodies = [bytes(row[0]).decode() for row in rows]
        assert all("Silva" not in body for body in bodies)
        return [each["facts"] for each in map(json.loads, bodies) if each["kind"] == kind]


@pytest.fixture
async def ward(database_url: str, tmp_path: Path) -> AsyncIterator[Ward]:
    async with a_house(database_url, tmp_path) as house:
        house.fund.__class__ = Answering
        basis = LegalBasis("vital_interest", "Act 7, section 3", emergency=True)
        house.agreements[0] = replace(house.agreements[0], bases=(basis,))
        clock = partial(house.clock.__getitem__, 0)
        made = Emergencies(house.db, house.log, Vault(b"k" * 32), house.gate.catalogue, timedelta(hours=72), clock)
        yield Ward(house, made, replace(house.gate, break_glass=made))


def ask(reason: str = REASON) -> Ask:
    return Ask(CONSUMER, "fund.status", "p", subject("1"), date(2026, 11, 1), frozenset({"a"}), emergency=reason)


async def test_without_a_stated_emergency_the_basis_does_not_count(ward: Ward) -> None:
    with pytest.raises(RefusedByRules):
        await exchange(ask(""), ward.gate)
    assert ward.house.fund.asked == []
    assert await ward.emergencies.listed() == []


async def test_a_stated_emergency_is_answered_and_the_officers_are_told_at_once(
    ward: Ward, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.CRITICAL, "sandhi.oversight"):
        answer = await exchange(ask(), ward.gate)
    (use,) = await ward.emergencies.listed(waiting=True)
    assert (use.exchange_id, use.reason, use.standing(AT)) == (answer.exchange_id, REASON, "open")
    assert use.due_at == AT + timedelta(hours=72)
    (line,) = caplog.records
    assert answer.exchange_id in line.getMessage()
    assert "Silva" not in line.getMessage()
    async with ward.house.db.read() as connection:
        assert (await connection.execute(select(job.c.ref).where(job.c.kind == "emergency"))).scalars().all() == [
            answer.exchange_id
        ]


async def test_the_log_says_that_it_was_an_emergency_and_only_commits_to_the_reason(ward: Ward) -> None:
    answer = await exchange(ask(), ward.gate)
    (outcome,) = await ward.entries("exchange.outcome")
    assert outcome["emergency"] is True
    assert outcome["basis"] == "vital_interest"
    (used,) = await ward.entries("emergency.used")
    assert used["exchange_id"] == answer.exchange_id
    async with ward.house.db.read() as connection:
        kept = (await connection.execute(select(audit_detail.c.entry_id, audit_detail.c.sealed))).one()
        (detail,) = await connection.run_sync(ward.emergencies.vault.opened, UUID(bytes=kept.entry_id))
    assert (used["details"]["reason"], json.loads(detail.value)) == (detail.commitment, REASON)
    assert REASON.encode() not in kept.sealed


@pytest.mark.parametrize("whose", ["person", "exchange"])
async def test_erasing_the_person_or_the_exchange_takes_the_words_and_leaves_the_use(ward: Ward, whose: str) -> None:
    use = (await exchange(ask(), ward.gate)).exchange_id
    await ward.emergencies.review(use, "justified", "Silva was in danger", by="officer-1")
    scope = details.exchange(use) if whose == "exchange" else details.person(ward.gate.person_ref(subject("1")))
    async with ward.house.db.write() as connection:
        await erase(connection, ward.house.log, scope, by="dpo", reason="asked to", now=AT)
    (seen,) = await ward.emergencies.listed()
    assert (seen.exchange_id, seen.verdict, seen.reason, seen.remark) == (use, "justified", "", "")
    assert len(await ward.entries("emergency.used")) == len(await ward.entries("emergency.reviewed")) == 1


async def test_nothing_is_asked_where_the_use_cannot_be_reported(ward: Ward) -> None:
    with pytest.raises(NoEvidence):
        await exchange(ask(), ward.house.gate)
    assert ward.house.fund.asked == []


async def test_an_emergency_that_was_not_needed_waits_for_nobody(ward: Ward) -> None:
    known = ward.house.agreements[0]
    ward.house.agreements[0] = replace(known, bases=(LegalBasis("public_task", "Act 1"), *known.bases))
    await exchange(ask(), ward.gate)
    assert await ward.emergencies.listed() == []
    (outcome,) = await ward.entries("exchange.outcome")
    assert outcome["emergency"] is True  # it was stated, and that stays on record


async def test_a_review_is_made_once_and_stays(ward: Ward) -> None:
    use = (await exchange(ask(), ward.gate)).exchange_id
    await ward.emergencies.review(use, "justified", "Silva was in danger", by="officer-1")
    (seen,) = await ward.emergencies.listed()
    assert (seen.verdict, seen.remark, seen.reviewed_by) == ("justified", "Silva was in danger", "officer-1")
    assert await ward.emergencies.listed(waiting=True) == []
    with pytest.raises(Reviewed):
        await ward.emergencies.review(use, "not_justified", "no", by="officer-2")
    with pytest.raises(UseUnknown):
        await ward.emergencies.review("nothing", "justified", "no", by="officer-2")
    (reviewed,) = await ward.entries("emergency.reviewed")
    assert (reviewed["verdict"], reviewed["by"], reviewed["late"]) == ("justified", "officer-1", False)


async def test_what_nobody_reviewed_in_time_is_shown_and_alarmed_once(
    ward: Ward, caplog: pytest.LogCaptureFixture
) -> None:
    use = (await exchange(ask(), ward.gate)).exchange_id
    assert await ward.emergencies.alarm() == 0
    ward.house.clock[0] += timedelta(hours=72)
    with caplog.at_level(logging.CRITICAL, "sandhi.oversight"):
        assert await ward.emergencies.alarm() == 1
        assert await ward.emergencies.alarm() == 0
    assert "not reviewed in time" in caplog.text
    (overdue,) = await ward.entries("emergency.overdue")
    assert overdue["exchange_id"] == use
    (seen,) = await ward.emergencies.listed()
    assert seen.standing(ward.house.clock[0]) == "overdue"


class Officer:
    """An officer with some rights."""

    id = "officer-1"

    def __init__(self, *rights: Right) -> None:
        self.rights = rights

    def need(self, right: Right) -> None:
        if right not in self.rights:
            raise NotAllowed("None of your roles in force gives this right.")


async def test_officers_with_the_right_read_and_review_and_nobody_else(ward: Ward) -> None:
    use = (await exchange(ask(), ward.gate)).exchange_id
    app, who = FastAPI(), [Officer()]
    problems.install(app)
    app.include_router(routes.router, prefix="/v1")
    app.dependency_overrides[officer] = lambda: who[0]
    app.dependency_overrides[routes.emergencies] = lambda: ward.emergencies

    @app.exception_handler(NotAllowed)
    async def _forbidden(_: Request, error: Exception) -> Any:
        return problems.problem("forbidden", str(error))

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as http:
        assert (await http.get("/v1/emergencies")).status_code == 403
        who[0] = Officer(Right.REVIEW_ACT)
        (shown,) = (await http.get("/v1/emergencies?waiting=true")).json()["emergencies"]
        assert (shown["exchange_id"], shown["reason"], shown["standing"]) == (use, REASON, "overdue")
        path, said = f"/v1/emergencies/{use}/review", {"verdict": "justified", "remark": "it was"}
        assert (await http.post(path, json=said | {"verdict": "perhaps"})).status_code == 400
        answer = await http.post(path, json=said)
        assert (answer.status_code, answer.json()["standing"]) == (200, "reviewed")
        assert (await http.post(path, json=said)).status_code == 409
        assert (await http.post("/v1/emergencies/x/review", json=said)).status_code == 404
    async with ward.house.db.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(emergency_use)) == 1
