"""Bank: the adapter's promises, the adapter against its sandbox over SFTP, what the sandbox refuses in bytes."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import xmlschema
from lxml import etree

from adapters.bank import statements
from adapters.bank.adapter import Bank
from adapters.bank.orders import Debtor, message_id, pain_001, statuses, told
from adapters.kit.conformance import suite
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyError,
    AgencyHasNoSuchPerson,
    AgencyRefused,
    AgencyRejectedMessage,
    AgencyUnavailable,
    Handed,
    Identifier,
    Item,
    Question,
    RawAnswer,
    Subject,
)
from adapters.kit.egress import Dialler
from adapters.kit.opening import open_adapter
from sandbox.agencies.bank import Account, Book, Counter, make_settings, serve
from sandbox.agencies.bank.book import Booking
from sandbox.agencies.bank.counter import confirmation
from sandbox.agencies.bank.statements import statement
from sandbox.faults import Fault, Faults

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "adapters/bank"
TestBank = suite(FOLDER)

XSD = {
    name: xmlschema.XMLSchema(str(ROOT / f"schemas/agency/iso20022/{name}.xsd"))
    for name in ("pain.001.001.09", "pain.002.001.12", "camt.053.001.08", "camt.054.001.10")
}
NIC, OTHER = "199012304567", "198512304567"
OPEN, SILENT, CLOSED = "0087654321", "0087654322", "0087654323"
DEBTOR = Debtor("Welfare Benefits Board", "0001234567", "7010")
NOW = datetime(2026, 11, 1, 9, tzinfo=UTC)


def accounts() -> dict[str, Account]:
    opened = date(2024, 1, 15)
    return {
        OPEN: Account(OPEN, NIC, opened, card="I", nominee="A"),
        SILENT: Account(SILENT, NIC, opened, silent=True),
        CLOSED: Account(CLOSED, NIC, opened, is_open=False),
    }


@dataclass
class Place:
    adapter: Bank
    counter: Counter
    faults: Faults
    out: Path

    async def payment(self, reference: str) -> dict[str, object]:
        return self.adapter.normalise("bank.payment", await self.adapter.ask(question(reference)))


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    faults = Faults()
    counter = await serve(Book(accounts()), make_settings(tmp_path), faults)
    values = counter.exported() | {"BANK_DEADLINE_S": "4"}
    dialler = Dialler({f"127.0.0.1:{values['BANK_PORT']}"})
    adapter = open_adapter(FOLDER, values.__getitem__, dialler)
    assert isinstance(adapter, Bank)
    yield Place(adapter, counter, faults, tmp_path / "drop/out")
    await adapter.close()
    await dialler.close()
    await counter.close()


def order(payment: str = "SAM-1", item: str = "", **changed: object) -> Item:
    record: dict[str, object] = {
        "payment": payment,
        "programme": "samurdhi",
        "month": "2026-10",
        "amount": "4500.10",
        "currency": "LKR",
        "pay_kind": "account",
        "pay_provider": "7010",
        "pay_account": OPEN,
        "payee_name": "K. Invented",
        "pay_on": "2026-11-02",
    }
    return Item(item or f"item-{payment}", "bank.order", record | changed)


def question(payment: str) -> Question:
    return Question("bank.payment", Subject((Identifier("PAYMENT", payment),)), frozenset({"state"}), date(2026, 11, 3))


def about(account: str, nic: str = NIC) -> Question:
    subject = Subject((Identifier("NIC", nic), Identifier("ACCOUNT", account)))
    return Question("bank.account", subject, frozenset({"card"}), date(2026, 11, 3))


async def test_a_list_is_taken_paid_and_the_unclaimed_money_comes_back(place: Place) -> None:
    items = [order("SAM-1"), order("SAM-2", pay_account=SILENT), order("SAM-3", pay_account=CLOSED)]
    handed = await asyncio.gather(*map(place.adapter.deliver, items))
    assert handed == [Handed("SAM-1", "ACSP"), Handed("SAM-2", "ACSP"), Handed("SAM-3", "RJCT AC04")]
    assert len(list(place.out.glob("PAIN002-*.xml"))) == 1
    pending, rejected = await place.payment("SAM-1"), await place.payment("SAM-3")
    assert (pending["state"], rejected["state"], rejected["reason"]) == ("pending", "rejected", "AC04")
    place.counter.close_day(date(2026, 11, 2))
    assert (await place.payment("SAM-2"))["state"] == "paid"
    place.counter.close_day(date(2026, 12, 2))
    found = [each async for each in place.adapter.ask_many([question(f"SAM-{n}") for n in (1, 2, 3, 4)])]
    answers = dict(found)
    assert isinstance(answers[3], AgencyHasNoSuchPerson)
    read = [each for at in range(3) if isinstance(each := answers[at], RawAnswer)]
    assert [place.adapter.normalise("bank.payment", each)["state"] for each in read] == [
        "paid",
        "unclaimed",
        "rejected",
    ]
    with pytest.raises(AgencyHasNoSuchPerson):
        await place.payment("SAM-4")


async def test_an_order_that_is_sent_again_pays_once_in_whatever_company(place: Place) -> None:
    await place.adapter.deliver(order())
    assert await place.adapter.deliver(order()) == Handed("SAM-1", "ACSP")
    again = await asyncio.gather(*map(place.adapter.deliver, [order(), order("SAM-2")]))
    assert [each.state for each in again] == ["ACSP", "ACSP"]
    other = await asyncio.gather(*map(place.adapter.deliver, [order(item="another"), order("SAM-5")]))
    assert [each.state for each in other] == ["RJCT AM05", "ACSP"]
    assert [each.payment for each in place.counter.book.booked()] == ["SAM-1", "SAM-2", "SAM-5"]


async def test_everything_written_fits_the_published_xsd_by_another_validator(place: Place) -> None:
    items = [order("SAM-1"), order("SAM-2", pay_on="2026-11-03"), order("SAM-3", pay_account=CLOSED)]
    XSD["pain.001.001.09"].validate(etree.fromstring(pain_001(items, DEBTOR, NOW)))
    await asyncio.gather(*map(place.adapter.deliver, items))
    place.counter.close_day(date(2026, 11, 2))
    for path in place.out.glob("*.xml"):
        kind = next(name for name in XSD if name.replace(".", "").upper().startswith(path.name[:7]))
        XSD[kind].validate(etree.parse(path))


def test_a_list_adds_up_in_decimals_and_shows_no_programme() -> None:
    items = [order(f"SAM-{n}", amount="0.10") for n in range(3)]
    text = pain_001(items, DEBTOR, NOW).decode()
    assert re.findall(r"CtrlSum>([^<]+)<", text) == ["0.30", "0.30"]
    assert "samurdhi" not in text.lower()
    assert text.count(message_id(items)) == 1


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"pay_kind": "card"}, "kind"),
        ({"amount": "0.00"}, "amount"),
        ({"amount": 1}, "record"),
        ({"nic": NIC}, "record"),
    ],
    ids=["card", "nothing", "a number", "a member too many"],
)
async def test_what_is_no_order_for_an_account_never_leaves(place: Place, changed: dict[str, Any], code: str) -> None:
    with pytest.raises(AgencyRejectedMessage) as raised:
        await place.adapter.deliver(order(**changed))
    assert raised.value.code == code
    assert not list(place.out.iterdir())


async def test_a_rejected_list_and_a_bank_that_says_nothing_are_told_apart(place: Place) -> None:
    place.faults.set("refuse")
    with pytest.raises(AgencyRejectedMessage) as refused:
        await place.adapter.deliver(order())
    assert refused.value.code == "NARR"
    place.faults.set("down")
    with pytest.raises(AgencyUnavailable):
        await place.adapter.deliver(order("SAM-2"))
    for fault in ("garbled", "wrong_schema"):
        place.faults.set(fault)
        with pytest.raises(AgencyAnswerMalformed):
            await place.adapter.deliver(order(f"SAM-{fault.upper().replace('_', '')}"))


async def test_account_card_and_nominee_are_confirmed_and_nothing_of_another_person(place: Place) -> None:
    record = place.adapter.normalise("bank.account", await place.adapter.ask(about(OPEN)))
    assert record == {
        "account_open": True,
        "held_by_person": True,
        "card": "issued",
        "nominee": "appointed",
        "opened_on": "2024-01-15",
    }
    another = place.adapter.normalise("bank.account", await place.adapter.ask(about(OPEN, OTHER)))
    assert another == record | {"held_by_person": False, "card": "none", "nominee": "none", "opened_on": None}
    with pytest.raises(AgencyHasNoSuchPerson):
        await place.adapter.ask(about("0099999999"))
    place.faults.set("refuse")
    with pytest.raises(AgencyRefused):
        await place.adapter.ask(about(OPEN))


BAD: dict[str, tuple[tuple[str, str], str]] = {
    "no XML": (("<p:GrpHdr>", "<p:GrpHdr"), "FF01"),
    "a document type": (("<p:Document", "<!DOCTYPE x><p:Document"), "FF01"),
    "a member that the XSD has not": (("<p:GrpHdr>", "<p:GrpHdr><p:Note>x</p:Note>"), "FF01"),
    "an amount with five decimals and letters": ((">4500.10</p:InstdAmt>", ">4500.1x</p:InstdAmt>"), "FF01"),
    "another message id": (("<p:MsgId>S", "<p:MsgId>T"), "DU01"),
    "a wrong count": (("<p:NbOfTxs>1<", "<p:NbOfTxs>2<"), "AM18"),
    "a wrong sum": (("<p:CtrlSum>4500.10<", "<p:CtrlSum>4500.00<"), "AM10"),
    "another debtor": ((">0001234567<", ">0001234568<"), "AC02"),
    "a moment for a day": (("<p:Dt>2026-11-02</p:Dt>", "<p:DtTm>2026-11-02T00:00:00Z</p:DtTm>"), "CH03"),
}


@pytest.mark.parametrize("case", BAD)
def test_the_bank_refuses_a_list(tmp_path: Path, case: str) -> None:
    (before, after), code = BAD[case]
    text = pain_001([order()], DEBTOR, NOW).decode()
    assert before in text
    counter = Counter(Book(accounts()), make_settings(tmp_path), Faults())
    name = f"PAIN001-{message_id([order()])}.xml"
    ((_, answer),) = counter._answered(name, text.replace(before, after).encode(), Fault.NONE).items()
    assert statuses(answer, limit=10**6)[1:] == (code, [])
    XSD["pain.002.001.12"].validate(etree.fromstring(answer))


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"pay_account": "0099999999"}, "AC01"),
        ({"pay_account": CLOSED}, "AC04"),
        ({"pay_provider": "7278"}, "RC01"),
        ({"currency": "USD"}, "AM03"),
    ],
    ids=["unknown", "closed", "another bank", "currency"],
)
def test_the_bank_refuses_a_line_and_takes_the_others(tmp_path: Path, changed: dict[str, Any], code: str) -> None:
    items = [order("SAM-1", **changed), order("SAM-2")]
    counter = Counter(Book(accounts()), make_settings(tmp_path), Faults())
    name = f"PAIN001-{message_id(items)}.xml"
    ((_, answer),) = counter._answered(name, pain_001(items, DEBTOR, NOW), Fault.NONE).items()
    result = told(items, answer, limit=10**6)
    assert [each.state for each in result.values() if isinstance(each, Handed)] == [f"RJCT {code}", "ACSP"]
    with pytest.raises(AgencyAnswerMalformed):
        told(items[:1], answer, limit=10**6)


@pytest.mark.parametrize(
    "lines",
    [b"", b"Q|1|x\n", b"Q|2|N\n199012304567|0087654321\n", b"Q|1|N\n901234567V|0087654321\n", b"Q|1|N\n199012304567\n"],
    ids=["empty", "half", "version", "old number", "no account"],
)
def test_the_bank_refuses_a_question(lines: bytes) -> None:
    number = "0" * 32
    answer = confirmation(number, lines.replace(b"N\n", number.encode() + b"\n", 1), accounts(), Fault.NONE)
    assert answer == f"E|1|{number}\nC01\n".encode()


def test_a_statement_is_refused_whole_when_one_entry_is_changed() -> None:
    bookings = [Booking("SAM-1", Decimal("10.00")), Booking("SAM-2", Decimal("20.00"), "AC04")]
    good = statement("0001234567", date(2026, 11, 2), Decimal("5.00"), bookings, 1)
    assert [each.state for each in statements.statement(good, limit=10**6)] == ["paid", "returned"]
    with pytest.raises(AgencyError, match="closing balance"):
        statements.statement(good.replace(b">10.00<", b">10.01<", 1), limit=10**6)


def booked() -> bytes:
    return statement("0001234567", date(2026, 11, 2), Decimal("5.00"), [Booking("SAM-1", Decimal("10.00"))], 1)


def _changed(pattern: str, told: str) -> bytes:
    changed, done = re.subn(pattern, told, booked().decode(), count=1, flags=re.DOTALL)
    assert done
    return changed.encode()


OPENING = r"(<(?:\w+:)?Bal>.*?</(?:\w+:)?Bal>)"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (_changed(r"(TxDtls>.*?)>10\.00<", r"\1>9.00<"), "sum"),
        (_changed(r"(TxDtls>.*?Ccy=\")LKR", r"\1USD"), "currency"),
        (_changed(r"Ccy=\"LKR\"", 'Ccy="USD"'), "currency"),
        (_changed(OPENING, r"\1\1"), "balance"),
    ],
    ids=["details of another sum", "details in another money", "a balance in another money", "two openings"],
)
def test_a_statement_that_contradicts_itself_is_used_for_nothing(content: bytes, code: str) -> None:
    assert [each.state for each in statements.statement(booked(), limit=10**6)] == ["paid"]
    with pytest.raises(AgencyError) as raised:
        statements.statement(content, limit=10**6)
    assert raised.value.code == code


def test_a_payment_that_one_statement_books_twice_is_not_shown_as_paid_once() -> None:
    twice = [Booking("SAM-1", Decimal("10.00")), Booking("SAM-1", Decimal("10.00"))]
    content = statement("0001234567", date(2026, 11, 2), Decimal("5.00"), twice, 1)
    with pytest.raises(AgencyError) as raised:
        statements.statement(content, limit=10**6)
    assert raised.value.code == "twice"


def test_money_is_never_rounded() -> None:
    content = statement("0001234567", date(2026, 11, 2), Decimal("7.00"), [Booking("SAM-1", Decimal("10.00"))], 1)
    content = content.replace(b">10.00<", b">10.005<").replace(b">3.00<", b">3.005<")
    with pytest.raises(AgencyError) as raised:
        statements.statement(content, limit=10**6)
    assert raised.value.code == "amount"


def test_every_code_of_the_sandbox_is_on_the_page() -> None:
    page = (ROOT / "docs/profiles/bank-files.md").read_text("utf-8")
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "sandbox/agencies/bank").glob("*.py"))
    used = set(re.findall(r"\"((?:AC|AM|RC|FF|DU|CH)[0-9]{2}|NARR|NOAS|C0[12])\"", sources)) | {"C01", "C02"}
    assert used <= set(re.findall(r"`([A-Z]+[0-9]{0,2})`", page))
