"""What goes wrong, as `application/problem+json`: one table of codes, one shape, never a value that was sent.

`docs/errors.md` has an entry and `docs/errors/` a page for each code, which `type` points to; tests compare them.

Source: RFC 9457; the codes are those of `docs/errors.md`.
"""

import logging
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from ...errors import ExchangeError
from ...registration.errors import AdapterRefused
from ...trust.errors import AddressRefused, CredentialRefused, KeysRefused, NoIdentifier, RegistrationRefused
from ..refusal import OUT_OF_ORDER, OUTAGES, ProblemError, is_outage

__all__ = ["CODES", "Code", "ProblemError", "install", "problem", "unauthenticated"]

logger = logging.getLogger(__name__)

DPOP_WANTED = "Send Authorization: DPoP with an access token, and a fresh DPoP proof."
CHALLENGE = 'DPoP algs="EdDSA ES256 PS256"'
RETRY_AFTER = {"source_down": "5", "no_evidence": "5", "too_many_requests": "5"}  # seconds


class Code(NamedTuple):
    """One public code: its HTTP status and title."""

    status: int
    title: str


CODES: Mapping[str, Code] = {
    "refused_by_rules": Code(403, "The rules do not allow this exchange"),
    "refused_by_source": Code(502, "The agency refused"),
    "unknown_person": Code(404, "The agency does not know the person"),
    "ambiguous": Code(404, "Not surely one person"),
    "not_available": Code(404, "No answer is available"),
    "our_error": Code(502, "The gateway's message was wrong for the agency"),
    "source_down": Code(503, "The agency did not answer"),
    "source_stale": Code(503, "The agency's data is older than the agreement allows"),
    "no_link": Code(503, "This deployment has no link to the agency"),
    "no_evidence": Code(503, "The log did not accept the entry"),
    "unknown": Code(500, "What happened is not known"),
    "unauthenticated": Code(401, "The caller is not authenticated"),
    "forbidden": Code(403, "The caller may not do this"),
    "sign_in_again": Code(403, "This needs a sign-in of a moment ago"),
    "not_found": Code(404, "There is nothing here"),
    "conflict": Code(409, "The request contradicts what is there"),
    "too_many_requests": Code(429, "Too many requests"),
    "bad_request.json": Code(400, "The body is not strict JSON"),
    "bad_request.line": Code(400, "A line of the body cannot be used"),
    "bad_request.shape": Code(400, "The request does not have the documented shape"),
    "bad_request.query": Code(400, "The query of the address cannot be used"),
    "bad_request.service": Code(400, "The service is unknown, or not asked like this"),
    "bad_request.purpose": Code(400, "The purpose is unknown"),
    "bad_request.campaign": Code(400, "The campaign cannot be run like this"),
    "bad_request.filter": Code(400, "The filter or the frequency cannot be used"),
    "bad_request.fields": Code(400, "The service has no such field"),
    "bad_request.claim": Code(400, "The claim cannot be asked like this"),
    "bad_request.identifier": Code(400, "The subject has no usable identifier"),
    "bad_request.record": Code(400, "The record does not have the shape of the service"),
    "bad_request.case": Code(400, "The case reference has the form of an identifier"),
    "bad_request.officer": Code(400, "The officer reference has the form of an identifier"),
    "bad_request.batch_only": Code(400, "The service answers in batches only"),
    "bad_request.too_many_lines": Code(400, "The batch has too many lines"),
    "bad_request.duplicate_line": Code(400, "Two lines of the batch have the same name"),
    "bad_request.adapter": Code(400, "The adapter cannot be used"),
    "bad_request.keys": Code(400, "The key set breaks a rule"),
    "bad_request.address": Code(400, "The address may not be dialled from here"),
    "bad_request.framing": Code(400, "The request can be read in two ways"),
    "bad_request.method": Code(405, "The path does not take this method"),
    "bad_request.slow": Code(408, "The request came too slowly"),
    "bad_request.too_large": Code(413, "The body is too large"),
    "bad_request.content_type": Code(415, "The body is not of the expected media type"),
    "bad_request.host": Code(421, "The request is for another host"),
    "bad_request.headers": Code(431, "The headers are too many or too large"),
}

BY_STATUS = {
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "bad_request.method",
    409: "conflict",
    413: "bad_request.too_large",
    415: "bad_request.content_type",
    429: "too_many_requests",
}

OUR_WORDS = re.compile(r"[a-z][a-z_]{0,39}", re.ASCII)


def problem(
    code: str, detail: str, *, status: int | None = None, after_s: int | None = None, **members: object
) -> Response:
    """The response for a code of the table; `members` are extension members (RFC 9457 section 3.2), `after_s` goes
    before the code's usual `Retry-After`."""
    known = CODES[code]
    body = {
        "type": f"/errors/{code}",
        "title": known.title,
        "status": status or known.status,
        "code": code,
        "detail": detail,
    } | members
    headers = {"retry-after": str(after_s or RETRY_AFTER[code])} if after_s or code in RETRY_AFTER else {}
    if code == "unauthenticated":
        headers["www-authenticate"] = CHALLENGE
    return Response(orjson.dumps(body), status or known.status, headers, "application/problem+json")


def install(app: FastAPI) -> None:
    """Let every failure of the routes leave in this shape."""
    handlers: dict[type[Exception], Any] = {
        ProblemError: _problem,
        ExchangeError: _exchange,
        CredentialRefused: _unauthenticated,
        KeysRefused: _keys,
        AddressRefused: _address,
        RegistrationRefused: _registration,
        AdapterRefused: _adapter,
        NoIdentifier: _identifier,
        RequestValidationError: _shape,
        HTTPException: _http,
    } | dict.fromkeys(OUTAGES, _outage)
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


async def _problem(_: Request, error: ProblemError) -> Response:
    return problem(error.code, error.detail, after_s=error.after_s)


async def _exchange(_: Request, error: ExchangeError) -> Response:
    status, code, detail = error.told
    known: dict[str, Any] = {"exchange_id": error.exchange_id} if error.exchange_id else {}
    after_s = error.after_s if code == error.code else None  # what is hidden looks like anything else that is
    return problem(code, detail, status=status, after_s=after_s, retryable=error.retryable, **known)


async def _outage(_: Request, error: Exception) -> Response:
    if not is_outage(error):
        raise error  # a fault of ours
    logger.error("no evidence: %s", type(error).__name__)
    return problem("no_evidence", OUT_OF_ORDER, retryable=True)


async def _unauthenticated(_: Request, error: CredentialRefused) -> Response:
    return unauthenticated(error)


def unauthenticated(error: CredentialRefused, told: str = DPOP_WANTED) -> Response:
    """The one answer to every caller that is not authenticated; why goes to the operator's log."""
    logger.warning("not authenticated: %s client=%s", error.reason, error.client or "unknown")
    return problem("unauthenticated", told)


async def _keys(_: Request, error: KeysRefused) -> Response:
    return problem("bad_request.keys", error.detail)


async def _address(_: Request, error: AddressRefused) -> Response:
    return problem("bad_request.address", error.detail)


async def _registration(_: Request, error: RegistrationRefused) -> Response:
    return problem("conflict", error.detail)


async def _adapter(_: Request, error: AdapterRefused) -> Response:
    faults = [{"file": each.file, "line": each.line, "code": each.code, "detail": each.detail} for each in error.faults]
    return problem("bad_request.adapter", error.detail, faults=faults)


async def _identifier(_: Request, error: NoIdentifier) -> Response:
    return problem("bad_request.identifier", error.detail)


async def _shape(_: Request, error: RequestValidationError) -> Response:
    faults = [{"at": place(each), "fault": str(each["type"])} for each in error.errors()[:20]]
    return problem("bad_request.shape", "See the members named in `faults`, and /v1/openapi.json.", faults=faults)


def place(fault: Mapping[str, Any]) -> str:
    """Where, as a JSON pointer of our own member names: a name the caller made up may be a person's number."""
    path = fault["loc"][:-1] if fault["type"] == "extra_forbidden" else fault["loc"]
    return "".join(f"/{part}" for part in path if isinstance(part, int) or OUR_WORDS.fullmatch(str(part)))


async def _http(_: Request, error: HTTPException) -> Response:
    code = BY_STATUS.get(error.status_code, "bad_request.shape")
    response = problem(code, f"{CODES[code].title}. See /v1/openapi.json.")
    if allowed := (error.headers or {}).get("allow", (error.headers or {}).get("Allow")):
        response.headers["allow"] = allowed
    return response
