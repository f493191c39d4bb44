"""The three places where DCI says no: the acknowledgement, the reply's header, one item of the batch."""

from datetime import UTC, datetime
from uuid import uuid4

from starlette.responses import JSONResponse, Response


class NotProcessed(Exception):
    """The message as a whole cannot be read or believed: acknowledgement `ERR` and an HTTP status."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message

    def response(self) -> Response:
        """Both published error shapes in one body."""
        error = {"code": self.code, "message": self.message}
        acknowledgement = {
            "ack_status": "ERR",
            "timestamp": stamp(datetime.now(UTC)),
            "correlation_id": str(uuid4()),
            "error": error,
        }
        return JSONResponse({"message": acknowledgement, "errors": [error]}, self.status)


class RejectedMessage(Exception):
    """Understood and believed, but not acceptable: the reply's header is `rjct` with this code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


class RejectedItem(Exception):
    """One item of the batch is `rjct` with this code; the others are answered."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


def bad(message: str, status: int = 400) -> NotProcessed:
    """The request breaks the contract."""
    return NotProcessed(status, "err.request.bad", message)


def stamp(moment: datetime) -> str:
    """ISO 8601 with milliseconds, UTC."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
