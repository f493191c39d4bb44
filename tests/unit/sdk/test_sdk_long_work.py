"""Batches and deliveries through the SDK: progress, waiting, cuts, and never twice."""

from datetime import date

import httpx
import pytest
from sandhi_client import (
    Claim,
    Client,
    NotFound,
    Problem,
    TooMany,
    Unreachable,
)

from gateway.edges.v1.problems import problem
from tests.unit.sdk.made_up import SOMEBODY, Cutting, Losing, Made, passing


async def test_a_batch_gives_every_line_in_order(client: Client, made: Made) -> None:
    lines = [(name, SOMEBODY) for name in "abc"]
    claim = Claim("contribution_status", {"months": 6})
    found = [
        line async for line in client.batch(service="pension.contributions", purpose="p", claim=claim, lines=lines)
    ]
    assert [(line.line, line.outcome) for line in found] == [
        ("a", "answered"),
        ("b", "unknown_person"),
        ("c", "source_stale"),
    ]
    assert (found[0].claims, found[0].as_of, found[1].as_of) == ({"active": True}, date(2026, 9, 30), None)
    assert made.polls == 3
    assert made.seen[0]["claim"] == {"name": "contribution_status", "parameters": {"months": 6}}


async def test_progress_is_told_whenever_a_batch_was_looked_at(client: Client, made: Made) -> None:
    seen: list[tuple[str, int, int]] = []
    lines = client.batch(
        service="s",
        purpose="p",
        fields=["a"],
        lines=[("a", SOMEBODY)],
        progress=lambda batch: seen.append((batch.state, batch.done, batch.lines)),
    )
    assert len([line async for line in lines]) == 3
    assert seen == [("running", 1, 3), ("running", 2, 3), ("done", 3, 3)]


async def test_waiting_for_a_batch_ends_when_we_said(client: Client, made: Made) -> None:
    made.polls = -1000
    with pytest.raises(TimeoutError):
        await client.batch_finished("b1", within=0.05)


async def test_a_batch_whose_answer_was_cut_is_sent_again_under_its_key(client: Client, made: Made) -> None:
    client.session._http._transport = Losing(client.session._http._transport, "/v1/batches")
    await client.batch_start(service="s", purpose="p", fields=["a"], lines=[("a", SOMEBODY)])
    first, second = made.seen
    assert first["idempotency_key"] == second["idempotency_key"]
    await client.batch_start(service="s", purpose="p", fields=["a"], lines=[("a", SOMEBODY)], idempotency_key="k")
    assert made.seen[2]["idempotency_key"] == "k" != first["idempotency_key"]


async def test_what_may_act_twice_is_not_sent_again_unless_it_has_a_key(client: Client, made: Made) -> None:
    inner = client.session._http._transport
    for method, body, error in (
        ("POST", {"a": 1}, Unreachable),
        ("PATCH", {"a": 1}, Unreachable),
        ("POST", {"idempotency_key": "k"}, NotFound),
        ("PUT", {"a": 1}, NotFound),
        ("GET", None, NotFound),
    ):
        client.session._http._transport = Losing(inner, "/v1/things")
        with pytest.raises(error):
            await client.call(method, "/v1/things", json=body)


async def test_a_download_that_a_busy_gateway_or_an_old_token_delays_begins_later(client: Client, made: Made) -> None:
    made.trouble += [problem("unauthenticated", "no"), passing("no_evidence")]
    assert [line.line async for line in client.batch_results("b1")] == ["a", "b", "c"]
    made.trouble.append(passing("too_many_requests", "3600"))
    with pytest.raises(TooMany) as told:
        _ = [line async for line in client.batch_results("b1")]
    assert told.value.retry_after == 3600


async def test_the_request_of_a_download_is_signed_where_messages_are(client: Client, made: Made) -> None:
    asked: list[httpx.Request] = []
    client.session._signs, inner = True, client.session._http._transport

    class Seeing(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            asked.append(request)
            return await inner.handle_async_request(request)

    client.session._http._transport = Seeing()
    assert len([line async for line in client.batch_results("b1")]) == 3
    assert {"signature", "signature-input", "dpop"} <= asked[-1].headers.keys()


async def test_results_go_on_after_the_lines_we_have(client: Client, made: Made) -> None:
    assert [line.line async for line in client.batch_results("b1", after=2)] == ["c"]


@pytest.mark.parametrize("after", [1, 2])
async def test_a_cut_download_goes_on_where_it_stopped(client: Client, made: Made, after: int) -> None:
    client.session._http._transport = Cutting(client.session._http._transport, after=after)
    assert [line.line async for line in client.batch_results("b1")] == ["a", "b", "c"]


async def test_a_download_that_never_gets_further_is_given_up(client: Client, made: Made) -> None:
    client.session._http._transport = Cutting(client.session._http._transport, times=9, after=0)
    with pytest.raises(Unreachable):
        _ = [line async for line in client.batch_results("b1")]


async def test_results_of_a_running_batch_are_a_conflict(client: Client, made: Made) -> None:
    made.trouble.append(problem("conflict", "still running"))
    with pytest.raises(Problem) as refused:
        _ = [line async for line in client.batch_results("b1")]
    assert refused.value.code == "conflict"


async def test_a_delivery_carries_its_key(client: Client, made: Made) -> None:
    sent = await client.deliver(
        service="ess.referral", purpose="p", subject=SOMEBODY, record={"a": 1}, idempotency_key="k-1"
    )
    assert (sent.id, sent.state, sent.outcome) == ("d1", "accepted", "")
    assert made.seen[0]["idempotency_key"] == "k-1"


async def test_a_delivery_is_waited_for_until_nothing_more_becomes_of_it(client: Client, made: Made) -> None:
    assert (await client.delivery_finished("d1", longest_pause=0.01)).state == "handed"
    assert made.polls == 3
    made.polls = -1000
    with pytest.raises(TimeoutError):
        await client.delivery_finished("d1", within=0.05)
