"""Where an officer works: a territory of the country, and everything within it.

Codes nest by prefix, as P-codes of administrative divisions do: `LK-11` (a district) contains `LK-1103` (a divisional
secretariat) contains `LK-1103005` (a GN division). How many digits make which level is the country profile's:
`[territory] levels = {district = 2, ...}`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, false, or_

from .errors import OfficerRefused

CODE = re.compile(r"[A-Z]{2}(?:-[0-9]{1,12})?", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Territory:
    """`code` is a country (`LK`) or one of its divisions (`LK-1103`)."""

    code: str

    def __contains__(self, code: str) -> bool:
        """Whether the division of this code lies in here."""
        return code == self.code or code.startswith(self._inside)

    def rows(self, column: ColumnElement[str]) -> ColumnElement[bool]:
        """The condition for rows whose code lies in here: put it into the query, so that others never leave it."""
        return or_(column == self.code, column.startswith(self._inside, autoescape=True))

    @property
    def _inside(self) -> str:
        return self.code if "-" in self.code else f"{self.code}-"


def rows_within(column: ColumnElement[str], territories: Iterable[Territory]) -> ColumnElement[bool]:
    """The condition for rows in any of these; without one it holds for no row."""
    return or_(false(), *(each.rows(column) for each in territories))


def level_of(code: str, profile: Mapping[str, Any]) -> str:
    """`country`, or the level of the profile whose number of digits the code has.

    Raises:
        OfficerRefused: no territory of this country.
    """
    country, _, digits = code.partition("-")
    levels = {width: name for name, width in profile.get("territory", {}).get("levels", {}).items()}
    if not CODE.fullmatch(code) or country != profile["country"] or (digits and len(digits) not in levels):
        raise OfficerRefused("a territory is a code of the country profile's [territory] levels, like LK-1103")
    return levels[len(digits)] if digits else "country"
