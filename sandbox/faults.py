"""Faults on demand: what an agency does wrong until it is told to stop.

One `Faults` per agency, set by the control app; `Faulty` puts it in front of an ASGI app.
An agency without HTTP asks `faults.take()` itself.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send


class Fault(StrEnum):
    """`none` is healthy. The others are what the conformance suite of an adapter must survive."""

    NONE = "none"
    DOWN = "down"  # 503 to everything
    SLOW = "slow"  # the right answer, `seconds` late
    GARBLED = "garbled"  # 200 and bytes that are no message of this agency
    WRONG_SCHEMA = "wrong_schema"  # well formed, but not what the contract says
    REFUSE = "refuse"  # the agency's own way of saying no


class UnknownFault(ValueError):
    """No fault of this name; see `Fault`."""


@dataclass(slots=True)
class Faults:
    """The fault one agency has at the moment; mutable, because the control app turns it while the agency runs.

    Attributes:
        fault: what goes wrong.
        seconds: how late a `slow` answer is.
        times: how many more requests are hit; None is until changed.
    """

    fault: Fault = Fault.NONE
    seconds: float = 0.0
    times: int | None = None

    def set(self, fault: str, *, seconds: float = 0.0, times: int | None = None) -> None:
        """Turn a fault on, by name.

        Raises:
            UnknownFault: no such fault, or a negative number.
        """
        if fault not in set(Fault) or seconds < 0 or (times is not None and times < 0):
            raise UnknownFault(f"use one of {', '.join(Fault)}, with seconds and times of 0 or more")
        self.fault, self.seconds, self.times = Fault(fault), seconds, times

    def clear(self) -> None:
        """Healthy again."""
        self.set(Fault.NONE)

    def take(self) -> Fault:
        """The fault for one request, counted."""
        if self.times is None:
            return self.fault
        if self.times == 0:
            return Fault.NONE
        self.times -= 1
        return self.fault


@dataclass(frozen=True, slots=True)
class WrongAnswers:
    """How one agency is wrong.

    Attributes:
        media_type: of its answers.
        wrong_schema: a well-formed body that breaks the agency's contract.
        refuse: the agency's own refusal, from the request path.
        always_right: path suffixes (token endpoints) that only `down` and `slow` touch.
    """

    media_type: str
    wrong_schema: bytes
    refuse: Callable[[str], Response]
    always_right: tuple[str, ...] = ()


class Faulty:
    """ASGI middleware: the agency behind it, as wrong as `faults` says."""

    def __init__(self, app: ASGIApp, faults: Faults, answers: WrongAnswers) -> None:
        self._app = app
        self._faults = faults
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        fault = self._faults.take()
        if fault is Fault.SLOW:
            await asyncio.sleep(self._faults.seconds)
        answer = self._wrong(fault, scope["path"])
        if answer is None:
            await self._app(scope, receive, send)
            return
        await Request(scope, receive).body()  # a client still sending must be able to read the answer
        await answer(scope, receive, send)

    def _wrong(self, fault: Fault, path: str) -> Response | None:
        if fault is Fault.DOWN:
            return Response(b"service unavailable", 503, media_type="text/plain")
        if path.endswith(self._answers.always_right or ("\0",)):
            return None
        match fault:
            case Fault.GARBLED:
                return Response(b'{"answer": \xff\xfe<', 200, media_type=self._answers.media_type)
            case Fault.WRONG_SCHEMA:
                return Response(self._answers.wrong_schema, 200, media_type=self._answers.media_type)
            case Fault.REFUSE:
                return self._answers.refuse(path)
            case _:
                return None
