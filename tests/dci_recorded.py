"""Every DCI message of the run that a gateway takes, answers or sends, in this process or in one that a test started,
held against the published file of its interface: the one that the path or the partner's policy names, else the asked
registry's.

A refusal has to fit every file that has the path: who is refused need not be known. What is sent to a partner of no
interface about no registry has to fit one. Of what comes in only what is taken counts: of a partner in strict mode it
has to be valid as it came; in tolerant mode the listed coercions are made first.
"""

import functools
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

EDGE, WIRE = "gateway.edges.dci.routes", "gateway.wires"
ASKED, ANSWERED = "request", "answer"
HOOKS = Path(__file__).parent / "dci_elsewhere"
_taken: ContextVar[Any] = ContextVar("taken", default=None)  # what the message being answered was read as


@dataclass
class Recorded:
    """What was exchanged, by interface, operation and way, and what was of no published form. Values stay out of
    `faults`. The interface is empty where nothing names one."""

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
        action = envelope["header"]["action"]
        if operation is None or operation.action != action:  # an address of the partner's own
            operation = next((each for each in OPERATIONS.values() if each.action == action and not each.reply), None)
        if operation is None:  # sealed alike, but no message of DCI: payments by G2P Connect
            return
        self._note(operation.path, ASKED, envelope, interface)

    def _note(self, path: str, way: str, value: Any, interface: str) -> None:
        import schemas
        from gateway.edges.dci.operations import INTERFACES, OPERATIONS, reply_schema, request_schema

        named = request_schema if way == ASKED else reply_schema
        only = OPERATIONS[path].interface or interface
        self.seen[only, path, way] += 1
        files = [INTERFACES[only]] if only else list(INTERFACES.values())
        faults = {each.schema: schemas.first_fault(schemas.validator(named(each, path)), value) for each in files}
        broken = [f"{way} of {path} breaks {name}: {fault}" for name, fault in faults.items() if fault is not None]
        if way == ANSWERED or len(broken) == len(files):
            self.faults += broken


class Written(Recorded):
    """In another process: each judgement is a line of a file of its own in `folder`, whenever that process ends."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def _note(self, path: str, way: str, value: Any, interface: str) -> None:
        super()._note(path, way, value, interface)
        line = json.dumps({"seen": list(self.seen), "faults": self.faults})
        self.seen.clear()
        self.faults.clear()
        with (self._folder / f"{os.getpid()}.jsonl").open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")


@dataclass
class Elsewhere(Recorded):
    """What gateways in processes of the test run wrote. `read` adds what is new."""

    folder: Path = Path()
    read_to: dict[str, int] = field(default_factory=dict)

    def read(self) -> "Elsewhere":
        for path in sorted(self.folder.glob("*.jsonl")):
            written = path.read_bytes()
            whole = written[: written.rfind(b"\n") + 1]
            for line in whole[self.read_to.get(path.name, 0) :].splitlines():
                found = json.loads(line)
                self.seen.update((only, name, way) for only, name, way in found["seen"])
                self.faults += found["faults"]
            self.read_to[path.name] = len(whole)
        return self


@contextmanager
def elsewhere() -> Iterator[Elsewhere]:
    """Let every Python that is started from here judge its DCI messages, and read what it says."""
    before = {name: os.environ.get(name) for name in ("PYTHONPATH", "DCI_ELSEWHERE")}
    with tempfile.TemporaryDirectory(prefix="dci-elsewhere-") as folder:
        os.environ["DCI_ELSEWHERE"] = folder
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(HOOKS), before["PYTHONPATH"]]))
        try:
            yield Elsewhere(folder=Path(folder))
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                os.environ |= {name: value} if value is not None else {}


@contextmanager
def recording() -> Iterator[Recorded]:
    """Listen at the DCI edge and at the wire to partners, where this process has loaded them."""
    recorded = Recorded()
    if EDGE not in sys.modules or WIRE not in sys.modules:
        yield recorded
        return
    end = listen(recorded)
    try:
        yield recorded
    finally:
        end()


def listen(recorded: Recorded) -> Callable[[], None]:
    """Hear what a gateway in this process takes, answers and sends; gives what ends it."""
    edge: Any = sys.modules[EDGE]
    wire: Any = vars(sys.modules[WIRE])["SystemWire"]
    read, answer, seal = edge.received, edge._answered, wire.sealed

    @functools.wraps(read)
    async def received(*given: Any) -> Any:
        message = await read(*given)
        _taken.set(message)
        return message

    @functools.wraps(answer)
    async def answered(request: Any, operation: Any, handler: Any, who: Any, here: Any, pin: Any) -> Any:
        _taken.set(None)
        response = await answer(request, operation, handler, who, here, pin)
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

    def end() -> None:
        edge.received, edge._answered, wire.sealed = read, answer, seal

    edge.received, edge._answered, wire.sealed = received, answered, sealed
    return end


def _asks_graphql(envelope: Any) -> bool:
    return "graphql" in _said("query_type", envelope)


def _registry_of(envelope: Any) -> str:
    """The interface that a message names by its registry's type, if one has it."""
    from gateway.edges.dci.operations import of_reg_type

    found = next(filter(None, map(of_reg_type, _said("reg_type", envelope))), None)
    return found.name if found else ""


def _said(name: str, part: Any) -> Iterator[Any]:
    """The values of a member, wherever it stands outside of records."""
    if isinstance(part, list):
        for each in part:
            yield from _said(name, each)
    elif isinstance(part, dict):
        yield from [part[name]] if name in part else []
        yield from _said(name, [value for key, value in part.items() if key != "reg_records"])
