"""A folder to begin with where an agency has nothing to import: one for each kind of transport, with comments.

The templates are folders that pass the suite as they are, about an invented fund; `levy` in them becomes the new id.
"""

from pathlib import Path

_HERE = Path(__file__).parent / "begin"
KINDS = tuple(sorted(each.name for each in _HERE.iterdir() if each.is_dir()))


def template(kind: str, adapter: str) -> dict[str, bytes]:
    """The files of a new folder by name.

    Raises:
        KeyError: no such kind; `KINDS` has them.
    """
    if kind not in KINDS:
        raise KeyError(kind)
    folder = _HERE / kind
    paths = sorted(each for each in folder.rglob("*") if each.is_file())
    texts = {each.relative_to(folder).as_posix(): each.read_text(encoding="utf-8") for each in paths}
    return {_named(name, adapter): _named(text, adapter).encode() for name, text in texts.items()}


def _named(text: str, adapter: str) -> str:
    return text.replace("LEVY", adapter.upper()).replace("levy", adapter)
