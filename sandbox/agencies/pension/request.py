"""Reading a request: the checks of section 6, in the order of that section."""

import hashlib
import re
from dataclasses import dataclass

from sandbox.nic import normal

MOST_LINES = 100_000
MOST_MONTHS = 60
MANIFEST_FILE = re.compile(r"F\|([^|]*)\|([0-9]{1,9})\|\|([0-9a-f]{64})")
HEADER = re.compile(r"H\|1\|([A-Z0-9]{2,12})\|([0-9]{6})\|([0-9]{6})")
LINE = re.compile(r"([0-9]{6})\|([^|]*)")


class Refused(Exception):
    """The whole request is refused: code, record and text of the error file. Never holds a NIC."""

    def __init__(self, code: str, record: int, text: str) -> None:
        super().__init__(code)
        self.code = code
        self.record = record
        self.text = text


@dataclass(frozen=True, slots=True)
class Line:
    """One member asked about: `nic` as asked, `member` its normal form."""

    number: str
    nic: str
    member: str


@dataclass(frozen=True, slots=True)
class Request:
    """`start` and `end` are months `YYYYMM`, both included."""

    start: str
    end: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    records: int
    sha256: str


def read_manifest(raw: bytes, *, number: str, sender: str) -> Manifest:
    """Section 4.

    Raises:
        Refused: R02 out of format or about something else, R01 another sender.
    """
    lines = _text(raw, "R02", record=0)
    head = lines[0].split("|") if lines else []
    if len(lines) != 2 or head[:3] != ["M", "1", "request"] or len(head) != 5 or head[4] != number:
        raise Refused("R02", 0, "the manifest is out of format or about another request")
    found = MANIFEST_FILE.fullmatch(lines[1])
    if found is None or found[1] != f"REQ-{number}.txt":
        raise Refused("R02", 0, "the second line of the manifest is out of format or names another file")
    if head[3] != sender:
        raise Refused("R01", 0, "the manifest has another sender code than the login")
    return Manifest(int(found[2]), found[3])


def read_request(raw: bytes, manifest: Manifest, *, sender: str) -> Request:
    """The data file of a request (section 4).

    Raises:
        Refused: R04 to R10 and R01 of the header, in the order of section 6.
    """
    if hashlib.sha256(raw).hexdigest() != manifest.sha256:
        raise Refused("R04", 0, "the sha256 of the data file is not that of the manifest")
    header, *lines = _text(raw, "R07") or [""]
    start, end = _months(header, sender)
    if not 1 <= len(lines) <= MOST_LINES:
        raise Refused("R10", 0, f"the data file has {len(lines)} member lines; 1 to {MOST_LINES} are taken")
    if len(lines) != manifest.records:
        text = f"the manifest counts {manifest.records} member lines, the data file has {len(lines)}"
        raise Refused("R05", 0, text)
    return Request(start, end, tuple(_line(text, place) for place, text in enumerate(lines, start=1)))


def _text(raw: bytes, code: str, record: int | None = None) -> list[str]:
    """Lines of a file without their ends: LF or CRLF, one kind in a file, the last line ended too (section 3)."""
    if not raw:
        return []
    end = b"\r\n" if raw.split(b"\n", 1)[0].endswith(b"\r") else b"\n"
    *lines, rest = raw.split(end)
    for place, line in enumerate(lines, start=1):
        if any(byte < 0x20 or byte > 0x7E for byte in line):
            raise Refused(code, place if record is None else record, "not printable ASCII, or line ends are mixed")
    if rest:
        raise Refused(code, len(lines) + 1 if record is None else record, "the last line has no line end")
    return [line.decode("ascii") for line in lines]


def _months(header: str, sender: str) -> tuple[str, str]:
    found = HEADER.fullmatch(header)
    if found is None:
        raise Refused("R06", 1, "the header is out of format")
    start, end = found[2], found[3]
    if not all("01" <= month[4:] <= "12" and month >= "190001" for month in (start, end)):
        raise Refused("R06", 1, "a month of the header does not exist")
    months = (int(end[:4]) - int(start[:4])) * 12 + int(end[4:]) - int(start[4:]) + 1
    if not 1 <= months <= MOST_MONTHS:
        raise Refused("R06", 1, f"the header asks for {months} months; 1 to {MOST_MONTHS} are answered")
    if found[1] != sender:
        raise Refused("R01", 1, "the header has another sender code than the login")
    return start, end


def _line(text: str, place: int) -> Line:
    found = LINE.fullmatch(text)
    if found is None:
        raise Refused("R07", place + 1, "the record is not a line number and a NIC")
    if int(found[1]) != place:
        raise Refused("R08", place + 1, "the line number is repeated, left out or out of order")
    return Line(found[1], found[2], _member(found[2], place + 1))


def _member(nic: str, record: int) -> str:
    """The new form of the number; its year and day of the year must exist (section 3)."""
    refused = Refused("R09", record, "the NIC is of neither form, or its year or day does not exist")
    try:
        member = normal(nic)
    except ValueError:
        raise refused from None
    day = int(member[4:7])
    if not "1900" <= member[:4] <= "2099" or not (1 <= day <= 366 or 501 <= day <= 866):
        raise refused
    return member
