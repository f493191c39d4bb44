"""What cannot be undone, or stops a system, is asked about first: the same form once more, with what it will do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from ..people import SignedIn
from .page import page

CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True)
class Asked:
    """Texts are keys of `pages/words/`; `values` are theirs.

    Attributes:
        heading: the question.
        told: what will happen, a sentence each.
        button: what the button does.
        back: the page to go back to.
    """

    heading: str
    told: tuple[str, ...]
    button: str
    back: str
    values: Mapping[str, str]


def asked_first(request: Request, who: SignedIn, form: dict[str, Any], step: Asked) -> Response | None:
    """The page that asks; None where this form is its answer. The mark is taken out of `form`."""
    if form.pop(CONFIRMED, "") == "yes":
        return None
    return page(request, who, "console/surely.html", step=step, fields=form, at=request.url.path)
