"""In which line of a JSON text a value stands: people mend text, not trees."""

import json
import re
from collections.abc import Sequence

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


def line_of(text: str, path: Sequence[str | int]) -> int:
    """The line, from 1, of the value at a path of keys and indices in a text that is valid JSON."""
    place = _past_space(text, 0)
    for step in path:
        place = _member(text, place, step)
    return text.count("\n", 0, place) + 1


def _member(text: str, place: int, step: str | int) -> int:
    """Where the value of one key, or one entry, begins; the container's own place if it has none."""
    start, count, is_object = place, 0, text[place] == "{"
    place = _past_space(text, place + 1)
    while text[place] not in "}]":
        key: str | int = count
        if is_object:
            key, place = _DECODER.raw_decode(text, place)
            place = _past_space(text, _past_space(text, place) + 1)  # the colon
        if key == step:
            return place
        place = _past_space(text, _DECODER.raw_decode(text, place)[1])
        if text[place] == ",":
            place, count = _past_space(text, place + 1), count + 1
    return start


def _past_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place
