"""Gateways of two ministries witness each other over HTTP, through the dialler, as their settings say."""

import asyncio
import socket
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
from small_gateway import served

from audit.policy import Policy, policy_text
from gateway.app import build_app
from gateway.settings import Settings
from gateway.wiring import Services, open_services


@dataclass(frozen=True, slots=True)
class Ministry:
    """Where a gateway lives, and how its settings read."""

    name: str
    folder: Path
    port: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def settings(self, **more: str) -> Settings:
        values = {"DATA_DIR": str(self.folder), "PUBLIC_URL": self.address, "LOG_STOP_HOURS": "4", **more}
        return Settings.read({}, values)

    def file(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text)
        return str(path)


def ministry(name: str, folder: Path) -> Ministry:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return Ministry(name, folder / name, int(probe.getsockname()[1]))


async def test_two_gateways_cosign_each_other(tmp_path: Path) -> None:
    both = [ministry("welfare", tmp_path), ministry("tax", tmp_path)]
    logs = [await key_of_the_log(each) for each in both]
    witnesses = [await key_of_the_witness(each, other) for each, other in zip(both, reversed(logs), strict=True)]
    async with AsyncExitStack() as stack:
        opened = [
            await serving(stack, here, policy_for(there, its_key), f"log {its_log}\n", there)
            for here, there, its_key, its_log in zip(
                both, reversed(both), reversed(witnesses), reversed(logs), strict=True
            )
        ]
        for services in opened:
            await services.keeper.watch.once(services.gate.clock())
        async with httpx.AsyncClient() as web:
            for here, there, its_key, own in zip(both, reversed(both), reversed(witnesses), logs, strict=True):
                note = (await web.get(f"{here.address}/log/checkpoint")).content
                asked = Policy.from_text(policy_text([own], Policy.from_text(policy_for(there, its_key))))
                assert len(asked.check(note)[1]) == 1
                assert (await web.get(f"{here.address}/readyz")).status_code == 200


async def key_of_the_log(here: Ministry) -> str:
    async with open_services(here.settings()) as services:
        return str((await services.log.vkeys())[0])


async def key_of_the_witness(here: Ministry, other_log: str) -> str:
    watched = await asyncio.to_thread(here.file, "watched", f"log {other_log}\n")
    async with open_services(here.settings(LOG_WATCHES=watched)) as services:
        assert services.keeper.witness is not None
        return services.keeper.witness.vkey


def policy_for(witness: Ministry, vkey: str) -> str:
    return f"witness {witness.name} {vkey} {witness.address}/log/witness\nquorum {witness.name}\n"


async def serving(stack: AsyncExitStack, here: Ministry, policy: str, watched: str, there: Ministry) -> Services:
    settings = here.settings(
        LOG_WITNESSES=here.file("policy", policy),
        LOG_WATCHES=here.file("watched", watched),
        ALLOWED_HOSTS=f"127.0.0.1:{there.port}",
    )
    services = await stack.enter_async_context(open_services(settings))
    await stack.enter_async_context(served(build_app(services), here.port))
    return services
