"""An SFTP server with two directories for one partner: files come in through `/in` and answers lie in `/out`.

Names are a closed set; everything else is refused with an SFTP status, as the file profiles say.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from .faults import Fault, Faults
from .kept import Kept
from .sftp_server import Channel, Session, exported, listening, new_key, publish

Answer = Callable[[str, bytes, Fault], Mapping[str, bytes]]
"""Name and content of a file that came in, and the agency's fault -> files to publish, in this order."""


@dataclass(frozen=True, slots=True)
class BoxSettings:
    """Keys and place of one box, made at the first start and kept. `port` 0 takes a free one."""

    host: str
    port: int
    host_key: str = field(repr=False)
    client_key: str = field(repr=False)
    folder: Path
    user: str = "sandhi"

    def exported(self, prefix: str) -> dict[str, str]:
        """What the partner is given: `<prefix>_HOST` and the others."""
        return exported(self, prefix)


def make_box_settings(data_dir: Path, *, host: str = "127.0.0.1", port: int = 0) -> BoxSettings:
    """Make or read the settings; `data_dir` is the agency's own folder."""
    kept = Kept(data_dir)
    return BoxSettings(host, port, kept.text("host_key", new_key), kept.text("client_key", new_key), data_dir)


class Box:
    """A running server. `settings` are those it was started with, with the port it listens on.

    Args:
        incoming: names that the partner may hand in.
        answer: what is published for one of them; runs in a thread.
    """

    def __init__(self, settings: BoxSettings, incoming: re.Pattern[str], answer: Answer, faults: Faults) -> None:
        self.settings = settings
        self.faults = faults
        self.incoming = incoming
        self._answer = answer
        self.drop, self.used = settings.folder / "drop", settings.folder / "used"
        for folder in (self.drop / "in", self.drop / "out", self.used):
            folder.mkdir(parents=True, exist_ok=True)
        self._begun: asyncio.Queue[str] = asyncio.Queue()

    async def open(self) -> None:
        """Listen, and begin to work; what waited through a restart comes first."""
        for path in sorted((self.drop / "in").iterdir()):
            if path.suffix != ".part":
                self._begun.put_nowait(path.name)
        self._listener = await listening(self.settings, self.faults, lambda chan: _Session(chan, self))
        self.settings = replace(self.settings, port=self._listener.get_port())
        self._worker = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Stop listening and working; what waits is answered after the next start."""
        self._listener.close()
        self._worker.cancel()
        await asyncio.gather(self._worker, return_exceptions=True)
        await self._listener.wait_closed()

    def publish(self, name: str, content: bytes) -> None:
        """See `sftp_server.publish`."""
        publish(self.drop, name, content)

    def begin(self, name: str) -> None:
        """A file came in under its final name."""
        self._begun.put_nowait(name)

    async def _work(self) -> None:
        while True:
            name = await self._begun.get()
            path, fault = self.drop / "in" / name, self.faults.take()
            if fault is Fault.SLOW:
                await asyncio.sleep(self.faults.seconds)
            files = await asyncio.to_thread(self._answer, name, path.read_bytes(), fault)
            for each, content in files.items():
                self.publish(each, content[: len(content) // 2] if fault is Fault.GARBLED else content)
            (self.used / name).touch()
            path.unlink()


class _Session(Session):
    def __init__(self, chan: Channel, box: Box) -> None:
        super().__init__(chan, box.drop)
        self._box = box

    def fits(self, folder: str, name: str) -> bool:
        if folder == "in":
            return bool(self._box.incoming.fullmatch(name.removesuffix(".part")))
        return ".." not in name

    def was_used(self, name: str) -> bool:
        return (self._box.used / name).exists()

    def begin(self, name: str) -> None:
        self._box.begin(name)
