"""The same client without `async`: every call is the asynchronous one, run to its end.

    with Client.from_file("clients/sr.json") as client:
        answer = client.exchange(...)

One thread of its own runs the event loop, so it works from any number of threads at once, and also where a loop is
running already (a notebook, a web framework). There is no second implementation: what holds for `sandhi_client.Client`
holds here, errors included.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, Unpack

from . import client, dci, events
from .client import Opening

P = ParamSpec("P")
R = TypeVar("R")
Of = TypeVar("Of")
END: Any = object()


class Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sandhi-client", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, R]) -> R:
        """The result, or the error. An interrupt here ends the work there."""
        running = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return running.result()
        except BaseException:
            running.cancel()
            raise

    def each(self, values: AsyncIterator[R]) -> Iterator[R]:
        """The values as they come; stopping early closes the source."""
        try:
            while (value := self.run(_next(values))) is not END:
                yield value
        finally:
            self.run(_closed(values))

    def close(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Face(Generic[Of]):
    """An asynchronous object, and the loop that its calls run in."""

    def __init__(self, inner: Of, loop: Loop) -> None:
        self.inner = inner
        self.loop = loop


def _called(
    asked: Callable[Concatenate[Of, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[Face[Of], P], R]:
    @wraps(asked)
    def face(self: Face[Of], /, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.loop.run(asked(self.inner, *args, **kwargs))

    return face


def _listed(
    asked: Callable[Concatenate[Of, P], AsyncIterator[R]],
) -> Callable[Concatenate[Face[Of], P], Iterator[R]]:
    @wraps(asked)
    def face(self: Face[Of], /, *args: P.args, **kwargs: P.kwargs) -> Iterator[R]:
        return self.loop.each(asked(self.inner, *args, **kwargs))

    return face


class Client(Face[client.Client]):
    """Use as `with Client.from_file(path) as client:`. Safe for concurrent use from many threads."""

    @classmethod
    def from_file(cls, path: str | Path, **opening: Unpack[Opening]) -> Self:
        """As `sandhi_client.Client.from_file`. Raises ValueError."""
        inner = client.Client.from_file(path, **opening)
        return cls(inner, Loop())

    @property
    def system(self) -> str:
        """Our system id, like `LK/GOV/WBB/SRIS`."""
        return self.inner.system

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and end the thread."""
        self.loop.run(self.inner.close())
        self.loop.close()

    call = _called(client.Client.call)
    exchange = _called(client.Client.exchange)
    exchange_later = _called(client.Client.exchange_later)
    batch = _listed(client.Client.batch)
    batch_start = _called(client.Client.batch_start)
    batch_status = _called(client.Client.batch_status)
    batch_finished = _called(client.Client.batch_finished)
    batch_results = _listed(client.Client.batch_results)
    deliver = _called(client.Client.deliver)
    delivery = _called(client.Client.delivery)
    delivery_finished = _called(client.Client.delivery_finished)
    job = _called(client.Client.job)
    jobs = _called(client.Client.jobs)
    subscribe = _called(client.Client.subscribe)
    subscriptions = _called(client.Client.subscriptions)
    unsubscribe = _called(client.Client.unsubscribe)
    catalogue = _called(client.Client.catalogue)
    record_agreement = _called(client.Client.record_agreement)
    agreements = _called(client.Client.agreements)
    agreement = _called(client.Client.agreement)
    record_consents = _called(client.Client.record_consents)
    consents = _listed(client.Client.consents)
    withdraw_consent = _called(client.Client.withdraw_consent)
    consent_receipt = _called(client.Client.consent_receipt)
    declare_relationships = _called(client.Client.declare_relationships)
    relationships = _listed(client.Client.relationships)
    end_relationship = _called(client.Client.end_relationship)
    erasures = _listed(client.Client.erasures)
    acknowledge_erasure = _called(client.Client.acknowledge_erasure)


class Dci(Face[dci.Dci]):
    """`sandhi_client.dci.Dci` over the loop of a client: `Dci.of(client, receiver=...)`."""

    @classmethod
    def of(cls, asking: Client, **speaking: Unpack[dci.Speaking]) -> Self:
        """Speak DCI as the system of this client."""
        return cls(dci.Dci(asking.inner.session, **speaking), asking.loop)

    search = _called(dci.Dci.search)
    search_pages = _listed(dci.Dci.search_pages)
    search_later = _called(dci.Dci.search_later)
    status = _called(dci.Dci.status)
    enrolled = _called(dci.Dci.enrolled)
    subscribe = _called(dci.Dci.subscribe)
    unsubscribe = _called(dci.Dci.unsubscribe)


class Incoming(Face[events.Incoming]):
    """`sandhi_client.events.Incoming` over the loop of a client: `Incoming.of(client, accepted_from=...)`."""

    @classmethod
    def of(cls, asking: Client, **accepting: Unpack[events.Accepting]) -> Self:
        """Verify what the gateway sends to the system of this client."""
        return cls(events.Incoming(asking.inner.session, **accepting), asking.loop)

    verified = _called(events.Incoming.verified)
    message = _called(events.Incoming.message)


async def _next(values: AsyncIterator[R]) -> R:
    return await anext(values, END)


async def _closed(values: object) -> None:
    if close := getattr(values, "aclose", None):
        await close()
