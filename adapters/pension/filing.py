"""One request's way through the fund's directories: filed, waited for, read, cleared away.

A number is derived from what is asked, so that asking the same again after a crash finds the request or the answer
that is already there. The fund takes a number only once, and a number has four digits: whatever is found under it is
checked to be about our question, and if it is not, the next number is tried.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

from adapters.kit.contract import AgencyAnswerMalformed, AgencyError, AgencyRejectedMessage, AgencyUnavailable
from adapters.kit.transports.sftp import NameTaken, Session, Sftp

from .files import Line, Request, answer_names, error_of, read_answer

IN, OUT = "/in", "/out"
CANDIDATES = 64  # numbers tried for one question on one day
FIRST_PAUSE_S, LONGEST_PAUSE_S, GROWTH = 0.1, 15.0, 1.6


@dataclass(frozen=True, slots=True)
class Filed:
    """A request the fund has. `adopted`: it was there before us, so it need not be ours."""

    number: str
    request: Request
    adopted: bool


class Filing:
    """Files requests of one sender. `today` gives the date that goes into a number."""

    def __init__(self, sftp: Sftp, today: Callable[[], date], deadline_s: float) -> None:
        self._sftp = sftp
        self._today = today
        self._deadline_s = deadline_s
        self._busy: set[str] = set()  # being waited for by this process
        self._spent: set[str] = set()  # cleared away: the fund takes no number twice

    async def filed(self, request: Request) -> Filed:
        """Find the request or its answer at the fund, else hand it in. Give it to `dropped` when done with it.

        Raises:
            AgencyError: the fund cannot be reached, or has no free number for this question today.
        """
        async with self._sftp.session() as session:
            seen_in, seen_out = await session.names(IN), await session.names(OUT)
            for number in self._numbers(request):
                self._busy.add(number)
                if self._waits(number, seen_in, seen_out):
                    return Filed(number, request, adopted=True)
                if await self._handed_in(session, number, request, seen_in | seen_out):
                    return Filed(number, request, adopted=False)
        raise AgencyUnavailable("no free request number for this question today; ask tomorrow", code="no_number")

    async def settled(self, filed: Filed) -> tuple[Filed, list[Line]]:
        """Wait for the answer and read it.

        Returns:
            What was answered (another number, if what was adopted was not ours), and a line for each NIC.

        Raises:
            AgencyUnavailable: no answer by the deadline; code `late` if the fund announced that.
            AgencyError: an error file, or an answer that does not fit.
        """
        try:
            return filed, await self._awaited(filed)
        except (AgencyAnswerMalformed, AgencyRejectedMessage):
            if not filed.adopted:
                raise
        self._spent.add(filed.number)
        own = await self.filed(filed.request)
        try:
            return own, await self._awaited(own)
        except BaseException:
            self.dropped(own)
            raise

    async def cleared(self, filed: Filed) -> None:
        """Remove the answer, once it is safe with whoever asked. A failure leaves it: the fund removes it in time."""
        self._spent.add(filed.number)
        async with self._sftp.session() as session:
            for name in (f"ANS-{filed.number}.mft", *answer_names(filed.number), f"LATE-{filed.number}.txt"):
                await session.remove(f"{OUT}/{name}")

    def dropped(self, filed: Filed) -> None:
        """Nobody here waits for it any more; what the fund has stays, and is found when the same is asked again."""
        self._busy.discard(filed.number)

    def _numbers(self, request: Request) -> Iterator[str]:
        day, data = self._today().strftime("%Y%m%d"), request.data()
        for turn in range(CANDIDATES):
            drawn = int.from_bytes(hashlib.sha256(bytes([turn]) + data).digest()) % 9999 + 1
            number = f"{request.sender}-{day}-{drawn:04}"
            if number not in self._busy and number not in self._spent:
                yield number

    @staticmethod
    def _waits(number: str, seen_in: frozenset[str], seen_out: frozenset[str]) -> bool:
        """Whether an answer is there or will come. A data file without its manifest is left alone by the fund."""
        return f"REQ-{number}.mft" in seen_in or bool({f"ANS-{number}.mft", f"LATE-{number}.txt"} & seen_out)

    async def _handed_in(self, session: Session, number: str, request: Request, seen: frozenset[str]) -> bool:
        """Write data, then manifest. False: the fund has seen the number before, or an error file lies there."""
        if f"REQ-{number}.txt" in seen or f"ERR-{number}.txt" in seen:
            self._busy.discard(number)
            return False
        try:
            await session.upload(f"{IN}/REQ-{number}.txt", request.data())
            await session.upload(f"{IN}/REQ-{number}.mft", request.manifest(number))
        except NameTaken:
            self._busy.discard(number)
            self._spent.add(number)
            return False
        except BaseException:
            self._busy.discard(number)
            raise
        return True

    async def _awaited(self, filed: Filed) -> list[Line]:
        clock = asyncio.get_running_loop().time
        end, pause = clock() + self._deadline_s, FIRST_PAUSE_S
        while True:
            try:
                files, failure = await self._looked(filed)
            except AgencyUnavailable as error:  # a cut between two looks: the answer may still come
                files, failure = {}, error
            if files:  # pure and long for 5,000 members: off the event loop
                return await asyncio.to_thread(read_answer, filed.number, filed.request, files)
            if clock() + pause > end:
                raise failure
            await asyncio.sleep(pause)
            pause = min(pause * GROWTH, LONGEST_PAUSE_S)

    async def _looked(self, filed: Filed) -> tuple[dict[str, bytes], AgencyError]:
        """The files of the answer, if they are there, and what it means if they are not."""
        number, manifest, refusal = filed.number, f"ANS-{filed.number}.mft", f"ERR-{filed.number}.txt"
        async with self._sftp.session() as session:
            seen = await session.names(OUT)
            if refusal in seen:
                text = await session.download(f"{OUT}/{refusal}")
                await session.remove(f"{OUT}/{refusal}")
                raise error_of(number, filed.request.sender, text)
            if manifest in seen:
                names = (manifest, *answer_names(number))
                return {name: await session.download(f"{OUT}/{name}") for name in names}, _missing("no_file")
            return {}, _missing("late" if f"LATE-{number}.txt" in seen else "no_file")


def _missing(code: str) -> AgencyUnavailable:
    return AgencyUnavailable("the fund sent no answer file by the deadline; ask again", code=code)
