"""Dead letters are seen by officers, and released or dropped by two of them: nobody does it alone."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from gateway.delivery.tables import callback, job
from tests.reviewing import CONSUMER, ORIGIN, PROVIDER, Desk, House, a_house

GROUP = {"kind": "callback", "cause": "source_down", "target": CONSUMER}


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(tmp_path, database_url) as found:
        yield found


async def call(desk: Desk, method: str, path: str, body: object = None, status: int = 200) -> Any:
    headers = {"origin": ORIGIN, "x-csrf-token": await desk.browser.csrf()}
    content: dict[str, Any] = {"json": body} if method == "POST" else {}
    answer = await desk.browser.http.request(method, f"/v1{path}", headers=headers, **content)
    assert answer.status_code == status, answer.text
    return answer.json()


async def dead(house: House) -> str:
    """A callback that nobody took for a day."""
    here = house.services
    async with here.db.write() as connection:
        id_ = await here.callbacks.add(connection, (CONSUMER, "on-search"), "on-search", {"transaction_id": "t"})
        await connection.execute(update(job).where(job.c.ref == id_).values(state="dead", failure="source_down"))
        await connection.execute(update(callback).values(state="held"))
    return id_


async def states(house: House) -> tuple[str, str]:
    async with house.services.db.read() as connection:
        work = (await connection.execute(select(job.c.state).where(job.c.kind == "callback"))).scalar_one()
        return work, (await connection.execute(select(callback.c.state))).scalar_one()


@pytest.mark.parametrize(
    ("kind", "after", "entry"),
    [
        ("letters.release", ("ready", "queued"), "letters.released"),
        ("letters.drop", ("done", "dropped"), "letters.dropped"),
    ],
)
async def test_a_group_is_released_or_dropped_by_two_people(
    house: House, kind: str, after: tuple[str, str], entry: str
) -> None:
    id_ = await dead(house)
    _, operator = await house.officer("op", "operator", member="LK/GOV/SANDHI")
    _, compliance = await house.officer("co", "compliance_officer", member="LK/GOV/SANDHI")
    (group,) = (await call(operator, "GET", "/letters"))["groups"]
    assert {name: group[name] for name in GROUP} == GROUP
    assert (await call(operator, "GET", f"/letters?kind=callback&cause=source_down&target={CONSUMER}"))["letters"][0][
        "id"
    ] == id_
    proposal = {"kind": kind, "subject": "callback", "document": GROUP, "reason": "the address is mended"}
    made = await call(operator, "POST", "/approvals", proposal, 201)
    await call(operator, "POST", f"/approvals/{made['id']}/approve", {}, 409)
    assert await states(house) == ("dead", "held")
    await call(compliance, "POST", f"/approvals/{made['id']}/approve", {})
    assert await states(house) == after
    assert (await call(operator, "GET", "/letters"))["groups"] == []
    (told,) = await house.kinds(entry)
    assert (told["count"], told["approval"], told["target"]) == (1, made["id"], CONSUMER)


async def test_a_proposal_that_names_no_group_never_reaches_the_desk(house: House) -> None:
    _, operator = await house.officer("op", "operator", member="LK/GOV/SANDHI")
    proposal = {"kind": "letters.release", "subject": "x", "document": {"all": True}, "reason": "everything"}
    await call(operator, "POST", "/approvals", proposal, 409)


async def test_an_agency_releases_no_letters_of_another_agency_s_systems(house: House) -> None:
    await dead(house)
    _, stranger = await house.officer("epf-admin", "agency_administrator", member=PROVIDER.rpartition("/")[0])
    _, compliance = await house.officer("co", "compliance_officer", member="LK/GOV/SANDHI")
    proposal = {"kind": "letters.release", "subject": CONSUMER, "document": GROUP, "reason": "it is mended"}
    made = await call(stranger, "POST", "/approvals", proposal | {"member": PROVIDER.rpartition("/")[0]}, 201)
    await call(compliance, "POST", f"/approvals/{made['id']}/approve", {}, 409)
    assert await states(house) == ("dead", "held")
