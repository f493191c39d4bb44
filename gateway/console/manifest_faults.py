"""Everything that is wrong with a form made from the manifest's schema: a plain sentence for each field, by its id."""

import tomllib
from collections.abc import Iterator, Mapping

import pages
import schemas
from pages import Wrong
from schemas import Break

from ..registration.errors import Fault
from .forms import A_NUMBER, AT_LEAST, AT_MOST, FILL_IN, SHORTER
from .manifest_form import SCHEMA, Field, fields

AS_SHOWN = "Write it as the example shows: %(field)s."
SENTENCES: Mapping[str, str] = {
    "required": FILL_IN,
    "minLength": FILL_IN,
    "minItems": FILL_IN,
    "minProperties": FILL_IN,
    "type": A_NUMBER,
    "maximum": AT_MOST,
    "minimum": AT_LEAST,
    "exclusiveMinimum": "More than %(limit)s: %(field)s.",
    "maxLength": SHORTER,
    "enum": "Only these words: %(limit)s. Look at it again: %(field)s.",
    "uniqueItems": "Name each once: %(field)s.",
}
"""Broken keyword -> what is said; each a key of `pages/words`. What has none is shown by the example of its field."""
IN_LINE = "%(file)s, line %(n)s cannot be used. The judge says: %(detail)s."
IN_FILE = "%(file)s cannot be used. The judge says: %(detail)s."
WHOLES: Mapping[str, str] = {"service": "service.name", "transport": "transport.kind"}


def wrong_in(manifest: str) -> list[Wrong]:
    """What breaks the schema, in the order in which the form asks, each field once, then what it does not ask for.

    None for what is no TOML: the judge says where.
    """
    try:
        raw = tomllib.loads(manifest)
    except tomllib.TOMLDecodeError:
        return []
    first = next(iter(raw.get("service", {})), "")
    asked = {each.name: each for each in fields()}
    broken: dict[str, Break] = {}
    others: list[Wrong] = []
    for each in schemas.breaks(schemas.validator(SCHEMA), raw):
        name = _asked(each, first)
        if name in asked:
            broken.setdefault(name, each)
        else:
            others.append(Wrong("folder", f"manifest.toml: {each}"))
    return [Wrong(name, _sentence(asked[name], broken[name])) for name in asked if name in broken] + others


def told(fault: Fault) -> str:
    """What the judge found in a file, and where; its own words are an engineer's, in English everywhere."""
    words = {"file": fault.file, "n": fault.line, "detail": fault.detail.rstrip(".")}
    return pages.said(IN_LINE if fault.line else IN_FILE) % words


def _asked(broken: Break, service: str) -> str:
    """The field that asks for what is broken; empty for a second service and other parts that no form asks for."""
    path = [str(part) for part in broken.path] + [broken.missing] * bool(broken.missing)
    if path[1:] == []:
        return WHOLES.get(path[0], path[0])
    if path[:1] == ["service"]:
        return f"service.{path[2]}" if path[1:2] == [service] and len(path) > 2 else ""
    return ".".join(path[:2] if path[:1] in (["transport"], ["auth"]) else path[:1])


def _sentence(asked: Field, broken: Break) -> str:
    words = {"field": pages.said(asked.label), "limit": ", ".join(_limits(broken.wanted))}
    return pages.said(SENTENCES.get(broken.rule, AS_SHOWN)) % words


def _limits(wanted: object) -> Iterator[str]:
    yield from map(str, wanted if isinstance(wanted, list) else [wanted])
