"""Run by `test_receivers_hard` and `test_workers_killed`: a gateway's worker over deliveries that wait, until it is
killed.

    python -m tests.contract.delivery_worker DATABASE_URL FOLDER RECEIVER_URL [SECONDS]

SECONDS is how far its clock is ahead of the house's. As in the product, only the one process of SQLite takes over the
leases of the dead at once; on PostgreSQL they run out.
"""

import asyncio
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from architecture.checkout import ROOT
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.delivery.recovery import take_over_leases
from tests.durable_house import House, a_house
from tests.patient_receiver import dialling, offered_to

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)


def killable(url: str, folder: Path, receiver: str, ahead_s: int = 0) -> "subprocess.Popen[bytes]":
    """Start one."""
    command = [sys.executable, "-m", "tests.contract.delivery_worker", url, str(folder), receiver, str(ahead_s)]
    return subprocess.Popen(command, cwd=ROOT, env={"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "PATH": "/usr/bin"})


async def main(url: str, folder: str, receiver: str, ahead_s: str) -> None:
    """Work for ever."""
    async with dialling(receiver) as dialler, a_house(url, Path(folder), key=KEY) as house:
        offered_to(house, receiver, dialler)
        house.clock[0] += timedelta(seconds=int(ahead_s))
        if house.db.engine.dialect.name == "sqlite":
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
