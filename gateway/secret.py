"""A text that must not be seen by accident: in a log line, an error, a `repr`, a core configuration dump."""

import hmac
from typing import Never


class Secret:
    """Holds a secret text; only `reveal` gives it, so that a search for that word finds every use."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself: for the one call that needs it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(set)" if self._text else "Secret(empty)"

    def __str__(self) -> str:
        return "(set)" if self._text else ""

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> Never:
        raise TypeError("a secret is not written anywhere; reveal it where it is used")
