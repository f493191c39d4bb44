"""The form that a client sends to the token, introspection and revocation endpoints, read strictly.

Source: RFC 6749 section 3.2 ("parameters MUST NOT be included more than once"), RFC 7521 section 4.2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from authlib.oauth2.rfc6749.errors import InvalidRequestError
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion

from .binding import Presented

LARGEST_BODY = 16 * 1024
MOST_PARAMETERS = 16
ASSERTION_TYPE = JWTBearerClientAssertion.CLIENT_ASSERTION_TYPE
BY_KEY, BY_SECRET = "private_key_jwt", "client_secret_post"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came in."""

    body: bytes
    presented: Presented


def read_form(body: bytes) -> dict[str, str]:
    """The parameters, each at most once.

    Raises:
        InvalidRequestError: not a form, a parameter twice, or more than sixteen of them.
    """
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=MOST_PARAMETERS,
        )
    except ValueError:
        raise InvalidRequestError("Send application/x-www-form-urlencoded parameters.") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise InvalidRequestError("Send each parameter once.")
    return form


def method_of(form: dict[str, str], authorization: Sequence[str]) -> str | None:
    """The one way to authenticate that a request uses; None where it uses none of ours, or two."""
    if authorization:
        return None
    by_key, by_secret = {"client_assertion", "client_assertion_type"} & form.keys(), "client_secret" in form
    if by_key and not by_secret:
        right = form.get("client_assertion_type") == ASSERTION_TYPE and form.get("client_assertion")
        return BY_KEY if right else None
    if by_secret and not by_key:
        return BY_SECRET if form["client_secret"] and form.get("client_id") else None
    return None
