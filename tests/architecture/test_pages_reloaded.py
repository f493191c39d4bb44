"""What a language link, a reload or a bookmark of a page made by a form asks for: a page, never "405"."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from architecture.test_access import PARAMETER, House, a_house, rows

PAGES = [(method, path) for who in ("officer", "citizen", "open") for method, path, _, _ in rows(who, below="/")]
TOGETHER = ("operator", "data_protection_officer", "agency_administrator")  # between them they may open every page
SEEN = {path for method, path in PAGES if method == "GET"}
SENT = {path for method, path in PAGES if method == "POST" and path.startswith(("/console", "/my-data"))}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Without a limit of requests, which would answer before what is asked for here."""
    async with a_house(tmp_path, SANDHI_LIMIT_PEER_RATE="0") as found:
        yield found


async def test_every_address_of_a_form_leads_to_a_page_in_the_chosen_language(house: House) -> None:
    seen = re.compile("|".join(PARAMETER.sub("[^/]+", path) for path in SEEN))
    browsers = [(await house.officer(role.replace("_", "-"), role))[1].http for role in TOGETHER]
    assert len(SENT - SEEN) > 20
    led = 0
    for path in sorted(SENT - SEEN):
        answers = [(each, await each.get(PARAMETER.sub("x", path), params={"lang": "si"})) for each in browsers]
        browser, answer = next((pair for pair in answers if pair[1].status_code != 403), answers[0])
        assert "sandhi-language=si" in answer.headers["set-cookie"], path
        if answer.status_code == 404:  # looks like the address of a thing that there is not
            assert 'lang="si"' in answer.text, path
            continue
        assert answer.status_code == 303, path
        assert seen.fullmatch(urlsplit(answer.headers["location"]).path), path
        ended = await browser.get(answer.headers["location"], follow_redirects=True)
        assert ended.status_code != 405, path
        assert 'lang="si"' in ended.text, path  # its own page, or one that says what is missing
        led += 1
    assert led > 20
