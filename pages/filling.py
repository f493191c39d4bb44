"""Puts values into a form of a finished page: works for each page and area without a word in their templates.

Only pages of ours go through here, each a template's well-formed output. Nothing of the page is written anew but the
controls that get a value.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape, unescape
from html.parser import HTMLParser

SENT_AS_THEY_ARE = frozenset({"hidden", "submit", "button", "reset", "image"})
NEVER_FILLED = frozenset({"password", "file"})
CHOSEN = frozenset({"radio", "checkbox"})
ASKED_AGAIN = frozenset({"confirmed"})
"""Fields that are an answer to "are you sure?": that is asked anew."""
Attributes = dict[str, str | None]


@dataclass(slots=True)
class _Control:
    tag: str
    attributes: Attributes
    begin: int
    end: int  # of its first tag
    closes: int = 0  # of a text area: where its text ends
    of: str = ""  # of an option: the name of its select

    @property
    def name(self) -> str:
        return self.of or self.attributes.get("name") or ""

    @property
    def type(self) -> str:
        return (self.attributes.get("type") or "text").lower() if self.tag == "input" else self.tag

    @property
    def value(self) -> str:
        return self.attributes.get("value") or ""


@dataclass(slots=True)
class _Form:
    action: str
    end: int  # of its first tag
    controls: list[_Control] = field(default_factory=list)

    def fits(self, path: str, fields: Mapping[str, str]) -> bool:
        """Whether it posts there, and what it sends by itself is what was sent."""
        actions = {self.action, *(each.attributes.get("formaction") or "" for each in self.controls)}
        own = {each.name: each.value for each in self.controls if each.type == "hidden" and each.name != "csrf"}
        there = path in {re.split("[?#]", each)[0] for each in actions}
        return there and all(fields.get(name) == own[name] for name in own)


def filled(page: str, path: str, fields: Mapping[str, str]) -> str | None:
    """The page with the form that posts to `path` filled in; None: there is no such form on it.

    A field that the form has no control for goes along unseen: the reason that a question after this form asks for.
    """
    found = [each for each in _read(page) if each.fits(path, fields)]
    if not found:
        return None
    form = max(found, key=lambda each: sum(control.name in fields for control in each.controls))
    changes = [change for each in form.controls if (change := _change(each, fields, page))]
    placed = {each.name for each in form.controls} | ASKED_AGAIN
    rest = [_hidden(name, text) for name, text in fields.items() if name not in placed]
    changes.append((form.end, form.end, "".join(rest)))
    for begin, end, text in sorted(changes, reverse=True):
        page = page[:begin] + text + page[end:]
    return page


def _change(control: _Control, fields: Mapping[str, str], page: str) -> tuple[int, int, str] | None:
    """What stands where instead: begin, end, text."""
    kind, typed = control.type, fields.get(control.name)
    if kind in SENT_AS_THEY_ARE or kind in NEVER_FILLED:
        return None
    if kind in CHOSEN:  # what is not ticked is not sent
        return control.begin, control.end, _tag(control, "checked", typed == (control.attributes.get("value") or "on"))
    if typed is None or kind == "select":
        return None
    if kind == "option":
        said = control.attributes.get("value")
        own = unescape(page[control.end : control.closes]).strip() if said is None else said
        return control.begin, control.end, _tag(control, "selected", typed == own)
    if kind == "textarea":
        return control.end, control.closes, f"\n{escape(typed)}"  # a first line end is not part of the text
    return control.begin, control.end, _written(control.tag, control.attributes | {"value": typed})


def _tag(control: _Control, word: str, holds: bool) -> str:
    rest: Attributes = {name: value for name, value in control.attributes.items() if name != word}
    return _written(control.tag, rest | ({word: None} if holds else {}))


def _written(tag: str, attributes: Attributes) -> str:
    said = (name if value is None else f'{name}="{escape(value)}"' for name, value in attributes.items())
    return f"<{' '.join((tag, *said))}>"


def _hidden(name: str, text: str) -> str:
    return f'<input type="hidden" name="{escape(name)}" value="{escape(text)}">'


def _read(page: str) -> list[_Form]:
    reader = _Reader(page)
    reader.feed(page)
    reader.close()
    return reader.forms


class _Reader(HTMLParser):
    """The forms that post, with the places of their controls in the text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=False)
        self.forms: list[_Form] = []
        self._begins = list(_lines(page))
        self._form: _Form | None = None
        self._select = ""
        self._open: _Control | None = None  # a text area or an option, until its end

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See `HTMLParser`."""
        begin, said = self._place(), dict(attrs)
        end = begin + len(self.get_starttag_text() or "")
        if tag == "form":
            self._form = _Form(said.get("action") or "", end) if (said.get("method") or "").lower() == "post" else None
            if self._form:
                self.forms.append(self._form)
        elif self._form and tag in {"input", "select", "textarea", "button", "option"}:
            self._select = (said.get("name") or "") if tag == "select" else self._select
            control = _Control(tag, said, begin, end, end, self._select if tag == "option" else "")
            self._form.controls.append(control)
            self._open = control if tag in {"textarea", "option"} else None

    def handle_endtag(self, tag: str) -> None:
        """See `HTMLParser`."""
        if tag == "form":
            self._form = None
        elif self._open and tag == self._open.tag:
            self._open.closes, self._open = self._place(), None

    def _place(self) -> int:
        line, column = self.getpos()
        return self._begins[line - 1] + column


def _lines(page: str) -> Iterator[int]:
    """Where each line begins, as `HTMLParser` counts lines: by LF alone."""
    yield 0
    yield from (at + 1 for at, sign in enumerate(page) if sign == "\n")
