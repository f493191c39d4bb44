"""Names of people as a page shows them."""

from pages.desk import SignedIn

from ..member import member_of
from ..store import Row

TAGS = {"eng": "en", "sin": "si", "tam": "ta"}  # ISO 639-3 -> the shortest tag (BCP 47), as HTML wants it


def names_of(row: Row) -> list[tuple[str, str]]:
    """(language tag, name) for every spelling; `row` has a column `record`, which may be empty."""
    found = member_of(row).names if row["record"] else ()
    return [(TAGS.get(name.language, "und"), name.value) for name in found]


def lives_in(row: Row, division: str) -> str:
    """Code of the `ds_division` or `gn_division` of a member; empty where the record is no longer held."""
    return str(member_of(row).record[division]) if row["record"] else ""


def by(who: SignedIn) -> str:
    """Who decides, as it is kept: two people may have one name, and a login cannot be made to look like another."""
    return f"{who.account.login} ({who.account.name})"


def spelled(row: Row) -> str:
    """The first spelling; empty where the member's record is no longer held."""
    return next((name for _, name in names_of(row)), "")
