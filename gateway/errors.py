"""Every way an exchange can fail.

ExchangeError
├── RefusedByRules         403  agreement, legal basis, consent, objection: the rules say no (hidden)
│   └── OnHold                  queued work only: the agreement is suspended, so it waits
├── RefusedBySource        502  the agency says no (hidden)
├── SubjectUnknown         404  the agency does not know the person (hidden)
├── Ambiguous              404  more than one, or not surely the same person (hidden)
├── OurError               502  our message was wrong for the agency
├── SourceDown             503  the agency did not answer properly
│   ├── SourceUnavailable       not reachable, too slow, over its quota (safe to retry)
│   └── SourceAnswerInvalid     the answer does not fit the agency's own schema
├── SourceStale            503  the source's newest data is older than the agreement allows
├── NoLink                 503  this deployment has no link to the source
├── Unknown                500  a fault of ours, or a delivery cut in the middle: what happened is not known
└── NoEvidence             503  the log did not accept an entry, so nothing was exchanged

`code` is public and never changes (`docs/errors.md`). `detail` is shown to the caller: it may
name a rule, never a person or a value. `reasons` go to the log. A hidden error is told as
`not_available` to a caller without the right to know existence (`told`).
"""

import logging
import re

from adapters.kit import contract as agency

logger = logging.getLogger("sandhi.exchange")

UNUSABLE = "The agency's answer does not have the shape that was agreed; the gateway's operator sees where."
_PLACE = re.compile(r" at /[^ ]*")
_NUMBER = re.compile(r"\d{6,}")  # a member of an answer may be called by somebody's number


class ExchangeError(Exception):
    """One exchange failed; see the tree above."""

    code = "unknown"
    status = 500
    retryable = False
    hidden = False

    def __init__(self, detail: str, *, reasons: tuple[str, ...] = (), source_code: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.reasons = reasons
        self.source_code = source_code
        self.may_know_existence = False
        self.exchange_id = ""
        self.after_s: int | None = None  # when asking again helps, where that is known

    @property
    def told(self) -> tuple[int, str, str]:
        """(status, code, detail) as this caller may know it."""
        if self.hidden and not self.may_know_existence:
            return 404, "not_available", "No answer is available for this request."
        return self.status, self.code, self.detail


class RefusedByRules(ExchangeError):
    """The rules say no; which ones is in `reasons`."""

    code, status, hidden = "refused_by_rules", 403, True


class OnHold(RefusedByRules):
    """The agreement is suspended: what was taken before waits until it is resumed or ended."""

    retryable = True


class RefusedBySource(ExchangeError):
    """The agency says no."""

    code, status, hidden = "refused_by_source", 502, True


class SubjectUnknown(ExchangeError):
    """The agency does not know the person."""

    code, status, hidden = "unknown_person", 404, True


class Ambiguous(ExchangeError):
    """More than one person, or not surely the same."""

    code, status, hidden = "ambiguous", 404, True


class NoData(ExchangeError):
    """The agency knows the person and has nothing: told only as an answer, or hidden (never raised with the right)."""

    code, status, hidden = "no_data", 200, True


class OurError(ExchangeError):
    """Our message was wrong for the agency."""

    code, status = "our_error", 502


class SourceDown(ExchangeError):
    """The agency did not answer properly."""

    code, status, retryable = "source_down", 503, True


class SourceUnavailable(SourceDown):
    """Not reachable, too slow, or over its quota."""


class SourceAnswerInvalid(SourceDown):
    """The answer does not fit the agency's own schema."""


class SourceStale(ExchangeError):
    """Newer data is required than the source has."""

    code, status, retryable = "source_stale", 503, True


class NoLink(ExchangeError):
    """This deployment has no link to the source."""

    code, status = "no_link", 503


class Unknown(ExchangeError):
    """What happened is not known; a person has to look."""


class NoEvidence(ExchangeError):
    """The log did not accept an entry."""

    code, status, retryable = "no_evidence", 503, True


def shown_as(outcome: str, may_know_existence: bool) -> str:
    """An outcome's code as this caller may know it, like `ExchangeError.told`."""
    return "not_available" if outcome in HIDDEN and not may_know_existence else outcome


HIDDEN = frozenset(each.code for each in (RefusedByRules, RefusedBySource, SubjectUnknown, Ambiguous, NoData))
TRANSLATION: dict[type[agency.AgencyError], type[ExchangeError]] = {
    agency.AgencyUnavailable: SourceUnavailable,
    agency.AgencyTimeout: SourceUnavailable,
    agency.AgencyAnswerMalformed: SourceAnswerInvalid,
    agency.AgencyRefused: RefusedBySource,
    agency.AgencyRejectedMessage: OurError,
    agency.AgencyHasNoSuchPerson: SubjectUnknown,
    agency.AgencyCannotTell: Ambiguous,
    agency.AgencyOutcomeUnknown: Unknown,
}


def translated(error: agency.AgencyError) -> ExchangeError:
    """An adapter's error in the words of the outcome table; the operator's log says where in the answer it is."""
    kind = next(kind for kind in type(error).__mro__ if kind in TRANSLATION)  # kits may refine the contract's errors
    detail = _PLACE.sub("", error.detail)
    if kind is agency.AgencyAnswerMalformed:
        logger.warning("an answer of an agency is not used: %s", _NUMBER.sub("...", error.detail))
        detail = UNUSABLE
    told = TRANSLATION[kind](detail, source_code=error.code)
    told.after_s = error.back_in_s
    return told
