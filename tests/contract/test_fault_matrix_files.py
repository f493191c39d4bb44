"""The fault matrix of files over SFTP: each ends in the outcome of the table, within the deadline, and nothing is lost,
used half, or paid twice."""

import asyncio
import gzip
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from adapters.kit.contract import Handed, Identifier, Item, Question, Subject
from adapters.kit.egress import Dialler
from adapters.kit.opening import open_adapter
from sandbox.agencies.post_office import Book, Card, Counter, make_settings
from sandbox.faults import Faults
from tests.broken_ways import DEADLINE_S, Passes, listening, our_time, outcome

FOLDER = Path(__file__).parents[2] / "adapters/post_office"
CARD, OFFICE, DAY = "PC-1", "LK-PO-1101", date(2026, 11, 27)


@dataclass
class Post:
    """A post office behind a real SFTP server, and a road to it that may break."""

    counter: Counter
    adapter: Any
    out: Path
    back: int | None = None  # bytes that still come back before the road breaks; None: it holds
    stall: bool = False  # it does not break then, it falls silent
    passes: Passes = lambda _: None
    log_in_s: float = 0.0  # what each log-in takes

    async def road(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.passes(self.log_in_s)
        port = self.counter.box.settings.port
        theirs, ours = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.gather(self._forth(reader, ours), self._back(theirs, writer))
        finally:
            ours.close()

    async def _forth(self, reader: asyncio.StreamReader, ours: asyncio.StreamWriter) -> None:
        while block := await reader.read(65536):
            ours.write(block)
        ours.close()

    async def _back(self, theirs: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while block := await theirs.read(4096):
            if self.back is not None and len(block) > self.back:
                if self.stall:
                    self.passes(DEADLINE_S)
                    await asyncio.sleep(3600)
                break
            self.back = None if self.back is None else self.back - len(block)
            writer.write(block)
        writer.close()

    def put(self, name: str, content: bytes) -> None:
        (self.out / name).write_bytes(content)

    async def asked(self) -> dict[str, object]:
        subject = Subject((Identifier("PAYMENT", "SAM-1"),))
        answer = await self.adapter.ask(Question("post_office.payment", subject, frozenset({"state"}), DAY))
        found: dict[str, object] = self.adapter.normalise("post_office.payment", answer)
        return found

    async def ordered(self, payment: str = "SAM-1") -> Handed:
        record = {
            "payment": payment,
            "programme": "elders",
            "month": "2026-10",
            "amount": "2000.00",
            "currency": "LKR",
            "pay_kind": "card",
            "pay_provider": OFFICE,
            "pay_account": CARD,
            "payee_name": "K. Invented",
            "pay_on": "2026-11-15",
        }
        handed: Handed = await self.adapter.deliver(Item(f"item-{payment}", "post_office.order", record))
        return handed


@asynccontextmanager
async def post_office(folder: Path, **how: Any) -> AsyncIterator[Post]:
    counter = Counter(Book({CARD: Card(CARD)}, {OFFICE}), make_settings(folder), Faults())
    await counter.box.open()
    post = Post(counter, None, folder / "drop/out", **how)
    try:
        with our_time() as post.passes:
            async with _linked(post):
                yield post
    finally:
        await counter.close()


@asynccontextmanager
async def _linked(post: Post) -> AsyncIterator[None]:
    async with listening(post.road) as port:
        values = post.counter.exported() | {"POST_OFFICE_PORT": str(port), "POST_OFFICE_DEADLINE_S": str(DEADLINE_S)}
        dialler = Dialler({f"127.0.0.1:{port}"})
        post.adapter = open_adapter(FOLDER, values.__getitem__, dialler)
        yield
        await dialler.close()


def sealed(*lines: str) -> bytes:
    content = "".join(f"{each}\n" for each in lines).encode()
    return content + f"T|{hashlib.sha256(content).hexdigest()}\n".encode()


PAID = "000001|SAM-1|P|2000.00|20261116"
DETAILS = sealed("H|1|DET|202611|1|2000.00|2000.00|0.00", PAID)
NAME = "DET-202611-01.txt"
FILES: dict[str, tuple[bytes, str]] = {
    "garbled": (b"\xff\xfe\x00{<", "source_down"),
    "empty": (b"", "source_down"),
    "half of it": (DETAILS[: len(DETAILS) // 2], "source_down"),
    "a page of a web site": (b"<html>sign in</html>\n", "source_down"),
    "another format": (b'{"payment":"SAM-1","state":"paid"}\n', "source_down"),
    "changed after it was sealed": (DETAILS.replace(b"|P|", b"|U|"), "source_down"),
    "a wrong count": (sealed("H|1|DET|202611|2|2000.00|2000.00|0.00", PAID), "source_down"),
    "a wrong sum": (sealed("H|1|DET|202611|1|2000.01|2000.01|0.00", PAID), "source_down"),
    "a word that nobody agreed on": (
        sealed("H|1|DET|202611|1|2000.00|2000.00|0.00", PAID.replace("|P|", "|X|")),
        "source_down",
    ),
    "a line left out of the order": (
        sealed("H|1|DET|202611|1|2000.00|2000.00|0.00", PAID.replace("000001", "000002")),
        "source_down",
    ),
    "compressed": (gzip.compress(DETAILS), "source_down"),
    "a bomb": (gzip.compress(bytes(5_000_000)), "source_down"),
    "huge": (b"0" * (64 * 2**20 + 1), "source_down"),
}


@pytest.mark.parametrize("fault", FILES)
async def test_a_file_that_is_wrong_is_used_for_nothing(tmp_path: Path, fault: str) -> None:
    content, wanted = FILES[fault]
    async with post_office(tmp_path) as post:
        post.put(NAME, content)
        told = await outcome(post.asked())
        post.put(NAME, DETAILS)
        assert told[0] == wanted
        assert (await post.asked())["state"] == "paid"  # the agency mended it, and nothing of the wrong one is left


async def test_the_same_file_twice_and_files_out_of_their_order_change_nothing(tmp_path: Path) -> None:
    async with post_office(tmp_path) as post:
        post.put(NAME, DETAILS)
        post.put(NAME.replace("01.txt", "02.txt"), DETAILS)
        assert (await post.asked())["state"] == "paid"
        post.put(f"ACK-{'0' * 32}.txt", sealed(f"H|1|ACK|{'0' * 32}|1|0", "000001|SAM-1|OK"))  # comes after the payment
        assert (await post.asked())["state"] == "paid"
        post.put("DET-202612-01.txt.part", b"not whole yet")
        assert (await post.asked())["state"] == "paid"


async def test_a_late_file_is_an_outage_and_is_found_when_the_same_is_ordered_again(tmp_path: Path) -> None:
    async with post_office(tmp_path, log_in_s=DEADLINE_S / 3) as post:
        post.counter.box.faults.set("slow", seconds=1.9 * DEADLINE_S)
        assert await outcome(post.ordered()) == ("source_down", "no_file")
        post.counter.box.faults.clear()
        assert await post.ordered() == Handed("SAM-1", "OK")
        assert list(post.counter.book.orders) == ["SAM-1"]


async def _broken(folder: Path, back: int, *, stall: bool) -> None:
    async with post_office(folder, back=back, stall=stall, log_in_s=DEADLINE_S / 6) as post:
        told = await outcome(post.ordered())
        assert told[0] in {"source_down", "answered"}, told  # a cut in between is tried again until the deadline
        post.back = None
        assert await post.ordered() == Handed("SAM-1", "OK")
        assert list(post.counter.book.orders) == ["SAM-1"]


async def test_a_road_that_breaks_anywhere_is_an_outage_and_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    for back, stall in [(back, stall) for back in (0, 900, 3000, 5000) for stall in (False, True)]:
        folder = tmp_path / f"{back}-{stall}"
        folder.mkdir()
        await _broken(folder, back, stall=stall)


async def test_a_file_that_is_cut_while_it_is_read_is_no_file(tmp_path: Path) -> None:
    async with post_office(tmp_path, back=60_000) as post:
        lines = [f"{at:06}|SAM-{at}|P|1.00|20261116" for at in range(1, 9001)]
        post.put(NAME, sealed("H|1|DET|202611|9000|9000.00|9000.00|0.00", *lines))
        assert (await outcome(post.asked()))[0] == "source_down"
        post.back = None
        assert (await post.asked())["amount"] == "1.00"


async def test_a_server_that_is_gone_or_is_no_sftp_server_is_an_outage(tmp_path: Path) -> None:
    async def mail(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n" * 2000)
        await writer.drain()

    counter = Counter(Book({}, set()), make_settings(tmp_path), Faults())
    async with listening(mail) as port:
        for place in (port, 1):
            dialler = Dialler({f"127.0.0.1:{place}"})
            told = counter.exported() | {"POST_OFFICE_PORT": str(place), "POST_OFFICE_DEADLINE_S": str(DEADLINE_S)}
            adapter: Any = open_adapter(FOLDER, told.__getitem__, dialler)
            assert (await outcome(Post(counter, adapter, tmp_path).asked()))[0] == "source_down"
            await dialler.close()
