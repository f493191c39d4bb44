"""The swap of messaging: the same alerts over both wires, Twilio's forms with webhooks and SMPP 3.4 with receipts. What
both contracts carry of a delivery is equal; what the second one cannot say is refused before anything is sent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from adapters.kit.contract import AgencyError, AgencyRefused, AgencyRejectedMessage, Hook, Item
from adapters.kit.egress import Dialler
from adapters.kit.opening import open_adapter
from adapters.messaging.wire import STATES
from sandbox.agencies.messaging import Store, build, make_settings
from sandbox.agencies.messaging.journey import OPTED_OUT, journey, luck
from sandbox.agencies.messaging.smpp import Gate
from sandbox.faults import Faults
from tests.small_gateway import served

ADAPTERS = Path(__file__).parents[2] / "adapters"
BOTH = ("to", "text", "end")  # what both contracts carry of a delivery: receiver, text, and what became of it
FIRST_ONLY = ("whatsapp", "voice")  # channels; `template` is of WhatsApp. `language` is in no SMS of either
NUMBERS = [f"+9477{n:07}" for n in range(3000)]


def phone(error: int | None) -> str:
    """A number whose SMS ends with this code of the first wire; None: delivered."""
    known = (each for each in NUMBERS if luck("sms", each) % OPTED_OUT)
    return next(each for each in known if journey("sms", each, template=False).error == error)


OPTED = next(each for each in NUMBERS if luck("sms", each) % OPTED_OUT == 0)
CASES: dict[str, tuple[str, str, str]] = {
    "English": (phone(None), "eng", "Come to the office on Monday @ 9: bring [nothing]."),
    "Sinhala, in parts": (phone(None), "sin", "ඔබේ රැකියා සේවා කාර්යාලයේ පුහුණු අවස්ථාවක් ඇත. " * 5),
    "Tamil": (phone(None), "tam", "உங்கள் வேலைவாய்ப்பு அலுவலகத்தில் பயிற்சி வாய்ப்பு உள்ளது."),
    "English, in parts": (phone(None), "eng", "Training starts next week. " * 20),
    "a phone that is away": (phone(30003), "eng", "Please call us."),
    "a landline": (phone(30006), "eng", "Please call us."),
}


@dataclass
class Wires:
    """Both adapters with their providers, and the last word on each delivery by wire and item."""

    first: Any
    second: Any
    store: Store
    gate: Gate
    ends: dict[tuple[str, str], str] = field(default_factory=dict)

    async def ended(self, wire: str, item: str) -> str:
        """`delivered` or `failed`, as soon as the wire has said so."""
        async with asyncio.timeout(10):
            while (wire, item) not in self.ends:
                await asyncio.sleep(0.005)
        return self.ends[wire, item]

    async def over_the_first(self, item: Item) -> dict[str, str]:
        handed = await self.first.deliver(item)
        sent = self.store.find(handed.reference)
        assert sent is not None
        return {"to": sent.receiver, "text": sent.text, "end": await self.ended("first", item.id)}

    async def over_the_second(self, item: Item) -> dict[str, str]:
        before = len(self.gate.texts)
        await self.second.deliver(item)
        parts = self.gate.texts[before:]
        (receiver,) = {each.receiver for each in parts}
        text = "".join(each.text for each in parts)
        return {"to": f"+{receiver}", "text": text, "end": await self.ended("second", item.id)}


def alert(to: str, language: str, text: str, channel: str = "sms") -> Item:
    return Item("item-1", "messaging.alert", {"channel": channel, "to": to, "language": language, "text": text})


@asynccontextmanager
async def providers(folder: Path) -> AsyncIterator[Wires]:
    app, store = FastAPI(), Store(folder / "messages.db")
    async with AsyncExitStack() as stack:
        stack.callback(store.close)
        url = await stack.enter_async_context(served(app))
        given = make_settings(f"{url}/messaging", folder, pace=0.0)
        gate = Gate("sandhi", "secret", given.sms, Faults())
        await gate.open()
        stack.push_async_callback(gate.close)
        settings = given.exported() | gate.exported() | {"MESSAGING_CALLBACK_URL": f"{url}/hooks/messaging"}
        dialler = Dialler({url.partition("//")[2], f"127.0.0.1:{gate.port}"})
        stack.push_async_callback(dialler.close)
        first = open_adapter(ADAPTERS / "messaging", settings.__getitem__, dialler)
        second = open_adapter(ADAPTERS / "second_wires/messaging", settings.__getitem__, dialler)
        stack.push_async_callback(first.close)
        stack.push_async_callback(second.close)
        wires = Wires(first, second, store, gate)
        hook = Route("/hooks/messaging", partial(told, wires), methods=["POST"])
        app.router.routes += [hook, Mount("/messaging", app=build(store, given, Faults()))]
        hearing = asyncio.create_task(heard(wires))
        yield wires
        hearing.cancel()
        await asyncio.gather(hearing, return_exceptions=True)


async def told(wires: Wires, request: Request) -> Response:
    """A status callback of the first wire, as the gateway's hook takes it."""
    hook = Hook(
        "POST",
        str(request.url),
        dict(request.headers),
        dict(request.query_params),
        await request.body(),
        datetime.now(UTC),
    )
    for each in wires.first.hook(hook).states:
        if each.rank == 2:
            wires.ends["first", each.item] = STATES[each.state]
    return Response(status_code=204)


async def heard(wires: Wires) -> None:
    """The receipts of the second wire."""
    async for each in wires.second.states():
        wires.ends["second", each.item] = each.state


@pytest.fixture
async def wires(tmp_path: Path) -> AsyncIterator[Wires]:
    async with providers(tmp_path) as both:
        yield both


@pytest.mark.parametrize("case", CASES)
async def test_the_same_sms_over_both_wires_arrives_and_ends_alike(wires: Wires, case: str) -> None:
    item = alert(*CASES[case])
    first, second = await wires.over_the_first(item), await wires.over_the_second(item)
    assert tuple(first) == BOTH
    assert first == second
    assert (first["to"], first["text"]) == (item.record["to"], item.record["text"])
    assert first["end"] == ("failed" if case.startswith("a ") else "delivered")


async def test_who_opted_out_gets_nothing_over_either_wire_and_only_the_first_can_say_why(wires: Wires) -> None:
    item = alert(OPTED, "eng", "Please call us.")
    assert await failure(wires.first, item) == (AgencyRefused, "21610")
    assert await failure(wires.second, item) == (AgencyRejectedMessage, "0x0000000b")  # a number that is not taken
    assert wires.gate.texts == []
    assert wires.ends == {}


@pytest.mark.parametrize("channel", FIRST_ONLY)
async def test_a_channel_that_smpp_does_not_have_is_refused_and_never_sent_as_an_sms(
    wires: Wires, channel: str
) -> None:
    item = alert(phone(None), "eng", "Please call us.", channel)
    await wires.first.deliver(item)
    assert await failure(wires.second, item) == (AgencyRejectedMessage, "channel")
    assert wires.gate.texts == []


async def failure(adapter: Any, item: Item) -> tuple[type[AgencyError], str]:
    with pytest.raises(AgencyError) as raised:
        await adapter.deliver(item)
    return type(raised.value), raised.value.code
