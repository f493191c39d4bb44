"""Where what came of a golden sample differs from what should have, field by field: `expected ... got ...`.

Samples are about invented people, so values may be shown to who wrote them; nothing here is for a log.
"""

import json
from collections.abc import Iterator

MOST = 5
LONGEST = 80  # signs of a value
_ABSENT = object()


def differences(expected: object, got: object) -> list[str]:
    """`jobs[0].pay: expected "10.50", got null`, at most five and how many more; empty where both are the same."""
    found = list(_differing(expected, got, ""))
    more = [f"and {len(found) - MOST} more"] if len(found) > MOST else []
    return [*found[:MOST], *more]


def _differing(expected: object, got: object, place: str) -> Iterator[str]:
    if isinstance(expected, dict) and isinstance(got, dict):
        for name in [*expected, *(each for each in got if each not in expected)]:
            inner = f"{place}.{name}" if place else name
            yield from _differing(expected.get(name, _ABSENT), got.get(name, _ABSENT), inner)
    elif isinstance(expected, list) and isinstance(got, list):
        for at in range(max(len(expected), len(got))):
            ours, theirs = (each[at] if at < len(each) else _ABSENT for each in (expected, got))
            yield from _differing(ours, theirs, f"{place}[{at}]")
    elif type(expected) is not type(got) or expected != got:
        yield f"{place or 'all of it'}: expected {_shown(expected)}, got {_shown(got)}"


def _shown(value: object) -> str:
    if value is _ABSENT:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
