"""What can go wrong, seen from a system that calls the gateway.

SandhiError
├── Problem           the gateway answered, and it is not the answer asked for: `code`, `status`, `detail`
├── NoToken           the token endpoint refused: wrong key, wrong client, suspended
├── Unreachable       no answer after all attempts; whether the gateway acted is not known
├── AnswerNotSigned   the answer does not carry the gateway's good signature
└── EventRefused      an incoming notification is not the gateway's, is for somebody else, or too old
"""

from collections.abc import Mapping


class SandhiError(Exception):
    """See the tree above."""


class Problem(SandhiError):
    """A problem document (RFC 9457). `code` is stable, see the gateway's `docs/errors.md`.

    Attributes:
        retryable: the same request may succeed later.
        exchange_id: under which the log knows the refused exchange; empty if there was none.
        document: the whole document.
    """

    def __init__(self, status: int, document: Mapping[str, object]) -> None:
        self.status = status
        self.document = document
        self.code = str(document.get("code", "unknown"))
        self.detail = str(document.get("detail", ""))
        self.retryable = document.get("retryable") is True
        self.exchange_id = str(document.get("exchange_id", ""))
        super().__init__(f"{status} {self.code}: {self.detail}")


class NoToken(SandhiError):
    """`error` is OAuth's code: `invalid_client`, `invalid_scope`, ..."""

    def __init__(self, error: str, description: str) -> None:
        self.error = error
        super().__init__(f"{error}: {description}")


class Unreachable(SandhiError):
    """No answer. A delivery may be sent again with the same idempotency key."""


class AnswerNotSigned(SandhiError):
    """The answer is not proved to be the gateway's."""


class EventRefused(SandhiError):
    """`code` is DCI's, for the ERR acknowledgement."""

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        super().__init__(text)
