"""A registered system on loopback that takes DCI messages over real HTTP, and is as difficult as a test wants.

It is idempotent, as every receiver has to be: a message acts once, by its `message_id`.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import Random
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from adapters.kit.callback import CallbackAdapter
from adapters.kit.dci_wire import CLEAR
from adapters.kit.egress import Dialler
from consent import Grant
from gateway.catalogue import Offer
from tests.durable_house import PROVIDER, PUSH, House
from tests.small_gateway import served


@dataclass
class Receiver:
    """What came, what it did, and how it behaves now.

    Attributes:
        mode: `well`; `down` answers 503 and does nothing; `deaf` acts, and its acknowledgement is lost; `late` acts,
            and answers after `late_s`.
        arrived: how often each message came.
        effects: messages in the order in which they acted, each once.
    """

    mode: str = "well"
    late_s: float = 0.5
    shuffled: Random | None = None  # answers in another order than the messages came
    url: str = ""
    arrived: Counter[str] = field(default_factory=Counter)
    effects: list[dict[str, Any]] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)

    async def take(self, request: Request) -> JSONResponse:
        """One message."""
        sent = await request.json()
        header = sent["header"]
        if self.mode == "down":
            return JSONResponse({"errors": [{"code": "err.service.unavailable", "message": "closed"}]}, 503)
        self.arrived[header["message_id"]] += 1
        if self.arrived[header["message_id"]] == 1:
            self.effects.append(sent["message"])
            self.actions.append(header["action"])
        if self.mode == "late":
            await asyncio.sleep(self.late_s)
        if self.shuffled:
            await asyncio.sleep(self.shuffled.random() / 20)
        if self.mode == "deaf":
            return JSONResponse({"errors": [{"code": "err.service.unavailable", "message": "lost"}]}, 503)
        now = datetime.now(UTC).isoformat()
        ack = {"ack_status": "ACK", "timestamp": now, "correlation_id": header["message_id"]}
        return JSONResponse({"message": ack})

    @property
    def items(self) -> list[str]:
        """The transaction ids of what acted: of a delivery, its id."""
        return [str(each["transaction_id"]) for each in self.effects]


def offered_to(house: House, url: str, dialler: Dialler) -> str:
    """Let the house's consumer push to the receiver, over HTTP; gives the service."""
    name = "LK.GOV.WBB.SRIS/enrolment"
    adapter = CallbackAdapter("LK.GOV.WBB.SRIS", url, "LK.GOV.SANDHI.GATEWAY", dialler, CLEAR)
    service = replace(PUSH, id=name)
    house.gate.catalogue._offers[name] = Offer(service, PROVIDER, adapter)
    grant = Grant(name, service.actions, service.fields, service.sent)
    house.agreements[0] = replace(house.agreements[0], grants={**house.agreements[0].grants, name: grant})
    return name


@asynccontextmanager
async def dialling(url: str) -> AsyncIterator[Dialler]:
    """A dialler that may go there only; closed at the end."""
    dialler = Dialler([urlsplit(url).netloc])
    try:
        yield dialler
    finally:
        await dialler.close()


@asynccontextmanager
async def a_receiver() -> AsyncIterator[Receiver]:
    """Served on a free loopback port."""
    receiver, app = Receiver(), FastAPI(openapi_url=None)
    app.add_api_route("/registry/notify", receiver.take, methods=["POST"])
    async with served(app) as base:
        receiver.url = f"{base}/registry/notify"
        yield receiver
