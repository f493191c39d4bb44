"""What districts and divisions are called, in the language of the page.

Files with tabs, `id, name, name_si, name_ta`: the country's places as the gateway publishes them (`REGISTRY_PLACES`),
and its GN divisions (`REGISTRY_DIVISIONS`). They are read once, so no page waits for anybody; a place that is in none
of them, or has no name there (`nan` in the country's own tables), is shown by its code.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Mapping
from pathlib import Path

from pages.languages import NOW

from ..errors import StepFailed

NAMELESS = "nan"


class Places:
    """Code -> name."""

    def __init__(self, *paths: Path | None) -> None:
        """Read the files, those that there are.

        Raises:
            StepFailed: one is not there, or has no columns `id` and `name`.
        """
        self._names = {code: names for path in paths if path for code, names in _read(path).items()}

    def __call__(self, code: str | None) -> str:
        """The name in the page's language, else the one that all languages share, else the code."""
        row = self._names.get(code or "", {})
        return row.get(f"name_{NOW.get().language.code}") or row.get("name") or code or ""


def _read(path: Path) -> Mapping[str, Mapping[str, str]]:
    try:
        content = path.read_bytes()
        plain = gzip.decompress(content) if path.suffix == ".gz" else content
        rows = csv.DictReader(io.StringIO(plain.decode(), newline=""), delimiter="\t")
        return {
            row["id"]: {name: text for name, text in row.items() if name and text and text != NAMELESS}
            for row in rows
            if row["name"]
        }
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, KeyError) as error:
        raise StepFailed(
            "the names of places cannot be read: set REGISTRY_PLACES and REGISTRY_DIVISIONS to files with id and name"
        ) from error
