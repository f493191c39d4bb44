"""Sinhala and Tamil writing in Latin letters: ISO 15919 for the letters of names.

One direction only, and one result for a text: what an officer or another register wrote in Latin letters follows no
standard, so `matching` compares sounds and never looks for the same letters.
"""

import unicodedata

VIRAMAS = "\u0dca\u0bcd"  # take the inherent vowel of the consonant before them away
_UNWRITTEN = "a"

_SINHALA = {
    **dict(zip("අආඇඈඉඊඋඌඑඒඔඕ", ("a", "ā", "æ", "ǣ", "i", "ī", "u", "ū", "e", "ē", "o", "ō"), strict=True)),
    **dict(zip("කඛගඝඞඟචඡජඣඤඥ", ("k", "kh", "g", "gh", "ṅ", "ng", "c", "ch", "j", "jh", "ñ", "gn"), strict=True)),
    **dict(zip("ටඨඩඪණඬතථදධනඳ", ("ṭ", "ṭh", "ḍ", "ḍh", "ṇ", "ṇḍ", "t", "th", "d", "dh", "n", "nd"), strict=True)),
    **dict(zip("පඵබභමඹයරලවශෂසහළෆ", (*("p", "ph", "b", "bh", "m", "mb"), *"yrlvśṣshḷf"), strict=True)),
    "ඓ": "ai",
    "ඖ": "au",
    "ං": "ṁ",
    "ඃ": "ḥ",
}
_SINHALA_SIGNS = dict(
    zip(
        "\u0dcf\u0dd0\u0dd1\u0dd2\u0dd3\u0dd4\u0dd6\u0dd9\u0dda\u0ddb\u0ddc\u0ddd\u0dde\u0dd8",
        ("ā", "æ", "ǣ", "i", "ī", "u", "ū", "e", "ē", "ai", "o", "ō", "au", "ṛ"),
        strict=True,
    )
)
_TAMIL = {
    **dict(zip("அஆஇஈஉஊஎஏஐஒஓஔ", ("a", "ā", "i", "ī", "u", "ū", "e", "ē", "ai", "o", "ō", "au"), strict=True)),
    **dict(zip("கஙசஜஞடணதநனபமயரறலளழவஶஷஸஹ", "kṅcjñṭṇtnṉpmyrṟlḷḻvśṣsh", strict=True)),
}
_TAMIL_SIGNS = dict(
    zip(
        "\u0bbe\u0bbf\u0bc0\u0bc1\u0bc2\u0bc6\u0bc7\u0bc8\u0bca\u0bcb\u0bcc",
        ("ā", "i", "ī", "u", "ū", "e", "ē", "ai", "o", "ō", "au"),
        strict=True,
    )
)
_LETTERS = _SINHALA | _TAMIL
_SIGNS = _SINHALA_SIGNS | _TAMIL_SIGNS
_CONSONANTS = frozenset("කඛගඝඞඟචඡජඣඤඥටඨඩඪණඬතථදධනඳපඵබභමඹයරලවශෂසහළෆகஙசஜஞடணதநனபமயரறலளழவஶஷஸஹ")


def script_of(text: str) -> str:
    """The ISO 15924 code of a text by its first letter: `Latn`, `Sinh`, `Taml`; `Zyyy` for any other."""
    first = next((letter for letter in text if letter.isalpha()), " ")
    name = unicodedata.name(first, "").partition(" ")[0]
    return {"LATIN": "Latn", "SINHALA": "Sinh", "TAMIL": "Taml"}.get(name, "Zyyy")


def latin(text: str) -> str:
    """`නිමල් පෙරේරා` -> `nimal perērā`. What is neither Sinhala nor Tamil stays as it is, but invisible joiners go."""
    written: list[str] = []
    bare = False  # the consonant before has its inherent vowel still to come
    for letter in unicodedata.normalize("NFC", text):
        if unicodedata.category(letter) == "Cf":
            continue
        if bare and letter not in VIRAMAS and letter not in _SIGNS:
            written.append(_UNWRITTEN)
        bare = letter in _CONSONANTS
        if letter not in VIRAMAS:
            written.append(_SIGNS.get(letter) or _LETTERS.get(letter, letter))
    return "".join(written) + (_UNWRITTEN if bare else "")
