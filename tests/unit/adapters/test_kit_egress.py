import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyOutcomeUnknown,
    AgencyTimeout,
    AgencyUnavailable,
)
from adapters.kit.egress import Dialler, HttpClient, Limits, NotAllowed
from adapters.kit.http_client import always

Agency = Callable[[object], Awaitable[object]]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, list[list[str]]], None]:
    """Give a host name a sequence of DNS answers; the last one stays."""

    def prepare(host: str, sequence: list[list[str]]) -> None:
        async def getaddrinfo(name: str, port: int, **_: object) -> list[object]:
            assert name == host
            addresses = sequence.pop(0) if len(sequence) > 1 else sequence[0]
            family = {True: socket.AF_INET6, False: socket.AF_INET}
            return [(family[":" in each], socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)

    return prepare


@pytest.mark.parametrize(
    "url",
    [
        "http://agency.example/",
        "http://127.0.0.1:1/",
        "https://user:secret@agency.example/",
        "https:///path",
        "ftp://agency.example/",
        "file:///etc/passwd",
        "https://agency.example:99999/",
        "https://agency.example/#x",
        "",
    ],
)
def test_only_https_to_a_plain_host_may_be_dialled_unless_listed(url: str) -> None:
    with pytest.raises(NotAllowed):
        Dialler({"127.0.0.1:2"}).check_url(url)


def test_a_listed_address_may_speak_http() -> None:
    assert Dialler({"127.0.0.1:2"}).check_url("http://127.0.0.1:2/x") == ("127.0.0.1", 2)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://169.254.169.254/",
        "https://127.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://localhost/",
    ],
)
async def test_an_address_that_is_not_public_is_never_connected_to(url: str) -> None:
    dialler = Dialler()
    with pytest.raises(AgencyUnavailable) as caught:
        await dialler.http(url, Limits(attempts=1, timeout_s=5)).request("GET", "/")
    await dialler.close()
    assert isinstance(caught.value, NotAllowed) or caught.value.code == "not_allowed"


async def test_one_private_answer_among_public_ones_is_enough_to_refuse(
    answers: Callable[[str, list[list[str]]], None],
) -> None:
    answers("agency.example", [["1.1.1.1", "10.0.0.1"]])
    with pytest.raises(NotAllowed):
        await Dialler().connect("agency.example", 22)


async def test_a_name_that_changes_its_mind_is_refused_at_the_next_connection(
    answers: Callable[[str, list[list[str]]], None],
) -> None:
    answers("agency.example", [["1.1.1.1"], ["127.0.0.1"]])
    dialler = Dialler()
    assert [address for _, address in await dialler.resolve("agency.example", 443)] == ["1.1.1.1"]
    with pytest.raises(NotAllowed):
        await dialler.http("https://agency.example", Limits(attempts=1)).request("GET", "/")
    await dialler.close()


async def test_connect_gives_a_socket_to_a_listed_port_and_names_failures(agency: Agency) -> None:
    server = await agency(lambda _: b"")
    opened = await server.dialler().connect("127.0.0.1", server.port)
    assert opened.getpeername() == ("127.0.0.1", server.port)
    assert opened.getblocking() is False
    opened.close()
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(AgencyUnavailable, match="cannot connect"):
            await Dialler({f"127.0.0.1:{port}"}).connect("127.0.0.1", port)


def client(server: object, **limits: object) -> tuple[Dialler, HttpClient]:
    dialler = server.dialler()
    return dialler, dialler.http(server.url, Limits(**{"timeout_s": 2.0, **limits}))


async def test_an_answer_comes_back_as_it_is(agency: Agency, reply: type) -> None:
    server = await agency(lambda request: reply(201, request.body + b"!", {"x-more": "1"}))
    dialler, http = client(server)
    answer = await http.request("POST", "/p?q=1", headers={"X-Id": "7"}, content=b"hello")
    await dialler.close()
    (request,) = server.requests
    assert (answer.status, answer.body, answer.headers["x-more"]) == (201, b"hello!", "1")
    assert (request.method, request.path, request.headers["x-id"]) == ("POST", "/p?q=1", "7")
    assert request.headers["accept-encoding"] == "identity"
    assert answer.content_type == "application/json"


async def test_connections_are_kept_and_their_number_is_bounded(agency: Agency, reply: type) -> None:
    server = await agency(lambda _: reply())
    dialler, http = client(server, concurrent=3)
    await asyncio.gather(*(http.request("GET", "/") for _ in range(30)))
    await dialler.close()
    assert len(server.requests) == 30
    assert server.connections <= 3


async def test_a_redirect_is_an_answer_and_not_followed(agency: Agency, reply: type) -> None:
    server = await agency(lambda _: reply(302, b"", {"location": "http://127.0.0.1:1/"}))
    dialler, http = client(server)
    assert (await http.request("GET", "/")).status == 302
    await dialler.close()
    assert len(server.requests) == 1


async def test_a_proxy_from_the_environment_is_ignored(
    agency: Agency, reply: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    server = await agency(lambda _: reply())
    dialler, http = client(server)
    assert (await http.request("GET", "/")).status == 200
    await dialler.close()


async def test_another_origin_is_refused(agency: Agency, reply: type) -> None:
    server = await agency(lambda _: reply())
    dialler, http = client(server)
    for url in ("https://agency.example/", server.url.replace("http:", "https:")):
        with pytest.raises(NotAllowed):
            await http.request("GET", url)
    assert (await http.request("GET", f"{server.url}/full")).status == 200
    await dialler.close()


async def test_a_busy_agency_is_asked_again_when_it_wants_and_a_refusal_is_an_answer(
    agency: Agency, reply: type
) -> None:
    script = [reply(503, b"", {"retry-after": "0"}), reply(429), reply(200, b"at last")]
    server = await agency(lambda _: script.pop(0))
    dialler, http = client(server)
    assert (await http.request("GET", "/")).body == b"at last"
    server.handler = lambda _: reply(404, b"no")
    assert (await http.request("GET", "/")).status == 404
    await dialler.close()


async def test_what_cannot_be_repeated_is_sent_once(agency: Agency, reply: type) -> None:
    server = await agency(lambda _: reply(503))
    dialler, http = client(server)
    with pytest.raises(AgencyUnavailable):
        await http.request("POST", "/", repeatable=False)
    server.handler = lambda _: reply(500)
    with pytest.raises(AgencyOutcomeUnknown):
        await http.request("POST", "/", repeatable=False)
    server.handler = lambda _: b"HTTP/1.1 2"
    with pytest.raises(AgencyOutcomeUnknown):
        await http.request("POST", "/", repeatable=False)
    await dialler.close()
    assert len(server.requests) == 3


async def test_nothing_was_sent_when_there_was_no_connection() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        dialler = Dialler({f"127.0.0.1:{port}"})
        http = dialler.http(f"http://127.0.0.1:{port}", Limits(attempts=1))
        with pytest.raises(AgencyUnavailable):
            await http.request("POST", "/", repeatable=False)
        await dialler.close()


async def test_five_hundreds_are_handed_over_to_protocols_that_put_faults_in_them(agency: Agency, reply: type) -> None:
    server = await agency(lambda _: reply(500, b"<fault/>"))
    dialler, http = client(server)
    assert (await http.request("POST", "/", faults=always)).body == b"<fault/>"
    with pytest.raises(AgencyUnavailable):
        await http.request("POST", "/", timeout_s=0.3)
    await dialler.close()


async def test_the_deadline_is_total_even_against_a_drip(agency: Agency) -> None:
    async def drip(_: object) -> object:
        await asyncio.sleep(30)
        raise AssertionError

    server = await agency(drip)
    dialler, http = client(server, timeout_s=0.2)
    started = asyncio.get_running_loop().time()
    with pytest.raises(AgencyTimeout):
        await http.request("GET", "/")
    with pytest.raises(AgencyOutcomeUnknown):
        await http.request("POST", "/", repeatable=False)
    assert asyncio.get_running_loop().time() - started < 1.5
    await dialler.close()


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n" + b"x" * 5000,
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc",
        b"nonsense\r\n\r\n",
    ],
)
async def test_too_much_too_clever_or_no_http_at_all_is_malformed(agency: Agency, raw: bytes) -> None:
    server = await agency(lambda _: raw)
    dialler, http = client(server, max_bytes=4096)
    with pytest.raises(AgencyAnswerMalformed):
        await http.request("GET", "/")
    with pytest.raises(AgencyOutcomeUnknown):
        await http.request("POST", "/", repeatable=False)
    await dialler.close()


async def test_a_dead_agency_is_left_alone(agency: Agency, reply: type) -> None:
    server = await agency(lambda _: reply(500))
    dialler, http = client(server, attempts=1)
    for _ in range(20):
        with pytest.raises(AgencyUnavailable):
            await http.request("GET", "/")
    with pytest.raises(AgencyUnavailable) as caught:
        await http.request("GET", "/")
    await dialler.close()
    assert caught.value.code == "breaker_open"
    assert len(server.requests) == 20
