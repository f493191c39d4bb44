"""An agency's code lists in ours: `codes.toml`, one table per list, the agency's own code on the left.

```toml
[state]                     # codes.toml
NEW = "received"
DEC = "decided"

[cases]                     # mapping.toml; the record keeps both, ours and what the agency told
state      = { from = "/state", codes = "state" }
state_told = { from = "/state", with = "text" }
```
A code that is in no table becomes `unmapped`, and is met: the record goes out with the agency's own code beside it, and
an officer of the agency says later what it means (`cleared`), which counts from the next answer on. What is no code by
its looks is refused instead: a field that suddenly holds a name must not end up in anybody's list of codes.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from adapters.kit.converters import ConverterError

FILE = "codes.toml"
UNMAPPED = "unmapped"
MOST_MET = 1000  # different values that are remembered until somebody takes them
_CODE = re.compile(r"(?!.*\d{6})[\w./:+-]{1,24}")
_OURS = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}", re.ASCII)


def is_code(text: str) -> bool:
    """Whether it looks like a code: one word of at most 24 characters, no six digits in a row."""
    return _CODE.fullmatch(text) is not None


class CodesError(Exception):
    """`codes.toml` is wrong; the text says where."""


@dataclass(frozen=True, slots=True)
class Met:
    """A code that no table knows: which list it stood in, and the code itself."""

    table: str
    code: str


class Codes:
    """The lists of one adapter. `tables`: list -> the agency's code -> ours."""

    def __init__(self, tables: Mapping[str, Mapping[str, str]] = MappingProxyType({})) -> None:
        self.tables = {name: dict(rows) for name, rows in tables.items()}
        self._cleared: Mapping[Met, str] = {}
        self._met: Counter[Met] = Counter()

    def ours(self, table: str, told: object) -> str:
        """Our code for what the agency told; `unmapped` for one that nobody knows yet.

        Raises:
            ConverterError: not a code by its looks: no text, longer than 24 characters, several words, six digits.
        """
        code = told.strip() if isinstance(told, str) else told
        if not isinstance(code, str) or not is_code(code):
            raise ConverterError("not a code")
        if (known := self.tables[table].get(code)) is not None:
            return known
        met = Met(table, code)
        if (cleared := self._cleared.get(met)) is not None:
            return cleared
        if met in self._met or len(self._met) < MOST_MET:
            self._met[met] += 1
        return UNMAPPED

    def choices(self, table: str) -> frozenset[str]:
        """Our codes that this list leads to; empty for a list that there is none of."""
        return frozenset(self.tables.get(table, {}).values())

    def taken(self) -> Mapping[Met, int]:
        """What was met since the last time, and how often; forgotten here."""
        met, self._met = self._met, Counter()
        return met

    def clear(self, cleared: Mapping[Met, str]) -> None:
        """From now on these codes are known, and only these beside the tables. What a table says stays in force."""
        self._cleared = dict(cleared)


def own_lists(file: str) -> Mapping[str, Mapping[str, str]]:
    """The lists of the folder that a Python file lies in (`__file__`), for pure functions that read a closed wire: what
    is in no list of those is refused with the message it stands in, and met by nobody.

    Raises:
        CodesError: as `load`.
    """
    return load(Path(file).parent).tables


def load(folder: Path) -> Codes:
    """The code lists of one adapter folder; none without a `codes.toml`.

    Raises:
        CodesError: not TOML, or not tables of the agency's code and ours.
    """
    path = folder / FILE
    if not path.exists():
        return Codes()
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CodesError(f"{path}: not TOML ({error})") from None
    for table, rows in raw.items():
        if not isinstance(rows, dict) or not rows:
            raise CodesError(f"{path}: [{table}] is a table of at least one code")
        for code, ours in rows.items():
            if not _CODE.fullmatch(code):
                raise CodesError(f"{path}: {table}.{code} is not a code: one word of at most 24 characters")
            if not isinstance(ours, str) or not _OURS.fullmatch(ours) or ours == UNMAPPED:
                raise CodesError(f"{path}: what {table}.{code} leads to is no code of ours: a text like old_age")
    return Codes(raw)
