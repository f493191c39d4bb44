"""What every step works with."""

from collections.abc import Callable
from dataclasses import dataclass

from sandhi_client import Client

from .settings import Settings
from .store import Store


@dataclass(frozen=True, slots=True)
class Stage:
    """Own records, the way to the gateway, and a person who reads what happens. `tell` takes one line."""

    settings: Settings
    store: Store
    client: Client
    tell: Callable[[str], None]
