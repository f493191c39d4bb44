"""An account at the demo's own identity provider that vouches for one of its people, for `/my-data`."""

import asyncio
import json
import threading
from functools import cache

from browser.visitor import Visitor, World

from gateway.people.people import MY_DATA
from gateway.settings import Settings
from gateway.wiring import open_services


def account(world: World, number: str) -> tuple[str, str]:
    """Login and password of the person of this number."""
    return _account(str(world.data), world.gateway, number)


@cache
def _account(data: str, gateway: str, number: str) -> tuple[str, str]:
    """Login and password. In a thread of its own: the browser's loop runs in this one."""
    made: list[tuple[str, str]] = []
    work = threading.Thread(target=lambda: made.append(asyncio.run(_added(data, gateway, number))))
    work.start()
    work.join()
    return made[0]


async def _added(data: str, gateway: str, number: str) -> tuple[str, str]:
    settings = Settings.read({"SANDHI_DATA_DIR": data, "SANDHI_PUBLIC_URL": gateway})
    async with open_services(settings) as here, here.db.write() as connection:
        own = next(each for each in here.people.offered(MY_DATA) if each.built_in)
        login = f"person-{number[-6:]}".lower()
        _, password = await here.people.accounts.add(connection, login, {own.citizen_claim: number})
        return login, password


def with_consents(world: World) -> list[str]:
    """The NICs of registered people of the demo who have consented, but for the one whom other journeys are about."""
    with (world.data / "sandbox" / "registrations.jsonl").open(encoding="utf-8") as people:
        registered = [each for each in map(json.loads, people) if each["consents"]]
    numbers = [str(n["value"]) for each in registered for n in each["identifiers"] if n["type"] == "NIC"]
    return [each for each in numbers if each != world.somebody()]


def sign_in_as(visitor: Visitor, number: str) -> None:
    """As the person of this number, by the form, to `/my-data`."""
    visitor.enter("/my-data", *account(visitor.world, number))
