"""What somebody typed into a form, kept for the minutes of a sign-in: the form comes back filled in.

Whoever keeps sessions keeps a draft with one of them, and hands it out once, to the same person. It is never in an
address. What is secret in it is not kept (`SECRET`), and is not put back either (`filling`).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from . import filling
from .rendering import rendered, said

LIVES_S = 600.0
LARGEST = 512 * 1024
"""Bytes. What is longer is not kept: no form of ours takes more."""
SECRET = re.compile(r"csrf|value:.*|.*(?:password|secret).*", re.IGNORECASE | re.DOTALL)
PRIVATE = re.compile(r'PRIVATE KEY|"(?:d|k)"\s*:')
"""In a text that should have been a public key: PEM, and the private members of a JWK (RFC 7518, section 6)."""
BACK = "What you typed is in the form again. Nothing has been sent yet: look at it, then send it."
GONE = "The form that you had filled in is not on this page any more. Nothing has been sent."


@dataclass(frozen=True, slots=True)
class Draft:
    """A form that was not taken.

    Attributes:
        path: where it was sent to.
        then: the page that it stands on; with a query, if it had one.
        fields: as typed.
        until: seconds of the keeper's clock.
    """

    path: str
    then: str
    fields: Mapping[str, str]
    until: float

    def alive(self, now: float) -> bool:
        """Whether it may still be handed out."""
        return now < self.until

    def belongs_on(self, path: str) -> bool:
        """Whether the page of this path has its form."""
        return self.then.partition("?")[0] == path

    def on(self, html: str) -> str | None:
        """The page with its form filled in; None: the form does not stand there."""
        return filling.filled(html, self.path, self.fields)


def kept(path: str, then: str, fields: Mapping[str, str], now: float) -> Draft:
    """A draft of a form, without what is secret in it."""
    open_ = {name: text for name, text in fields.items() if not (SECRET.fullmatch(name) or PRIVATE.search(text))}
    return Draft(path, then, open_, now + LIVES_S)


def shown(draft: Draft, template: str, values: Mapping[str, object]) -> str:
    """The page of a template with the draft in its form, or without; it says which."""
    filled = draft.on(rendered(template, **values, come_back=said(BACK)))
    return filled or rendered(template, **values, come_back=said(GONE))


def packed(draft: Draft) -> bytes:
    """For whoever keeps it sealed; nothing where it is too long to be kept."""
    text = json.dumps(asdict(draft), ensure_ascii=True).encode()
    return text if len(text) <= LARGEST else b""


def unpacked(text: bytes) -> Draft:
    """What `packed` gave."""
    return Draft(**json.loads(text))
