"""Names of people as a page shows them."""

from collections.abc import Mapping
from typing import Any

from pages.desk import SignedIn
from pages.languages import NOW

from ..member import member_of
from ..store import Row

TAGS = {"eng": "en", "sin": "si", "tam": "ta"}  # ISO 639-3 -> the shortest tag (BCP 47), as HTML wants it


def names_of(row: Row | Mapping[str, Any]) -> list[tuple[str, str]]:
    """(language tag, name) for every spelling; `row` has a column `record`, which may be empty."""
    found = member_of(row).names if row["record"] else ()
    return [(TAGS.get(name.language, "und"), name.value) for name in found]


def lives_in(row: Row, division: str) -> str:
    """Code of the `ds_division` or `gn_division` of a member; empty where the record is no longer held."""
    return str(member_of(row).record[division]) if row["record"] else ""


def by(who: SignedIn) -> str:
    """Who decides, as it is kept: two people may have one name, and a login cannot be made to look like another."""
    return f"{who.account.login} ({who.account.name})"


def spelling(row: Row | Mapping[str, Any]) -> tuple[str, str]:
    """(language tag, name): in the page's language, else the first spelling; empty where no record is held any more."""
    found, wanted = names_of(row), NOW.get().language.code
    return next((each for each in found if each[0] == wanted), found[0] if found else ("", ""))


def spelled(row: Row | Mapping[str, Any]) -> str:
    """The name of `spelling`."""
    return spelling(row)[1]
