"""Who the people are: officers and their roles, sessions, what takes two people, citizens and their own data."""

from .access import Citizen, SignedIn
from .errors import PeopleError
from .people import People
from .roles import Right

__all__ = ["Citizen", "People", "PeopleError", "Right", "SignedIn"]
