"""A file of consents into the register: in transactions of 5000 lines, a result for each, on from where it was cut.

While one part is written the next is read in a thread. How far it came is beside the file, written after each part and
taken away at the end. A line without an id gets one that follows from its text, so a part that was written just before
the cut is found again and changes nothing. Ids are logged, so it follows by a key; a consent that came before that was
so keeps the id it has, or importing its file again would revive what was withdrawn.
"""

import asyncio
import json
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import orjson
from sqlalchemy import select

from adapters.kit import strict_json
from adapters.kit.contract import Subject
from consent import Consent
from consent.errors import ConsentConflict, ConsentError
from consent.tables import consent

from ..consent_lines import Givers, consent_line
from ..edges.v1.asking import check_id, check_subject
from ..edges.v1.problems import ProblemError
from ..recording import LINES_AN_ENTRY, Recording, Told
from ..trust.errors import NoIdentifier
from ..wiring import Services, open_services

REFUSED = "refused"
AT_ONCE = 10 * LINES_AN_ENTRY
MOST_SHOWN = 1000  # refused lines in memory; the results file has them all

Reading = Callable[[bytes, dict[str, str]], Consent]
Result = Consent | str | None


@dataclass(slots=True)
class Progress:
    """How far an import of this file by this controller came. `offset` and `results` are bytes."""

    file: str
    controller: str
    offset: int = 0
    line: int = 0
    results: int = 0
    counts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """Some lines as they were read: a consent, the reason why there is none, or None for an empty line.

    `earlier`: id that was made here -> the one that would have been made before ids were keyed.
    """

    lines: list[Result]
    size: int
    earlier: dict[str, str]


@dataclass(slots=True)
class Import:
    """One run over a file. `told` is called with the bytes that are done."""

    file: Path
    controller: str
    results: Path | None
    told: Callable[[int], object]
    refused: list[tuple[int, str]] = field(default_factory=list)

    async def run(self) -> tuple[dict[str, int], list[tuple[int, str]]]:
        """Gives how many lines ended how, cut runs before included, and the first refused lines of this one.

        Raises:
            ConsentConflict: FILE.progress is of another file or controller.
            FileNotFoundError: there is no such file.
        """
        with self.file.open("rb") as lines:
            progress = self._begun(lines)
            lines.seek(progress.offset)
            async with open_services(writing=True) as here:
                progress = await self._all(lines, progress, here)
        self._kept.unlink(missing_ok=True)
        return progress.counts, self.refused

    async def _all(self, lines: BinaryIO, progress: Progress, here: Services) -> Progress:
        recording, reading = Recording(here.db, here.log), reader(here, self.controller)
        part = await asyncio.to_thread(next_part, lines, reading)
        while part.size:
            consents = await _as_before(here, part)
            following = asyncio.create_task(asyncio.to_thread(next_part, lines, reading))
            try:
                told = await recording.consents(consents, by=self.controller, at_once=AT_ONCE)
            finally:
                coming = await following
            progress = self._noted(progress, part, told)
            part = coming
        return progress

    def _noted(self, progress: Progress, part: Part, told: list[Told]) -> Progress:
        """The results of a part, written; then how far we are."""
        counts, rest, written = Counter(progress.counts), iter(told), bytearray()
        for number, each in enumerate(part.lines, progress.line + 1):
            if each is None:
                continue
            result = _result(number, next(rest) if isinstance(each, Consent) else each)
            counts[str(result["outcome"])] += 1
            if isinstance(each, str) and len(self.refused) < MOST_SHOWN:
                self.refused.append((number, each))
            written += orjson.dumps(result, option=orjson.OPT_APPEND_NEWLINE)
        size = self._append(progress.results, bytes(written))
        line, offset = progress.line + len(part.lines), progress.offset + part.size
        made = replace(progress, offset=offset, line=line, results=size, counts=dict(counts))
        _write(self._kept, asdict(made))
        self.told(offset)
        return made

    def _append(self, at: int, written: bytes) -> int:
        if self.results is None:
            return at
        with self.results.open("r+b" if at else "wb") as file:
            file.truncate(at)  # what a cut run wrote beyond its last step comes again
            file.seek(at)
            file.write(written)
        return at + len(written)

    @property
    def _kept(self) -> Path:
        return self.file.with_name(f"{self.file.name}.progress")

    def _begun(self, lines: BinaryIO) -> Progress:
        fresh = Progress(fingerprint(lines), self.controller)
        if not self._kept.exists():
            return fresh
        try:
            kept = Progress(**json.loads(self._kept.read_bytes()))
        except (ValueError, TypeError):
            kept = Progress("", "")
        if (kept.file, kept.controller) != (fresh.file, fresh.controller):
            raise ConsentConflict(f"{self._kept.name} is of another import: delete it to begin {self.file.name} anew")
        return kept


def fingerprint(lines: BinaryIO) -> str:
    """Tells this file from another: its size, and a digest of its first 64 KiB. Leaves the place behind those."""
    size = os.fstat(lines.fileno()).st_size
    return f"{size}:{sha256(lines.read(65536)).hexdigest()}"


def next_part(lines: BinaryIO, reading: Reading) -> Part:
    """The next lines, read; one without any at the end."""
    some = list(islice(lines, AT_ONCE))
    earlier: dict[str, str] = {}
    return Part([_read(line, reading, earlier) for line in some], sum(map(len, some)), earlier)


def _read(line: bytes, reading: Reading, earlier: dict[str, str]) -> Result:
    if not line.strip():
        return None
    try:
        return reading(line, earlier)
    except (ConsentError, NoIdentifier, ProblemError) as error:
        return error.detail
    except strict_json.StrictError as error:
        return f"not read: {error}"


def _result(number: int, told: Told | str) -> dict[str, object]:
    if isinstance(told, str):
        return {"line": number, "outcome": REFUSED, "detail": told}
    return {"line": number, "id": told.id, "outcome": told.outcome, "receipt": told.receipt}


async def _as_before(here: Services, part: Part) -> list[Consent]:
    """The consents of a part, under their earlier ids where they were recorded under these."""
    ids, known = sorted(part.earlier.values()), set[str]()
    async with here.db.read() as connection:
        for at in range(0, len(ids), LINES_AN_ENTRY):
            some = select(consent.c.id).where(consent.c.id.in_(ids[at : at + LINES_AN_ENTRY]))
            known |= set((await connection.execute(some)).scalars())
    given = [each for each in part.lines if isinstance(each, Consent)]
    return [replace(each, id=old) if (old := part.earlier.get(each.id)) in known and old else each for each in given]


def reader(here: Services, controller: str) -> Reading:
    """Bytes of a line in, this controller's consent out; what its id would have been before is noted."""
    givers = Givers(here.profile.givers, here.today())

    def checked(subject: Subject) -> str:
        check_subject(subject, here.profile)
        return here.person_ref(subject)

    def read(line: bytes, earlier: dict[str, str]) -> Consent:
        value = strict_json.loads(line)
        if isinstance(value, dict) and "id" not in value:
            text = controller.encode() + line.strip()
            value["id"] = f"line-{here.person_ref.line_ref(text)[:40]}"
            earlier[value["id"]] = f"line-{sha256(text).hexdigest()[:40]}"
        numbers = here.person_ref.numbers
        given = consent_line(value, controller=controller, person_ref=checked, numbers=numbers, givers=givers)
        check_id(given.id, here.profile)
        return given

    return read


def _write(path: Path, document: dict[str, object]) -> None:
    draft = path.with_name(f"{path.name}.new")
    draft.write_bytes(orjson.dumps(document))
    draft.replace(path)
