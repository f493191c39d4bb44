"""The JSON Canonicalization Scheme (RFC 8785) for signed messages: `consent.canonical`, with the errors of here."""

import consent
from consent.errors import NotCanonical as NoForm

from .errors import NotCanonical


def canonical(value: object) -> bytes:
    """The canonical bytes of a JSON value (dict, list or tuple, str, int, float, bool, None).

    Raises:
        NotCanonical: it has no such form; the text says what to send instead.
    """
    try:
        return consent.canonical(value)
    except NoForm as error:
        raise NotCanonical(str(error)) from None
