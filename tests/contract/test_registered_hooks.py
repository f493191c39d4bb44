"""A registered agency calls us, by files alone: events that it signs, and answers to questions that it took before."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import httpx

from adapters.kit.contract import Identifier, Subject
from adapters.kit.declared_hook import signature_of, webhook
from gateway.model import Ask
from tests.offices_house import ADAPTER, PURPOSE, SERVICE, Offices, offices, texts
from tests.reviewing import CONSUMER, NIC, ORIGIN

SECRET = "a secret of the offices"
HOOK = """
[webhook]
signature = "X-Office-Signature"
secret    = "secret:EMPLOYMENT_OFFICES_HOOK"
time      = "X-Office-Time"
id        = "/id"

[webhook.event.died]
when  = "/type=DEATH"
tells = "vital-event"
about = { NIC = "/nic" }

[webhook.answer.offers]
when      = "/type=OFFERS"
reference = "/question"
"""
DIED = '\n[died]\nevent = { from = "/what" }\ndate = { from = "/on", with = "date_iso" }\n'
DEATH = {"id": "d-1", "type": "DEATH", "what": "death", "on": "2026-10-30", "nic": NIC}


WITHOUT_SCHEMA = {
    "samples/no_such_day.golden": "offers[].starts: not a date at /offers/0/startsOn\n",
    "samples/unknown_kind.golden": "the record breaks canonical/employment-offers.v1.json at /offers/0/kind: enum\n",
}
"""How two of the offices' samples end where no `answer_schema` judges the answer before it is mapped."""


def files() -> dict[str, str]:
    """The folder of the offices, which answers later and tells of deaths."""
    own = texts()
    manifest = own["manifest.toml"].replace(
        'asOf = "as_at" }', 'asOf = "as_at", question = "reference" }\nimmediate = false'
    )
    manifest = manifest.replace('answer_schema = "./answer.json"\n', "").replace(
        "[service.offers]", f"{HOOK}\n[service.offers]"
    )
    settings = own["samples/conformance.toml"].replace(
        "[subject]", 'EMPLOYMENT_OFFICES_HOOK = "made up, and long"\n\n[subject]'
    )
    own |= {name: own[name].partition("the answer breaks")[0] + told for name, told in WITHOUT_SCHEMA.items()}
    sample = f"A death.\n---------- event died\n{json.dumps(DEATH)}\n---------- record\n"
    return own | {
        "manifest.toml": manifest,
        "mapping.toml": own["mapping.toml"] + DIED,
        "samples/conformance.toml": settings,
        "samples/died.golden": f'{sample}{{"event": "death", "date": "2026-10-30"}}\n',
    }


async def called(place: Offices, told: Any, secret: str = SECRET) -> httpx.Response:
    """A call as the offices make it."""
    body, time = json.dumps(told).encode(), str(int(place.here.trust.clock().timestamp()))
    declared = webhook({"signature": "X-Office-Signature", "secret": "secret:X", "time": "X-Office-Time"})
    headers = {"content-type": "application/json", "x-office-time": time}
    headers["x-office-signature"] = signature_of(declared, secret, time, body)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(place.house.app), base_url=ORIGIN) as http:
        return await http.post(f"/hooks/{ADAPTER}", content=body, headers=headers)


@asynccontextmanager
async def on_line(root: Path, url: str) -> AsyncIterator[Offices]:
    async with offices(root, url) as place:
        number = await place.proposed(files())
        named = {"URL": place.agency.url, "TOKEN": "secret-of-the-agency", "HOOK": SECRET}
        values = {f"EMPLOYMENT_OFFICES_{name}": value for name, value in named.items()}
        await place.done("POST", f"/adapters/{ADAPTER}/inputs", {"stage": "production", "values": values})
        await place.graded(number)
        await place.released(number)
        await place.agreed()
        working = asyncio.create_task(place.here.worker.run())
        try:
            yield place
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)


async def until(what: Any) -> Any:
    """What it gives as soon as it gives something; a worker has ten seconds for it."""
    async with asyncio.timeout(10):
        while not (found := await what()):
            await asyncio.sleep(0.02)
    return found


async def asked(place: Offices) -> str:
    who = Subject((Identifier("NIC", NIC),))
    ask = Ask(CONSUMER, SERVICE, PURPOSE, who, date(2026, 10, 31), frozenset({"office", "offers"}))
    before = len(place.agency.asked)
    made: str = await place.here.waiting.ask(ask)

    async def put() -> bool:
        shown = await place.here.waiting.show(CONSUMER, made)
        return len(place.agency.asked) > before and shown.state == "waiting"

    await until(put)
    return made


async def ended(place: Offices, exchange: str) -> Any:
    async def over() -> Any:
        shown = await place.here.waiting.show(CONSUMER, exchange)
        return shown if shown.state == "ended" else None

    return await until(over)


async def test_an_event_that_a_registered_agency_signs_is_taken_once_and_logged(
    tmp_path: Path, database_url: str
) -> None:
    async with on_line(tmp_path, database_url) as place:
        answers = [
            await called(place, DEATH),
            await called(place, DEATH),
            await called(place, DEATH, "another secret of it"),
        ]
        told = await place.house.kinds("event.told")
        nowhere = await called(place, {"id": "x", "type": "MARRIAGE"})
    assert [each.status_code for each in answers] == [200, 200, 403]
    assert [each["event"] for each in told] == ["vital-event"]
    assert NIC not in str(told)
    assert nowhere.json() == {"taken": 0, "passed_over": 1}


async def test_a_registered_agency_answers_later_and_what_it_says_is_decided_then(
    tmp_path: Path, database_url: str
) -> None:
    async with on_line(tmp_path, database_url) as place:
        exchange = await asked(place)
        reference = place.agency.asked[-1]["question"]
        told = {"type": "OFFERS", "question": reference, "office": "LK-11", "offers": []}
        wrong = await called(place, told | {"question": "of nobody"})
        assert (await place.here.waiting.show(CONSUMER, exchange)).state == "waiting"
        taken = [await called(place, told), await called(place, told | {"office": "LK-12"})]
        shown = await ended(place, exchange)
        released = await place.here.waiting.released(CONSUMER, exchange)
    assert [wrong.status_code, *(each.status_code for each in taken)] == [200, 200, 200]
    assert (shown.outcome, released["record"]["office"]) == ("answered", "LK-11")  # the second one changed nothing
    assert reference != exchange  # the agency does not learn our ids


async def test_an_answer_that_cannot_be_mapped_ends_the_question_as_the_source_s_fault(
    tmp_path: Path, sqlite_url: str
) -> None:
    async with on_line(tmp_path, sqlite_url) as place:
        exchange = await asked(place)
        await called(place, {"type": "OFFERS", "question": place.agency.asked[-1]["question"], "office": "LK-11"})
        assert (await ended(place, exchange)).outcome == "source_down"


async def test_a_folder_without_a_webhook_is_called_by_nobody(tmp_path: Path, sqlite_url: str) -> None:
    async with offices(tmp_path, sqlite_url) as place:
        await place.on_line()
        assert (await called(place, DEATH)).status_code == 404


async def test_the_folder_of_a_stranger_that_calls_us_keeps_every_check(tmp_path: Path, sqlite_url: str) -> None:
    """Judged in the sealed process, tried against its samples, and its endpoint asked: no program in any of it."""
    async with offices(tmp_path, sqlite_url) as place:
        number = await place.proposed(files())
        named = {"URL": place.agency.url, "TOKEN": "secret-of-the-agency", "HOOK": SECRET}
        values = {f"EMPLOYMENT_OFFICES_{name}": value for name, value in named.items()}
        await place.done("POST", f"/adapters/{ADAPTER}/inputs", {"stage": "test", "values": values})
        report = await place.done("POST", f"/adapters/{ADAPTER}/versions/{number}/test")
    failed = [each for each in report["results"] if each["fault"]]
    assert (failed, [each["schema"] for each in report["probe"]]) == ([], ["ok"])
    assert place.agency.asked[-1]["question"].startswith("probe-")
