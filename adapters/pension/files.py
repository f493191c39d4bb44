"""The pension files of `docs/profiles/pension-file.md`: requests written, answers read. Pure functions.

An answer is taken whole or not at all: one check that fails and nothing of it is used.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from adapters.kit.codes import own_lists
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyError,
    AgencyRefused,
    AgencyRejectedMessage,
)

VERSION = "1"
MONTHS_LIMIT = 60  # of one request, section 4
RECORD_LENGTH = 152
NOT_SERVED = "R11"  # the one error that is about us and not about our message
KINDS = own_lists(__file__)["pension"]

_TEXT = frozenset({0x0A, *range(0x20, 0x7F)})
_NIC = re.compile(r"[0-9]{2}(?P<old>[0-9]{3})[0-9]{4}[VX]|(?:19|20)[0-9]{2}(?P<new>[0-9]{3})[0-9]{5}")
_MONTH = re.compile(r"[0-9]{4}(?:0[1-9]|1[0-2])")
_AMOUNT = re.compile(r" *-?[0-9]+\.[0-9]{2}")
_POSTING = re.compile(
    r"(?P<nic>[0-9VX]{10,12} *)(?<=^.{20}) {60}(?P<member_number>[0-9]{6})"
    r"(?P<total>.{10})(?P<employer>.{10})(?P<member>.{10})(?P<earnings>.{12})"
    r"[ENV][A-Z](?P<employer_number> *[0-9]+)(?<=^.{136})(?P<month>[0-9]{6})(?P<submission>[ 0-9][0-9])"
    r"(?P<days>.{5})[0-9]{3}"
)
_STATUS = re.compile(r"([0-9]{6})\|([0-9]{9}[VX]|[0-9]{12})\|(known|unknown|refused)\|([0-9]{6})\|([0-9]+)\|([0-9]+)")
_PENSION = re.compile(r"([0-9]{6})\|([OSL])\|([0-9]{6})\|([0-9]{6})?")
_FILE = re.compile(r"F\|([A-Za-z0-9.-]+)\|([0-9]+)\|(-?[0-9]+\.[0-9]{2})?\|([0-9a-f]{64})")
_ERROR = re.compile(r"E\|(R[0-9]{2})\|([0-9]+)\|([ -~]*)")


@dataclass(frozen=True, slots=True)
class Request:
    """One question file. Months are `YYYYMM`, both included; `nics` in either form, as the caller holds them."""

    sender: str
    start: str
    end: str
    nics: tuple[str, ...]

    def data(self) -> bytes:
        """The request data file, section 4."""
        lines = [f"H|{VERSION}|{self.sender}|{self.start}|{self.end}"]
        lines += [f"{position:06}|{nic}" for position, nic in enumerate(self.nics, start=1)]
        return _text(lines)

    def manifest(self, number: str) -> bytes:
        """The request manifest, section 4; written last."""
        digest = hashlib.sha256(self.data()).hexdigest()
        return _text([f"M|{VERSION}|request|{self.sender}|{number}", f"F|REQ-{number}.txt|{len(self.nics)}||{digest}"])


@dataclass(frozen=True, slots=True)
class Posting:
    """One contribution record: month `YYYYMM`, whole cents; a reversal is negative."""

    month: str
    submission: int
    cents: int


@dataclass(frozen=True, slots=True)
class Grant:
    """One pension: kind `O` (old-age), `S` (survivor), `L` (lump sum); months `YYYYMM`, end None if none is known."""

    kind: str
    start: str
    end: str | None


@dataclass(frozen=True, slots=True)
class Line:
    """What the fund says about one line of the request. `state` is known | unknown | refused."""

    state: str
    closed_month: str
    postings: tuple[Posting, ...]
    pensions: tuple[Grant, ...]


def nic_fits(nic: str) -> bool:
    """Whether the fund takes this number: either form, with a day of the year that exists (section 3)."""
    found = _NIC.fullmatch(nic)
    if found is None:
        return False
    day = int(found["old"] or found["new"])
    return 1 <= day <= 366 or 501 <= day <= 866


def answer_names(number: str) -> tuple[str, str, str]:
    """Contributions, status and pensions file of one answer, in the order of its manifest."""
    return f"ANS-{number}-C.txt", f"ANS-{number}-S.txt", f"ANS-{number}-P.txt"


def read_answer(number: str, request: Request, files: Mapping[str, bytes]) -> list[Line]:
    """Check a whole answer and read it.

    Args:
        number: `<sender>-<yyyymmdd>-<nnnn>`.
        request: what was asked; the answer must be about exactly that.
        files: name -> bytes of the manifest and the three files.

    Returns:
        One line for each NIC of the request, in its order.

    Raises:
        AgencyAnswerMalformed: any check of section 5 failed; its code names the check.
    """
    claims = _read_manifest(number, request.sender, files[f"ANS-{number}.mft"])
    contributions, status, pensions = (
        _checked(files[name], name, claim) for name, claim in zip(answer_names(number), claims, strict=True)
    )
    postings = [_posting(line) for line in contributions]
    total = sum(posting.cents for _, posting in postings)
    if claims[0].sum_cents != total:
        raise _malformed("sum", "the contributions do not add up to the sum of the manifest")
    return _assembled(request, status, postings, [_grant(line) for line in pensions])


def read_member(text: bytes) -> Line:
    """One member's part of an answer as it stands in the files: status line, contribution records, pensions.

    Raises:
        AgencyAnswerMalformed: as `read_answer`.
    """
    status, *rows = _lines(text, "answer") or [""]
    found = _STATUS.fullmatch(status)
    if found is None:
        raise _malformed("field", "status record 1 does not fit its format")
    count = int(found[5])
    anytime = Request("", "000001", "999912", (found[2],))
    postings, grants = [_posting(row) for row in rows[:count]], [_grant(row) for row in rows[count:]]
    return _assembled(anytime, [status], postings, grants)[0]


def error_of(number: str, sender: str, text: bytes) -> AgencyError:
    """The failure an error file names, section 6.

    Raises:
        AgencyAnswerMalformed: it is not an error file about this number.
    """
    lines = _lines(text, "error")
    found = _ERROR.fullmatch(lines[1]) if len(lines) == 2 else None
    if found is None or lines[0] != f"M|{VERSION}|error|{sender}|{number}":
        raise _malformed("error_file", "the error file does not fit its format or its number")
    code, record = found[1], found[2]
    if code == NOT_SERVED:
        return AgencyRefused("the fund does not serve this sender at present", code=code)
    return AgencyRejectedMessage(f"the fund refused the request file at its line {record}", code=code)


@dataclass(frozen=True, slots=True)
class _Claim:
    """What the manifest claims about one file."""

    records: int
    sum_cents: int | None
    digest: str


def _read_manifest(number: str, sender: str, text: bytes) -> list[_Claim]:
    lines = _lines(text, "manifest")
    head, month = lines[0].rsplit("|", 1) if lines else ("", "")
    if len(lines) != 4 or head != f"M|{VERSION}|answer|{sender}|{number}" or not _MONTH.fullmatch(month):
        raise _malformed("manifest", "the manifest does not fit its format or its number")
    claims = []
    for line, name in zip(lines[1:], answer_names(number), strict=True):
        found = _FILE.fullmatch(line)
        if found is None or found[1] != name or (found[3] is not None) != name.endswith("-C.txt"):
            raise _malformed("manifest", "the manifest does not name the three files in their form")
        claims.append(_Claim(int(found[2]), _cents(found[3]) if found[3] else None, found[4]))
    return claims


def _checked(text: bytes, name: str, claim: _Claim) -> list[str]:
    if hashlib.sha256(text).hexdigest() != claim.digest:
        raise _malformed("sha256", f"sha256 of the {_kind(name)} file does not fit the manifest")
    lines = _lines(text, _kind(name))
    if len(lines) != claim.records:
        raise _malformed("count", f"number of records in the {_kind(name)} file does not fit the manifest")
    return lines


def _assembled(
    request: Request,
    status: Sequence[str],
    postings: Sequence[tuple[str, Posting]],
    grants: Sequence[tuple[str, Grant]],
) -> list[Line]:
    if len(status) != len(request.nics):
        raise _malformed("order", "the status file has not one line for each line of the request")
    lines, at, grant_at = [], 0, 0
    for position, (text, nic) in enumerate(zip(status, request.nics, strict=True), start=1):
        found = _STATUS.fullmatch(text)
        if found is None or not _MONTH.fullmatch(found[4]):
            raise _malformed("field", f"status record {position} does not fit its format")
        if (found[1], found[2]) != (f"{position:06}", nic):
            raise _malformed("order", f"status record {position} is about another line or number than asked")
        count, grant_count = int(found[5]), int(found[6])
        own, own_grants = postings[at : at + count], grants[grant_at : grant_at + grant_count]
        at, grant_at = at + count, grant_at + grant_count
        if any(each != nic for each, _ in own) or any(each != found[1] for each, _ in own_grants):
            raise _malformed("index", f"the index of status record {position} points to another member's records")
        lines.append(_line(request, found[3], found[4], [each for _, each in own], [each for _, each in own_grants]))
    if (at, grant_at) != (len(postings), len(grants)):
        raise _malformed("index", "the counts of the status file do not add up to the records sent")
    return lines


def _line(
    request: Request, state: str, closed_month: str, postings: Sequence[Posting], grants: Sequence[Grant]
) -> Line:
    if state != "known" and (postings or grants):
        raise _malformed("index", f"records were sent for a member who is {state}")
    if any(not request.start <= each.month <= min(request.end, closed_month) for each in postings):
        raise _malformed("field", "a contribution lies outside the months asked or beyond the closed month")
    if any((a.month, a.submission) >= (b.month, b.submission) for a, b in pairwise(postings)):
        raise _malformed("order", "contributions of a member are not in order of month and submission number")
    return Line(state, closed_month, tuple(postings), tuple(grants))


def _posting(line: str) -> tuple[str, Posting]:
    """One EPF record, section 5.2: the NIC and what it posts."""
    if len(line) != RECORD_LENGTH:
        raise _malformed("length", f"a contribution record is not {RECORD_LENGTH} characters long")
    found = _POSTING.fullmatch(line)
    if found is None or not _MONTH.fullmatch(found["month"]) or not _AMOUNT.fullmatch(found["days"]):
        raise _malformed("field", "a field of a contribution record does not fit the layout")
    total, employer, member, earnings = (_cents(found[name]) for name in ("total", "employer", "member", "earnings"))
    amounts = (total, employer, member, earnings)
    if total != employer + member or min(amounts) < 0 < max(amounts):
        raise _malformed("field", "the amounts of a contribution record contradict each other")
    submission = int(found["submission"])
    if submission < 1:
        raise _malformed("field", "a contribution record has no submission number")
    return found["nic"].rstrip(), Posting(found["month"], submission, total)


def _grant(line: str) -> tuple[str, Grant]:
    found = _PENSION.fullmatch(line)
    if found is None or not all(_MONTH.fullmatch(month) for month in (found[3], found[4]) if month):
        raise _malformed("field", "a pension record does not fit its format")
    return found[1], Grant(found[2], found[3], found[4])


def _cents(text: str) -> int:
    if not _AMOUNT.fullmatch(text):
        raise _malformed("field", "an amount does not fit `0.00`")
    return int(text.replace(".", ""))


def _lines(text: bytes, kind: str) -> list[str]:
    """The lines of a file: printable ASCII, each ended by LF (section 3)."""
    if not text:
        return []
    if not text.endswith(b"\n") or not set(text) <= _TEXT:
        raise _malformed("text", f"the {kind} file is not printable ASCII with LF line ends")
    return text.decode("ascii")[:-1].split("\n")


def _text(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode("ascii")


def _kind(name: str) -> str:
    return {"C": "contributions", "S": "status", "P": "pensions"}[name[-5]]


def _malformed(check: str, detail: str) -> AgencyAnswerMalformed:
    return AgencyAnswerMalformed(f"answer refused: {detail}", code=check)
