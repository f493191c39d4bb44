"""What goes wrong, in X-Road's words: one table of codes, both spellings, JSON and XML.

X-Road changed its spelling in 7.8.0: `Server.ServerProxy.AccessDenied` became `server.serverproxy.access_denied`. The
specification still prints the old one, so that is the default; members named in `SANDHI_XROAD_NEW_CODES` read the new.

Source: X-Road message protocol for REST (PR-REST), section 4.6; for SOAP (PR-MESS), section 2.5.
"""

import re
from collections.abc import Mapping
from typing import Final

import orjson
from fastapi.responses import Response
from lxml import etree

from ...errors import ExchangeError
from ..refusal import OUT_OF_ORDER, OUTAGES, ProblemError, is_outage

WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")
XML_TYPES = ("text/xml", "application/xml", "text/*")

BAD_REQUEST = "Client.BadRequest"
ACCESS_DENIED = "Server.ServerProxy.AccessDenied"
UNKNOWN_MEMBER = "Server.ClientProxy.UnknownMember"
UNKNOWN_SERVICE = "Server.ServerProxy.UnknownService"
NOT_THE_CLIENT = "Server.ClientProxy.SslAuthenticationFailed"
INTERNAL = "Server.ServerProxy.InternalError"
LOGGING_FAILED = "Server.ServerProxy.LoggingFailed"
TOO_MANY = "Server.ClientProxy.TooManyRequests"  # ours: X-Road itself limits nobody

OF_OUTCOMES: Mapping[str, str] = {
    "our_error": "Server.ServerProxy.ServiceFailed",
    "source_down": "Server.ServerProxy.NetworkError",
    "source_stale": "Server.ServerProxy.ServiceFailed",
    "no_link": "Server.ServerProxy.ServiceDisabled",
    "no_evidence": LOGGING_FAILED,
    "unknown": INTERNAL,
}
"""Outcomes that are faults of the way. All others are the service's own answer, and no X-Road error."""
OF_PROBLEMS: Mapping[str, str] = {
    "unauthenticated": NOT_THE_CLIENT,
    "forbidden": ACCESS_DENIED,
    "too_many_requests": TOO_MANY,
    "bad_request.service": UNKNOWN_SERVICE,
    "bad_request.batch_only": "Server.ServerProxy.ServiceDisabled",
    "no_evidence": LOGGING_FAILED,
    "unknown": INTERNAL,
}
OF_STATUS: Mapping[str, int] = {NOT_THE_CLIENT: 401, TOO_MANY: 429}
"""X-Road has 400 and 500 only; these two are the same on every surface of the gateway (`docs/divergences.md`)."""


class XRoadError(Exception):
    """X-Road itself failed, not the service. `code` is in the old spelling; the text holds no value that was sent.
    `status` is 400 where the client is at fault and 500 otherwise, but for the codes of `OF_STATUS`."""

    def __init__(self, code: str, text: str, *, detail: str = "", after_s: int | None = None) -> None:
        super().__init__(text)
        self.code, self.text, self.detail, self.after_s = code, text, detail, after_s
        self.status = OF_STATUS.get(code, 400 if code.startswith("Client.") else 500)

    @classmethod
    def of_problem(cls, code: str, text: str, *, after_s: int | None = None) -> "XRoadError":
        """From a refusal of an edge (`refusal.ProblemError`)."""
        return cls(OF_PROBLEMS.get(code, BAD_REQUEST), text, after_s=after_s)

    @classmethod
    def of_outcome(cls, error: ExchangeError) -> "XRoadError":
        """From an outcome of `OF_OUTCOMES`."""
        return cls(OF_OUTCOMES[error.code], error.detail, detail=error.exchange_id, after_s=error.after_s)


FAILURES: Final = (XRoadError, ProblemError, ExchangeError, *OUTAGES)
"""What ends a call of X-Road's in an X-Road error."""


def xroad_error(error: Exception) -> XRoadError:
    """A failure in X-Road's words.

    Raises:
        Exception: the error itself, where it is a fault of ours.
    """
    if isinstance(error, XRoadError):
        return error
    if isinstance(error, ProblemError):
        return XRoadError.of_problem(error.code, error.detail, after_s=error.after_s)
    if isinstance(error, ExchangeError) and error.code in OF_OUTCOMES:
        return XRoadError.of_outcome(error)
    if is_outage(error):
        return XRoadError(LOGGING_FAILED, OUT_OF_ORDER)
    raise error


def spelled(code: str, *, new: bool) -> str:
    """`Server.ServerProxy.AccessDenied`, or from 7.8.0 on `server.serverproxy.access_denied`."""
    if not new:
        return code
    *path, last = code.split(".")
    return ".".join([*(part.lower() for part in path), WORD.sub("_", last).lower()])


def reads_new_codes(system: str, members: frozenset[str]) -> bool:
    """Whether the system's member reads the new spelling; `*` names them all."""
    return "*" in members or system.rpartition("/")[0] in members


def rest_error(status: int, code: str, text: str, detail: str, *, accept: str = "") -> Response:
    """The error body of PR-REST section 4.6: JSON, or XML for who accepts XML."""
    headers = {"x-road-error": code}
    if any(kind in accept.lower() for kind in XML_TYPES):
        root = etree.Element("error")
        for name, value in (("type", code), ("message", text), ("detail", detail)):
            etree.SubElement(root, name).text = value
        return Response(etree.tostring(root), status, headers, "text/xml; charset=utf-8")
    body = orjson.dumps({"type": code, "message": text, "detail": detail})
    return Response(body, status, headers, "application/json")
