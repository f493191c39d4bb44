"""The social registry and the programmes that work on its lists: one implementation for all of the programmes."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

from starlette.applications import Starlette

from .agencies import programmes, social_registry
from .dci import Keys
from .faults import Faults
from .gateway_client import Clients
from .world import Registers

AGENCIES = (*programmes.PROGRAMMES, "social_registry")


class ProgrammeSide:
    """Made with everything else and started with it; `systems` and `registry` are what a test or a step drives.

    Args:
        url, folder: where an agency is mounted, and its own folder.
    """

    def __init__(
        self,
        registers: Registers,
        clients: Clients,
        *,
        url: Callable[[str], str],
        folder: Callable[[str], Path],
        gateway: str,
    ) -> None:
        self._clients = clients
        day: date = registers.date
        made = [
            programmes.make_settings(each, url(each.id), folder(each.id), gateway=gateway)
            for each in programmes.PROGRAMMES.values()
        ]
        self.systems = {
            each.programme.id: programmes.Mis(programmes.Book(each.store), each, clients, day) for each in made
        }
        own = social_registry.make_settings(url("social_registry"), folder("social_registry"), gateway=gateway)
        households = social_registry.Households(registers.registrations(), day)
        self.registry = social_registry.Registry(own, households, registers, clients)

    def exported(self) -> dict[str, str]:
        """What the agencies give their partner, by the names of the settings file."""
        made = [mis.settings.exported() for mis in self.systems.values()]
        return {name: value for each in (*made, self.registry.settings.exported()) for name, value in each.items()}

    def apps(self, keys: Keys, faults: Mapping[str, Faults]) -> dict[str, Starlette]:
        """The ASGI apps by agency."""
        apps = {name: programmes.build(mis, self._clients, keys, faults[name]) for name, mis in self.systems.items()}
        own = social_registry.build(self.registry, self._clients, keys, faults["social_registry"])
        return apps | {"social_registry": own}

    def start(self) -> None:
        """Once the event loop runs."""
        for mis in self.systems.values():
            mis.start()
        self.registry.start()

    async def close(self) -> None:
        """Stop what works by itself, then close the stores."""
        await asyncio.gather(self.registry.close(), *(mis.close() for mis in self.systems.values()))
        for mis in self.systems.values():
            mis.book.close()
