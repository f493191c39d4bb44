"""How many exchanges are at work in this process: those that wait for the log or for facts, not for their agency."""

from dataclasses import dataclass


@dataclass(slots=True)
class Live:
    """`with live:` around such a wait. Bulk work looks at `at_work` before it takes more of the machine."""

    at_work: int = 0

    def __enter__(self) -> None:
        self.at_work += 1

    def __exit__(self, *_: object) -> None:
        self.at_work -= 1
