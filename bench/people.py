"""The people of a run: numbers and nothing else, so that a load process can make them without a list."""

from adapters.kit.contract import Identifier, Subject

FIRST = 199000000000


def nic(number: int) -> str:
    """The number of person `number`, 12 digits."""
    return str(FIRST + number)


def subject(number: int) -> Subject:
    """The person as the model knows it."""
    return Subject((Identifier("NIC", nic(number)),))
