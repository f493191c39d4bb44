"""What a call over HTTP is counted as, where a status alone does not say it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from adapters.kit.breaker import ENOUGH
from adapters.kit.contract import AgencyError, AgencyTimeout, AgencyUnavailable
from adapters.kit.egress import Dialler, HttpAnswer, HttpClient, Limits
from adapters.kit.http_client import always
from gateway.errors import translated

Agency = Callable[[object], Awaitable[Any]]


def client(agency: Any, **limits: Any) -> tuple[Dialler, HttpClient]:
    dialler: Dialler = agency.dialler()
    return dialler, dialler.http(agency.url, Limits(**limits))


def says_no(_: HttpAnswer) -> bool:
    return False


async def test_refusals_that_come_with_500_never_open_the_breaker_and_outages_do(agency: Agency, reply: type) -> None:
    """SOAP sends every fault with 500: one caller's wrong messages must not shut the agency for all others."""
    _, http = client(await agency(lambda _: reply(500)))
    for _ in range(2 * ENOUGH):
        await http.request("POST", "/", faults=says_no)
    assert http.breaker.health()[:3] == (False, 2 * ENOUGH, 0)
    for _ in range(2 * ENOUGH):
        await http.request("POST", "/", faults=always)
    assert http.breaker.is_open


async def refused(http: HttpClient, **how: Any) -> AgencyError:
    with pytest.raises(AgencyError) as raised:
        await http.request("POST", "/", **how)
    return raised.value


async def test_what_never_left_is_not_unknown(agency: Agency, reply: type) -> None:
    """A payment that still waits for its place when its time is over was surely not made: it may be sent again."""
    released = asyncio.Event()

    async def silent(_: object) -> object:
        await released.wait()
        return reply()

    server = await agency(silent)
    _, http = client(server, concurrent=1, timeout_s=60.0)
    held = asyncio.create_task(http.request("POST", "/", repeatable=False))
    while not server.requests:
        await asyncio.sleep(0)
    error = await refused(http, repeatable=False, timeout_s=0.05)
    assert (type(error), translated(error).code) == (AgencyTimeout, "source_down")
    assert len(server.requests) == 1
    released.set()
    assert (await held).status == 200


async def test_what_left_and_was_not_answered_in_time_is_unknown(agency: Agency, reply: type) -> None:
    async def silent(_: object) -> object:
        await asyncio.sleep(0.5)
        return reply()

    _, http = client(await agency(silent), timeout_s=0.2)
    assert translated(await refused(http, repeatable=False)).code == "unknown"


def in_an_hour() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)


@pytest.mark.parametrize(
    ("told", "least", "most"),
    [
        (lambda: "3600", 3600, 3600),
        (in_an_hour, 3590, 3600),
        (lambda: "9" * 400, 86_400, 86_400),
        (lambda: "Fri, 31 Dec 9999 23:59:59 GMT", 86_400, 86_400),
        (lambda: "Sun, 06 Nov 1994 08:49:37 GMT", None, None),
        (lambda: "soon", None, None),
        (lambda: "-5", None, None),
        (lambda: "", None, None),
    ],
    ids=["seconds", "a date", "too many", "for ever", "a date gone by", "a word", "less than nothing", "nothing"],
)
async def test_when_to_come_again_is_kept_in_either_notation_and_told_to_whoever_asked(
    agency: Agency, reply: type, told: Callable[[], str], least: int | None, most: int | None
) -> None:
    server = await agency(lambda _: reply(429, headers={"retry-after": told()}))
    _, http = client(server, attempts=2)
    error = await refused(http)
    assert isinstance(error, AgencyUnavailable)
    after_s = translated(error).after_s
    if least is None or most is None:
        assert after_s is None
        return
    assert after_s is not None
    assert least <= after_s <= most
    assert len(server.requests) == 1, "there is no time to wait that long, so it is not asked again"
