"""Lists of the console keep what narrows them over a form, and choose from what there is instead of asking for ids."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.agreeing import EPF, WBB
from tests.reviewing import ORIGIN, House, a_house


@pytest.fixture
async def house(tmp_path: Path, sqlite_url: str) -> AsyncIterator[House]:
    async with a_house(tmp_path, sqlite_url) as found:
        yield found


async def test_looking_through_the_log_leads_back_to_the_same_findings(house: House) -> None:
    _, desk = await house.officer("nila", "compliance_officer")
    page = (await desk.browser.http.get("/console/findings?state=signed_off&rule=out_of_hours")).text
    assert 'action="/console/findings/run?state=signed_off&amp;rule=out_of_hours"' in page
    form = {"csrf": await desk.browser.csrf()}
    for query, back in (
        ("?state=signed_off&rule=out_of_hours", "?state=signed_off&rule=out_of_hours&done=looked"),
        ("?state=%22%3E%3Cb&rule=none", "?done=looked"),
        ("", "?done=looked"),
    ):
        answer = await desk.browser.http.post(f"/console/findings/run{query}", data=form, headers={"origin": ORIGIN})
        assert answer.headers["location"] == f"/console/findings{back}"


async def test_agreements_are_narrowed_by_choosing_and_a_wrong_id_says_so(house: House) -> None:
    await house.agreed()
    _, desk = await house.officer("nila", "compliance_officer")
    page = (await desk.browser.http.get(f"/console/agreements?consumer={WBB}")).text
    assert f'<option value="{WBB}" selected>' in page
    assert f'<option value="{EPF}">' in page
    assert "Nobody with this identifier" not in page
    wrong = (await desk.browser.http.get(f"/console/agreements?provider={EPF}/NOBODY")).text
    assert "Nobody with this identifier stands in an agreement here." in wrong
