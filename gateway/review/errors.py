"""Every way a review can fail.

ReviewError
├── NothingFound       no such exchange, finding, report, sample, statement or breach, or not for whoever asks
└── ReviewRefused      it cannot be done like this or by this person; the text says what to do

`detail` may be shown to whoever asked and carries nobody's data; `code` is one of `docs/errors.md`.
"""

from ..people.errors import PeopleError


class ReviewError(PeopleError):
    """See the tree above; answered as every failure of an officer's call."""


class NothingFound(ReviewError):
    """There is nothing of this id."""

    code = "not_found"

    def __init__(self, what: str) -> None:
        super().__init__(f"There is no such {what}.")


class ReviewRefused(ReviewError):
    """What was there stays as it was."""
