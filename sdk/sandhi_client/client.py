"""The gateway as a system sees it: ask, ask about many, hand over, record consents. One object per system."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import NotRequired, Self, TypedDict, Unpack

import httpx

from .agreed import Agreed
from .errors import Unreachable
from .later import Later
from .patience import Patience
from .session import Credentials, Reply, Session
from .values import Answer, Batch, BatchLine, Claim, Delivery, Period, Subject

FIRST_PAUSE = 0.05  # seconds between two looks at work under way


class Asking(TypedDict):
    """What every question says; exactly one of `fields` and `claim`.

    `fields`: canonical field names. `claim`: a derived answer. `period`: which days a record shall be about. `as_at`:
    the day the answer shall be true for; today where it is left out. `case`: our own reference, for the log.
    `officer`: our own name for whoever of our people asks; the log keeps a keyed hash of it.
    """

    service: str
    purpose: str
    fields: NotRequired[Iterable[str] | None]
    claim: NotRequired[Claim | None]
    period: NotRequired[Period | None]
    as_at: NotRequired[date | None]
    case: NotRequired[str | None]
    officer: NotRequired[str | None]


class Opening(TypedDict, total=False):
    """How a client is opened.

    `transport`: another httpx transport, e.g. one over aiohttp where much is asked at once; it does its own TLS.
    `patience`: how often and how long to try. `timeout`: seconds one request may take. `sign_messages`: sign every call
    by RFC 9421, and take no answer that is not signed for it.
    """

    transport: httpx.AsyncBaseTransport | None
    patience: Patience | None
    timeout: float
    sign_messages: bool


class Client(Agreed, Later):
    """Use as `async with Client.from_file(path) as client:`. Safe for concurrent use within one event loop.

    `sandhi_client.sync.Client` has the same calls without `async`.
    """

    def __init__(self, session: Session) -> None:
        self.session = session

    @classmethod
    def from_file(cls, path: str | Path, **opening: Unpack[Opening]) -> Self:
        """From `{"gateway", "client_id", "system", "private_jwk"}`, as `sandhi system add` writes it; `certificate` and
        `ca` may name PEM files besides, relative to that file. `Opening` has the rest.

        Raises:
            ValueError: the file is not such a document, or a PEM file cannot be used.
        """
        return cls(Session(Credentials.read(Path(path)), **opening))

    @property
    def system(self) -> str:
        """Our system id, like `LK/GOV/WBB/SRIS`."""
        return self.session.credentials.system

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self.session.close()

    async def call(self, method: str, path: str, *, json: object = None, repeatable: bool | None = None) -> Reply:
        """Any signed call, e.g. `call("GET", "/v1/catalogue")`; an answer that was cut is asked for again unless the
        call may act twice (`Session.call`). Raises SandhiError."""
        return await self.session.call(method, path, json=json, repeatable=repeatable)

    async def exchange(self, *, subject: Subject, emergency: str | None = None, **asking: Unpack[Asking]) -> Answer:
        """One question about one person, answered now, with the gateway's signature checked; `Asking` has the rest.

        Args:
            emergency: break-glass: why it cannot wait, 10 to 500 characters. The agency's and our own data-protection
                officers are told at once, and a person reviews each use.

        Raises:
            Problem: `code` is from the gateway's outcome table.
            NoToken, Unreachable, AnswerNotSigned.
        """
        body = _about(subject, emergency, asking)
        reply = await self.session.call("POST", "/v1/exchanges", json=body, repeatable=True)
        return Answer.read(await self.session.checked(reply))

    async def exchange_later(self, *, subject: Subject, emergency: str | None = None, **asking: Unpack[Asking]) -> str:
        """The same question to an agency that answers later; `job(id)` has the answer, decided again when it comes."""
        body = _about(subject, emergency, asking)
        reply = await self.session.call("POST", "/v1/exchanges/later", json=body, repeatable=False)
        return str(reply.json()["exchange_id"])

    async def batch(
        self,
        *,
        lines: Iterable[tuple[str, Subject]],
        progress: Callable[[Batch], None] | None = None,
        **asking: Unpack[Asking],
    ) -> AsyncIterator[BatchLine]:
        """One question about many people: start, wait, and give the lines in the order asked. Never a missing line.

        To survive an own restart in between, keep the id that `batch_start` gives and go on with `batch_finished`
        and `batch_results`.

        Args:
            progress: called with the batch (`done` of `lines`) whenever it was looked at.
        """
        started = await self.batch_start(lines=lines, **asking)
        await self.batch_finished(started.id, progress=progress)
        async for line in self.batch_results(started.id):
            yield line

    async def batch_start(
        self, *, lines: Iterable[tuple[str, Subject]], idempotency_key: str | None = None, **asking: Unpack[Asking]
    ) -> Batch:
        """Hand a batch in; the gateway keeps it from here on. `lines` are (our own name for the line, person).

        Args:
            idempotency_key: the same key is the same batch, however often it is sent; a fresh one where it is left out,
                so that a cut answer never makes two.
        """
        body = _question(asking)
        body["lines"] = [{"line": line, "subject": subject.wire()} for line, subject in lines]
        body["idempotency_key"] = idempotency_key or str(uuid.uuid4())
        return Batch.read((await self.session.call("POST", "/v1/batches", json=body)).json())

    async def batch_status(self, batch_id: str) -> Batch:
        """How far it is."""
        return Batch.read((await self.session.call("GET", f"/v1/batches/{batch_id}")).json())

    async def batch_finished(
        self,
        batch_id: str,
        *,
        longest_pause: float = 2.0,
        progress: Callable[[Batch], None] | None = None,
        within: float | None = None,
    ) -> Batch:
        """Wait until it is no longer running; asks again after pauses that grow to `longest_pause` seconds.

        Raises:
            TimeoutError: it was running for `within` seconds; the gateway goes on with it.
        """
        pause = FIRST_PAUSE
        async with asyncio.timeout(within):
            while True:
                batch = await self.batch_status(batch_id)
                if progress:
                    progress(batch)
                if batch.state != "running":
                    return batch
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, longest_pause)

    async def batch_results(self, batch_id: str, *, after: int = 0) -> AsyncIterator[BatchLine]:
        """The lines of a finished batch, in the order asked; a cut download goes on where it stopped.

        Args:
            after: how many lines we have already.

        Raises:
            Problem: `conflict` while it is running, `not_found` when its results were erased.
            Unreachable: cut twice without a line in between.
        """
        seen, finished = after, False
        while not finished:
            had = seen
            try:
                async with self.session.lines(f"/v1/batches/{batch_id}/results") as lines:
                    place = 0
                    async for line in lines:
                        place += 1
                        if line and place > seen:
                            yield BatchLine.read(json.loads(line))
                            seen = place
                finished = True
            except Unreachable:
                if seen == had:
                    raise

    async def deliver(
        self,
        *,
        service: str,
        purpose: str,
        subject: Subject,
        record: Mapping[str, object],
        idempotency_key: str | None = None,
        case: str | None = None,
        officer: str | None = None,
    ) -> Delivery:
        """Hand one record to the system that offers `service`. The same key gives the same delivery, however often.

        Raises:
            Problem: refused at once by the rules, or `conflict`: the key was used with another record.
        """
        body: dict[str, object] = {
            "service": service,
            "purpose": purpose,
            "subject": subject.wire(),
            "record": record,
            "idempotency_key": idempotency_key or str(uuid.uuid4()),
        }
        body |= {name: value for name, value in (("case", case), ("officer", officer)) if value}
        return Delivery.read((await self.session.call("POST", "/v1/deliveries", json=body)).json())

    async def delivery(self, delivery_id: str) -> Delivery:
        """How far a delivery is."""
        return Delivery.read((await self.session.call("GET", f"/v1/deliveries/{delivery_id}")).json())

    async def delivery_finished(
        self, delivery_id: str, *, longest_pause: float = 5.0, within: float | None = None
    ) -> Delivery:
        """Wait until it is handed over, refused, or given up; a receiver that is away is tried for a day.

        Raises:
            TimeoutError: it was under way for `within` seconds; the gateway goes on with it.
        """
        pause = FIRST_PAUSE
        async with asyncio.timeout(within):
            while not (found := await self.delivery(delivery_id)).finished:
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, longest_pause)
        return found


def _about(subject: Subject, emergency: str | None, asking: Asking) -> dict[str, object]:
    body = _question(asking) | {"subject": subject.wire()}
    return body | ({"emergency": {"reason": emergency}} if emergency is not None else {})


def _question(asking: Asking) -> dict[str, object]:
    fields, claim = asking.get("fields"), asking.get("claim")
    if (fields is None) == (claim is None):
        raise ValueError("ask for either fields or a claim")
    body: dict[str, object] = {"service": asking["service"], "purpose": asking["purpose"]}
    if fields is not None:
        body["fields"] = sorted(fields)
    if claim is not None:
        body["claim"] = {"name": claim.name, "parameters": dict(claim.parameters)}
    if as_at := asking.get("as_at"):
        body["as_at"] = as_at.isoformat()
    if period := asking.get("period"):
        body["period"] = {"from": period.start.isoformat(), "to": period.end.isoformat()}
    named = {"case": asking.get("case"), "officer": asking.get("officer")}
    return body | {name: value for name, value in named.items() if value}
