import asyncio
from collections.abc import Awaitable, Callable

import pytest

from adapters.kit.contract import AgencyAnswerMalformed, AgencyRefused
from adapters.kit.egress import Dialler, Limits
from adapters.kit.transports.oauth import ClientCredentials

Agency = Callable[[object], Awaitable[object]]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def credentials(server: object, clock: Clock, **more: object) -> tuple[Dialler, ClientCredentials]:
    dialler = server.dialler()
    http = dialler.http(server.url, Limits(timeout_s=20.0, attempts=1))
    return dialler, ClientCredentials(http, "/token", {"client_id": "c", "client_secret": "s&"}, clock=clock, **more)


async def test_many_callers_cause_one_request_and_the_token_is_kept_until_shortly_before_its_end(
    agency: Agency, reply: type
) -> None:
    server = await agency(lambda _: reply(body={"access_token": f"t{len(server.requests)}", "expires_in": "60"}))
    clock = Clock()
    dialler, tokens = credentials(server, clock)
    assert set(await asyncio.gather(*(tokens.token() for _ in range(20)))) == {"t1"}
    clock.now = 49.9
    assert await tokens.token() == "t1"
    clock.now = 50.1
    assert await tokens.token() == "t2"
    await dialler.close()
    assert server.requests[0].body == b"grant_type=client_credentials&client_id=c&client_secret=s%26"


async def test_the_parameters_can_go_in_the_query_as_opencrvs_1_wants_them(agency: Agency, reply: type) -> None:
    server = await agency(lambda _: reply(body={"access_token": "t"}))
    dialler, tokens = credentials(server, Clock(), in_query=True, headers=lambda: {"timestamp": "now"})
    await tokens.token()
    await dialler.close()
    (request,) = server.requests
    assert request.path == "/token?grant_type=client_credentials&client_id=c&client_secret=s%26"
    assert request.headers["timestamp"] == "now"


async def test_a_refused_token_is_renewed_once(agency: Agency, reply: type) -> None:
    server = await agency(lambda _: reply(body={"access_token": f"t{len(server.requests)}"}))
    dialler, tokens = credentials(server, Clock())
    used: list[str] = []

    async def call(token: str) -> object:
        used.append(token)
        return reply(401 if len(used) == 1 else 200)

    assert (await tokens.authorised(call)).status == 200
    await dialler.close()
    assert used == ["t1", "t2"]


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, {"error": "invalid_client"}, AgencyRefused),
        (400, {"error": "invalid_client"}, AgencyRefused),
        (200, {"token": "t"}, AgencyAnswerMalformed),
        (200, {"access_token": ""}, AgencyAnswerMalformed),
        (200, {"access_token": "t\r\nX-Injected: yes"}, AgencyAnswerMalformed),
        (200, {"access_token": "t\x00"}, AgencyAnswerMalformed),
        (200, {"access_token": "தோழி"}, AgencyAnswerMalformed),
        (200, {"access_token": "t", "expires_in": "soon"}, AgencyAnswerMalformed),
        (200, b"<html>", AgencyAnswerMalformed),
        (200, [], AgencyAnswerMalformed),
    ],
)
async def test_no_token_is_an_error_of_the_right_kind(
    agency: Agency, reply: type, status: int, body: object, error: type[Exception]
) -> None:
    server = await agency(lambda _: reply(status, body))
    dialler, tokens = credentials(server, Clock())
    with pytest.raises(error):
        await tokens.token()
    await dialler.close()
