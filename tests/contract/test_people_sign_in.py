"""Signing in by OpenID Connect at the built-in identity provider, and what the browser is told on the way."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.people_place import Place, a_place


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with a_place(tmp_path) as found:
        yield found


async def test_an_anonymous_visitor_ends_on_the_sign_in_page(place: Place) -> None:
    for area in ("console", "my-data"):
        page = await place.browser().get(f"/{area}")
        assert (page.status_code, page.url.path) == (200, f"/{area}/sign-in")
        assert f"/{area}/sign-in/" in page.text


async def test_an_officer_signs_in_is_named_with_roles_and_signs_out(place: Place) -> None:
    made = await place.officer("amara", "data_manager", account=True)
    browser = place.browser()
    landed = await browser.sign_in("amara")
    assert 'http-equiv="refresh" content="0; url=/console"' in landed.text
    home = await browser.get("/console")
    assert all(told in home.text for told in ("Amara", made.id, "Data manager", "LK/GOV/WBB"))
    gone = await browser.submit("/console/sign-out", {"csrf": await browser.csrf()})
    assert (gone.status_code, gone.headers["location"]) == (303, "/console/sign-in")
    assert (await browser.get("/console")).url.path == "/console/sign-in"
    assert place.log.kinds[-2:] == ["officer.signed_in", "officer.signed_out"]
