"""Every way a registration can fail.

AdapterRefused         what was brought cannot be used; `faults` name file, line and rule
StepRefused            the version is not in a state for that, or somebody else holds the id (409)
AdapterUnknown         there is no such adapter or version, or not for whoever asks (404)
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ..people.errors import PeopleError


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to mend. `code` is the broken rule in one word, `line` counts from 1 (0: the file as a whole)."""

    file: str
    code: str
    detail: str
    line: int = 0

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.code}: {self.detail}"


class AdapterRefused(PeopleError):
    """The folder stays outside; nothing of it was kept, fetched or run."""

    code = "bad_request.adapter"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("The adapter cannot be used; mend what `faults` names, and bring it again.")
        self.faults = tuple(faults)

    def __str__(self) -> str:
        return "\n".join(map(str, self.faults))


class StepRefused(PeopleError):
    """The version stays as it was."""


class AdapterUnknown(PeopleError):
    """No adapter, version or window of this name that the asker may see."""

    code = "not_found"

    def __init__(self) -> None:
        super().__init__("There is no such adapter or version; propose it first.")
