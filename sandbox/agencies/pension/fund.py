"""The fund at work: takes requests from the drop box one after another and answers with files."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sandbox.faults import Fault, Faults
from sandbox.sftp_server import Channel, listening, publish

from .answer import Answer, Books, Records, answered, error_file, late_file
from .dropbox import Dropbox, Shelf
from .request import Refused, read_manifest, read_request
from .settings import PensionSettings


async def serve(records: Records, settings: PensionSettings, faults: Faults) -> "Fund":
    """Start the fund; requests that waited through a restart are answered first."""
    fund = Fund(records, settings, faults)
    await fund.open()
    return fund


class Fund:
    """A running fund. `settings` are those it was started with, with the port it listens on."""

    def __init__(self, records: Records, settings: PensionSettings, faults: Faults) -> None:
        self.settings = settings
        self._books = Books(records, settings.closed_month.replace("-", ""), settings.locked)
        self._shelf = Shelf(settings.folder / settings.sender)
        self._faults = faults
        self._begun: asyncio.Queue[str] = asyncio.Queue()

    @property
    def port(self) -> int:
        return self.settings.port

    async def open(self) -> None:
        """Listen, and begin to work."""
        for number in self._shelf.waiting():
            self._begun.put_nowait(number)
        self._listener = await listening(self.settings, self._faults, self._session)
        self.settings = replace(self.settings, port=self._listener.get_port())
        self._worker = asyncio.create_task(self._work())
        self._worker.add_done_callback(_fell)

    async def close(self) -> None:
        """Stop listening and working; what waits is answered after the next start."""
        self._listener.close()
        self._worker.cancel()
        await asyncio.gather(self._worker, return_exceptions=True)
        await self._listener.wait_closed()

    def _session(self, chan: Channel) -> Dropbox:
        return Dropbox(chan, self._shelf, self._begun.put_nowait)

    async def _work(self) -> None:
        while True:
            number = await self._begun.get()
            self._shelf.taken(number)
            fault = self._faults.take()
            if fault is Fault.SLOW:
                await self._late(number)
            files = await asyncio.to_thread(self._answer, number, fault)
            for name, content in files.items():
                publish(self._shelf.drop, name, content)
            self._shelf.done(number)

    async def _late(self, number: str) -> None:
        expected = datetime.now(UTC) + timedelta(seconds=self._faults.seconds)
        late = late_file(number, self.settings.sender, expected.strftime("%Y-%m-%dT%H:%M:%SZ"))
        publish(self._shelf.drop, f"LATE-{number}.txt", late)
        await asyncio.sleep(self._faults.seconds)

    def _answer(self, number: str, fault: Fault) -> dict[str, bytes]:
        """The files to publish, in this order: an answer with its manifest last, or one error file."""
        try:
            answer = self._read(number, fault)
        except Refused as refusal:
            return {f"ERR-{number}.txt": error_file(number, self.settings.sender, refusal)}
        files = {"C": answer.contributions, "S": answer.status, "P": answer.pensions}
        if fault is Fault.GARBLED:  # cut on the way out: the manifest tells
            files = {letter: content[: len(content) // 2] for letter, content in files.items()}
        published = {f"ANS-{number}-{letter}.txt": content for letter, content in files.items()}
        return {**published, f"ANS-{number}.mft": answer.manifest(number, self._books.closed)}

    def _read(self, number: str, fault: Fault) -> Answer:
        """Section 6: the checks, in order."""
        sender = self.settings.sender
        if number.partition("-")[0] != sender:
            raise Refused("R01", 0, "the file name has another sender code than the login")
        if fault is Fault.REFUSE:
            raise Refused("R11", 0, "the fund does not serve this sender at present")
        manifest = read_manifest(self._file(number, "mft"), number=number, sender=sender)
        request = read_request(self._file(number, "txt"), manifest, sender=sender)
        answer = answered(request, self._books)
        return answer.in_another_layout() if fault is Fault.WRONG_SCHEMA else answer

    def _file(self, number: str, ending: str) -> bytes:
        try:
            return self._shelf.request(number, ending).read_bytes()
        except FileNotFoundError:
            raise Refused("R03", 0, "the data file named by the manifest is not there") from None


def _fell(worker: "asyncio.Task[None]") -> None:
    """A record that does not fit the layout stops the fund: say so at once, not when the process ends."""
    if not worker.cancelled() and (error := worker.exception()):
        told = {"message": "the sandbox's pension fund stopped: restart it", "exception": error}
        asyncio.get_running_loop().call_exception_handler(told)
