"""What districts and divisions are called, in the language of the page.

A file with tabs, `id, name, name_si, name_ta`: the country's places as the gateway publishes them, too. It is read once
from `REGISTRY_PLACES`, so no page waits for anybody; without it, places are shown by their codes.
"""

import csv
from collections.abc import Mapping
from pathlib import Path

from pages.languages import NOW

from ..errors import StepFailed


class Places:
    """Code -> name."""

    def __init__(self, path: Path | None) -> None:
        """Read the file.

        Raises:
            StepFailed: it is not there, or has no columns `id` and `name`.
        """
        self._names = _read(path) if path else {}

    def __call__(self, code: str | None) -> str:
        """The name in the page's language, else the one that all languages share, else the code."""
        row = self._names.get(code or "", {})
        return row.get(f"name_{NOW.get().language.code}") or row.get("name") or code or ""


def _read(path: Path) -> Mapping[str, Mapping[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file, delimiter="\t")
            return {row["id"]: {name: text or "" for name, text in row.items() if name} for row in rows if row["name"]}
    except (OSError, UnicodeDecodeError, KeyError) as error:
        raise StepFailed(
            "the names of places cannot be read: set REGISTRY_PLACES to a file with id and name"
        ) from error
