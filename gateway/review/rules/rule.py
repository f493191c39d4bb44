"""The shape of a rule and of what it finds."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .seen import Seen


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing found.

    Attributes:
        subject: what it is about, the same at every look: a system and a day, an exchange.
        about: ids of the systems, members and officers whom it is about: they do not sign it off.
        facts: what was counted; never anything of a person.
    """

    subject: str
    about: tuple[str, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule in words that an officer understands, and how it looks.

    Attributes:
        look: counted day in, hits out; None: found elsewhere (a replay, the log, a dispute).
        four_eyes: signed off by another person than the one who had it.
    """

    name: str
    what: str
    why: str
    todo: str
    look: "Callable[[Seen], Iterable[Hit]] | None" = None
    four_eyes: bool = False
