"""The front desk of an application: whose password, whose session, which form, from where, and where to afterwards."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from pages.desk import Account, Accounts, Front, Guard, LoginRefused, WrongPassword
from pages.desk.accounts import TRIES
from pages.desk.forms import LARGEST
from pages.desk.sessions import IDLE_S, LONGEST_S, Sessions

ORIGIN = "http://desk.test"
FORM = {"origin": ORIGIN}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    return Accounts(tmp_path / "accounts.json")


class Place:
    """One application with one page that shows who is there and takes a form."""

    def __init__(self, accounts: Accounts, origin: str = ORIGIN) -> None:
        self.clock = Clock()
        self.password = accounts.add(Account("kavitha", "Kavitha <b>", "LK-11"))
        front = Front(
            accounts, area="/desk", origin=origin, sections=(), done={}, sessions=lambda: Sessions(self.clock)
        )

        async def show(request: Request) -> Response:
            who = front.who(request)
            return PlainTextResponse(f"{who.account.place} {who.csrf}")

        async def take(request: Request) -> Response:
            _, form = await front.form(request)
            return PlainTextResponse(form["text"])

        routes = [*front.routes(), Route("/desk/page", show), Route("/desk/page", take, methods=["POST"])]
        app = Starlette(routes=routes, exception_handlers=dict(front.handlers()))
        guarded = Guard(app, origin=origin, prefixes=("/desk",))
        self.browser = TestClient(guarded, base_url=origin, follow_redirects=False)
        self.front = front

    def sign_in(self, password: str | None = None, then: str = "/desk/page", **headers: str) -> int:
        form = {"login": "kavitha", "password": password or self.password, "next": then}
        answer = self.browser.post("/desk/sign-in", data=form, headers=FORM | headers)
        self.location = answer.headers.get("location", "")
        self.cookie = answer.headers.get("set-cookie", "")
        return answer.status_code

    def status_with(self, secret: str) -> int:
        """How the page answers a browser with this cookie alone."""
        self.browser.cookies.clear()
        found = self.browser.get("/desk/page", headers={"cookie": f"sandhi-desk={secret}"})
        self.browser.cookies.set("sandhi-desk", secret, domain="desk.test")
        return found.status_code

    def csrf(self) -> str:
        return self.browser.get("/desk/page").text.split()[-1]


@pytest.fixture
def place(accounts: Accounts) -> Iterator[Place]:
    found = Place(accounts)
    with found.browser:
        yield found


async def test_a_password_is_made_kept_as_a_hash_and_opens_the_account(accounts: Accounts, tmp_path: Path) -> None:
    password = accounts.add(Account("kavitha", "Kavitha", "LK-11"))
    assert await accounts.checked("kavitha", password) == Account("kavitha", "Kavitha", "LK-11")
    kept = tmp_path / "accounts.json"
    assert password not in kept.read_text("utf-8")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


@pytest.mark.parametrize(("login", "name"), [("Kavitha", "K"), ("../x", "K"), ("", "K"), ("kavitha", " ")])
def test_an_account_that_cannot_be_is_refused(accounts: Accounts, login: str, name: str) -> None:
    with pytest.raises(LoginRefused):
        accounts.add(Account(login, name))


def test_a_login_is_taken_once(accounts: Accounts) -> None:
    accounts.add(Account("kavitha", "K"))
    with pytest.raises(LoginRefused):
        accounts.add(Account("kavitha", "Another"))


async def test_after_some_wrong_passwords_the_right_one_does_not_help(accounts: Accounts) -> None:
    password = accounts.add(Account("kavitha", "K"))
    for _ in range(TRIES):
        with pytest.raises(WrongPassword):
            await accounts.checked("kavitha", "wrong")
    with pytest.raises(WrongPassword):
        await accounts.checked("kavitha", password)


async def test_logins_that_nobody_can_have_are_not_remembered_one_by_one(accounts: Accounts) -> None:
    for number in range(TRIES + 2):
        with pytest.raises(WrongPassword):
            await accounts.checked("x" * 10_000 + str(number), "wrong")
    assert accounts._wrong.keys() == {""}


async def test_nobody_has_an_account_that_is_not_there(accounts: Accounts) -> None:
    with pytest.raises(WrongPassword):
        await accounts.checked("nobody", "")


def test_signing_in_begins_a_session_that_no_script_and_no_other_site_can_use(place: Place) -> None:
    assert (place.sign_in(), place.location) == (303, "/desk/page")
    assert all(part in place.cookie for part in ("HttpOnly", "SameSite=strict", "Path=/", "sandhi-desk="))
    assert place.browser.get("/desk/page").text.startswith("LK-11 ")


def test_behind_https_the_cookie_is_bound_to_the_host(tmp_path: Path) -> None:
    place = Place(Accounts(tmp_path / "accounts.json"), "https://desk.test")
    place.sign_in(origin="https://desk.test")
    assert place.cookie.startswith("__Host-sandhi-desk=")
    assert "Secure" in place.cookie
    assert "strict-transport-security" in place.browser.get("/desk/page").headers


def test_two_desks_on_ports_of_one_host_sign_nobody_out_of_the_other(tmp_path: Path) -> None:
    names = set()
    for port in (8090, 8091):
        place = Place(Accounts(tmp_path / f"{port}.json"), f"http://desk.test:{port}")
        place.sign_in(origin=f"http://desk.test:{port}")
        names.add(place.cookie.partition("=")[0])
    assert names == {"sandhi-desk-8090", "sandhi-desk-8091"}


def test_signing_in_anew_ends_the_session_of_before(place: Place) -> None:
    chosen = "chosen-by-somebody-else"
    place.sign_in(cookie=f"sandhi-desk={chosen}")
    first = place.browser.cookies["sandhi-desk"]
    assert first != chosen
    place.sign_in()
    newest = place.browser.cookies["sandhi-desk"]
    assert [place.status_with(each) for each in (chosen, first, newest)] == [303, 303, 200]


def test_signing_out_ends_the_session_on_the_server_too(place: Place) -> None:
    place.sign_in()
    kept = place.browser.cookies["sandhi-desk"]
    assert place.browser.post("/desk/sign-out", data={"csrf": place.csrf()}, headers=FORM).status_code == 303
    assert place.status_with(kept) == 303


@pytest.mark.parametrize("step", [IDLE_S, LONGEST_S])
def test_a_session_ends_by_itself(place: Place, step: float) -> None:
    place.sign_in()
    while place.clock.now + IDLE_S / 2 < step:
        place.clock.now += IDLE_S / 2
        assert (place.browser.get("/desk/page").status_code == 200) == (place.clock.now < LONGEST_S)
    place.clock.now += IDLE_S
    assert place.browser.get("/desk/page").status_code == 303


def test_an_account_that_was_taken_out_has_no_session(place: Place, accounts: Accounts) -> None:
    place.sign_in()
    accounts.remove("kavitha")
    assert place.browser.get("/desk/page").headers["location"] == "/desk/sign-in?next=%2Fdesk%2Fpage"


def test_an_account_that_somebody_else_has_by_now_has_no_session_of_before(place: Place, accounts: Accounts) -> None:
    place.sign_in()
    accounts.remove("kavitha")
    accounts.add(Account("kavitha", "Kavitha of another office", "LK-12"))
    assert place.browser.get("/desk/page").status_code == 303


def test_a_form_is_taken_with_the_token_of_its_session_only(place: Place) -> None:
    place.sign_in()
    token = place.csrf()
    good = {"csrf": token, "text": "said"}
    assert place.browser.post("/desk/page", data=good, headers=FORM).text == "said"
    for bad in ({"text": "said"}, {"csrf": "x" * 64, "text": "said"}, {"csrf": "ö", "text": "said"}):
        assert place.browser.post("/desk/page", data=bad, headers=FORM).status_code == 403
    place.sign_in()
    assert place.browser.post("/desk/page", data=good, headers=FORM).status_code == 403


@pytest.mark.parametrize("body", [b"text=a&text=b", b"a=" + b"x" * LARGEST, b"text=%ff", b"&".join([b"a=1"] * 60)])
def test_a_form_that_is_none_is_refused(place: Place, body: bytes) -> None:
    place.sign_in()
    headers = FORM | {"content-type": "application/x-www-form-urlencoded"}
    body += b"&csrf=" + place.csrf().encode()
    assert place.browser.post("/desk/page", content=body, headers=headers).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://other.test"},
        {"origin": "null"},
        {},
        FORM | {"sec-fetch-site": "cross-site"},
        FORM | {"sec-fetch-site": "same-site"},
        FORM | {"content-type": "text/plain"},
        FORM | {"host": "other.test"},
    ],
    ids=["other", "null", "absent", "cross-site", "same-site", "no form", "other host"],
)
def test_a_request_that_comes_from_elsewhere_changes_nothing(place: Place, headers: dict[str, str]) -> None:
    place.sign_in()
    answer = place.browser.post("/desk/page", data={"csrf": place.csrf(), "text": "x"}, headers=headers)
    assert answer.status_code == 403
    assert answer.headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "then",
    [
        "https://evil.example",
        "//evil.example",
        "/desk/..//evil.example",
        "/deskevil",
        "/desk\\evil",
        "/desk/page\r\nx: y",
        "/other",
        "",
    ],
)
def test_nobody_is_sent_elsewhere_after_signing_in(place: Place, then: str) -> None:
    place.sign_in(then=then)
    assert place.location == "/desk"


def test_one_wrong_password_is_told_in_words_and_without_the_login(place: Place) -> None:
    form = {"login": "<script>alert(1)</script>", "password": "x", "next": "/desk/page"}
    answer = place.browser.post("/desk/sign-in", data=form, headers=FORM)
    assert answer.status_code == 400
    assert "There is a problem" in answer.text
    assert "alert(1)" not in answer.text
