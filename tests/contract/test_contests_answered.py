"""What people contest is answered on a page of the agency; another agency has no part in it."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.citizen_house import ANN, STATUTE, House, a_house, document, named

AT = "/console/agency/contests"
NAUGHTY = "<script>alert(1)</script> I never asked for this."
EPF = "LK/GOV/EPF"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(tmp_path) as found:
        await found.agree(document(legal_bases=STATUTE))
        yield found


async def opened(house: House) -> str:
    body = {"statement": NAUGHTY, "subject": named(ANN), "provider": EPF}
    made = await (await house.citizen(ANN)).post("/v1/my/contests", json=body)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def sent(desk: httpx.AsyncClient, id_: str, **typed: str) -> httpx.Response:
    return await desk.post(f"{AT}/{id_}", data={"csrf": desk.headers["x-csrf-token"], "part": "-1"} | typed)


async def test_the_agency_sees_the_case_answers_it_and_the_person_reads_the_answer(house: House) -> None:
    desk = await house.officer("agency_administrator", member=EPF)
    assert "Nothing waits." in (await desk.get(AT)).text
    id_ = await opened(house)
    assert "1 person says that a record of yours is wrong" in (await desk.get("/console/agency")).text
    page = (await desk.get(AT)).text
    assert "&lt;script&gt;alert(1)" in page
    assert f"National identity card number: {ANN}" in page
    refused = await sent(desk, id_, state="corrected", answer="")
    assert (refused.status_code, 'href="#answer-1"' in refused.text) == (400, True)
    assert 'value="corrected" selected' in refused.text
    done = await sent(desk, id_, state="corrected", answer="May was booked twice.")
    assert done.headers["location"] == f"{AT}?done=saved"
    page = (await desk.get(AT)).text
    assert "May was booked twice." in page
    assert ANN not in page
    mine = (await (await house.citizen(ANN)).get("/v1/my/contests")).json()["contests"]
    assert [(each["state"], each["answer"]) for each in mine] == [("corrected", "May was booked twice.")]
    (closed,) = await house.facts("contest.closed")
    assert closed["by"].startswith("OFF-")
    assert (await sent(desk, id_, state="deleted", answer="Once more.")).status_code in {400, 404}
    assert len(await house.facts("contest.closed")) == 1


async def test_idor_another_agency_sees_no_case_and_answers_none(house: House) -> None:
    other = await house.officer("agency_administrator", member="LK/GOV/WBB")
    id_ = await opened(house)
    page = (await other.get(AT)).text
    assert ANN not in page
    assert id_ not in page
    assert (await sent(other, id_, state="deleted", answer="Not ours.")).status_code in {400, 404}
    assert await house.facts("contest.closed") == []
    assert (await other.get("/v1/contests")).json() == {"contests": []}
