"""A text of ours with places for values, so that a page can say in another language what the API says in English.

`text` is the English text and at once the key of its translations; its places are `%(name)s`. A value is a code, a name
or a number, which is the same in every language; a day; another phrase; or several of these, read out as a list.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

NOTHING = "nothing"  # what a list without values is called; translated like every text
Wire = str | int | dict[str, object] | list[object]


@dataclass(frozen=True, slots=True)
class Phrase:
    """One text with its values, by the names of its places."""

    text: str
    values: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        """In English."""
        return self.text % {name: english(value) for name, value in self.values.items()}

    def wire(self) -> dict[str, object]:
        """As JSON: `{"text", "values"}`; a day is `{"day": "2026-01-31"}`, several values are an array."""
        return {"text": self.text, "values": {name: _wire(value) for name, value in self.values.items()}}


def phrase(text: str, **values: object) -> Phrase:
    """`phrase("Agreement %(id)s", id="DSA-1")`."""
    return Phrase(text, values)


def counted(one: str, many: str, n: int, **values: object) -> Phrase:
    """The text for this number, which stands in it as `n`."""
    return Phrase(one if n == 1 else many, {"n": n} | values)


def wired(phrases: Iterable[Phrase]) -> list[dict[str, object]]:
    """Many, as JSON."""
    return [each.wire() for each in phrases]


def english(value: object) -> str:
    """A value, or several of them, as it is read in English; none of several is `nothing`."""
    if value == ():
        return NOTHING
    if isinstance(value, tuple):
        *most, last = map(english, value)
        return f"{', '.join(most)} and {last}" if most else last
    return f"{value:%d %B %Y}" if isinstance(value, date) else str(value)


def last_day(until: datetime) -> date:
    """The last day (UTC) on which something holds that no longer does from this moment on."""
    return (until - datetime.resolution).date()


def _wire(value: object) -> Wire:
    if isinstance(value, Phrase):
        return value.wire()
    if isinstance(value, tuple):
        return [_wire(each) for each in value]
    if isinstance(value, date):
        return {"day": (value.date() if isinstance(value, datetime) else value).isoformat()}
    return value if isinstance(value, int) else str(value)
