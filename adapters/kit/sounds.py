"""How names sound, so that one name is known again in another spelling or another script.

A word becomes one letter a sound: vowels without their length, no doubled letters, `C` for ch. Tamil has one letter for
k and g, for t and d, for p and b, and for s and ch, and none for f: beside Tamil these are one sound.
"""

import re
import unicodedata
from itertools import permutations

from adapters.kit.names import folded
from adapters.kit.transliteration import latin, script_of

NEAR = 0.75
"""The most that two words of one name differ between scripts, in letters (`docs/matching.md` says why)."""
SHORTEST = 3  # letters of a word that may be written differently
MOST_WORDS = 6  # of a name; the words of longer ones are compared in their order only

_WRITTEN = str.maketrans({"ṁ": "n", "ṅ": "n", "ñ": "n", "æ": "a", "ǣ": "a"})
_LATIN = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        ("ck", "k"),
        ("ch", "C"),
        ("c", "k"),
        ("ee", "i"),
        ("oo", "u"),
        ("(?<=[^aeiou])y$", "i"),
        ("(?<=[^b])e$", "a"),  # the final a of Sinhala: Ratne, Nayake, Singhe
        ("(?<=[aeiou])ga$", "ge"),  # but Gamage, Liyanage
        ("(?<=.)h$", ""),
    )
)
_SOUNDS = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        ("([stdkgbzj])h", r"\1"),
        ("ph", "f"),
        ("x", "ks"),
        ("q", "k"),
        ("z", "s"),
        ("au|ou|ow", "av"),
        ("w", "v"),
        ("(?<=[ae])yi", "i"),  # Sinhala writes ayi for ai
        ("kiru", "kri"),  # Tamil has no kr
        ("nh", "ng"),  # Sinha, Singhe
        (r"(.)\1+", r"\1"),
        ("^(pranandu|pernanto)$", "fernando"),  # a name of another tongue, written by ear
    )
)
_IN_TAMIL = str.maketrans("gdbCf", "ktpsp")
_VOWELS = frozenset("aeiou")
_NEAR = {frozenset(pair): 0.2 for pair in ("ou", "ei", "hk", "kg", "td", "pb")} | {
    frozenset(pair): 0.3 for pair in ("iy", "uv", "ae")
}


def same_spelling(name: str, other: str) -> bool:
    """Whether two names of one script are the same words in any order; in Latin letters, up to romanisation."""
    return sorted(sounds(name)) == sorted(sounds(other))


def same_sound(name: str, other: str) -> bool:
    """Whether names of two scripts have the same words in any order, each no further apart than `NEAR`."""
    ours, theirs = sounds(name), sounds(other)
    if len(ours) != len(theirs) or not ours:
        return False
    if "Taml" in {script_of(name), script_of(other)}:
        ours, theirs = (tuple(map(beside_tamil, words)) for words in (ours, theirs))
    orders = permutations(theirs) if len(theirs) <= MOST_WORDS else (theirs,)
    return any(all(near(*pair) for pair in zip(ours, order, strict=True)) for order in orders)


def sounds(name: str) -> tuple[str, ...]:
    """The words of a name as they sound, in their order. A script that we cannot read stays as it is written."""
    script = script_of(name)
    if script == "Zyyy":
        return tuple(folded(name).split())
    words = folded(latin(name)).split()
    return tuple(_sounded(word, latin_letters=script == "Latn") for word in words)


def near(word: str, other: str) -> bool:
    """Whether two sounded words may be one; an initial or two letters only if they are the same."""
    return word == other or (min(len(word), len(other)) >= SHORTEST and apart(word, other) <= NEAR)


def beside_tamil(word: str) -> str:
    """A sounded word with the letters that Tamil does not tell apart as one."""
    return word.translate(_IN_TAMIL).replace("nj", "ns")


def apart(word: str, other: str) -> float:
    """How far two sounded words are apart: 0 the same, about 1 for each letter that differs.

    Weighted edit distance. A vowel or a weak letter inside a word is cheap (Tamil writes some that others do not), the
    first and the last letter are not: they tell Kumar from Kumari.
    """
    before = [0.0]
    for place, letter in enumerate(other):
        before.append(before[-1] + _left_out(letter, place, other))
    for row, ours in enumerate(word):
        without = _left_out(ours, row, word)
        now = [before[0] + without]
        for place, theirs in enumerate(other):
            added = now[place] + _left_out(theirs, place, other)
            now.append(min(before[place] + _swapped(ours, theirs), before[place + 1] + without, added))
        before = now
    return before[-1]


def _sounded(word: str, *, latin_letters: bool) -> str:
    if latin_letters:
        word = _replaced(_plain(word), _LATIN)
    else:
        word = _replaced(_plain(word.translate(_WRITTEN)), ((re.compile("ch?"), "C"),))
    return _replaced(word, _SOUNDS)


def _replaced(word: str, rules: tuple[tuple[re.Pattern[str], str], ...]) -> str:
    for pattern, sound in rules:
        word = pattern.sub(sound, word)
    return word


def _plain(word: str) -> str:
    """Without the marks over and under letters."""
    return "".join(letter for letter in unicodedata.normalize("NFD", word) if unicodedata.category(letter) != "Mn")


def _left_out(letter: str, place: int, word: str) -> float:
    if letter in _VOWELS:
        return 0.4 if 0 < place < len(word) - 1 or (letter == "u" and place) else 0.9  # Tamil ends words with u
    return 0.2 if letter in "hy" else 1.0


def _swapped(letter: str, other: str) -> float:
    return 0.0 if letter == other else _NEAR.get(frozenset((letter, other)), 1.0)
