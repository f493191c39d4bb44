"""HAProxy ends the TLS: the configuration in `deploy/haproxy`, run as it is, in front of the gateway's Unix socket."""

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request

from gateway.trust.policy import Policy
from tests.listening import listening, raw
from tests.proxied import edge
from tests.small_ca import OFFICES, Issued, SmallCa
from tests.small_gateway import Place, a_gateway
from tests.trusting import SR, Pair, form

PAIR = Pair()


@pytest.fixture
def authority(tmp_path: Path) -> SmallCa:
    return SmallCa(tmp_path / "ca")


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with a_gateway(tmp_path) as built:

        @built.app.api_route("/v1/whoami", methods=["GET", "POST"])
        async def whoami(request: Request) -> dict[str, object]:
            await request.body()
            return {"system": request.state.caller.system}

        yield built


async def registered(place: Place, *certificates: Issued) -> None:
    await place.register(replace(SR, policy=Policy(certificates=tuple(each.thumbprint for each in certificates))), PAIR)


def client(authority: SmallCa, port: int, shown: Issued | None) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"https://127.0.0.1:{port}", verify=authority.context(shown))


async def token(caller: httpx.AsyncClient) -> str:
    response = await caller.post("/oauth2/token", data=form(PAIR.assertion()))
    assert (response.status_code, response.json()["token_type"]) == (200, "Bearer")
    return str(response.json()["access_token"])


@pytest.mark.parametrize("parser", ["h11", "httptools"])
async def test_each_office_of_the_secure_channel_is_known_and_a_stolen_token_is_refused(
    place: Place, authority: SmallCa, tmp_path: Path, parser: str
) -> None:
    offices = [authority.client(name) for name in OFFICES]
    await registered(place, *offices)
    async with edge(place.app, authority, tmp_path, parser) as port:
        for office, other in zip(offices, [*offices[1:], offices[0]], strict=True):
            async with client(authority, port, office) as caller, client(authority, port, other) as thief:
                headers = {"authorization": f"Bearer {await token(caller)}"}
                assert (await caller.get("/v1/whoami", headers=headers)).json() == {"system": SR.id}
                assert (await thief.get("/v1/whoami", headers=headers)).status_code == 401


async def test_forged_certificate_and_forwarding_headers_change_nothing(
    place: Place, authority: SmallCa, tmp_path: Path
) -> None:
    board, ministry = authority.client("board"), authority.client("ministry")
    await registered(place, board, ministry)
    async with (
        edge(place.app, authority, tmp_path) as port,
        client(authority, port, board) as owner,
        client(authority, port, ministry) as thief,
    ):
        access = await token(owner)
        forged = [
            ("authorization", f"Bearer {access}"),
            ("client-cert", board.header),
            ("Client-Cert", board.header),
            ("client-cert-chain", board.header),
            ("x-forwarded-for", "127.0.0.1"),
            ("forwarded", "for=127.0.0.1;proto=https"),
            ("sandhi-edge-secret", "x"),
        ]
        assert (await thief.get("/v1/whoami", headers=forged)).status_code == 401
        assert (await owner.get("/v1/whoami", headers=forged)).status_code == 200


@pytest.mark.parametrize("foreign", [False, True], ids=["none", "of another CA"])
async def test_without_a_certificate_of_the_ca_there_is_no_connection(
    place: Place, authority: SmallCa, tmp_path: Path, foreign: bool
) -> None:
    shown = SmallCa(tmp_path / "other", "Other CA").client("board") if foreign else None
    async with edge(place.app, authority, tmp_path) as port, client(authority, port, shown) as caller:
        with pytest.raises((httpx.TransportError, ssl.SSLError)):
            await caller.get("/.well-known/jwks.json")


SLOW = {
    "a head that never ends": b"POST /oauth2/token HTTP/1.1\r\nHost: 127.0.0.1\r\n",
    "a body that never comes": b"POST /oauth2/token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\na",
}


async def test_slow_heads_and_bodies_are_cut(place: Place, authority: SmallCa, tmp_path: Path) -> None:
    context = authority.context(authority.client("board"))
    async with edge(place.app, authority, tmp_path) as port:
        answers = await asyncio.gather(*(raw(port, sent, tls=context, wait=8) for sent in SLOW.values()))
    assert [answer[:12] for answer in answers] == [b"HTTP/1.1 408", b"HTTP/1.1 408"]


async def test_who_floods_what_is_open_to_all_is_stopped_by_the_proxy_and_others_go_on(
    place: Place, authority: SmallCa, tmp_path: Path
) -> None:
    board = authority.client("board")
    await registered(place, board)
    async with edge(place.app, authority, tmp_path) as port, client(authority, port, board) as caller:
        headers = {"authorization": f"Bearer {await token(caller)}"}
        answers = Counter([(await caller.get("/%6fauth2/none")).status_code for _ in range(520)])
        assert answers[429] >= 19
        assert answers[404] >= 490
        assert (await caller.get("/v1/whoami", headers=headers)).status_code == 200


SECRET = "0123456789abcdef0123456789abcdef"


async def test_over_tcp_a_certificate_counts_only_with_the_secret(
    place: Place, authority: SmallCa, tmp_path: Path
) -> None:
    board, ministry = authority.client("board"), authority.client("ministry")
    await registered(place, board)
    good = [("client-cert", board.header), ("sandhi-edge-secret", SECRET)]
    refused = {
        "no secret": good[:1],
        "another secret": [good[0], ("sandhi-edge-secret", SECRET[::-1])],
        "the secret twice": [*good, good[1]],
        "two certificates": [*good, ("client-cert", ministry.header)],
        "the same certificate twice": [*good, good[0]],
        "two in one": [("client-cert", f"{board.header}, {ministry.header}"), good[1]],
        "no colons": [("client-cert", board.header[1:-1]), good[1]],
        "padding left out": [("client-cert", board.header.replace("=", "") + "A:"), good[1]],
        "a parameter": [("client-cert", board.header + ";x=1"), good[1]],
        "spaces within": [("client-cert", board.header[:9] + " " + board.header[9:]), good[1]],
        "not a certificate": [("client-cert", ":AAAA:"), good[1]],
        "empty": [("client-cert", "::"), good[1]],
        "PEM": [("client-cert", "-----BEGIN CERTIFICATE-----"), good[1]],
    }
    async with (
        listening(place.app, tmp_path, {"EDGE_SECRET": SECRET}) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as proxy,
    ):
        issued = await proxy.post("/oauth2/token", data=form(PAIR.assertion()), headers=good)
        assert issued.json()["token_type"] == "Bearer"
        headers = [("authorization", f"Bearer {issued.json()['access_token']}")]
        assert (await proxy.get("/v1/whoami", headers=headers + good)).status_code == 200
        assert (await proxy.get("/v1/whoami", headers=headers)).status_code == 401
        for name, sent in refused.items():
            assert (name, (await proxy.get("/v1/whoami", headers=headers + sent)).status_code) == (name, 400)
