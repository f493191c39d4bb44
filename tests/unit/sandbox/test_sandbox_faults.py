"""Faults are turned on by name, for a while or until cleared, and touch only what they should."""

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message

from sandbox.faults import Fault, Faults, Faulty, UnknownFault, WrongAnswers

ANSWERS = WrongAnswers("application/json", b"{}", lambda path: PlainTextResponse(f"no {path}", 403), ("/token",))


async def right(_: Request) -> Response:
    return PlainTextResponse("right")


async def ask(faults: Faults, path: str = "/ask") -> tuple[int, bytes]:
    """One request through the middleware, without a socket."""
    app = Faulty(Starlette(routes=[Route("/ask", right), Route("/token", right)]), faults, ANSWERS)
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app({"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b""}, receive, send)
    return sent[0]["status"], sent[1]["body"]


@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        ("none", (200, b"right")),
        ("down", (503, b"service unavailable")),
        ("slow", (200, b"right")),
        ("wrong_schema", (200, b"{}")),
        ("refuse", (403, b"no /ask")),
    ],
)
async def test_each_fault_answers_in_its_way(fault: str, answer: tuple[int, bytes]) -> None:
    faults = Faults()
    faults.set(fault)
    assert await ask(faults) == answer


async def test_a_garbled_answer_is_no_text() -> None:
    faults = Faults()
    faults.set("garbled")
    with pytest.raises(UnicodeDecodeError):
        (await ask(faults))[1].decode()


async def test_a_slow_answer_is_late() -> None:
    faults = Faults()
    faults.set("slow", seconds=30)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ask(faults), 0.05)


async def test_the_token_endpoint_is_only_ever_down_or_slow() -> None:
    faults = Faults()
    for fault in ("garbled", "wrong_schema", "refuse"):
        faults.set(fault)
        assert await ask(faults, "/token") == (200, b"right")
    faults.set("down")
    assert (await ask(faults, "/token"))[0] == 503


def test_a_counted_fault_ends_by_itself_and_any_fault_can_be_cleared() -> None:
    faults = Faults()
    faults.set("down", times=2)
    assert [faults.take() for _ in range(3)] == [Fault.DOWN, Fault.DOWN, Fault.NONE]
    faults.set("refuse")
    assert [faults.take() for _ in range(3)] == [Fault.REFUSE] * 3
    faults.clear()
    assert faults.take() is Fault.NONE


@pytest.mark.parametrize(("fault", "seconds", "times"), [("broken", 0, None), ("slow", -1, None), ("down", 0, -1)])
def test_no_other_fault_can_be_set(fault: str, seconds: float, times: int | None) -> None:
    with pytest.raises(UnknownFault):
        Faults().set(fault, seconds=seconds, times=times)
