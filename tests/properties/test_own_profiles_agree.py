"""The hand-written readers of our own profiles' files, on both sides, against the layouts that are stored for them:
what `jsonschema` refuses, no reader takes, and what either side writes fits."""

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import jsonschema
import pytest

from adapters.bank import confirmations
from adapters.kit.contract import AgencyAnswerMalformed, AgencyError, AgencyHasNoSuchPerson, Item
from adapters.pension import files as pension
from adapters.post_office import lists
from sandbox.agencies.bank.book import Account
from sandbox.agencies.bank.counter import confirmation
from sandbox.agencies.pension import answer as fund
from sandbox.agencies.pension import request as asked
from sandbox.agencies.post_office import book, printing
from sandbox.agencies.post_office import files as post
from sandbox.faults import Fault
from tests.own_profiles import golden_blocks
from tests.two_judges import document

BY_DAY, BY_NIGHT = 60, 3_000
HEX, NUMBER, NIC = "0" * 31 + "1", "SANDHI-20261101-0001", "199012304567"
DAY = date(2026, 11, 16)
SHEET = b"%PDF-1.7\nsheet\n%%EOF\n"
ASKED = pension.Request("SANDHI", "202608", "202610", (NIC,))
MARKS = ["", "x", "|", "0", "-1", "U", "20261301", "L09", "\u0d9a", "\x07", " ", "unknown", "H|1|LIST"]


@dataclass(frozen=True, slots=True)
class File:
    """One kind of file: its layout, one that fits, and its reader, which says whether it takes the bytes.

    Attributes:
        sealed: its last line is made anew after each change, so that the reader looks at more than the seal.
    """

    layout: str
    good: bytes
    takes: Callable[[bytes], bool]
    sealed: bool = False


def item() -> Item:
    order = {"payment": "SAM-1", "pay_account": "PC-00012345", "pay_provider": "LK-PO-0101", "pay_kind": "card"}
    money = {"amount": "4500.00", "currency": "LKR", "pay_on": "2026-11-15", "payee_name": "K. Invented"}
    return Item("item-1", "post_office.order", order | money)


def read(reader: Callable[[bytes], object], *refusals: type[Exception]) -> Callable[[bytes], bool]:
    """Whether a reader takes bytes: it raises none of its refusals."""

    def takes(content: bytes) -> bool:
        try:
            reader(content)
        except refusals:
            return False
        return True

    return takes


def answered(content: bytes) -> object:
    """A refusal by name is an answer that was read."""
    try:
        return confirmations.read(content, HEX)
    except AgencyAnswerMalformed:
        raise
    except AgencyError:
        return None


def refused(content: bytes) -> object:
    found = lists._refusal(content, HEX)
    if isinstance(found, AgencyAnswerMalformed):
        raise found
    return found


def questioned(content: bytes) -> bool:
    accounts = {"0087654321": Account("0087654321", NIC, DAY)}
    return b"C01" not in confirmation(HEX, content, accounts, Fault.NONE)


def post_files() -> Iterator[File]:
    sent = [item()]
    number = lists.number_of(sent)
    order = book.Order("SAM-1", "PC-00012345", "LK-PO-0101", Decimal("4500.00"), DAY, "K. Invented")
    told = [(order, "OK"), (book.Order("SAM-2", "PC-2", "LK-PO-0101", Decimal("1.00"), DAY, "K."), "P02")]
    month = post.month_details("2026-11", [(order, "P", DAY), (order, "U", date(2026, 11, 26))], "MO-000007")
    yield File("list", lists.written(sent), read(lambda each: post.read_list(each, number), post.Refused), sealed=True)
    acknowledged = read(lambda each: lists.acknowledged(each, HEX), AgencyAnswerMalformed)
    yield File("acknowledgement", post.acknowledgement(HEX, told), acknowledged, sealed=True)
    yield File("details", month, read(lists.details, AgencyAnswerMalformed), sealed=True)
    yield File("refusal", post.error_file(HEX, post.Refused("L04")), read(refused, AgencyAnswerMalformed))
    slip = f"L|1|{HEX}|{hashlib.sha256(SHEET).hexdigest()}|LET-1\nK. Invented\nColombo 7\n".encode()
    yield File("slip", slip, read(lambda each: printing.printed(HEX, SHEET, each), post.Refused))


def bank_files() -> Iterator[File]:
    question = confirmations.question(HEX, NIC, "0087654321")
    accounts = {"0087654321": Account("0087654321", NIC, DAY)}
    taken = read(answered, AgencyAnswerMalformed)
    yield File("question", question, questioned)
    yield File("answer", confirmation(HEX, question, accounts, Fault.NONE), taken)
    yield File("answer", confirmation(HEX, question, {}, Fault.NONE), taken)
    yield File("refusal", confirmation(HEX, question, accounts, Fault.REFUSE), taken)


def pension_files() -> Iterator[File]:
    def request(content: bytes) -> object:
        lines = content.count(b"\n") - 1
        return asked.read_request(content, asked.Manifest(lines, hashlib.sha256(content).hexdigest()), sender="SANDHI")

    def manifest(content: bytes) -> object:
        return asked.read_manifest(content, number=NUMBER, sender="SANDHI")

    def error(content: bytes) -> object:
        found = pension.error_of(NUMBER, "SANDHI", content)
        if isinstance(found, AgencyAnswerMalformed):
            raise found
        return found

    def status(content: bytes) -> object:
        return pension.read_member(content)

    yield File("request", ASKED.data(), read(request, asked.Refused))
    yield File("request_manifest", ASKED.manifest(NUMBER), read(manifest, asked.Refused))
    yield File("error", fund.error_file(NUMBER, "SANDHI", asked.Refused("R05", 0, "too few")), read(error, AgencyError))
    yield File("status", f"000001|{NIC}|known|202609|0|0\n".encode(), read(status, AgencyAnswerMalformed))


PAGES = {"post-office-files": post_files, "bank-files": bank_files, "pension-file": pension_files}
FILES = {(page, f"{at}-{each.layout}"): each for page, made in PAGES.items() for at, each in enumerate(made())}


@cache
def layout(page: str, name: str) -> Any:
    return jsonschema.Draft202012Validator(document(f"agency/own/{page}.json#/$defs/{name}"))


def fits(page: str, name: str, content: bytes) -> bool:
    """Whether the bytes are lines of the layout, each with its end."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return text.endswith("\n") and bool(layout(page, name).is_valid(text[:-1].split("\n")))


def changed(file: File, draw: random.Random) -> bytes:
    lines = file.good.decode().removesuffix("\n").split("\n")
    if file.sealed:
        lines.pop()
    for _ in range(draw.randint(1, 2)):
        at = draw.randrange(len(lines))
        fields, act = lines[at].split("|"), draw.choice(["field", "field", "field", "drop", "twice", "short", "long"])
        if act == "field":
            fields[draw.randrange(len(fields))] = draw.choice(MARKS)
        elif act in {"short", "long"}:
            fields = fields[:-1] if act == "short" else [*fields, draw.choice(MARKS)]
        lines[at] = "|".join(fields)
        if act == "drop" and len(lines) > 1:
            del lines[at]
        elif act == "twice":
            lines.insert(at, lines[at])
    content = "".join(f"{each}\n" for each in lines).encode()
    return content + f"T|{hashlib.sha256(content).hexdigest()}\n".encode() if file.sealed else content


def no_reader_takes_more(page: str, kind: str, count: int) -> None:
    file, draw = FILES[page, kind], random.Random(f"{page}:{kind}")
    assert fits(page, file.layout, file.good), "what is written fits"
    assert file.takes(file.good), "and is taken"
    refused = 0
    for content in (changed(file, draw) for _ in range(count)):
        if not fits(page, file.layout, content):
            refused += 1
            assert not file.takes(content), f"taken, though it breaks the layout: {content!r}"
    assert refused > count / 4


@pytest.mark.parametrize(("page", "kind"), FILES, ids=lambda each: each)
def test_what_a_layout_refuses_no_reader_takes(page: str, kind: str) -> None:
    no_reader_takes_more(page, kind, BY_DAY)


@pytest.mark.nightly
@pytest.mark.parametrize(("page", "kind"), FILES, ids=lambda each: each)
def test_what_a_layout_refuses_no_reader_takes_many_times(page: str, kind: str) -> None:
    no_reader_takes_more(page, kind, BY_NIGHT)


def test_what_the_fund_answers_fits_its_layouts() -> None:
    kinds = {"C.txt": "contributions", "S.txt": "status", "P.txt": "pensions", "0001.mft": "answer_manifest"}
    blocks = {name: text for name, text in golden_blocks("pension-file").items() if name.startswith(f"ANS-{NUMBER}")}
    for name, text in blocks.items():
        kind = next(kinds[end] for end in kinds if name.endswith(end))
        assert fits("pension-file", kind, text), name
    late = fund.late_file(NUMBER, "SANDHI", datetime(2026, 11, 1, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert fits("pension-file", "late", late)
    assert not fits("pension-file", "contributions", blocks[f"ANS-{NUMBER}-C.txt"].replace(b"E", b"Q"))


def test_the_post_s_word_that_a_letter_is_printed_fits() -> None:
    assert fits("post-office-files", "printed", f"P|1|{HEX}|PRINTED\n".encode())


def test_nobody_known_is_an_answer_that_fits() -> None:
    question = confirmations.question(HEX, NIC, "0087654321")
    with pytest.raises(AgencyHasNoSuchPerson):
        confirmations.read(confirmation(HEX, question, {}, Fault.NONE), HEX)
