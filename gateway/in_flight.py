"""How many exchanges of this process wait for the log or for facts; those that wait for their agency do not count."""

from dataclasses import dataclass


@dataclass(slots=True)
class InFlight:
    """`with in_flight:` around such a wait. Bulk work looks at `count` before it takes more of the machine."""

    count: int = 0

    def __enter__(self) -> None:
        self.count += 1

    def __exit__(self, *_: object) -> None:
        self.count -= 1
