"""One synthetic population, the same for every agency: see `stream.population`."""

from .stream import DEFAULT_DATE, MOST_PEOPLE, population

__all__ = ["DEFAULT_DATE", "MOST_PEOPLE", "population"]
