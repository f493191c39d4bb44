"""Post offices: the adapter's promises, the adapter against its sandbox over SFTP, what the sandbox refuses."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from adapters.kit.conformance import suite
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyHasNoSuchPerson,
    AgencyRefused,
    AgencyRejectedMessage,
    AgencyUnavailable,
    Handed,
    Identifier,
    Item,
    Question,
    Subject,
)
from adapters.kit.egress import Dialler
from adapters.kit.opening import open_adapter
from adapters.post_office.adapter import PostOffice
from adapters.post_office.lists import details, number_of, written
from sandbox.agencies.post_office import Book, Card, Counter, make_settings, serve
from sandbox.faults import Fault, Faults

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "adapters/post_office"
TestPostOffice = suite(FOLDER)

PAGE = (ROOT / "docs/profiles/post-office-files.md").read_text("utf-8")
SAMPLES = {name: text.encode() for name, text in re.findall(r"```text (\S+)\n(.*?)```", PAGE, re.DOTALL)}
CARD, SILENT, BLOCKED = "PC-00012345", "PC-00012346", "PC-00012347"
OFFICE = "LK-PO-0101"
NUMBER = "0" * 31 + "1"


def book() -> Book:
    cards = {CARD: Card(CARD), SILENT: Card(SILENT, comes=False), BLOCKED: Card(BLOCKED, blocked=True)}
    return Book(cards, {OFFICE})


@dataclass
class Place:
    adapter: PostOffice
    counter: Counter
    faults: Faults
    out: Path

    async def payment(self, reference: str) -> dict[str, object]:
        return self.adapter.normalise("post_office.payment", await self.adapter.ask(question(reference)))


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    faults = Faults()
    counter = await serve(book(), make_settings(tmp_path), faults)
    values = counter.exported() | {"POST_OFFICE_DEADLINE_S": "4"}
    dialler = Dialler({f"127.0.0.1:{values['POST_OFFICE_PORT']}"})
    adapter = open_adapter(FOLDER, values.__getitem__, dialler)
    assert isinstance(adapter, PostOffice)
    yield Place(adapter, counter, faults, tmp_path / "drop/out")
    await dialler.close()
    await counter.close()


def order(payment: str = "SAM-1", item: str = "", **changed: Any) -> Item:
    record: dict[str, object] = {
        "payment": payment,
        "programme": "elders",
        "month": "2026-10",
        "amount": "2000.00",
        "currency": "LKR",
        "pay_kind": "card",
        "pay_provider": OFFICE,
        "pay_account": CARD,
        "payee_name": "ක. Invented",
        "pay_on": "2026-11-15",
    }
    return Item(item or f"item-{payment}", "post_office.order", record | changed)


def question(payment: str) -> Question:
    subject = Subject((Identifier("PAYMENT", payment),))
    return Question("post_office.payment", subject, frozenset({"state"}), date(2026, 11, 27))


async def test_a_list_is_paid_by_card_and_the_unclaimed_balance_comes_back(place: Place) -> None:
    items = [order("SAM-1"), order("SAM-2", pay_account=SILENT), order("SAM-3", pay_account=BLOCKED)]
    handed = await asyncio.gather(*map(place.adapter.deliver, items))
    assert handed == [Handed("SAM-1", "OK"), Handed("SAM-2", "OK"), Handed("SAM-3", "P02")]
    assert (await place.payment("SAM-1"))["state"] == "pending"
    place.counter.close_month("2026-11")
    found = [await place.payment(f"SAM-{n}") for n in (1, 2, 3)]
    assert [each["state"] for each in found] == ["paid", "unclaimed", "rejected"]
    assert (found[1]["amount"], found[1]["changed_on"]) == ("2000.00", "2026-11-26")
    many = {at: each async for at, each in place.adapter.ask_many([question("SAM-9"), question("SAM-1")])}
    assert isinstance(many[0], AgencyHasNoSuchPerson)
    assert not isinstance(many[1], Exception)


async def test_an_order_that_is_sent_again_is_paid_once(place: Place) -> None:
    first = await place.adapter.deliver(order())
    again = await asyncio.gather(*map(place.adapter.deliver, [order(), order("SAM-2")]))
    assert [first, *again] == [Handed("SAM-1", "OK"), Handed("SAM-1", "OK"), Handed("SAM-2", "OK")]
    other = await place.adapter.deliver(order(item="another", amount="9.00"))
    assert other.state == "P05"
    assert sorted(place.counter.book.orders) == ["SAM-1", "SAM-2"]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"pay_kind": "account"}, "kind"),
        ({"payee_name": "K|Invented"}, "name"),
        ({"payee_name": "K\nInvented"}, "name"),
        ({"currency": "USD"}, "currency"),
        ({"amount": "0.00"}, "amount"),
    ],
    ids=["account", "bar", "line end", "currency", "nothing"],
)
async def test_what_a_line_cannot_carry_never_leaves(place: Place, changed: dict[str, Any], code: str) -> None:
    with pytest.raises(AgencyRejectedMessage) as raised:
        await place.adapter.deliver(order(**changed))
    assert raised.value.code == code
    assert not list(place.out.iterdir())


async def test_each_fault_has_its_kind(place: Place) -> None:
    faults = {"refuse": AgencyRefused, "garbled": AgencyAnswerMalformed, "wrong_schema": AgencyAnswerMalformed}
    for number, (fault, kind) in enumerate((faults | {"down": AgencyUnavailable}).items()):
        place.faults.set(fault)
        with pytest.raises(kind):
            await place.adapter.deliver(order(f"SAM-{number}"))


def test_golden_list_is_refused_with_the_golden_error(tmp_path: Path) -> None:
    counter = Counter(book(), make_settings(tmp_path), Faults())
    answer = counter.answered(f"LST-{NUMBER}.txt", SAMPLES[f"LST-{NUMBER}.txt"], Fault.NONE)
    assert answer == {f"ERR-{NUMBER}.txt": SAMPLES[f"ERR-{NUMBER}.txt"]}


def test_golden_details_are_read_and_the_golden_failure_is_refused() -> None:
    assert [each.state for each in details(SAMPLES["DET-202611-01.txt"])] == ["paid", "unclaimed"]
    with pytest.raises(AgencyAnswerMalformed, match="money order"):
        details(SAMPLES["DET-202611-02.txt"])


def test_the_sandbox_writes_the_golden_details(tmp_path: Path) -> None:
    cards = {CARD: Card(CARD), SILENT: Card(SILENT, comes=False)}
    counter = Counter(Book(cards, {OFFICE}), make_settings(tmp_path), Faults())
    counter._months = 6
    paid, silent = {"amount": "4500.00", "pay_on": "2026-11-17"}, {"amount": "3000.00", "pay_account": SILENT}
    items = [order("SAM-2026-10-000017", **paid), order("SAM-2026-10-000018", **silent)]
    counter.answered(f"LST-{number_of(items)}.txt", written(items), Fault.NONE)
    counter.close_month("2026-11")
    assert (tmp_path / "drop/out/DET-202611-07.txt").read_bytes() == SAMPLES["DET-202611-01.txt"]


def sealed(text: str) -> bytes:
    return text.encode() + f"T|{hashlib.sha256(text.encode()).hexdigest()}\n".encode()


HEAD = f"H|1|LIST|{NUMBER}|1|10.00\n"
LINE = f"000001|SAM-1|{CARD}|{OFFICE}|10.00|2026-11-15|K. Invented\n"
REFUSED: dict[str, tuple[bytes, str]] = {
    "no seal": ((HEAD + LINE).encode(), "L02|0"),
    "changed after sealing": (sealed(HEAD + LINE).replace(b"10.00", b"90.00"), "L02|0"),
    "last line not ended": (sealed(HEAD + LINE)[:-1], "L02|0"),
    "empty": (b"", "L02|0"),
    "another version": (sealed(HEAD.replace("H|1", "H|2") + LINE), "L01|1"),
    "another number": (sealed(HEAD.replace(NUMBER, "f" * 32) + LINE), "L06|1"),
    "count too high": (sealed(HEAD.replace("|1|10", "|2|10") + LINE), "L03|0"),
    "no line": (sealed(HEAD.replace("|1|10", "|0|10")), "L03|0"),
    "sum too low": (sealed(HEAD.replace("10.00", "9.00") + LINE), "L04|0"),
    "line out of order": (sealed(HEAD + LINE.replace("000001", "000002")), "L05|2"),
    "a field too many": (sealed(HEAD + LINE.replace("Invented", "In|vented")), "L05|2"),
    "an amount without cents": (sealed(HEAD + LINE.replace("10.00", "10")), "L05|2"),
    "no such day": (sealed(HEAD + LINE.replace("11-15", "11-31")), "L05|2"),
    "CRLF": (sealed((HEAD + LINE).replace("\n", "\r\n")), "L05|2"),
    "a control character": (sealed(HEAD + LINE.replace("K. I", "K.\x07I")), "L05|2"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_the_post_refuses_a_list(tmp_path: Path, case: str) -> None:
    content, expected = REFUSED[case]
    counter = Counter(book(), make_settings(tmp_path), Faults())
    ((name, answer),) = counter.answered(f"LST-{NUMBER}.txt", content, Fault.NONE).items()
    assert (name, answer) == (f"ERR-{NUMBER}.txt", f"E|1|{NUMBER}|{expected}\n".encode())
    assert not counter.book.orders


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"pay_account": "PC-9"}, "P01"),
        ({"pay_account": BLOCKED}, "P02"),
        ({"pay_provider": "LK-PO-9999"}, "P03"),
        ({"pay_on": "2026-11-23"}, "P04"),
        ({"amount": "100000.01"}, "P06"),
    ],
    ids=["unknown", "blocked", "office", "day", "too much"],
)
def test_the_post_refuses_a_line_and_takes_the_others(tmp_path: Path, changed: dict[str, Any], code: str) -> None:
    items = [order("SAM-1", **changed), order("SAM-2")]
    counter = Counter(book(), make_settings(tmp_path), Faults())
    ((_, answer),) = counter.answered(f"LST-{number_of(items)}.txt", written(items), Fault.NONE).items()
    assert f"000001|SAM-1|{code}\n000002|SAM-2|OK\n".encode() in answer


async def test_the_server_refuses_every_other_name_and_use(place: Place) -> None:
    given = place.counter.exported()
    known = asyncssh.import_known_hosts(f"[127.0.0.1]:{given['POST_OFFICE_PORT']} {given['POST_OFFICE_HOST_KEY']}")
    options: dict[str, Any] = {"username": "sandhi", "known_hosts": known, "config": None, "agent_path": None}
    own = asyncssh.import_private_key(given["POST_OFFICE_CLIENT_KEY"])
    port = int(given["POST_OFFICE_PORT"])
    stranger = asyncssh.generate_private_key("ssh-ed25519")
    with pytest.raises(asyncssh.PermissionDenied):
        await asyncssh.connect("127.0.0.1", port, client_keys=[stranger], **options)
    name = f"/in/LST-{NUMBER}.txt"
    async with (
        asyncssh.connect("127.0.0.1", port, client_keys=[own], **options) as connection,
        connection.start_sftp_client() as client,
    ):
        refused: list[Any] = [
            client.open(name, "wb"),
            client.open("/in/notes.txt.part", "wb"),
            client.open("/in/../../host_key", "rb"),
            client.open("/out/ACK.txt", "wb"),
            client.mkdir("/in/x"),
            client.symlink("/etc/passwd", "/in/x"),
            client.listdir("/used"),
        ]
        for each in refused:
            with pytest.raises(asyncssh.SFTPError):
                await each
        for turn in range(2):
            async with client.open(f"{name}.part", "wb") as file:
                await file.write(sealed(HEAD + LINE))
            if turn == 0:
                await client.rename(f"{name}.part", name)
        with pytest.raises(asyncssh.SFTPError):
            await client.rename(f"{name}.part", name)


def test_every_code_of_the_sandbox_is_on_the_page() -> None:
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "sandbox/agencies/post_office").glob("*.py"))
    assert set(re.findall(r"\"([LP][0-9]{2})\"", sources)) == set(re.findall(r"`([LP][0-9]{2})`", PAGE))
