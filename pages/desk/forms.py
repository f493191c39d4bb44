"""Reading a posted form: once, small, each field once, with the session's token."""

import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request

LARGEST = 32 * 1024
MOST_FIELDS = 50


class FormRefused(Exception):
    """The form is malformed, or not one that this session was given."""


async def posted(request: Request, csrf: str | None) -> Mapping[str, str]:
    """The fields of a form.

    Args:
        csrf: the session's token, which the form has to carry; None where nobody is signed in yet.

    Raises:
        FormRefused: too large, not UTF-8, with NUL, a field twice, or without the token.
    """
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST:
            raise FormRefused
    try:
        text = body.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise FormRefused from None
    fields = dict(pairs)
    token = fields.pop("csrf", "")
    once = len(fields) + (1 if token else 0) == len(pairs)
    if not once or "%00" in text or "\0" in text:  # nobody types NUL, and PostgreSQL takes it in no text
        raise FormRefused
    if csrf is not None and not hmac.compare_digest(token.encode("utf-8", "replace"), csrf.encode()):
        raise FormRefused
    return fields
