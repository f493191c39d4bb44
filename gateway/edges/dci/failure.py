"""The one shape of every failure at the DCI edge, whoever found it: the edge, the door, the limits, the framework.

The published files have three shapes: `{"errors": [...]}` for 401, 403 and 500, an Ack for the asynchronous paths, the
reply's envelope for the synchronous ones. The body here fits all that its path declares, so a client may read any.

Source: SPDCI OpenAPI 1.0.0: `HttpErrorResponse`, `Response`, `MsgCallbackHeader_V1.0.0`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import orjson
from starlette.responses import Response

from .operations import Operation, operation_at

BAD, NOT_FOUND, UNAVAILABLE = "err.request.bad", "err.request.not_found", "err.service.unavailable"
ACK_CODES = frozenset(
    {
        *(BAD, "err.request.unauthorized", "err.request.forbidden", NOT_FOUND, "err.request.timeout"),
        *("err.version.not_supported", "err.request.too_many_requests", "err.sender_id.invalid"),
        *("err.sender_uri.invalid", "err.receiver_id.invalid", "err.signature.missing", "err.signature.invalid"),
        *("err.encryption.invalid", UNAVAILABLE),
    }
)
HEADER_CODES = frozenset(
    {
        *("rjct.version.invalid", "rjct.message_id.duplicate", "rjct.message_ts.invalid", "rjct.action.invalid"),
        *("rjct.action.not_supported", "rjct.total_count.invalid", "rjct.total_count.limit_exceeded"),
        "rjct.errors.too_many",
    }
)
LONGEST = 999


class DciError(Exception):
    """The whole message is refused. `code` is one of DCI's; the text never repeats a value."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status, self.code, self.text = status, code, text

    def response(self, path: str = "", transaction_id: str = "") -> Response:
        """As `failed`; `path` is the HTTP path that was asked."""
        return failed(path, self.status, self.code, self.text, transaction_id=transaction_id)


def failed(path: str, status: int, code: str, text: str, *, transaction_id: str = "") -> Response:
    """The answer to a message, or to a call that never was one.

    Args:
        path: the HTTP path; it decides which shapes the body must fit.
        transaction_id: the sender's, where the message could be read so far.
    """
    correlation_id = str(uuid4())
    ack = acknowledgement("ERR", correlation_id)
    ack["error"] = {"code": code if code in ACK_CODES else BAD, "message": text[:LONGEST]}
    body: dict[str, Any] = {"message": ack, "errors": [{"code": code, "message": text[:LONGEST]}]}
    operation = operation_at(path)
    if operation is not None and operation.reply:
        nothing = _nothing(operation, transaction_id[:99], correlation_id)
        body = {"header": _rejecting(operation, code, text), "message": ack | nothing, "errors": body["errors"]}
    return Response(orjson.dumps(body), status, media_type="application/json")


def speaks_dci(path: str) -> bool:
    """Whether who asks for this HTTP path expects DCI's words: at our own edge, or carried by X-Road."""
    return path.startswith("/dci/") or (path.startswith(("/r1/", "/im/r1/")) and operation_at(path) is not None)


def acknowledgement(status: str, correlation_id: str) -> dict[str, Any]:
    """An Ack's `message`: `ACK` (a callback follows), `NACK` (nothing more will come) or `ERR`."""
    return {"ack_status": status, "timestamp": stamp(), "correlation_id": correlation_id}


def stamp() -> str:
    """Now, as DCI writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _rejecting(operation: Operation, code: str, text: str) -> Mapping[str, Any]:
    header = {
        "version": "1.0.0",
        "message_id": str(uuid4()),
        "message_ts": stamp(),
        "action": operation.reply,
        "status": "rjct",
        "status_reason_message": text[:LONGEST],
        "total_count": 0,
        "completed_count": 0,
    }
    return header | ({"status_reason_code": code} if code in HEADER_CODES else {})


def _nothing(operation: Operation, transaction_id: str, correlation_id: str) -> dict[str, Any]:
    """The members that the reply's message must have, with nothing in them."""
    ids: dict[str, Any] = {"transaction_id": transaction_id, "correlation_id": correlation_id}
    if operation.empty != "txnstatus_response":
        return ids | {operation.empty: []}
    return ids | {operation.empty: {"txn_type": "search", "txn_status": ids | {"search_response": []}}}
