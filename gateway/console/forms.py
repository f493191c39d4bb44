"""Reading a posted form: once, small, each field once, with the session's token."""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

import pages

from ..edges.body import read
from ..edges.refusal import ProblemError
from .labels import label_of

LARGEST = 16 * 1024
MOST_FIELDS = 50


FILL_IN = "Fill in: %(field)s."
CORRECT = "Correct: %(field)s."


@dataclass(frozen=True, slots=True)
class Wrong:
    """One field to mend: `at` is its id on the page, `text` a sentence in the reader's language."""

    at: str
    text: str


class FieldsRefused(ProblemError):
    """A body that does not fit. `wrong`: every field that the form asks for, in its order."""

    def __init__(self, detail: str, wrong: Sequence[Wrong]) -> None:
        super().__init__("bad_request.shape", detail)
        self.wrong = tuple(wrong)


class FormRefused(Exception):
    """The form is malformed, or not one that this session was given."""


async def posted(request: Request, csrf: str | None, *, largest: int = LARGEST) -> Mapping[str, str]:
    """The fields of a form.

    Args:
        csrf: the session's token, which the form has to carry; None where nobody is signed in yet.
        largest: bytes of the body.

    Raises:
        FormRefused: too large, not UTF-8, with NUL, a field twice, or without the token.
    """
    try:
        text = (await read(request, largest=largest)).decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except (ValueError, ProblemError):
        raise FormRefused from None
    fields = dict(pairs)
    token = fields.pop("csrf", "")
    once = len(fields) + (1 if token else 0) == len(pairs)
    if not once or "%00" in text or "\0" in text:  # nobody types NUL, and PostgreSQL takes it in no text
        raise FormRefused
    if csrf is not None and not hmac.compare_digest(token.encode("utf-8", "replace"), csrf.encode()):
        raise FormRefused
    return fields


def shaped(shape: type[BaseModel], fields: Mapping[str, object]) -> Any:
    """The fields as the body that the API takes; empty ones are left out.

    Raises:
        FieldsRefused: the texts name the fields as the form does, in the reader's language, never what was typed.
    """
    try:
        return shape.model_validate({name: value for name, value in fields.items() if value != ""})
    except ValidationError as error:
        broken = {str(each["loc"][0]): each["type"] for each in error.errors() if each["loc"]}
        labels = {name: label_of(shape, name) for name in shape.model_fields if name in broken}
        told = {name: pages.said(label) for name, label in labels.items() if label}
        detail = pages.said("Fill in or correct: %(fields)s.") % {
            "fields": ", ".join(told.values()) or pages.said("the form")
        }
        said = {name: pages.said(FILL_IN if broken[name] == "missing" else CORRECT) for name in told}
        raise FieldsRefused(detail, [Wrong(name, said[name] % {"field": told[name]}) for name in told]) from None
