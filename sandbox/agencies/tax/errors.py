"""HMRC's error bodies: `{"code": ...}`. The message says what to do and never repeats a value."""

from starlette.responses import JSONResponse, Response


class Refused(Exception):
    """The request ends here."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message

    def response(self) -> Response:
        """As HMRC writes it."""
        return JSONResponse({"code": self.code, "message": self.message}, self.status)


def invalid(message: str) -> Refused:
    """400: the request breaks the contract."""
    return Refused(400, "INVALID_REQUEST", message)


def not_found() -> Refused:
    """404: no such resource, or the match id is unknown or has expired; HMRC does not say which."""
    return Refused(404, "NOT_FOUND", "The resource can not be found")


def matching_failed() -> Refused:
    """404: nobody, or not surely the same person."""
    return Refused(404, "MATCHING_FAILED", "There is no match for the information provided")
