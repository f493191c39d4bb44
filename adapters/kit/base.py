"""What an adapter is built from, and the parts every adapter shares."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import schemas
from adapters.kit import months
from adapters.kit.breaker import Breaker, Health
from adapters.kit.codes import Codes
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyError,
    AgencyOutcomeUnknown,
    AgencyRejectedMessage,
    Handed,
    Item,
    Question,
    RawAnswer,
    Service,
)
from adapters.kit.dci_wire import CLEAR, Wire
from adapters.kit.egress import Dialler, HttpClient, Limits, NotAllowed
from adapters.kit.fitting import json_answer
from adapters.kit.manifest import Manifest, ManifestError
from adapters.kit.mapping import Mapper, MappingError

logger = logging.getLogger("sandhi.adapters")
A_FEW = 32  # answers without a wait before others have their turn


class NotConfigured(Exception):
    """A setting that the manifest names is missing or unusable: this deployment has no link to the agency."""


@dataclass(frozen=True, slots=True)
class Kit:
    """Everything an adapter may use.

    Attributes:
        settings: a value by name; raises LookupError without one.
        wire: how DCI messages to the agency are protected, as the gateway agreed with it.
        codes: the agency's code lists in ours, and what was met beyond them.
        breakers: of every connection to the agency, for its health; whoever opens one adds it.
    """

    folder: Path
    manifest: Manifest
    mapping: Mapping[str, Mapper]
    settings: Callable[[str], str] = field(repr=False)
    dialler: Dialler
    wire: Wire = CLEAR
    codes: Codes = field(default_factory=Codes)
    breakers: list[Breaker] = field(default_factory=list, repr=False)

    def setting(self, key: str) -> str:
        """The value behind a key of the manifest's [transport], [auth] or [settings] table.

        Raises:
            ManifestError: the manifest has no such key.
            NotConfigured: the deployment does not set it.
        """
        if key not in self.manifest.references:
            raise ManifestError(f"{self.manifest.id}: the manifest names no setting for {key}")
        name = self.manifest.references[key].partition(":")[2]
        try:
            return self.settings(name)
        except LookupError:
            raise NotConfigured(f"{self.manifest.id}: set {name} (or unlink the agency)") from None

    def limits(self) -> Limits:
        """The manifest's [transport] limits."""
        transport = self.manifest.transport
        return Limits(transport.timeout_s, transport.attempts, transport.concurrent, transport.max_bytes)

    def http(self) -> HttpClient:
        """The agency's HTTP client, as [transport] declares it.

        Raises:
            NotConfigured: no base URL, or one that may not be dialled.
        """
        try:
            client = self.dialler.http(self.setting("base_url"), self.limits())
        except NotAllowed as error:
            raise NotConfigured(f"{self.manifest.id}: {error.detail}") from None
        self.breakers.append(client.breaker)
        return client


class BaseAdapter:
    """Shared behaviour; an adapter overrides `ask`, `ask_many` or `deliver` for what its agency can do."""

    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        self.newest: dict[str, date] = {}  # service -> the last day that any of its answers was complete for
        self._asking = asyncio.Lock()  # whose questions go out now
        self._places = asyncio.Semaphore(kit.manifest.transport.concurrent)

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.kit.manifest.id

    @property
    def codes(self) -> Codes:
        """The agency's code lists, and what was met beyond them."""
        return self.kit.codes

    def health(self) -> Sequence[Health]:
        """How each connection to the agency has been lately."""
        return [each.health() for each in self.kit.breakers]

    def service(self, service_id: str) -> Service:
        """The manifest's entry of one service.

        Raises:
            AgencyRejectedMessage: not offered here; code `no_such_service`.
        """
        try:
            return self.kit.manifest.service(service_id)
        except ManifestError:
            raise AgencyRejectedMessage("the adapter does not offer this service", code="no_such_service") from None

    def service_for(self, item: Item) -> Service:
        """The service an item is for, once its record fits what the receiver takes.

        Raises:
            AgencyRejectedMessage: not offered here (code `no_such_service`), or the record does not fit (`record`).
        """
        service = self.service(item.service)
        if (fault := schemas.first_fault(schemas.validator(service.record_schema), item.record)) is not None:
            raise AgencyRejectedMessage(f"the record breaks {service.record_schema} at {fault}", code="record")
        return service

    async def ask(self, question: Question) -> RawAnswer:
        """One person; see `contract.Adapter.ask`."""
        code = "push_only" if self.service(question.service).immediate else "batch_only"
        raise AgencyRejectedMessage("the service cannot be asked about one person now", code=code)

    async def ask_many(self, questions: Sequence[Question]) -> AsyncIterator[tuple[int, RawAnswer | AgencyError]]:
        """Many people: as many `ask`s at once as the agency allows; see `contract.Adapter.ask_many`.

        Calls share those places. The first one fills them until it has nothing more to ask, then the next one does:
        so the agency is busy all the time, and what was asked first is complete first.
        """
        answers: asyncio.Queue[tuple[int, RawAnswer | AgencyError]] = asyncio.Queue()
        asking = asyncio.create_task(self._ask_all(questions, answers))
        try:
            for _ in questions:
                yield await answers.get()
        finally:
            asking.cancel()

    async def deliver(self, item: Item) -> Handed:
        """Hand one item over; see `contract.Adapter.deliver`."""
        self.service(item.service)
        raise AgencyRejectedMessage("the service takes no deliveries", code="read_only")

    def parse(self, service: str, body: bytes) -> object:
        """The payload of an answer's bytes (golden samples are read with it): JSON, unless an adapter overrides it.

        Raises:
            AgencyAnswerMalformed: not in the agency's notation.
        """
        self.service(service)
        return json_answer(body)

    def mapped(self, service: Service, raw: RawAnswer) -> dict[str, object]:
        """The unvalidated record: the folder's mapping, unless an adapter overrides it.

        Raises:
            MappingError: as `mapping.compiled`.
        """
        name = service.id.partition(".")[2]
        if name not in self.kit.mapping:
            raise MappingError(f"mapping.toml has no table [{name}]")
        return self.kit.mapping[name](raw.payload)

    def normalise(self, service: str, raw: RawAnswer) -> dict[str, object]:
        """Agency shape to canonical record; see `contract.Adapter.normalise`."""
        offered = self.service(service)
        try:
            record = self._record(offered, raw)
        except AgencyAnswerMalformed:
            if not raw.empty:
                raise
            record = {}  # the agency says that it has nothing: that needs no record
        if self.newest.get(service, date.min) < raw.as_of:
            self.newest[service] = raw.as_of
        return record

    def _record(self, offered: Service, raw: RawAnswer) -> dict[str, object]:
        try:
            record = self.mapped(offered, raw)
        except MappingError as error:
            raise AgencyAnswerMalformed(str(error), code=raw.code) from None
        fault = schemas.first_fault(schemas.validator(offered.record_schema), record)
        if fault is not None:
            raise AgencyAnswerMalformed(f"the record breaks {offered.record_schema} at {fault}", code=raw.code)
        return record

    async def close(self) -> None:
        """Nothing to close: the dialler owns the connections."""

    async def _ask_all(
        self, questions: Sequence[Question], answers: asyncio.Queue[tuple[int, RawAnswer | AgencyError]]
    ) -> None:
        left = deque(enumerate(questions))

        async def one_after_another() -> None:  # the next question leaves in the turn in which the last was answered
            while left:
                place, question = left.popleft()
                answers.put_nowait((place, await self._answer_or_error(question)))
                if not len(left) % A_FEW:
                    await asyncio.sleep(0)  # an agency that is not dialled is answered for without a wait

        async with asyncio.TaskGroup() as group, self._asking:
            while left:
                await self._places.acquire()
                task = group.create_task(one_after_another())
                task.add_done_callback(lambda _: self._places.release())  # also of one that was cancelled unstarted

    async def _answer_or_error(self, question: Question) -> RawAnswer | AgencyError:
        try:
            return await self.ask(question)
        except AgencyError as error:
            return error
        except Exception as error:  # one person's line must not take the others with it
            logger.exception("an adapter failed on one question", extra={"service": question.service})
            return AgencyOutcomeUnknown("the adapter failed on this question", code=type(error).__name__)


def as_of(service: Service, as_at: date) -> date:
    """The day an answer is complete for: `as_at` itself, or the end of the closed month of a lagging register."""
    return months.last_day(months.closed(as_at, service.lag_months)) if service.lag_months else as_at
