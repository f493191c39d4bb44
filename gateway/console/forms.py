"""Reading a posted form: once, small, each field once, with the session's token."""

import hmac
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

import pages
from pages import Wrong

from ..edges.body import read
from ..edges.refusal import ProblemError
from .labels import label_of

LARGEST = 16 * 1024
MOST_FIELDS = 1000  # an agreement has a box for each field of each service; the bytes are bounded anyway


FILL_IN = "Fill in: %(field)s."
CORRECT = "This is not written as it has to be: %(field)s."
A_NUMBER = "Write a number: %(field)s."
AT_MOST, AT_LEAST = "At most %(limit)s: %(field)s.", "At least %(limit)s: %(field)s."
SHORTER, LONGER = "At most %(limit)s characters: %(field)s.", "At least %(limit)s characters: %(field)s."
A_DAY, A_MOMENT = "Give a day: %(field)s.", "Give a day and a time: %(field)s."
ONE_OF = "Choose one: %(field)s."
SENTENCES: Mapping[str, tuple[str, str]] = {
    "missing": (FILL_IN, ""),
    "literal_error": (ONE_OF, ""),
    "enum": (ONE_OF, ""),
    "int_type": (A_NUMBER, ""),
    "int_parsing": (A_NUMBER, ""),
    "int_from_float": (A_NUMBER, ""),
    "greater_than_equal": (AT_LEAST, "ge"),
    "less_than_equal": (AT_MOST, "le"),
    "string_too_short": (LONGER, "min_length"),
    "string_too_long": (SHORTER, "max_length"),
    "date_type": (A_DAY, ""),
    "date_parsing": (A_DAY, ""),
    "date_from_datetime_parsing": (A_DAY, ""),
    "datetime_type": (A_MOMENT, ""),
    "datetime_parsing": (A_MOMENT, ""),
    "datetime_from_date_parsing": (A_MOMENT, ""),
}
"""What pydantic finds -> what is said, a key of `pages/words`, and the name of its limit; anything else: CORRECT."""


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
        FormRefused: too large, of more than `MOST_FIELDS`, not UTF-8, with NUL, a field twice, or without the token.
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
    request.state.posted = fields  # for `drafts`, where the sign-in turns out to be too old
    return fields


def shaped(shape: type[BaseModel], fields: Mapping[str, object]) -> Any:
    """The fields as the body that the API takes; empty ones are left out.

    Raises:
        FieldsRefused: the texts name the fields as the form does, in the reader's language, never what was typed.
    """
    try:
        return shape.model_validate({name: value for name, value in fields.items() if value != ""})
    except ValidationError as error:
        raise refusal_of(shape, error) from None


def refusal_of(shape: type[BaseModel], error: ValidationError) -> FieldsRefused:
    """All that is wrong with a body, each field once, in the order of the body."""
    broken: dict[str, Any] = {}
    for each in error.errors():
        broken.setdefault(_field(each["loc"]), each)
    wrong = []
    for name, each in broken.items():
        if label := label_of(shape, name):
            text, limit = SENTENCES.get(each["type"], (CORRECT, ""))
            words = {"field": pages.said(label), "limit": each.get("ctx", {}).get(limit, "")}
            text = FILL_IN if (text, words["limit"]) == (LONGER, 1) else text
            wrong.append((words["field"], Wrong(name, pages.said(text) % words)))
    named = ", ".join(label for label, _ in wrong) or pages.said("the form")
    return FieldsRefused(pages.said("Fill in or correct: %(fields)s.") % {"fields": named}, [each for _, each in wrong])


def _field(place: Sequence[int | str]) -> str:
    """The field that a form has for a part of a body: of a person's identifiers, their kind or their number."""
    names = [each for each in place if isinstance(each, str)]
    return names[-1] if names[:1] == ["subject"] else next(iter(names), "")
