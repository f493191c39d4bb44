"""Run by `test_exchange_hardship`: exchanges until it is killed, or until its disk is full.

Says on stdout `ready`, then `asked PERSON` when the agency is asked, `released EXCHANGE RECEIPT` when an answer left,
`refused` when there was none for want of evidence.
"""

import asyncio
import os
import resource
import signal
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from adapters.kit.contract import Identifier, Question, RawAnswer, Subject
from gateway.catalogue import Catalogue
from gateway.errors import NoEvidence
from gateway.gate import Gate
from gateway.model import Ask
from gateway.pipeline import exchange
from gateway.working import working
from tests.reviewing import CONSUMER, Fund, a_house

ROOM = 600_000  # bytes
AT_ONCE, ENOUGH = 8, 5


class Telling(Fund):
    """The agency, which says whom it was asked about."""

    async def ask(self, question: Question) -> RawAnswer:
        said("asked", question.subject.identifiers[0].value)
        return await super().ask(question)


def said(*words: str) -> None:
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


async def main(url: str, folder: str, mode: str) -> None:
    async with a_house(Path(folder), url) as house, working(house.services):
        if await house.services.log.size() < 20:  # the first time
            await house.agreed(legal_bases=[{"kind": "public_task", "reference": "Act 7"}])
        if mode == "full":
            full_from_here(Path(folder), url)
        fund: Any = Telling()
        offers = house.services.catalogue
        gate = replace(house.services.gate, catalogue=Catalogue(replace(each, adapter=fund) for each in offers))
        said("ready")
        await asyncio.gather(*(asking(gate, name) for name in range(AT_ONCE)))


def full_from_here(folder: Path, url: str) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    largest = max(each.stat().st_size for each in Path(url.partition("///")[2]).parent.glob("*.db*"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest + ROOM, largest + ROOM))


async def asking(gate: Gate, name: int) -> None:
    number, refused = 0, 0
    while refused < ENOUGH:
        number += 1
        person = Subject((Identifier("NIC", f"{os.getpid()}-{name}-{number}"),))
        ask = Ask(CONSUMER, "pension.contributions", "employment-support.eligibility", person, date(2026, 10, 31))
        try:
            answer = await exchange(replace(ask, fields=frozenset({"months"})), gate)
        except NoEvidence:
            refused += 1
            said("refused")
        else:
            said("released", answer.exchange_id, answer.receipt)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
