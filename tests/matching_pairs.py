"""Pairs of records to judge matching by: one person written in two ways, and two people who look like one.

From the sandbox's population, whose names we wrote in three scripts; every pair is the same under the same seed.
`PYTHONPATH=. python tests/matching_pairs.py 100000` prints the table of `docs/matching.md`.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import cycle, islice
from random import Random
from typing import NamedTuple

from adapters.kit.matching import Match, Traits, matched
from sandbox.nic import has_old_form, old_form
from sandbox.person import Person, Spelling
from sandbox.population import population
from sandbox.population.names import another_given, family, given, spellings

SEED = 11
SCRIPTS = (("Latn", "Sinh"), ("Sinh", "Latn"), ("Latn", "Taml"), ("Taml", "Latn"), ("Sinh", "Taml"), ("Taml", "Sinh"))
RESPELT = (
    ("w", "v"),
    ("th", "t"),
    ("dh", "d"),
    ("ee", "i"),
    ("oo", "u"),
    ("sh", "s"),
    ("ck", "k"),
    ("ss", "s"),
    ("nn", "n"),
    ("tt", "t"),
    ("mm", "m"),
    ("z", "s"),
)


class Judged(NamedTuple):
    """How often the pairs of one kind were taken for one person."""

    kind: str
    pairs: int
    matched: int


class Pair(NamedTuple):
    """Two records of `kind`; `one` says whether they are about one person."""

    kind: str
    ours: Traits
    theirs: Traits
    one: bool


def pairs(count: int, *, one: bool, seed: int = SEED) -> Iterator[Pair]:
    """`count` pairs of one person or of two, the kinds in turn."""
    kinds = VARIANTS if one else LOOK_ALIKES
    random = Random(f"{seed} {one}")
    kind = cycle(kinds.items())
    made = (_made(name, make, each, random, one=one) for each in population(count, seed) for name, make in [next(kind)])
    return islice(filter(None, made), count)


def judged(count: int, *, one: bool, seed: int = SEED) -> list[Judged]:
    """The rule of the adapters over so many pairs, by kind."""
    seen: dict[str, list[bool]] = {name: [] for name in (VARIANTS if one else LOOK_ALIKES)}
    for each in pairs(count, one=one, seed=seed):
        seen[each.kind].append(matched(each.ours, each.theirs) is not Match.NOBODY)
    return [Judged(kind, len(of), sum(of)) for kind, of in seen.items()]


def _made(name: str, make: "Maker", whom: Person, random: Random, *, one: bool) -> Pair | None:
    two = make(whom, random)
    return Pair(name, *two, one) if two else None


Two = tuple[Traits, Traits] | None
Maker = Callable[[Person, Random], Two]


def _known(whom: Person, script: str, *, number: str | None = None) -> Traits:
    numbers = frozenset() if number is None else frozenset({number})
    return Traits(numbers, frozenset({_in(whom, script).full}), whom.birth_date.isoformat())


def _in(whom: Person, script: str) -> Spelling:
    return next(each for each in whom.names if each.script == script)


def _old_and_new(whom: Person, random: Random) -> Two:
    if not has_old_form(whom.nic):
        return None
    ours, theirs = random.choice(SCRIPTS)
    return _known(whom, ours, number=old_form(whom.nic)), _known(whom, theirs, number=whom.nic)


def _other_script(whom: Person, random: Random) -> Two:
    ours, theirs = random.choice(SCRIPTS)
    return _known(whom, ours, number=whom.nic), _known(whom, theirs)


def _swapped(whom: Person, random: Random) -> Two:
    script = random.choice(SCRIPTS)[0]
    return _known(whom, script), _turned(whom, script)


def _swapped_in_other_script(whom: Person, random: Random) -> Two:
    ours, theirs = random.choice(SCRIPTS)
    return _known(whom, ours), _turned(whom, theirs)


def _turned(whom: Person, script: str) -> Traits:
    name = _in(whom, script)
    return replace(_known(whom, script), names=frozenset({f"{name.family} {name.given}"}))


def _respelt(whom: Person, random: Random) -> Two:
    """As another clerk writes it: every change that fits is made with even odds, at least one."""
    known = _known(whom, "Latn")
    name = _in(whom, "Latn").full.casefold()
    fitting = [each for each in RESPELT if each[0] in name]
    if not fitting:
        return None
    for written, other in random.sample(fitting, random.randint(1, len(fitting))):
        name = name.replace(written, other)
    return known, replace(known, names=frozenset({name.upper()}))


def _spaced(whom: Person, random: Random) -> Two:
    known = _known(whom, random.choice(SCRIPTS)[0])
    (name,) = known.names
    return known, replace(known, names=frozenset({f" {name.replace(' ', '  ')}.".replace("\u200d", "")}))


def _twin(whom: Person, random: Random) -> Two:
    """Same day, same family name, same sex, another given name; a number on one side at most."""
    ours, theirs = random.choice([*SCRIPTS, ("Latn", "Latn"), ("Sinh", "Sinh"), ("Taml", "Taml")])
    number = random.choice([None, whom.nic])
    return _known(whom, ours, number=number), _known(_twin_of(whom, random), theirs)


def _twin_of(whom: Person, random: Random) -> Person:
    last = tuple(each.family for each in whom.names)
    first = another_given(whom.names[0].given, whom.sex, random)
    return replace(whom, names=spellings(first, (last[0], last[1], last[2])))


def _twin_with_number(whom: Person, random: Random) -> Two:
    """Both numbers are known, and only their last digits differ."""
    ours, theirs = random.choice(SCRIPTS)
    return _known(whom, ours, number=whom.nic), _known(_twin_of(whom, random), theirs, number=_next(whom.nic))


def _next(nic: str) -> str:
    return f"{nic[:7]}{(int(nic[7:]) + 1) % 100_000:05d}"


def _sibling(whom: Person, random: Random) -> Two:
    other = _twin_of(whom, random)
    born = whom.birth_date + timedelta(days=random.randint(300, 4000))
    return _known(whom, "Latn"), _known(replace(other, birth_date=born), random.choice(SCRIPTS)[0])


def _namesake_of_another_day(whom: Person, random: Random) -> Two:
    """One digit of the birth date differs: a day, or the year."""
    off = random.choice([1, -1, 10, 365, -365, 3652])
    script = random.choice(SCRIPTS)[0]
    return _known(whom, script), _known(replace(whom, birth_date=whom.birth_date + timedelta(days=off)), script)


def _namesake_with_another_number(whom: Person, random: Random) -> Two:
    """The same name and birth date: only the number tells."""
    script = random.choice(SCRIPTS)[0]
    return _known(whom, script, number=whom.nic), _known(whom, script, number=_next(whom.nic))


def _given_name_in_common(whom: Person, random: Random) -> Two:
    """The same day and given name, another family."""
    first = tuple(each.given for each in whom.names)
    group = random.choice(["sinhala", "tamil", "muslim"])
    last = family(group, random)
    if last[0] == whom.names[0].family:
        return None
    ours, theirs = random.choice(SCRIPTS)
    return _known(whom, ours), _known(replace(whom, names=spellings((first[0], first[1], first[2]), last)), theirs)


def _spouse(whom: Person, random: Random) -> Two:
    """The same family name and day, the other sex."""
    other = {"male": "female", "female": "male"}[whom.sex]
    last = tuple(each.family for each in whom.names)
    first = given(random.choice(["sinhala", "tamil", "muslim"]), other, random)
    ours, theirs = random.choice(SCRIPTS)
    return _known(whom, ours), _known(replace(whom, names=spellings(first, (last[0], last[1], last[2]))), theirs)


VARIANTS: dict[str, Maker] = {
    "old and new number": _old_and_new,
    "another script": _other_script,
    "words swapped": _swapped,
    "words swapped, another script": _swapped_in_other_script,
    "another romanisation": _respelt,
    "case, spacing, joiners": _spaced,
}
LOOK_ALIKES: dict[str, Maker] = {
    "twin, a number on one side at most": _twin,
    "twin, both numbers known": _twin_with_number,
    "sibling": _sibling,
    "namesake, birth date a digit off": _namesake_of_another_day,
    "namesake with another number": _namesake_with_another_number,
    "same day and given name, another family": _given_name_in_common,
    "same day and family, the other sex": _spouse,
}


def report(count: int) -> str:
    """The tables of `docs/matching.md`."""
    lines = []
    for one, title in ((True, "one person, written in two ways"), (False, "two people")):
        found = judged(count, one=one)
        found.append(Judged("**together**", sum(each.pairs for each in found), sum(each.matched for each in found)))
        lines += [f"| {title} | pairs | taken for one | share |", "| --- | ---: | ---: | ---: |"]
        lines += [f"| {kind} | {n:,} | {hits:,} | {hits / n:.4f} |" for kind, n, hits in found]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(report(int(sys.argv[1])))
