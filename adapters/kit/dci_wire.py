"""How DCI messages to and from one partner are protected: in clear, signed in the body, or as the gateway agreed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from adapters.kit.contract import AgencyAnswerMalformed
from adapters.kit.egress import HttpAnswer

Envelope = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it left: what its answer may be bound to."""

    url: str
    headers: Mapping[str, str]
    body: bytes


class Wire(Protocol):
    """The protection agreed with one partner."""

    async def sealed(self, url: str, headers: Mapping[str, str], envelope: Envelope) -> Sent:
        """What leaves for `{"header", "message"}`: encrypted and signed as agreed.

        Raises:
            AgencyRejectedMessage: it cannot be protected as agreed, so it does not leave.
        """

    async def opened(self, reply: Envelope, answer: HttpAnswer, to: Sent) -> Envelope:
        """The reply in clear, proved to be the partner's.

        Raises:
            AgencyAnswerMalformed: it is not, or it cannot be opened.
        """


class BodySigned:
    """Every message carries a `signature` made by one function; replies are taken as they come."""

    def __init__(self, sign: Callable[[Envelope], str] | None = None) -> None:
        """`sign`: `{"header", "message"}` -> the value of `signature`; None sends none."""
        self._sign = sign

    async def sealed(self, url: str, headers: Mapping[str, str], envelope: Envelope) -> Sent:
        """See `Wire.sealed`."""
        signed = {"signature": self._sign(envelope), **envelope} if self._sign else envelope
        return Sent(url, headers, orjson.dumps(signed))

    async def opened(self, reply: Envelope, _answer: HttpAnswer, _to: Sent) -> Envelope:
        """See `Wire.opened`."""
        if reply["header"].get("is_msg_encrypted"):
            raise AgencyAnswerMalformed("the reply is encrypted and we gave no key")
        return reply


CLEAR = BodySigned()
