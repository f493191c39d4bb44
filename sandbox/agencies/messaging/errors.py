"""Refusals in Twilio's shape, `{code, message, more_info, status}`; codes of its public error dictionary.

Twilio's own texts repeat the number that was sent; these do not.
"""

from starlette.responses import JSONResponse

TEXTS = {
    20001: "a parameter is not part of the published interface, or has the wrong type",
    20003: "Authenticate",
    20005: "Account not active",
    20404: "The requested resource was not found",
    12100: "Document parse failure",
    21201: "No 'To' number specified",
    21205: "Url parameter is required, or is not a valid URL",
    21210: "'From' phone number not verified",
    21211: "Invalid 'To' Phone Number",
    21213: "'From' phone number is required",
    21602: "Message body is required",
    21603: "A 'From' phone number is required",
    21604: "A 'To' phone number is required",
    21606: "The 'From' phone number is not a valid, message-capable number of this account",
    21609: "Invalid 'StatusCallback' URL",
    21610: "Attempt to send to unsubscribed recipient",
    21617: "The concatenated message body exceeds the 1600 character limit",
    21655: "The ContentSid is invalid",
    21656: "The ContentVariables parameter is invalid",
    21910: "Invalid 'From' and 'To' pair: both must be of the same channel",
    63007: "No WhatsApp sender with the specified From address",
}


class Refused(Exception):
    """The request is refused with this code."""

    def __init__(self, code: int, status: int = 400) -> None:
        super().__init__(str(code))
        self.code = code
        self.status = status

    def response(self) -> JSONResponse:
        headers = {"WWW-Authenticate": 'Basic realm="Twilio API"'} if self.status == 401 else None
        more = f"https://www.twilio.com/docs/errors/{self.code}"
        body = {"code": self.code, "message": TEXTS[self.code], "more_info": more, "status": self.status}
        return JSONResponse(body, self.status, headers)
