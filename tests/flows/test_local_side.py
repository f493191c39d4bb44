"""Grievances, appeals and verification in the field through a running gateway: told back, both versions kept."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from flows.gateways import Running, served
from sandhi_client import Client, Identifier, Problem, Subject

from adapters.grievance.adapter import signature
from gateway.cli.demo.choices import Ports
from gateway.cli.demo.onboarding import onboard
from gateway.settings import Settings
from tests.local_place import (
    APPEAL,
    COMPLAINT,
    DAY,
    HOUSEHOLD,
    LIST,
    NIC,
    NOBODY,
    ORIGINAL,
    REVISED,
    REVISION,
    VISIT,
    Divisions,
    divisions,
)

PERSON = Subject((Identifier("NIC", NIC),))
UNPAID = Subject((Identifier("NIC", NOBODY),))  # whom no other test here knows
CARE, ENROL = "social-protection.grievance", "social-protection.enrolment"


@dataclass(frozen=True, slots=True)
class Linked:
    """A gateway, and the divisions that are linked to it."""

    gateway: Running
    local: Divisions


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Linked]:
    data = tmp_path_factory.mktemp("local")
    made: list[Divisions] = []
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patched:

        def prepared(url: str) -> None:
            made.append(stack.enter_context(divisions(data, url)))
            for name, value in made[0].settings.items():
                patched.setenv(f"SANDHI_{name}", value)
            patched.setenv("SANDHI_ALLOWED_HOSTS", made[0].url.partition("//")[2])
            environment = {"SANDHI_DATA_DIR": str(data / "run"), "SANDHI_PUBLIC_URL": url}
            asyncio.run(onboard(Settings.read(environment), Ports(1, 2, 3), DAY))

        (data / "run").mkdir()
        gateway = stack.enter_context(served(data / "run", prepared=prepared))
        yield Linked(gateway, made[0])


async def handed(
    client: Client, service: str, purpose: str, record: dict[str, Any], key: str, about: Subject = PERSON
) -> str:
    """Deliver and wait until the agency has it; gives the delivery's id."""
    taken = await client.deliver(service=service, purpose=purpose, subject=about, record=record, idempotency_key=key)
    await reached(client, taken.id, "state", "handed")
    return taken.id


async def reached(client: Client, delivery: str, member: str, wanted: str) -> None:
    end = time.monotonic() + 20
    while (found := getattr(await client.delivery(delivery), member)) != wanted:
        assert time.monotonic() < end, f"{member} stayed {found}"
        await asyncio.sleep(0.05)


async def test_an_appeal_by_hotline_is_opened_decided_and_told_back(linked: Linked) -> None:
    side = linked.local.side
    async with linked.gateway.client("social-registry") as client:
        delivery = await handed(client, "grievance.case", CARE, APPEAL, "appeal-1")
        case = next(each for each in side.desk.of(NIC) if each.record["kind"] == "appeal")
        assert case.office == "AC-LK-1103"
        assigned = side.desk.moved(case.number, "ASG", DAY)
        investigated = side.desk.moved(case.number, "INV", DAY)
        decided = side.desk.moved(case.number, "DEC", DAY, outcome="UPH", score="24.0")
        for news in (assigned, decided, investigated, decided):  # out of order, and one of them twice
            assert await side.telling.told(news)
        await reached(client, delivery, "receiver_state", "decided")
        asked: dict[str, Any] = {"service": "grievance.status", "purpose": CARE, "fields": ["cases"], "as_at": DAY}
        answer = await client.exchange(subject=PERSON, **asked)
        with pytest.raises(Problem) as refused:
            await client.exchange(subject=PERSON, **asked | {"purpose": ENROL})
    found = next(each for each in answer.record["cases"] if each["kind"] == "appeal")
    assert (found["state"], found["outcome"], found["score_after"]) == ("decided", "upheld", "24.0")
    assert refused.value.code == "not_available"  # no agreement is for this purpose, so not even why is told


async def test_nobody_but_the_desk_moves_a_delivery(linked: Linked) -> None:
    side = linked.local.side
    async with linked.gateway.client("social-registry") as client:
        delivery = await handed(client, "grievance.case", CARE, COMPLAINT, "complaint-1")
        case = next(each for each in side.desk.of(NIC) if each.record["kind"] == "grievance")
        body = json.dumps(
            {"item": case.item, "number": case.number, "state": "CLO", "changedOn": "2026-10-31"}
        ).encode()
        at = str(int(time.time()))
        headers = {"desk-signature": f"t={at},v1={signature(at, body, 'not the secret')}"}
        url = f"{linked.gateway.url}/hooks/grievance"
        async with httpx.AsyncClient(trust_env=False) as stranger:
            assert (await stranger.post(url, content=body, headers=headers)).status_code == 403
        assert (await client.delivery(delivery)).receiver_state == "taken"
        assert await side.telling.told(replace(case, state="ASG"))
        await reached(client, delivery, "receiver_state", "assigned")


async def test_the_bank_reports_what_it_did_and_the_status_tells_the_person(linked: Linked) -> None:
    desk = linked.local.side.desk
    async with linked.gateway.client("social-registry") as registry, linked.gateway.client("bank") as bank:
        await handed(registry, "grievance.case", CARE, COMPLAINT, "complaint-2", UNPAID)
        (case,) = desk.of(NOBODY)
        asked: dict[str, Any] = {"service": "grievance.status", "purpose": CARE, "fields": ["cases"], "as_at": DAY}
        before = await registry.exchange(subject=UNPAID, **asked)
        done = {"case": case.number, "action": "paid_again", "acted_on": "2026-10-30", "payment": "SAM-B1"}
        await handed(bank, "grievance.action", CARE, done, "action-1", UNPAID)
        after = await registry.exchange(subject=UNPAID, **asked)
        with pytest.raises(Problem) as curious:
            await bank.exchange(subject=UNPAID, **asked)
        of_nobody = await bank.deliver(
            service="grievance.action",
            purpose=CARE,
            subject=UNPAID,
            record=done | {"case": "GR-2026-999999"},
            idempotency_key="action-2",
        )
        await reached(bank, of_nobody.id, "state", "failed")
    told = [each for at in (before, after) for each in at.record["cases"]]
    assert [each.get("action") for each in told] == [None, "paid_again"]
    assert told[1]["acted_on"] == "2026-10-30"
    assert curious.value.code == "forbidden"  # the bank reports, and learns nothing of the person's cases


async def test_a_household_is_listed_cleared_edited_and_approved(linked: Linked) -> None:
    book = linked.local.side.households
    ask: dict[str, Any] = {
        "service": "field_verification.verification",
        "purpose": ENROL,
        "fields": ["state", "original", "revised", "clearance", "approval"],
        "as_at": DAY,
    }
    async with linked.gateway.client("social-registry") as client:
        await handed(client, "field_verification.visit", ENROL, VISIT, "visit-1")
        assert book.complete(LIST)
        book.visited(LIST, HOUSEHOLD, "DIFF")
        early = await client.deliver(
            service="field_verification.revision",
            purpose=ENROL,
            subject=PERSON,
            record=REVISION,
            idempotency_key="revision-0",
        )
        await reached(client, early.id, "state", "refused")
        book.cleared(LIST, HOUSEHOLD, "DS-1103-1")
        await handed(client, "field_verification.revision", ENROL, REVISION, "revision-1")
        book.approved(LIST, HOUSEHOLD, "DS-1103-1")
        answer = await client.exchange(subject=PERSON, **ask)
    record = answer.record
    assert (record["state"], record["original"], record["revised"]) == ("approved", ORIGINAL, REVISED)
    assert record["clearance"]["reference"] != record["approval"]["reference"]
