"""Reading a closed JSON object member by member; every complaint names its place and no value.

`Reader` is small on purpose: it checks what the schemas in `schemas/own` say (a test holds the two
together) and turns JSON into the types of `model`. Use it as a context: leaving it refuses members
that nobody asked for.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType

from .errors import DocumentInvalid

ID = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
MEMBER = r"[A-Z]{2}(?:/[A-Z0-9][A-Z0-9_-]{0,31}){2}"
SYSTEM = r"[A-Z]{2}(?:/[A-Z0-9][A-Z0-9_-]{0,31}){3}"
RECIPIENT = r"[A-Z]{2}(?:/[A-Z0-9][A-Z0-9_-]{0,31}){2,3}"
SERVICE = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,159}(?:/[a-z0-9][a-z0-9_-]{0,63})?"
PURPOSE = r"[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)*"
FIELD = r"(?:claim:)?[a-z][a-z0-9_]{0,63}"
SENT = r"[A-Za-z][A-Za-z0-9_]{0,63}"
MOMENT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"
DIGEST = r"sha-256:[0-9a-f]{64}"
TERM = r"[a-z][a-z0-9-]{0,31}:[A-Za-z][A-Za-z0-9]{0,99}"  # a prefixed name: dpv:SocialBenefits
LANGUAGE = r"[a-z]{3}"
TEXT = r"[^\x00-\x1f\x7f]{1,500}"
MOST = 1000  # entries of one list


class Reader:
    """One JSON object at `place` (a JSON pointer)."""

    def __init__(self, value: object, place: str = "") -> None:
        self._place = place
        if not isinstance(value, Mapping):
            raise self.wrong("", "an object")
        self._value: Mapping[str, object] = value
        self._read: set[str] = set()

    def __enter__(self) -> "Reader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if kind is None and self._value.keys() - self._read:
            raise DocumentInvalid(f"{self._place or '/'}: has members that the format does not know")

    def wrong(self, name: str, expected: str) -> DocumentInvalid:
        """The complaint about one member."""
        place = f"{self._place}/{name}" if name else self._place or "/"
        return DocumentInvalid(f"{place}: must be {expected}")

    def has(self, name: str) -> bool:
        """Whether an optional member is there."""
        self._read.add(name)
        return name in self._value

    def text(self, name: str, pattern: str, *, default: str | None = None) -> str:
        """A string that fits the whole pattern."""
        if not self.has(name) and default is not None:
            return default
        value = self._value.get(name)
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise self.wrong(name, f"a string like {pattern}")
        return value

    def choice(self, name: str, allowed: frozenset[str]) -> str:
        """One of a few words."""
        value = self.text(name, TEXT)
        if value not in allowed:
            raise self.wrong(name, f"one of {', '.join(sorted(allowed))}")
        return value

    def texts(self, name: str, pattern: str, *, least: int = 1) -> frozenset[str]:
        """A list of different strings; absent counts as empty where `least` is 0."""
        if not self.has(name) and least == 0:
            return frozenset()
        return strings(self._value.get(name), self.wrong(name, "a list"), pattern, least)

    def choices(self, name: str, allowed: frozenset[str]) -> frozenset[str]:
        """A list of different words out of a few."""
        values = self.texts(name, TEXT)
        if not values <= allowed:
            raise self.wrong(name, f"a list out of {', '.join(sorted(allowed))}")
        return values

    def whole(self, name: str, least: int, most: int) -> int:
        """A whole number."""
        self._read.add(name)
        value = self._value.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.wrong(name, f"a whole number from {least} to {most}")
        return value

    def whole_or_none(self, name: str, least: int, most: int) -> int | None:
        """A whole number, or None when absent."""
        return self.whole(name, least, most) if self.has(name) else None

    def flag(self, name: str) -> bool:
        """True or false; absent counts as false."""
        value = self._value.get(name, False) if self.has(name) else False
        if not isinstance(value, bool):
            raise self.wrong(name, "true or false")
        return value

    def moment(self, name: str) -> datetime:
        """A UTC moment, whole seconds: `2026-01-01T00:00:00Z`."""
        value = self.text(name, MOMENT)
        try:
            return datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError:
            raise self.wrong(name, "a day and a time that exist") from None

    def inner(self, name: str) -> "Reader":
        """The object under this name."""
        self._read.add(name)
        return Reader(self._value.get(name), f"{self._place}/{name}")

    def pairs(self, name: str, key: str, pattern: str) -> dict[str, str]:
        """An object of strings that fit; absent counts as empty."""
        value = self._value.get(name, {}) if self.has(name) else {}
        complaint = self.wrong(name, f"an object of strings like {pattern} by names like {key}")
        if not isinstance(value, Mapping) or len(value) > MOST:
            raise complaint
        for each, text in value.items():
            if not re.fullmatch(key, each) or not isinstance(text, str) or not re.fullmatch(pattern, text):
                raise complaint
        return dict(value)

    def each(self, name: str, *, least: int = 1) -> list["Reader"]:
        """The objects of the list under this name; absent counts as empty where `least` is 0."""
        if not self.has(name) and least == 0:
            return []
        value = self._value.get(name)
        if not isinstance(value, list) or not least <= len(value) <= MOST:
            raise self.wrong(name, f"a list of {least} to {MOST} objects")
        return [Reader(each, f"{self._place}/{name}/{position}") for position, each in enumerate(value)]

    def raw(self, name: str) -> object:
        """Whatever is there; the caller checks it."""
        self._read.add(name)
        return self._value.get(name)


def strings(value: object, complaint: DocumentInvalid, pattern: str, least: int = 1) -> frozenset[str]:
    """A JSON list of different strings that fit the pattern."""
    if not isinstance(value, list) or not least <= len(value) <= MOST:
        raise complaint
    if not all(isinstance(each, str) and re.fullmatch(pattern, each) for each in value):
        raise DocumentInvalid(f"{complaint.detail} of strings like {pattern}")
    if len(set(value)) < len(value):
        raise DocumentInvalid(f"{complaint.detail} without repeats")
    return frozenset(value)
