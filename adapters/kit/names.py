"""Comparing names the way registers must: the same letters, whatever the case, spacing and invisible joiners."""

import re
import unicodedata

_NOT_LETTERS = re.compile(r"[\s.,'’`\-]+")


def folded(name: str) -> str:
    """A form in which two spellings of one name are equal: compatibility forms, case, spaces and punctuation go,
    and so do the zero-width joiners that Sinhala conjuncts are written with or without. Letters stay as they are:
    `Perera` and `Pereira` differ."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    visible = "".join(letter for letter in plain if unicodedata.category(letter) != "Cf")
    return _NOT_LETTERS.sub(" ", visible).strip()
