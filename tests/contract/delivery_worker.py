"""Run by `test_receivers_hard`: a gateway's worker over deliveries that wait, until it is killed."""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.delivery.recovery import take_over_leases
from tests.durable_house import House, a_house
from tests.patient_receiver import dialling, offered_to

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)


async def main(url: str, folder: str, receiver: str) -> None:
    """Work for ever."""
    async with dialling(receiver) as dialler, a_house(url, Path(folder), key=KEY) as house:
        offered_to(house, receiver, dialler)
        await take_over_leases(house.db)
        async with asyncio.TaskGroup() as group:
            group.create_task(ticking(house))
            group.create_task(house.worker().run())


async def ticking(house: House) -> None:
    """The house's clock goes on as real ones do."""
    while True:
        await asyncio.sleep(0.1)
        house.clock[0] += timedelta(seconds=0.1)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
