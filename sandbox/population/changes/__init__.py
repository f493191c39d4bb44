"""What each planted flaw changes: one public function a flaw, under the flaw's name (`flaws.tsv` is their table)."""

from collections.abc import Callable, Mapping
from inspect import getmembers, isfunction
from types import MappingProxyType

from ...person import Person
from ..scene import Scene
from . import consent, livelihood, people

Change = Callable[[Person, Scene], Person]

CHANGES: Mapping[str, Change] = MappingProxyType(
    {
        name: change
        for module in (people, livelihood, consent)
        for name, change in getmembers(module, isfunction)
        if change.__module__ == module.__name__ and not name.startswith("_")
    }
)
