"""OpenID Connect over real sockets: against the built-in provider as somebody else's, and against one that lies."""

import base64
import hashlib
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from fastapi import FastAPI

from gateway.console import Guard
from gateway.console.identity import idp_routes
from gateway.people import officers
from gateway.people.idp import Client, IdentityProvider
from gateway.people.officers import SHELL, Officer
from gateway.secret import Secret
from tests.lying_idp import LyingIdp
from tests.people_place import WBB, Place, a_place, hidden
from tests.small_gateway import served

CLIENT = {"OIDC_CLIENT_ID": "gw", "OIDC_CLIENT_SECRET": "s3cret with spaces & signs"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@dataclass(slots=True)
class House:
    """A gateway behind a real socket, with a provider behind another one."""

    place: Place
    base: str
    idp: LyingIdp
    browser: httpx.AsyncClient

    async def attempt(self) -> httpx.Response:
        """Sign in as far as it goes."""
        return await self.browser.get(f"{self.base}/console/sign-in/officers")

    async def refused(self) -> bool:
        """Whether an attempt leads to a 403 page and to no session."""
        answer = await self.attempt()
        console = await self.browser.get(f"{self.base}/console")
        return answer.status_code == 403 and "You are not signed in" in answer.text and "/sign-in" in console.url.path


@asynccontextmanager
async def a_house(folder: Path, *, far: bool = False, **settings: str) -> AsyncIterator[House]:
    idp, port = LyingIdp(), free_port()
    async with AsyncExitStack() as stack:
        idp.issuer = await stack.enter_async_context(served(idp.app()))
        listed = settings.pop("ALLOWED_HOSTS", urlsplit(idp.issuer).netloc)
        trusted = {"OIDC_ISSUER": idp.issuer, "ALLOWED_HOSTS": listed} | CLIENT | settings
        place = await stack.enter_async_context(a_place(folder, origin=f"http://127.0.0.1:{port}", **trusted))
        base = await stack.enter_async_context(served(place.app, port)) if far else place.origin
        async with place.db.write() as connection:
            kamal = Officer(officers.new_officer_id(), WBB, "Kamal", idp.issuer, "kamal")
            await officers.add(connection, place.log, kamal, by=SHELL, now=place.clock())
        near = {} if far else {base: httpx.ASGITransport(place.app)}
        client = httpx.AsyncClient(follow_redirects=True, trust_env=False, mounts=near)
        yield House(place, base, idp, await stack.enter_async_context(client))


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(tmp_path) as found:
        yield found


async def test_an_officer_of_a_provider_elsewhere_signs_in(tmp_path: Path) -> None:
    async with a_house(tmp_path, far=True) as house:
        await signs_in(house)


async def signs_in(house: House) -> None:
    landed = await house.attempt()
    assert (landed.status_code, landed.url.path) == (200, "/console/signed-in/officers")
    assert "Kamal" in (await house.browser.get(f"{house.base}/console")).text
    asked = house.idp.asked[0]
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert asked["redirect_uri"] == f"{house.base}/console/signed-in/officers" == house.idp.redeemed[0]["redirect_uri"]
    assert house.idp.verified_challenge()
    assert len(asked["state"]) >= 20
    assert len(asked["nonce"]) >= 20


LIES: dict[str, dict[str, Any]] = {
    "state of another": {"answer": {"state": "A" * 30}},
    "no state": {"answer": {"state": None}},
    "no code": {"answer": {"code": None}},
    "issuer mix-up: another issuer answers": {"answer": {"iss": "https://other.example"}},
    "an error": {"answer": {"error": "access_denied"}},
    "nonce of another": {"claims": {"nonce": "another"}},
    "no nonce": {"claims": {"nonce": None}},
    "another issuer in the token": {"claims": {"iss": "https://other.example"}},
    "another audience": {"claims": {"aud": "somebody"}},
    "another audience with us as authorised party": {"claims": {"aud": "somebody", "azp": "gw"}},
    "two audiences": {"claims": {"aud": ["gw", "somebody"], "azp": "gw"}},
    "another authorised party": {"claims": {"azp": "somebody"}},
    "expired": {"claims": {"iat": 1_000_000, "exp": 1_000_060}},
    "issued in the future": {"claims": {"iat": 4_000_000_000, "exp": 4_000_000_060}},
    "no expiry": {"claims": {"exp": None}},
    "no subject": {"claims": {"sub": None}},
    "a subject that is no text": {"claims": {"sub": ["kamal"]}},
    "signed in the future": {"claims": {"auth_time": 4_000_000_000}},
    "auth_time that is no number": {"claims": {"auth_time": "now"}},
    "alg none": {"forge": "none"},
    "HS256 with the public key as the secret": {"forge": "hs256"},
    "a key of another": {"header": {"kid": "another"}},
    "a subject nobody registered": {"claims": {"sub": "nimal"}},
    "the token endpoint refuses": {"token_status": 400},
    "the token endpoint fails": {"token_status": 500},
    "metadata of another issuer": {"metadata": {"issuer": "https://other.example"}},
    "metadata without endpoints": {"metadata": {"token_endpoint": None}},
    "metadata with symmetric algorithms only": {
        "metadata": {"id_token_signing_alg_values_supported": ["HS256", "none"]}
    },
    "iss promised and not sent": {
        "metadata": {"authorization_response_iss_parameter_supported": True},
        "answer": {"iss": None},
    },
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_lie_signs_nobody_in(house: House, lie: str) -> None:
    for name, value in LIES[lie].items():
        setattr(house.idp, name, value)
    assert await house.refused()
    assert "officer.signed_in" not in house.place.log.kinds


async def test_a_token_signed_by_another_key_signs_nobody_in(house: House) -> None:
    await house.attempt()
    await house.browser.get(f"{house.base}/console")
    house.browser.cookies.clear()
    house.idp.pair = type(house.idp.pair)()  # its key set was read before
    assert await house.refused()


async def test_an_answer_works_once_and_in_the_browser_that_asked(house: House) -> None:
    landed = await house.attempt()
    house.browser.cookies.clear()
    again = await house.browser.get(str(landed.url))
    assert again.status_code == 403
    stranger = await house.browser.get(f"{house.base}/console/signed-in/officers?code=c&state=s")
    assert stranger.status_code == 403
    assert house.place.log.kinds.count("officer.signed_in") == 1


async def test_a_provider_that_may_not_be_dialled_is_not_dialled(tmp_path: Path) -> None:
    async with a_house(tmp_path, ALLOWED_HOSTS="") as house:
        answer = await house.attempt()
        assert answer.status_code == 403
        assert "cannot be reached" in answer.text
        assert house.idp.asked == []


async def test_no_provider_speaks_for_another_one_s_officers(house: House) -> None:
    async with house.place.db.write() as connection:
        elsewhere = Officer(officers.new_officer_id(), WBB, "Nimal", "https://other.example", "nimal")
        await officers.add(connection, house.place.log, elsewhere, by=SHELL, now=house.place.clock())
    house.idp.claims = {"sub": "nimal"}
    assert await house.refused()


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    made = {name: tmp_path / name for name in ("near", "far")}
    for each in made.values():
        each.mkdir()
    return made


async def test_the_built_in_provider_vouches_for_another_gateway_over_real_sockets(folders: dict[str, Path]) -> None:
    port, own = free_port(), free_port()
    async with a_place(folders["far"], origin=f"http://127.0.0.1:{port}") as far:
        secret = Secret(CLIENT["OIDC_CLIENT_SECRET"])
        back = f"http://127.0.0.1:{own}/console/signed-in/officers"
        known = {"gw": Client(secret, frozenset({back}))}
        idp = IdentityProvider(f"{far.origin}/idp", known, far.people.accounts, far.clock)
        app = FastAPI(openapi_url=None)
        app.add_middleware(Guard, origin=far.origin)
        app.include_router(idp_routes(idp))
        amara = await far.officer("amara", account=True)
        settings = {"OIDC_ISSUER": idp.issuer, "ALLOWED_HOSTS": f"127.0.0.1:{port}"} | CLIENT
        async with (
            served(app, port),
            a_place(folders["near"], origin=f"http://127.0.0.1:{own}", **settings) as near,
            served(near.app, own) as base,
            httpx.AsyncClient(follow_redirects=True, trust_env=False) as browser,
        ):
            async with near.db.write() as connection:
                await officers.add(connection, near.log, amara, by=SHELL, now=near.clock())
            page = await browser.get(f"{base}/console/sign-in/officers?next=/console")
            assert page.headers["content-security-policy"].count(f"form-action 'self' {base}") == 1
            fields = hidden(page.text) | {"login": "amara", "password": far.passwords["amara"]}
            landed = await browser.post(f"{idp.issuer}/authorize", data=fields, headers={"origin": far.origin})
            assert str(landed.url).startswith(back)
            assert "Amara" in (await browser.get(f"{base}/console")).text


@dataclass(slots=True)
class Built:
    """The built-in provider, and one good question to it."""

    place: Place
    base: str
    browser: httpx.AsyncClient
    question: dict[str, str]

    async def code(self, **changed: str) -> str:
        """A code for the question, from the login form."""
        page = await self.browser.get(f"{self.base}/idp/authorize?{urlencode(self.question | changed)}")
        fields = hidden(page.text) | {"login": "amara", "password": self.place.passwords["amara"]}
        answer = await self.browser.post(f"{self.base}/idp/authorize", data=fields, headers={"origin": self.base})
        return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]

    async def redeem(self, code: str, client: str = "sandhi-console", **changed: str) -> httpx.Response:
        """Exchange a code as one of the gateway's own clients."""
        provider = next(each for each in self.place.people.providers.values() if each.client_id == client)
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.question["redirect_uri"]}
        access = (client, provider.client_secret.reveal())
        return await self.browser.post(
            f"{self.base}/idp/token", data=form | {"code_verifier": "v" * 43} | changed, auth=access
        )


@pytest.fixture
async def built(tmp_path: Path) -> AsyncIterator[Built]:
    base = "http://127.0.0.1:8080"
    async with (
        a_place(tmp_path, origin=base) as place,
        httpx.AsyncClient(transport=httpx.ASGITransport(place.app)) as browser,
    ):
        await place.officer("amara", account=True)
        question = {
            "client_id": "sandhi-console",
            "redirect_uri": f"{base}/console/signed-in/officers",
            "response_type": "code",
            "scope": "openid",
            "state": "s" * 20,
            "nonce": "n" * 20,
            "code_challenge": "Ul9FKXYZlg47_e-XeT5BOvSLDHzMG5XAgqM3TFpyS8w",
            "code_challenge_method": "S256",
        }
        yield Built(place, base, browser, question)


def challenge_of(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


async def test_a_code_is_redeemed_once_by_its_client_for_its_address_with_its_verifier(built: Built) -> None:
    built.question["code_challenge"] = challenge_of("v" * 43)
    code = await built.code()
    good = await built.redeem(code)
    assert good.status_code == 200
    assert {"id_token", "access_token", "token_type", "expires_in"} == good.json().keys()
    assert (await built.redeem(code)).json() == {"error": "invalid_grant"}
    other_client = await built.redeem(await built.code(), client="sandhi-citizens")
    assert other_client.json() == {"error": "invalid_grant"}
    other_place = await built.redeem(await built.code(), redirect_uri=f"{built.base}/console")
    assert other_place.json() == {"error": "invalid_grant"}
    other_verifier = await built.redeem(await built.code(), code_verifier="w" * 43)
    assert other_verifier.json() == {"error": "invalid_grant"}
    late = await built.code()
    built.place.clock.pass_by(61)
    assert (await built.redeem(late)).json() == {"error": "invalid_grant"}


@pytest.mark.parametrize(
    "variation",
    [
        "{base}/console/signed-in/officers/",
        "{base}/console/signed-in/officers?x=1",
        "{base}/console/signed-in/officers#x",
        "{base}/console/signed-in/../signed-in/officers",
        "{base}/CONSOLE/signed-in/officers",
        "{base}/console/signed-in/citizens",
        "{base}@evil.example/console/signed-in/officers",
        "http://evil.example/console/signed-in/officers",
        "//evil.example",
        "",
    ],
)
async def test_a_redirect_address_is_compared_letter_by_letter(built: Built, variation: str) -> None:
    asked = built.question | {"redirect_uri": variation.format(base=built.base)}
    answer = await built.browser.get(f"{built.base}/idp/authorize?{urlencode(asked)}")
    assert answer.status_code == 400
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"nonce": ""}, "invalid_request"),
        ({"request": "e30.e30."}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
    ],
)
async def test_what_a_client_asks_wrongly_it_is_told_at_its_own_address(
    built: Built, changed: dict[str, str], error: str
) -> None:
    answer = await built.browser.get(f"{built.base}/idp/authorize?{urlencode(built.question | changed)}")
    location = urlsplit(answer.headers["location"])
    assert location.path == "/console/signed-in/officers"
    assert parse_qs(location.query)["error"] == [error]
    assert parse_qs(location.query)["iss"] == [f"{built.base}/idp"]


async def test_a_parameter_sent_twice_is_refused(built: Built) -> None:
    query = f"{urlencode(built.question)}&redirect_uri=http%3A%2F%2Fevil.example"
    assert (await built.browser.get(f"{built.base}/idp/authorize?{query}")).status_code == 400


async def test_the_token_endpoint_wants_its_client(built: Built) -> None:
    for access in (None, ("sandhi-console", "wrong"), ("nobody", "x")):
        answer = await built.browser.post(f"{built.base}/idp/token", data={"code": "x"}, auth=access)
        assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})


async def test_passwords_are_throttled_and_the_refusal_says_nothing(built: Built) -> None:
    page = await built.browser.get(f"{built.base}/idp/authorize?{urlencode(built.question)}")
    told = set()
    for login, password in [("nobody", "x"), *[("amara", f"guess {n}") for n in range(5)], ("amara", "")]:
        fields = hidden(page.text) | {"login": login, "password": password or built.place.passwords["amara"]}
        answer = await built.browser.post(f"{built.base}/idp/authorize", data=fields, headers={"origin": built.base})
        assert answer.status_code == 400
        told.add(answer.text)
    assert len(told) == 1
    assert built.place.passwords["amara"] not in told.pop()
