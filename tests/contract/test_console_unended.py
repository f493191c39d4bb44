"""From the overview to the exchanges that have no end, and from a refusal to the agreement it was refused under."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from audit.entry import new_id
from tests.reviewing import CONSUMER, PROVIDER, WHY, House, a_house

OTHER = "199012304568"


@pytest.fixture
async def house(tmp_path: Path, sqlite_url: str) -> AsyncIterator[House]:
    async with a_house(tmp_path, sqlite_url) as found:
        yield found


async def at_work(house: House) -> httpx.AsyncClient:
    _, desk = await house.officer("nimal", "data_protection_officer")
    form = {"csrf": await desk.browser.csrf(), "reason": WHY["Audit-Reason"], "next": "/console"}
    await desk.browser.http.post("/console/reason", data=form, headers={"origin": house.origin})
    return desk.browser.http


async def open_exchange(house: House, consumer: str = CONSUMER) -> str:
    """One whose end nobody has written."""
    at = datetime.now(UTC) - timedelta(minutes=5)
    id_ = str(new_id(at))
    facts = {"exchange_id": id_, "consumer": consumer, "provider": PROVIDER, "service": "pension.contributions"}
    facts |= {"action": "read", "purpose": "employment-support.eligibility"}
    await house.logged("exchange.intent", facts | {"asked": ["months"]}, at)
    return id_


async def test_the_number_of_exchanges_without_an_end_leads_to_them_and_to_no_others(house: House) -> None:
    await house.agreed()
    await house.consented()
    ended, open_ = await house.asked(case="C-1"), await open_exchange(house)
    officer = await at_work(house)
    address = "/console/exchanges?outcome=no_end"
    front = (await officer.get("/console")).text
    assert (
        f'<span class="app-cards__figure">1</span><a class="govuk-link" href="{address}">exchange without an end</a>'
        in front
    )
    page = (await officer.get(address)).text
    assert (open_ in page, ended in page) == (True, False)
    assert '<option value="no_end" selected' in page


async def test_exchanges_without_an_end_are_narrowed_by_the_other_filters_too(house: House) -> None:
    ours, theirs = await open_exchange(house), await open_exchange(house, "LK/GOV/IRD/PAYE")
    officer = await at_work(house)
    for name in ("system", "consumer"):
        page = (await officer.get(f"/console/exchanges?outcome=no_end&{name}={CONSUMER}")).text
        assert (ours in page, theirs in page) == (True, False)
    page = (await officer.get("/console/exchanges?outcome=no_end&since=2099-01-01")).text
    assert (ours in page, theirs in page) == (False, False)


async def test_a_refusal_leads_to_the_agreement_that_it_was_refused_under(house: House) -> None:
    await house.agreed()
    await house.consented()
    refused = await house.asked(OTHER, case="C-2")
    officer = await at_work(house)
    page = (await officer.get(f"/console/exchanges/{refused}")).text
    assert page.count("The agreement that it was refused under: A1 v1") == 1
    assert '<a class="govuk-link" href="/console/agreements/A1?version=1">' in page
    assert (await officer.get("/console/agreements/A1?version=1")).status_code == 200


async def test_where_no_agreement_was_there_to_refuse_nothing_is_linked(house: House) -> None:
    refused = await house.asked()
    officer = await at_work(house)
    assert "refused under" not in (await officer.get(f"/console/exchanges/{refused}")).text
