"""The client without `async` is the same client: the same calls, answers and errors, from any thread."""

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
import sandhi_client
from sandhi_client import Subject, dci, events, sync
from sandhi_client.errors import Conflict, SandhiError

from gateway.trust.keys import new_key
from tests.small_gateway import Place, client_file
from tests.trusting import ORIGIN, SR, Pair
from tests.unit.sdk.made_up import QUICK, SOMEBODY, Made, passing, problem

Result = TypeVar("Result")
PAIRS = [(sandhi_client.Client, sync.Client), (dci.Dci, sync.Dci), (events.Incoming, sync.Incoming)]


@pytest.fixture
async def face(place: Place, made: Made, tmp_path: Path) -> AsyncIterator[sync.Client]:
    """Its loop runs in its own thread; the gateway's application is called in that thread as well."""
    key = new_key("ES256")
    await place.register(SR, Pair("ES256", key.kid, key.material.private_key))
    await place.trust.register()
    path = client_file(tmp_path, ORIGIN, SR, key)
    found = sync.Client.from_file(path, transport=httpx.ASGITransport(place.app), patience=QUICK)
    yield found
    await apart(found.close)


async def apart(work: Callable[[], Result]) -> Result:
    """In another thread, as a program without a loop would."""
    return await asyncio.to_thread(work)


@pytest.mark.parametrize(("whole", "face"), PAIRS)
def test_every_call_has_its_face(whole: type, face: type) -> None:
    calls = {
        name: each
        for name, each in inspect.getmembers(whole, inspect.isfunction)
        if not name.startswith("_") and (inspect.iscoroutinefunction(each) or inspect.isasyncgenfunction(each))
    }
    assert calls
    for name, each in calls.items():
        assert name == "close" or getattr(face, name).__wrapped__ is each
        assert not inspect.iscoroutinefunction(getattr(face, name))


async def test_an_answer_comes_as_from_the_other_face(face: sync.Client) -> None:
    answer = await apart(lambda: face.exchange(service="s", purpose="p", subject=SOMEBODY, fields=["confirmed"]))
    assert (answer.outcome, answer.record, face.system) == ("answered", {"confirmed": True}, SR.id)


async def test_lines_come_one_by_one_and_stopping_early_is_clean(face: sync.Client) -> None:
    def first_line() -> str:
        for line in face.batch(service="s", purpose="p", fields=["a"], lines=[("a", SOMEBODY)]):
            return line.line
        raise AssertionError("no line")

    assert await apart(first_line) == "a"
    lines = await apart(lambda: [each.line for each in face.batch_results("b1")])
    assert lines == ["a", "b", "c"]


async def test_errors_are_the_same_ones(face: sync.Client, made: Made) -> None:
    made.trouble.append(problem("conflict", "running"))
    with pytest.raises(Conflict):
        await apart(lambda: list(face.batch_results("b1")))
    made.trouble += [passing("source_down") for _ in range(3)]
    with pytest.raises(SandhiError, match="source_down"):
        await apart(lambda: face.exchange(service="s", purpose="p", subject=SOMEBODY, fields=["a"]))
    with pytest.raises(ValueError, match="either"):
        await apart(lambda: face.exchange(service="s", purpose="p", subject=Subject(())))


async def test_many_threads_ask_at_once_with_one_token(face: sync.Client, made: Made) -> None:
    def ask(_: int) -> str:
        return face.exchange(service="s", purpose="p", subject=SOMEBODY, fields=["confirmed"]).outcome

    with ThreadPoolExecutor(8) as threads:
        told = await apart(lambda: list(threads.map(ask, range(40))))
    assert (told, len(made.tokens)) == (["answered"] * 40, 1)


def test_closing_ends_its_thread(tmp_path: Path) -> None:
    before = threading.active_count()
    path = client_file(tmp_path, ORIGIN, SR, new_key("ES256"))
    with sync.Client.from_file(path) as face:
        assert threading.active_count() == before + 1
        assert face.system == SR.id
    assert threading.active_count() == before
