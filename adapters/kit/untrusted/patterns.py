"""Which patterns of an XSD are run: those that can match a text in one way only, or nearly.

libxml2 tries one way after the other and goes back, so `(a|aa)+` or `.*.*.*x` keep it busy with a single value. We read
the pattern and refuse what gives it choices that multiply: a repeated part of varying length or with alternatives, two
parts without an upper bound in one branch, and repetition beyond 1,000. What codes look like passes: `[A-Z]{2}\\d+`,
`\\d{11}|(0[1-9]|1[012])/\\d{4}`, `(\\d{3}-)*\\d{3}`.

Source: XML Schema part 2, appendix F (the grammar of patterns).
"""

from collections.abc import Callable
from dataclasses import dataclass

from .refused import ProgramRefused

LONGEST = 1000
MOST_REPEATS = 1000
MOST_WAYS = 1000
DEEPEST = 20
QUANTIFIERS = "?*+{"


@dataclass(frozen=True, slots=True)
class Part:
    """What a piece of a pattern can do: the lengths it takes (`most` is None without a bound), whether it has
    alternatives, how many of its parts are unbounded, and in how many ways its bounded repeats can divide a text."""

    least: int = 0
    most: int | None = 0
    choices: bool = False
    unbounded: int = 0
    ways: int = 1

    @property
    def fixed(self) -> bool:
        """It takes one length, in one way."""
        return self.least == self.most and not self.choices

    def then(self, other: "Part") -> "Part":
        """One after the other."""
        return Part(
            self.least + other.least,
            None if self.most is None or other.most is None else self.most + other.most,
            self.choices or other.choices,
            self.unbounded + other.unbounded,
            self.ways * other.ways,
        )

    def otherwise(self, other: "Part") -> "Part":
        """One or the other."""
        return Part(
            min(self.least, other.least),
            None if self.most is None or other.most is None else max(self.most, other.most),
            True,
            max(self.unbounded, other.unbounded),
            self.ways + other.ways,
        )


CHARACTER = Part(1, 1)


def check(pattern: str) -> None:
    """Raise unless the pattern is safe to run.

    Raises:
        ProgramRefused: `pattern`; the text says which rule it breaks, without the pattern.
    """
    if len(pattern) > LONGEST:
        raise _refused(f"longer than {LONGEST} characters")
    reader = _Reader(pattern)
    whole = reader.branches(0)
    if reader.place != len(pattern):
        raise _refused("with a parenthesis too many")
    if whole.unbounded > 1:
        raise _refused("with two parts that repeat without a bound in one branch")
    if whole.ways > MOST_WAYS:
        raise _refused(f"that can divide a text in more than {MOST_WAYS} ways")


def _refused(what: str) -> ProgramRefused:
    return ProgramRefused("pattern", f"a pattern {what}; write it so that every text matches in one way only")


class _Reader:
    """A recursive descent over one pattern."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self.place = 0

    def branches(self, depth: int) -> Part:
        """`a|b|c`, up to a closing parenthesis or the end."""
        if depth > DEEPEST:
            raise _refused(f"nested deeper than {DEEPEST} levels")
        found = self._branch(depth)
        while self._next() == "|":
            self.place += 1
            found = found.otherwise(self._branch(depth))
        return found

    def _branch(self, depth: int) -> Part:
        found = Part()
        while self._next() not in {"", "|", ")"}:
            found = found.then(self._repeated(self._atom(depth)))
        return found

    def _atom(self, depth: int) -> Part:
        readers: dict[str, Callable[[], Part]] = {"[": self._class, "\\": self._escape}
        sign = self._next()
        if sign == "(":
            return self._group(depth)
        if sign in QUANTIFIERS or sign in "]}":
            raise _refused(f"with a {sign} in an odd place")
        if sign in readers:
            return readers[sign]()
        self.place += 1
        return CHARACTER

    def _group(self, depth: int) -> Part:
        self.place += 1
        if self._next() == "?":
            raise _refused("with (?...), which XSD does not have")
        found = self.branches(depth + 1)
        if self._next() != ")":
            raise _refused("with a parenthesis that is not closed")
        self.place += 1
        return found

    def _class(self) -> Part:
        """`[a-z-[aeiou]]`: one character, however it is told."""
        level = 0
        while sign := self._next():
            self.place += 2 if sign == "\\" else 1
            level += {"[": 1, "]": -1}.get(sign, 0)
            if level == 0:
                return CHARACTER
        raise _refused("with a [ that is not closed")

    def _escape(self) -> Part:
        kind = self._pattern[self.place + 1 : self.place + 2]
        if not kind or kind.isdecimal():
            raise _refused("with an escape that XSD does not have")
        self.place += 2
        if kind in "pP":
            self.place = self._pattern.find("}", self.place) + 1
            if not self.place:
                raise _refused("with a { that is not closed")
        return CHARACTER

    def _repeated(self, part: Part) -> Part:
        sign = self._next()
        if not sign or sign not in QUANTIFIERS:
            return part
        least, most = self._bounds(sign)
        if self._next() and self._next() in QUANTIFIERS:
            raise _refused("with one quantifier after another")
        if most in {0, 1}:
            return Part(part.least * least, part.most, True, part.unbounded, part.ways + (least == 0))
        if not part.fixed:
            raise _refused("that repeats a part of varying length or with alternatives")
        if most is None:
            return Part(part.least * least, None, False, 1)
        return Part(part.least * least, part.least * most, False, 0, most - least + 1)

    def _bounds(self, sign: str) -> tuple[int, int | None]:
        self.place += 1
        if sign != "{":
            return {"?": (0, 1), "*": (0, None), "+": (1, None)}[sign]
        end = self._pattern.find("}", self.place)
        least, comma, most = self._pattern[self.place : max(end, self.place)].partition(",")
        self.place = end + 1
        numbers = [least, *([most] if most else [])]
        if end < 0 or any(not (each.isascii() and each.isdecimal() and len(each) < 6) for each in numbers):
            raise _refused("with a { } that holds no numbers")
        if any(int(each) > MOST_REPEATS for each in numbers):
            raise _refused(f"that repeats more than {MOST_REPEATS} times")
        if not comma:
            return int(least), int(least)
        return int(least), int(most) if most else None

    def _next(self) -> str:
        return self._pattern[self.place : self.place + 1]
