"""The language of a page: chosen, remembered, or the best that the browser asks for."""

from datetime import UTC

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from pages.languages import NOW, Speaking


async def told(_: Request) -> PlainTextResponse:
    spoken = NOW.get()
    return PlainTextResponse(f"{spoken.language.code} {spoken.address(lang='en')}")


@pytest.fixture
def browser() -> TestClient:
    return TestClient(Speaking(Starlette(routes=[Route("/page", told)]), zone=UTC))


@pytest.mark.parametrize(
    ("accepted", "code"),
    [
        ("", "en"),
        ("si-LK,si;q=0.9,en;q=0.8", "si"),
        ("en;q=0.2,ta;q=0.7", "ta"),
        ("ta;q=0", "en"),
        ("ta;q=much", "en"),
        ("de", "en"),
    ],
)
def test_the_browser_may_ask_for_one(browser: TestClient, accepted: str, code: str) -> None:
    assert browser.get("/page", headers={"accept-language": accepted}).text.split()[0] == code


def test_a_choice_is_remembered_and_is_no_part_of_the_address(browser: TestClient) -> None:
    first = browser.get("/page?outcome=answered&lang=si")
    assert first.text == "si /page?outcome=answered&lang=en"
    assert "SameSite=Lax" in first.headers["set-cookie"]
    assert browser.get("/page", headers={"accept-language": "ta"}).text.split()[0] == "si"


@pytest.mark.parametrize("cookie", ["sandhi-language=xx", "sandhi-language=<script>", ";;;=", "sandhi-language"])
def test_a_strange_cookie_is_nothing(browser: TestClient, cookie: str) -> None:
    answer = browser.get("/page", headers={"cookie": cookie})
    assert (answer.status_code, answer.text.split()[0]) == (200, "en")


def test_a_language_that_is_not_ours_is_not_remembered(browser: TestClient) -> None:
    assert "set-cookie" not in browser.get("/page?lang=xx").headers


def test_an_address_that_takes_forms_only_leads_a_browser_to_the_page_above_it() -> None:
    routes = [Route("/desk", told), Route("/desk/lines", told), Route("/desk/lines/{number:int}", told)]
    routes += [Route(path, told, methods=["POST"]) for path in ("/desk/lines/reject", "/desk/a/b/c", "/other/form")]
    app = Speaking(Starlette(routes=routes), zone=UTC)
    desk = TestClient(app, follow_redirects=False)
    for asked, page in (("/desk/lines/reject", "/desk/lines"), ("/desk/a/b/c", "/desk")):
        answer = desk.get(f"{asked}?lang=ta")
        assert (answer.status_code, answer.headers["location"]) == (303, page)
        assert "sandhi-language=ta" in answer.headers["set-cookie"]
        assert desk.put(asked).status_code == 405
    assert desk.get("/other/form").status_code == 405
