"""From a template and values to HTML."""

import json
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from datetime import datetime, tzinfo
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jinja2 import (
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PackageLoader,
    PrefixLoader,
    StrictUndefined,
    Undefined,
    UndefinedError,
)
from jinja2.utils import missing
from markupsafe import Markup

from . import moments
from .assets import address_of
from .languages import LANGUAGES, NOW, Language
from .mending import IN_TEMPLATES

TEMPLATES = Path(__file__).parent / "templates"
COMPONENTS = "govuk_frontend_jinja"
WORDS_OF: Mapping[str, str] = json.loads((Path(__file__).parent / "codes.json").read_text("utf-8"))
"""Codes whose own word says nothing to most people: plain words, with the term in brackets for who looks it up."""
FIELDS: dict[str, str] = json.loads((Path(__file__).parent / "fields.json").read_text("utf-8"))
"""What the fields of canonical records are called: id -> words, each a key of `words/`."""
ANSWER = "answer:"
GIVEN = FIELDS | {id_.removeprefix(ANSWER): words for id_, words in FIELDS.items() if id_.startswith(ANSWER)}
"""The same with what claims answer, for lists of fields alone: elsewhere `paid` is a state of a payment."""
FACTS: Mapping[str, str] = json.loads((Path(__file__).parent / "facts.json").read_text("utf-8"))
"""What the facts of the log's entries are called: name -> words, each a key of `words/`."""
LENIENT = (None, "caller")  # what an `if` without `else` gives, and a macro that nobody calls around a text


class Unknown(Undefined):
    """A variable that nobody passed is an error; a member that a component's parameters lack is not."""

    def __new__(  # the signature is Jinja's
        cls, hint: str | None = None, obj: Any = missing, name: str | None = None, exc: Any = UndefinedError
    ) -> Any:
        """A strict one for names, and for members of anything but parameters."""
        if name in LENIENT or isinstance(obj, dict):
            return super().__new__(cls)
        return StrictUndefined(hint, obj, name, exc)


class Fixed(Environment):
    """Templates and globals that stay as they are once a page was made: each macro that a template takes from another
    compares the globals of both, which took a tenth of a page with the chained maps that allow for changes.
    """

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """See `jinja2.Environment.make_globals`."""
        return {**self.globals, **d} if d else self.globals


@cache
def environment(code: str) -> Environment:
    """The templates in one language."""
    language = LANGUAGES[code]
    made = Fixed(
        loader=ChoiceLoader([FileSystemLoader(TEMPLATES), PrefixLoader({COMPONENTS: PackageLoader(COMPONENTS)})]),
        autoescape=True,
        undefined=Unknown,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,  # asks the disk about each template of each page
    )
    made.globals |= {"asset": address_of, "languages": list(LANGUAGES.values()), "language": language}
    made.globals |= {"undefined": Unknown(), "null": None}  # names that the components' own templates compare with
    made.globals |= {"_": speaker(language), "ngettext": counter(language), "_said": worded(language)}
    made.globals |= {"field_names": GIVEN, "fact_names": FACTS}
    made.globals |= IN_TEMPLATES
    made.globals["choices"] = choices(language)
    made.globals["_text"] = language.said  # of a text that is no constant: escaped like any other value
    made.globals |= {"_phrase": phrased(language), "_moment": clocked(language)}
    made.globals |= {"_from": bounded(language, moments.begins), "_until": bounded(language, moments.ends)}
    made.globals["_day"] = lambda text: moments.day(text, language.said)
    made.filters |= {"named": naming(language), "number": grouped}
    return made


def naming(language: Language) -> Callable[..., str]:
    """`ids | named(names)` of templates: what an id, or each of several, is called; one without a name stays itself."""

    def named(ids: str | Iterable[str] | None, names: Mapping[str, str]) -> str:
        several = [ids] if isinstance(ids, str) else ids or ()
        said = list(dict.fromkeys(language.said(names.get(each, each)) for each in several))  # many may share a name
        return said[0] if len(said) == 1 else ", ".join(each.removesuffix(".") for each in said)

    return named


def grouped(number: object) -> str:
    """`1,000,000`, as all three languages write it in the country; what is no number stays as it is."""
    return f"{number:,}" if isinstance(number, int) else str(number)


def speaker(language: Language) -> Callable[..., Markup]:
    """`_("Signed in as %(name)s", name=...)` of templates: the text is ours, the values are escaped."""

    def said(text: str, **values: object) -> Markup:
        found = Markup(language.said(text))
        return found % values if values else found

    return said


def counter(language: Language) -> Callable[..., Markup]:
    """`ngettext("%(n)s person", "%(n)s people", n=3)` of templates."""
    say = speaker(language)

    def counted(one: str, many: str, *, n: int, **values: object) -> Markup:
        return say(one if n == 1 else many, n=grouped(n), **values)

    return counted


def worded(language: Language) -> Callable[[str], str]:
    """`_said(code)` of templates: a code of ours (`signed_off`) as words. Its words are a key of `words/`, too."""

    def said_of(code: str) -> str:
        return language.said(WORDS_OF.get(code) or code.replace("_", " ").capitalize())

    return said_of


def choices(language: Language) -> Callable[[Iterable[str]], list[dict[str, str]]]:
    """`choices(codes)` of templates: the items of a select or of radios."""
    say = worded(language)
    return lambda codes: [{"value": code, "text": say(code)} for code in codes]


def phrased(language: Language) -> Callable[..., str]:
    """`_phrase({"text", "values"}, names)` of templates: a text of ours that came with its values, from the API.

    A value may be a phrase itself, a day (`{"day": "2026-01-31"}`), or an array, which is read out as a list. `names`
    are what ids are called, for example systems.
    """

    def told(value: object, names: Mapping[str, str]) -> str:
        if value == []:
            return language.said("nothing")
        if isinstance(value, list):
            *most, last = (told(each, names) for each in value)
            return language.said("%(most)s and %(last)s") % {"most": ", ".join(most), "last": last} if most else last
        if not isinstance(value, Mapping):
            return language.said(names[str(value)]) if value in names else str(value)
        if "day" in value:
            return moments.day(value["day"], language.said)
        values = {name: told(each, names) for name, each in value["values"].items()}
        return language.said(value["text"]) % values

    return lambda value, names=MappingProxyType({}): told(value, names)


def clocked(language: Language) -> Callable[..., Markup]:
    """`_moment(text)` of templates: a moment by the clocks of the place, with the exact one for machines."""

    def told(text: str, *, seconds: bool = False) -> Markup:
        words = moments.moment(text, language.said, NOW.get().zone, seconds=seconds)
        return Markup('<time datetime="{}">{}</time>').format(text, words)

    return told


def bounded(language: Language, told: Callable[[str, Callable[[str], str], tzinfo], str]) -> Callable[[str], str]:
    """`_from(text)` and `_until(text)` of templates: the bounds of a validity as days of the place."""
    return lambda text: told(text, language.said, NOW.get().zone)


def day(at: datetime) -> str:
    """The day of a moment by the clocks of the place, in the language of the request being answered."""
    spoken = NOW.get()
    return moments.day(at.astimezone(spoken.zone).isoformat(), spoken.language.said)


def words_of(code: str) -> str:
    """A code of ours as words, in the language of the request being answered."""
    return worded(NOW.get().language)(code)


def said(text: str) -> str:
    """A text of ours, for example a title that a table holds, in the language of the request being answered."""
    return NOW.get().language.said(text)


def rendered(template: str, **values: object) -> str:
    """A page as HTML, in the language of the request being answered. `template` is a name below `templates/`."""
    spoken = NOW.get()
    found = environment(spoken.language.code).get_template(template)
    return found.render({"here": spoken.address, "path": spoken.path} | values)
