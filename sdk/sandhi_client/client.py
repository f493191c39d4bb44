"""The gateway as a system sees it: ask, ask about many, hand over, record consents. One object per system."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import date
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from .errors import Unreachable
from .session import Credentials, Patience, Reply, Session
from .values import Answer, Batch, BatchLine, Claim, Delivery, Recorded, Subject

MOST_CONSENTS = 10_000  # lines of one request


class Client:
    """Use as `async with Client.from_file(path) as client:`. Safe for concurrent use within one event loop."""

    def __init__(self, session: Session) -> None:
        self.session = session

    @classmethod
    def from_file(
        cls,
        path: str | Path,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        patience: Patience | None = None,
        timeout: float = 60.0,
        sign_messages: bool = False,
    ) -> Self:
        """From `{"gateway", "client_id", "system", "private_jwk"}`, as `sandhi system add` writes it; `certificate` and
        `ca` may name PEM files besides, relative to that file.

        Args:
            transport: another httpx transport, e.g. one over aiohttp where much is asked at once; it does its own TLS.
            patience: how often and how long to try.
            timeout: seconds one request may take.
            sign_messages: sign every call by RFC 9421, and take no answer that is not signed for it.

        Raises:
            ValueError: the file is not such a document, or a PEM file cannot be used.
        """
        session = Session(
            Credentials.read(Path(path)),
            transport=transport,
            patience=patience,
            timeout=timeout,
            sign_messages=sign_messages,
        )
        return cls(session)

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

    async def call(self, method: str, path: str, *, json: object = None, repeatable: bool = True) -> Reply:
        """Any signed call, e.g. `call("GET", "/v1/catalogue")`. Raises SandhiError."""
        return await self.session.call(method, path, json=json, repeatable=repeatable)

    async def exchange(
        self,
        *,
        service: str,
        purpose: str,
        subject: Subject,
        fields: Iterable[str] | None = None,
        claim: Claim | None = None,
        as_at: date | None = None,
        case: str | None = None,
    ) -> Answer:
        """One question about one person, answered now, with the gateway's signature checked.

        Args:
            fields, claim: exactly one of them: canonical field names, or a derived answer.
            as_at: the day the answer shall be true for; today where it is left out.
            case: our own reference, for the log.

        Raises:
            Problem: `code` is from the gateway's outcome table.
            NoToken, Unreachable, AnswerNotSigned.
        """
        body = _question(service, purpose, fields, claim, as_at, case) | {"subject": subject.wire()}
        reply = await self.session.call("POST", "/v1/exchanges", json=body)
        return Answer.read(await self.session.checked(reply))

    async def batch(
        self,
        *,
        service: str,
        purpose: str,
        lines: Iterable[tuple[str, Subject]],
        fields: Iterable[str] | None = None,
        claim: Claim | None = None,
        as_at: date | None = None,
        case: str | None = None,
    ) -> AsyncIterator[BatchLine]:
        """One question about many people: start, wait, and give the lines in the order asked. Never a missing line.

        To survive an own restart in between, keep the id that `batch_start` gives and go on with `batch_finished`
        and `batch_results`.
        """
        started = await self.batch_start(
            service=service, purpose=purpose, lines=lines, fields=fields, claim=claim, as_at=as_at, case=case
        )
        await self.batch_finished(started.id)
        async for line in self.batch_results(started.id):
            yield line

    async def batch_start(
        self,
        *,
        service: str,
        purpose: str,
        lines: Iterable[tuple[str, Subject]],
        fields: Iterable[str] | None = None,
        claim: Claim | None = None,
        as_at: date | None = None,
        case: str | None = None,
    ) -> Batch:
        """Hand a batch in; the gateway keeps it from here on. `lines` are (our own name for the line, person)."""
        body = _question(service, purpose, fields, claim, as_at, case)
        body["lines"] = [{"line": line, "subject": subject.wire()} for line, subject in lines]
        reply = await self.session.call("POST", "/v1/batches", json=body, repeatable=False)
        return Batch.read(reply.json())

    async def batch_status(self, batch_id: str) -> Batch:
        """How far it is."""
        return Batch.read((await self.session.call("GET", f"/v1/batches/{batch_id}")).json())

    async def batch_finished(self, batch_id: str, *, longest_pause: float = 2.0) -> Batch:
        """Wait until it is no longer running; asks again after pauses that grow to `longest_pause` seconds."""
        pause = 0.05
        while (batch := await self.batch_status(batch_id)).state == "running":
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, longest_pause)
        return batch

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
        if case:
            body["case"] = case
        return Delivery.read((await self.session.call("POST", "/v1/deliveries", json=body)).json())

    async def delivery(self, delivery_id: str) -> Delivery:
        """How far a delivery is."""
        return Delivery.read((await self.session.call("GET", f"/v1/deliveries/{delivery_id}")).json())

    async def record_consents(self, lines: Iterable[Mapping[str, object]]) -> list[Recorded]:
        """Record consents that people gave our member: `schemas/own/consent.v1.json`, any number of them.

        Give each its own `id`: then sending it again changes nothing, so that an import that was cut is simply
        repeated. Needs scope `consent`.

        Returns:
            A result for each, in order; `refused` lines say why and stop no other.
        """
        results: list[Recorded] = []
        rest = iter(lines)
        while part := list(islice(rest, MOST_CONSENTS)):
            content = b"".join(_line(each) for each in part)
            headers = {"content-type": "application/x-ndjson"}
            reply = await self.session.call("POST", "/v1/consents", content=content, headers=headers)
            results += [Recorded.read(json.loads(line)) for line in reply.body.splitlines() if line]
        return results

    async def withdraw_consent(self, subject: Subject, *, purposes: Iterable[str] = ()) -> list[Recorded]:
        """Withdraw what a person gave our member, for these purposes or altogether: nothing leaves on it any more."""
        body = {"subject": subject.wire(), "purposes": sorted(purposes)}
        reply = await self.session.call("POST", "/v1/consents/withdraw", json=body)
        return [Recorded.read(each) for each in reply.json()["withdrawn"]]

    async def record_agreement(self, document: Mapping[str, object], signatures: Mapping[str, str]) -> dict[str, Any]:
        """Hand in an agreement with the signature of each member that is a party (compact JWS, by member id)."""
        body = {"document": document, "signatures": signatures}
        return _document(await self.session.call("POST", "/v1/agreements", json=body))

    async def agreements(self) -> Sequence[Mapping[str, Any]]:
        """The agreements we are a party of."""
        found: Sequence[Mapping[str, Any]] = _document(await self.session.call("GET", "/v1/agreements"))["agreements"]
        return found


def _question(
    service: str,
    purpose: str,
    fields: Iterable[str] | None,
    claim: Claim | None,
    as_at: date | None,
    case: str | None,
) -> dict[str, object]:
    if (fields is None) == (claim is None):
        raise ValueError("ask for either fields or a claim")
    body: dict[str, object] = {"service": service, "purpose": purpose}
    if fields is not None:
        body["fields"] = sorted(fields)
    if claim is not None:
        body["claim"] = {"name": claim.name, "parameters": dict(claim.parameters)}
    if as_at is not None:
        body["as_at"] = as_at.isoformat()
    if case:
        body["case"] = case
    return body


def _line(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _document(reply: Reply) -> dict[str, Any]:
    document: dict[str, Any] = reply.json()
    return document
