"""The post at work: lists in, acknowledgements and details out; letters are printed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.faults import Fault, Faults
from sandbox.filebox import Box, BoxSettings, make_box_settings

from .book import Book
from .files import Refused, acknowledgement, error_file, month_details, read_list
from .printing import Printed, printed

INCOMING = re.compile(r"LST-[0-9a-f]{32}\.txt|LET-[0-9a-f]{32}\.(?:pdf|txt)")


@dataclass(frozen=True, slots=True)
class PostSettings:
    """The box of the programmes."""

    box: BoxSettings


def make_settings(data_dir: Path, *, port: int = 0) -> PostSettings:
    """Make or read the settings; `data_dir` is the agency's own folder."""
    return PostSettings(make_box_settings(data_dir, port=port))


async def serve(book: Book, settings: PostSettings, faults: Faults) -> "Counter":
    """Start the post."""
    counter = Counter(book, settings, faults)
    await counter.box.open()
    return counter


class Counter:
    """A running post. `letters` are those that were printed."""

    def __init__(self, book: Book, settings: PostSettings, faults: Faults) -> None:
        self.book = book
        self.letters: list[Printed] = []
        self._sheets: dict[str, bytes] = {}
        self._months = 0
        self.box = Box(settings.box, INCOMING, self.answered, faults)

    def exported(self, prefix: str = "POST_OFFICE") -> dict[str, str]:
        """What the partner is given, with the port that was taken."""
        return self.box.settings.exported(prefix)

    async def close(self) -> None:
        """Stop."""
        await self.box.close()

    def close_month(self, month: str) -> None:
        """About the 26th: publish the details of a month (`YYYY-MM`)."""
        self._months += 1
        name = f"DET-{month.replace('-', '')}-{self._months:02}.txt"
        self.box.publish(name, month_details(month, self.book.month(month), f"MO-{self._months:06}"))

    def answered(self, name: str, content: bytes, fault: Fault) -> Mapping[str, bytes]:
        """What is published for one file that came in."""
        number = name[4:36]
        if name.startswith("LET-"):
            return self._letter(name, number, content, fault)
        if fault is Fault.WRONG_SCHEMA:
            return {f"ACK-{number}.txt": b"H|9|ACK\n"}
        try:
            if fault is Fault.REFUSE:
                raise Refused("L07")
            told = [(each, self.book.take(each)) for each in read_list(content, number)]
        except Refused as refused:
            return {f"ERR-{number}.txt": error_file(number, refused)}
        return {f"ACK-{number}.txt": acknowledgement(number, told)}

    def _letter(self, name: str, number: str, content: bytes, fault: Fault) -> Mapping[str, bytes]:
        """The sheet comes first and waits; its slip says where it goes."""
        if name.endswith(".pdf"):
            self._sheets[number] = content
            return {}
        try:
            if fault is Fault.REFUSE:
                raise Refused("L07")
            letter = printed(number, self._sheets.pop(number, b""), content)
        except Refused as refused:
            return {f"ERR-{number}.txt": error_file(number, refused)}
        self.letters.append(letter)
        return {f"PRT-{number}.txt": f"P|1|{number}|PRINTED\n".encode()}
