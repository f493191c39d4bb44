"""Comparing names the way registers must: the same letters, whatever the case, spacing and invisible joiners."""

import re
import unicodedata
from difflib import SequenceMatcher

_NOT_LETTERS = re.compile(r"[\s.,'’`\-]+")


def folded(name: str) -> str:
    """A form in which two spellings of one name are equal: compatibility forms, case, spaces and punctuation go,
    and so do the zero-width joiners that Sinhala conjuncts are written with or without. Letters stay as they are:
    `Perera` and `Pereira` differ."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    visible = "".join(letter for letter in plain if unicodedata.category(letter) != "Cf")
    return _NOT_LETTERS.sub(" ", visible).strip()


def likeness(name: str, other: str) -> float:
    """How like two names of one script are, from 0 to 1: 1 for the same words in any order, else the part of the
    letters that they have in common in one order (Ratcliff and Obershelp). The same either way round."""
    ours, theirs = sorted((_ordered(name), _ordered(other)))
    return SequenceMatcher(None, ours, theirs, autojunk=False).ratio()


def _ordered(name: str) -> str:
    return " ".join(sorted(folded(name).split()))
