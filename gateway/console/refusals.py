"""What a refusal of ours means for people: a sentence in the language of the page, also where it came with values.

The API says a refusal in English with its values in it. Each text below is a key of `pages/words/`; what is none of
them, and no key itself, is told as it is.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache

import pages

WITH_VALUES = (
    "The period is not over; draw it after %(moment)s.",
    "The text holds something of the form of an identifier of type %(kind)s; leave it out.",
    "Say why in %(n)s characters or more; it becomes an entry of the log.",
    "A sample has a period that begins before it ends, and 1 to %(n)s exchanges.",
    "Answer %(questions)s, each with %(answers)s.",
    "You keep %(n)s searches; take one out first.",
    "The proposal is %(state)s already.",
    "Nobody is %(one)s and %(other)s at once; revoke one first.",
    "The role %(role)s is for one member; name the member and no territory.",
    "The role %(role)s is for one territory; name the territory and no member.",
    "The role %(role)s is for the whole gateway; name neither a member nor a territory.",
    "A %(role)s works in a %(level)s, not in a %(other)s.",
    "%(who)s is %(state)s and cannot become %(other)s.",
    "%(who)s is like that already.",
    "%(who)s is not registered.",
    "The number is not written as one of type %(type)s is; look at it again.",
    "%(name)s may not be dialled from here: %(why)s.",
    "Version %(n)s has exactly these files already.",
    "Version %(n)s is %(state)s; propose it again.",
    "Version %(n)s is %(state)s; test it until it has a grade, then release it.",
    "Version %(n)s is %(state)s; only a canary or a shadow is withdrawn.",
    "Version %(n)s is retired already.",
    "%(name)s is an adapter of this installation; choose another id, and folder name.",
    "%(name)s is taken; choose another id, and folder name.",
    "%(name)s is empty or longer than %(n)s characters.",
    "For production %(names)s is not given; set it, then release.",
    "%(names)s is new or sends more than version %(n)s; release it as active.",
)
VALUE = re.compile(r"%\((\w+)\)s")


def told(text: str) -> str:
    """The refusal as a sentence, in the language of the request being answered."""
    plain = text.rstrip(".") + "."
    sentence = f"{plain[:1].upper()}{plain[1:]}"
    for each in (sentence, text):
        if (said := pages.said(each)) != each:
            return said
    for known, pattern in _patterns():
        if found := pattern.fullmatch(plain) or pattern.fullmatch(sentence):
            return pages.said(known) % {name: _spoken(name, value) for name, value in found.groupdict().items()}
    return sentence


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((each, re.compile("".join(_parts(each)))) for each in WITH_VALUES)


def _parts(text: str) -> Iterator[str]:
    end = 0
    for value in VALUE.finditer(text):
        yield f"{re.escape(text[end : value.start()])}(?P<{value[1]}>.+)"
        end = value.end()
    yield re.escape(text[end:])


def _spoken(name: str, value: str) -> str:
    """A moment as its day, a reason as its sentence, a code as its words; a number or an identifier is none."""
    if name == "moment":
        return pages.day(datetime.fromisoformat(value))
    if name in {"name", "names", "why"}:
        return pages.said(value)
    return pages.words_of(value) if value.islower() and value.isascii() else value
