"""The list of checks, and what becomes of them."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from .talk import Talk

Outcome = Literal["passed", "failed", "absent", "not run"]
Work = Callable[[Talk], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Check:
    """One promise of the protocol.

    Attributes:
        operation: what it is about, without `/registry/`; empty for no single one. `absent` where the server lacks it.
        source: where the protocol says it.
        needs: members of `Target` (or `callbacks`, `keys`) without which it cannot be looked at.
    """

    id: str
    operation: str
    title: str
    source: str
    needs: tuple[str, ...]
    work: Work


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a check; `detail` says why it did not pass."""

    id: str
    title: str
    source: str
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All results in the order of the list, and the operations the server does not have."""

    results: tuple[Result, ...]
    absent: tuple[str, ...]

    @property
    def failed(self) -> tuple[Result, ...]:
        """Those that count."""
        return tuple(each for each in self.results if each.outcome == "failed")

    def wire(self) -> dict[str, Any]:
        """The JSON form."""
        return {"results": [asdict(each) for each in self.results], "absent": list(self.absent)}


CHECKS: dict[str, Check] = {}


def check(
    id_: str, title: str, source: str, *, operation: str = "", needs: Iterable[str] = ()
) -> Callable[[Work], Work]:
    """Put a check on the list."""

    def listed(work: Work) -> Work:
        assert id_ not in CHECKS, f"{id_} is taken"
        CHECKS[id_] = Check(id_, operation, title, source, tuple(needs), work)
        return work

    return listed
