"""What can go wrong, seen from a system that calls the gateway.

SandhiError
├── Problem                the gateway answered, and it is not the answer asked for; one class for each family of codes:
│   ├── Refused            `refused_by_rules`, `refused_by_source`
│   ├── NoAnswer           `unknown_person`, `ambiguous`, `not_available`: nothing about this person
│   ├── SourceFailed       `source_down`, `source_stale`, `no_link`, `our_error`: between the gateway and the agency
│   ├── GatewayFailed      `no_evidence`, `unknown`: the gateway itself
│   ├── NotAuthenticated   `unauthenticated`
│   ├── Forbidden          `forbidden`, `sign_in_again`
│   ├── TooMany            `too_many_requests`
│   ├── NotFound           `not_found`
│   ├── Conflict           `conflict`
│   └── BadRequest         `bad_request.*`: the call itself is wrong
├── NoToken                the token endpoint refused: wrong key, wrong client, suspended
├── Unreachable            no answer after all attempts; whether the gateway acted is not known
├── AnswerNotSigned        the answer does not carry the gateway's good signature
├── MessageRefused         the DCI edge refused a whole message; `code` is DCI's
└── EventRefused           an incoming message is not the gateway's, is for somebody else, or too old
"""

from collections.abc import Mapping

PASSING = frozenset({"source_down", "source_stale", "no_evidence", "too_many_requests"})  # the same call may succeed


class SandhiError(Exception):
    """See the tree above."""


class Problem(SandhiError):
    """A problem document (RFC 9457). `code` is stable; the gateway explains each at `GET /errors/{code}`.

    Attributes:
        retryable: the same request may succeed later.
        retry_after: seconds after which, where the gateway said so; sooner is useless.
        exchange_id: under which the log knows the refused exchange; empty if there was none.
        document: the whole document.
    """

    def __init__(self, status: int, document: Mapping[str, object], retry_after: float | None = None) -> None:
        self.status = status
        self.document = document
        self.code = str(document.get("code", "unknown"))
        self.detail = str(document.get("detail", ""))
        told = document.get("retryable")
        self.retryable = told is True or (told is None and self.code in PASSING)
        self.retry_after = retry_after
        self.exchange_id = str(document.get("exchange_id", ""))
        super().__init__(f"{status} {self.code}: {self.detail}")


class Refused(Problem):
    """The agreement, the person or the agency does not allow it. Do not repeat."""


class NoAnswer(Problem):
    """Nothing can be said about this person; why is for callers with the right to know it."""


class SourceFailed(Problem):
    """The agency could not be asked, or not properly."""


class GatewayFailed(Problem):
    """The gateway cannot work now; after `unknown` whether something left is not known, and a person looks."""


class NotAuthenticated(Problem):
    """The token or its proof was not good, and a new one did not help."""


class Forbidden(Problem):
    """We are known and may not do this."""


class TooMany(Problem):
    """Over a limit; come again after `retry_after`."""


class NotFound(Problem):
    """Nothing of ours is there."""


class Conflict(Problem):
    """The request contradicts what is there."""


class BadRequest(Problem):
    """The call is wrong: change it before it is sent again. `document["faults"]` may say where."""


FAMILIES: Mapping[str, type[Problem]] = {
    "refused_by_rules": Refused,
    "refused_by_source": Refused,
    "unknown_person": NoAnswer,
    "ambiguous": NoAnswer,
    "not_available": NoAnswer,
    "source_down": SourceFailed,
    "source_stale": SourceFailed,
    "no_link": SourceFailed,
    "our_error": SourceFailed,
    "no_evidence": GatewayFailed,
    "unknown": GatewayFailed,
    "unauthenticated": NotAuthenticated,
    "forbidden": Forbidden,
    "sign_in_again": Forbidden,
    "too_many_requests": TooMany,
    "not_found": NotFound,
    "conflict": Conflict,
    "bad_request": BadRequest,
}


def problem_of(status: int, document: Mapping[str, object], retry_after: float | None = None) -> Problem:
    """The problem in the class of its family; a code that this client does not know yet is a plain `Problem`."""
    family = str(document.get("code", "")).partition(".")[0]
    return FAMILIES.get(family, Problem)(status, document, retry_after)


class NoToken(SandhiError):
    """`error` is OAuth's code: `invalid_client`, `invalid_scope`, ..."""

    def __init__(self, error: str, description: str) -> None:
        self.error = error
        super().__init__(f"{error}: {description}")


class Unreachable(SandhiError):
    """No answer. A delivery or a batch may be sent again with the same idempotency key."""


class AnswerNotSigned(SandhiError):
    """The answer is not proved to be the gateway's."""


class MessageRefused(SandhiError):
    """A whole DCI message was refused: `code` is one of DCI's (`err.*`, `rjct.*`), `status` the HTTP one."""

    def __init__(self, status: int, code: str, text: str) -> None:
        self.status, self.code = status, code
        super().__init__(f"{status} {code}: {text}")


class EventRefused(SandhiError):
    """`code` is DCI's, for the ERR acknowledgement."""

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        super().__init__(text)
