"""Files both ways over SFTP: handed in to `/in` under their final name, looked for in `/out` until they are there."""

import asyncio
import re

from adapters.kit.contract import AgencyAnswerMalformed, AgencyUnavailable
from adapters.kit.transports.sftp import NameTaken, Sftp

IN, OUT = "/in", "/out"
MOST_FILES = 400  # read for one question
FIRST_PAUSE_S, LONGEST_PAUSE_S, GROWTH = 0.05, 15.0, 1.6


class FileBox:
    """One account's two directories. `deadline_s` is how long an answer is waited for."""

    def __init__(self, sftp: Sftp, deadline_s: float) -> None:
        self._sftp = sftp
        self._deadline_s = deadline_s

    async def hand_in(self, name: str, content: bytes) -> None:
        """Put a file there; one that was handed in before under this name is left as it is.

        Raises:
            AgencyError: as `Sftp.session`.
        """
        async with self._sftp.session() as session:
            try:
                await session.upload(f"{IN}/{name}", content)
            except NameTaken:
                return  # names are made of what is in the file: ours, from an earlier try

    async def awaited(self, *names: str) -> tuple[str, bytes]:
        """The first of these files that is in `/out`, and its content.

        Raises:
            AgencyUnavailable: none by the deadline (code `no_file`), or the server could not be reached at the end.
        """
        clock = asyncio.get_running_loop().time
        end, pause = clock() + self._deadline_s, FIRST_PAUSE_S
        while True:
            failure = AgencyUnavailable("no answer file by the deadline; ask again", code="no_file")
            try:
                async with self._sftp.session() as session:
                    for name in sorted(await session.names(OUT) & set(names), key=names.index):
                        return name, await session.download(f"{OUT}/{name}")
            except AgencyUnavailable as error:  # a cut between two looks: the file may still come
                failure = error
            if clock() + pause > end:
                raise failure
            await asyncio.sleep(pause)
            pause = min(pause * GROWTH, LONGEST_PAUSE_S)

    async def all_of(self, pattern: re.Pattern[str]) -> dict[str, bytes]:
        """Every file of `/out` whose whole name matches, by name.

        Raises:
            AgencyError: as `Sftp.session`.
            AgencyAnswerMalformed: there are more than we read, so something may be overlooked.
        """
        async with self._sftp.session() as session:
            names = sorted(filter(pattern.fullmatch, await session.names(OUT)))
            if len(names) > MOST_FILES:
                raise AgencyAnswerMalformed(f"more than {MOST_FILES} files to look through; clear {OUT}", code="files")
            return {name: await session.download(f"{OUT}/{name}") for name in names}
