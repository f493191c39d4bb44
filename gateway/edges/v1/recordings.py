"""What the routes of agreements and consents share: the way in for changes, and the translation of refusals."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import Depends

from audit import Log, LogUnavailable
from consent.errors import (
    Conflict,
    ConsentError,
    DocumentInvalid,
    FactsUnavailable,
    GiverRefused,
    NotFound,
    QuotaSpent,
    SignatureRefused,
)

from ...db import Database
from ...errors import NoEvidence
from ...recording import Recording
from .deps import audit_log, database
from .problems import ProblemError

TRANSLATION: dict[type[ConsentError], str] = {
    DocumentInvalid: "bad_request.shape",
    SignatureRefused: "forbidden",
    Conflict: "conflict",
    NotFound: "not_found",
    FactsUnavailable: "source_down",
    GiverRefused: "forbidden",
    QuotaSpent: "too_many_requests",
}


def recording(db: Annotated[Database, Depends(database)], log: Annotated[Log, Depends(audit_log)]) -> Recording:
    """Changes with their log entries."""
    return Recording(db, log)


@contextmanager
def refusals() -> Iterator[None]:
    """Errors of `consent` and of the log, in the words of the edge."""
    try:
        yield
    except LogUnavailable as error:
        raise NoEvidence("The log cannot take an entry now, so nothing was changed; try again.") from error
    except ConsentError as error:
        code = next(code for kind, code in TRANSLATION.items() if isinstance(error, kind))
        raise ProblemError(code, f"{error.code}: {error.detail}") from error
