"""Templates and assets of every page for people. Imports nothing of the product.

Escaping is on for every template; an unknown variable is an error, not an empty place. No page asks for anything of
another host, none has a script, and every form works as it stands.
"""

from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

HERE = Path(__file__).parent
KINDS = {".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}

_environment = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class Asset(NamedTuple):
    """A file that pages ask for."""

    content: bytes
    media_type: str


def rendered(template: str, **values: object) -> str:
    """A page as HTML. `template` is a file name below `templates/`."""
    return _environment.get_template(template).render(values)


ASSETS = {
    path.name: Asset(path.read_bytes(), KINDS[path.suffix])
    for path in (HERE / "static").iterdir()
    if path.suffix in KINDS
}
"""File name -> asset: read once, so that no address is ever turned into a path."""
