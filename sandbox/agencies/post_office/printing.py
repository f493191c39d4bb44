"""Letters that come as a sheet and a slip (section 7): checked, then printed. Nothing is printed here."""

import hashlib
import re
from dataclasses import dataclass

from .files import Refused

_SLIP = re.compile(r"L\|1\|([0-9a-f]{32})\|([0-9a-f]{64})\|([A-Z0-9][A-Z0-9-]{2,34})")
MOST_LINES = 6


@dataclass(frozen=True, slots=True)
class Printed:
    """One letter: its reference, its sheet, and the lines of its address."""

    letter: str
    sheet: bytes
    address: tuple[str, ...]


def printed(number: str, sheet: bytes, slip: bytes) -> Printed:
    """A letter that fits.

    Raises:
        Refused: L05 the slip, L02 a sheet that is not the slip's, L08 no PDF.
    """
    try:
        head, *address = slip.decode("utf-8").removesuffix("\n").split("\n")
    except UnicodeDecodeError:
        raise Refused("L05") from None
    match = _SLIP.fullmatch(head)
    if match is None or match[1] != number or not slip.endswith(b"\n"):
        raise Refused("L05", 1)
    if not 2 <= len(address) <= MOST_LINES or not all(each.isprintable() and 1 <= len(each) <= 60 for each in address):
        raise Refused("L05", 2)
    if hashlib.sha256(sheet).hexdigest() != match[2]:
        raise Refused("L02")
    if not sheet.startswith(b"%PDF-1.") or not sheet.rstrip().endswith(b"%%EOF"):
        raise Refused("L08")
    return Printed(match[3], sheet, tuple(address))
