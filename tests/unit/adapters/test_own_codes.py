"""An agency's codes stand in the `codes.toml` of its folder: each leads to a word of ours, and none is looked up
elsewhere."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import schemas
from adapters.kit import codes, discovery
from adapters.kit.meanings import ERRORS

FOLDERS = [*discovery.discover().values(), *discovery.second_wires().values()]
WITH_CODES = {
    str(folder.relative_to(folder.parents[1])): folder for folder in FOLDERS if (folder / codes.FILE).exists()
}


def _words(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from (each for each in schema.get("enum", ()) if isinstance(each, str))
        for below in schema.values():
            yield from _words(below)
    elif isinstance(schema, list):
        for below in schema:
            yield from _words(below)


CANONICAL = {
    word for path in (schemas.FOLDER / "canonical").glob("*.json") for word in _words(json.loads(path.read_bytes()))
}
DELIVERED = {"pending", "sent", "delivered", "failed"}  # states of a message: no record has them


@pytest.mark.parametrize("folder", sorted(WITH_CODES))
def test_every_code_leads_to_a_word_of_ours(folder: str) -> None:
    tables = codes.load(WITH_CODES[folder]).tables
    assert tables
    for name, rows in tables.items():
        known = set(ERRORS) if name == "error" else CANONICAL | DELIVERED
        assert set(rows.values()) <= known, name


def test_a_changed_list_changes_what_is_read_and_no_code(tmp_path: Path) -> None:
    (tmp_path / codes.FILE).write_text('[state]\nP = "paid"\nQ = "returned"\n')
    assert codes.own_lists(str(tmp_path / "wire.py"))["state"] == {"P": "paid", "Q": "returned"}


def test_the_pure_readers_take_their_codes_from_the_folder() -> None:
    """Each of these files names no code of its agency: the words of its list are not in its text."""
    for file in (
        "psp/wire.py",
        "post_office/lists.py",
        "bank/confirmations.py",
        "pension/files.py",
        "messaging/wire.py",
    ):
        path = Path(__file__).parents[3] / "adapters" / file
        text = path.read_text()
        assert "own_lists(__file__)" in text
        for rows in codes.load(path.parent).tables.values():
            for code, ours in rows.items():
                assert f'"{code}": "{ours}"' not in text
