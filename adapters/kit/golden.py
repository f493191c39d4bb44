"""Golden samples: a sentence, what came in, and exactly what must come of it.

```text
The fund sends period 0 for members imported from paper files.
---------- agency contributions
{"member": {"no": "P-78"}, "last": {"period": 0}}
---------- error
last_paid_month: not a month at /last/period
```
Input is `agency [service]` (an answer in the agency's own notation), `item [service]` (a record to deliver), or `event
name` (what the agency's call tells); the service may be left out when the adapter has one.
Expected is `record` (JSON), `accepted`, `no_data` (nothing below it: the agency says that it has nothing), or `error`
(the text).
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

_LINE = re.compile(r"^-{10} (\w+)(?: (\w+))?[ \t]*\n", re.MULTILINE)
_INPUTS = frozenset({"agency", "item", "event"})
_RESULTS = frozenset({"record", "accepted", "no_data", "error"})
OUTCOMES = frozenset({"unknown_person", "ambiguous", "refused_by_source", "our_error", "source_down", "answered"})


class GoldenError(Exception):
    """The file is not a golden sample; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One golden file, taken apart."""

    name: str
    story: str
    kind: str  # agency | item | event
    service: str  # short name; empty: the adapter's only one
    given: bytes
    result: str  # record | accepted | no_data | error
    expected: str


def load(folder: Path) -> list[Sample]:
    """Every `samples/*.golden` of an adapter folder, by name.

    Raises:
        GoldenError: a file that is not in the format.
    """
    return [read(path) for path in sorted((folder / "samples").glob("*.golden"))]


def read(path: Path) -> Sample:
    """One golden file.

    Raises:
        GoldenError: not in the format; the text says what to write.
    """
    story, *parts = _LINE.split(path.read_text(encoding="utf-8"))
    if code := next((each for each in parts[3::3] if each in OUTCOMES), ""):
        raise GoldenError(
            f"{path}: `---------- {code}` is an outcome, which no sample ends in: write `---------- error` and below "
            "it the text that `sandhi adapter check` then shows (only no_data stands as it is, with nothing below it)"
        )
    if len(parts) != 6 or parts[0] not in _INPUTS or parts[3] not in _RESULTS or not story.strip():
        raise GoldenError(
            f"{path}: write a sentence, a line `---------- agency` and what came in, a line `---------- record` "
            "(or error, no_data, accepted) and what must come of it"
        )
    kind, service, given, result, _, expected = parts
    if result == "record":
        _check_json(path, expected)
    return Sample(path.stem, story.strip(), kind, service or "", given.rstrip("\n").encode(), result, expected.strip())


def body(sample: Sample, rows: object = None) -> bytes:
    """As the agency sends it; `rows`: the service's. The last line of a CSV has an end, which `read` takes off."""
    return sample.given + (b"\n" if rows == "csv" else b"")


def _check_json(path: Path, expected: str) -> None:
    try:
        json.loads(expected)
    except json.JSONDecodeError as error:
        told = f"{error.msg}, line {error.lineno} of it"
        raise GoldenError(f"{path}: what stands below `---------- record` is not JSON ({told})") from None
    except RecursionError:
        raise GoldenError(f"{path}: what stands below `---------- record` is nested too deep") from None
