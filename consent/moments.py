"""Moments as the tables hold them: whole microseconds since 1970-01-01 UTC, exact both ways."""

from datetime import UTC, datetime, timedelta
from typing import overload

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def micros(at: datetime) -> int:
    """An aware moment as a number; a naive one raises TypeError, which is a fault of the caller."""
    return (at - EPOCH) // MICROSECOND


@overload
def moment(number: int) -> datetime: ...
@overload
def moment(number: None) -> None: ...
def moment(number: int | None) -> datetime | None:
    """A number as an aware UTC moment; what did not happen stays None."""
    return None if number is None else EPOCH + number * MICROSECOND
