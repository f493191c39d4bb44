"""What the gate reports beside an exchange: what it costs, a use in an emergency, and what was found of whom.

The implementations are `spending`, `oversight.emergencies` and `oversight.misses`; a gate without one of them refuses
what would have needed it.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from .errors import NoEvidence, RefusedByRules
from .model import Ask, Opened, Permit

Break = Callable[[Opened, Ask, Permit], Awaitable[None]]
"""Report a use of a basis for emergencies, durably, before anything is asked. Raises NoEvidence."""


class Spend(Protocol):
    """Counts what permits with budgets cost."""

    async def __call__(
        self, once: str, lines: Sequence[tuple[Permit, str]], *, size: int = 1
    ) -> Sequence[RefusedByRules | None]:
        """Spend one question for each line, (permit, pseudonym); gives the refusals of those over a budget.

        Args:
            once: what it is for: the same again costs nothing more.
            size: how many people are asked about at once, with those of other lines.

        Raises:
            NoEvidence: budgets cannot be counted now.
        """


async def uncounted(
    once: str, lines: Sequence[tuple[Permit, str]], *, size: int = 1
) -> Sequence[RefusedByRules | None]:
    """A gate that counts no budgets. Raises NoEvidence."""
    del once, lines, size
    raise NoEvidence("Budgets are not counted here, so nothing was exchanged.")


Looked = Callable[[str, int, int], None]
"""A consumer asked about so many people, and so many of them were misses (`is_miss`)."""


def unwatched(_consumer: str, _asked: int, _missed: int) -> None:
    """Nobody counts."""


async def unreported(_opened: Opened, _ask: Ask, _permit: Permit) -> None:
    """A gate that reports no emergencies. Raises NoEvidence."""
    raise NoEvidence("Emergencies are not reported here, so nothing was exchanged.")
