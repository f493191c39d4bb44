"""Every DCI message of the run that a gateway in this process takes, answers or sends, held against the published file
of its interface: the one that the path or the partner's policy names, else the asked registry's.

What was refused is held against every file that has the path: its sender need not have been known. Only what was taken
of a partner in strict mode has to be valid as it came; in tolerant mode the listed coercions are made first.
"""

import functools
import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

EDGE, WIRE = "gateway.edges.dci.routes", "gateway.wires"
ASKED, ANSWERED = "request", "answer"
_taken: ContextVar[Any] = ContextVar("taken", default=None)  # what the message being answered was read as


@dataclass
class Recorded:
    """What was exchanged, by interface, operation and way, and what was of no published form. Values stay out of
    `faults`. No interface: it was refused, or names no registry, and is held against every file."""

    seen: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def took(self, message: Any, *, tolerant: bool) -> None:
        """What the gateway took (`envelope.Received`)."""
        from gateway.edges.dci.tolerance import coerced

        path, interface = message.operation.path, message.interface
        value = json.loads(message.http.body)
        if _asks_graphql(value):  # refused item by item, also where the file does not list the type
            return
        if tolerant:
            value, _ = coerced(value, message.operation.action, one_record=interface.one_record)
        elif message.tolerated:
            self.faults.append(f"{ASKED} of {path}: coerced in strict mode")
        self._note(path, ASKED, value, interface.name)

    def answered(self, path: str, body: bytes, interface: str) -> None:
        """What the gateway answered."""
        self._note(path, ANSWERED, json.loads(body), interface)

    def sent(self, url: str, envelope: Any, interface: str) -> None:
        """What the gateway sent to a partner."""
        from gateway.edges.dci.operations import OPERATIONS, operation_at

        operation = operation_at(urlsplit(url).path)
        if operation is None or operation.action != envelope["header"]["action"]:  # an address of the partner's own
            action = envelope["header"]["action"]
            operation = next(each for each in OPERATIONS.values() if each.action == action and not each.reply)
        self._note(operation.path, ASKED, envelope, interface)

    def _note(self, path: str, way: str, value: Any, interface: str) -> None:
        import schemas
        from gateway.edges.dci.operations import INTERFACES, OPERATIONS, reply_schema, request_schema

        named = request_schema if way == ASKED else reply_schema
        only = OPERATIONS[path].interface or interface
        self.seen[only, path, way] += 1
        for each in [INTERFACES[only]] if only else INTERFACES.values():
            if (fault := schemas.first_fault(schemas.validator(named(each, path)), value)) is not None:
                self.faults.append(f"{way} of {path} breaks {each.schema}: {fault}")


@contextmanager
def recording() -> Iterator[Recorded]:
    """Listen at the DCI edge and at the wire to partners, where this process has loaded them."""
    recorded = Recorded()
    if EDGE not in sys.modules or WIRE not in sys.modules:
        yield recorded
        return
    edge, wire = sys.modules[EDGE], sys.modules[WIRE].SystemWire
    read, answer, seal = edge.received, edge._answered, wire.sealed

    @functools.wraps(read)
    async def received(*given: Any) -> Any:
        message = await read(*given)
        _taken.set(message)
        return message

    @functools.wraps(answer)
    async def answered(request: Any, operation: Any, handler: Any, who: Any, here: Any) -> Any:
        _taken.set(None)
        response = await answer(request, operation, handler, who, here)
        message = _taken.get()
        if message is not None and response.status_code == 200:
            recorded.took(message, tolerant=here.trust.messages.policy(who.system).dci.tolerant)
        recorded.answered(operation.path, response.body, message.interface.name if message else "")
        return response

    @functools.wraps(seal)
    async def sealed(self: Any, url: str, headers: Any, envelope: Any) -> Any:
        sent = await seal(self, url, headers, envelope)
        agreed = self._trust.messages.policy(self._system).dci.interface
        recorded.sent(url, json.loads(sent.body), agreed or _registry_of(envelope) or self._interface)
        return sent

    edge.received, edge._answered, wire.sealed = received, answered, sealed
    try:
        yield recorded
    finally:
        edge.received, edge._answered, wire.sealed = read, answer, seal


def _items(envelope: Any) -> list[Any]:
    """Every object that a list of the message holds."""
    message = envelope.get("message")
    lists = [each for each in message.values() if isinstance(each, list)] if isinstance(message, dict) else []
    return [each for one in lists for each in one if isinstance(each, dict)]


def _asks_graphql(envelope: Any) -> bool:
    return any(each.get("search_criteria", {}).get("query_type") == "graphql" for each in _items(envelope))


def _registry_of(envelope: Any) -> str:
    """The interface that a message names by its registry's type, if one has it."""
    from gateway.edges.dci.operations import of_reg_type

    parts = ("search_criteria", "subscribe_criteria", "data")
    named = [each[part].get("reg_type") for each in _items(envelope) for part in parts if part in each]
    found = next((of_reg_type(each) for each in named if each), None)
    return found.name if found else ""
