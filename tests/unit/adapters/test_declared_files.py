"""Files of many people: one is found in them, the others go no further, and what cannot be read is refused by name."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyHasNoSuchPerson,
    AgencyRejectedMessage,
    Identifier,
    Question,
    Subject,
)
from adapters.kit.declared_rows import FRESH_S, Fresh, by_person, of_person, read_rows, rows_with
from adapters.kit.drafts import template
from adapters.kit.drafts.drafting import write
from adapters.kit.opening import open_adapter

Agency = Callable[[Any], Awaitable[Any]]
CSV = (
    b"\xef\xbb\xbfnic,closed,month,cents\r\n"
    b'199012304567,202609,202608,120050\r\n"198061308997",202609,202608,1\r\n199012304567,202609,202609,120000\r\n'
)


def asked(nic: str) -> Question:
    fields = frozenset({"closed_month", "months"})
    return Question("fund.contributions", Subject((Identifier("NIC", nic),)), fields, date(2026, 10, 31))


async def test_the_rows_of_one_person_become_a_record_and_the_file_is_fetched_once(
    tmp_path: Path, agency: Agency, reply: Any
) -> None:
    write(template("file", "fund"), tmp_path / "fund")
    scripted = await agency(lambda _: reply(body=CSV, headers={"content-type": "text/csv"}))
    settings = {"FUND_URL": scripted.url, "FUND_KEY": "k1"}
    adapter = open_adapter(tmp_path / "fund", settings.__getitem__, scripted.dialler())
    raws = await asyncio.gather(*(adapter.ask(asked("199012304567")) for _ in range(20)))
    record = adapter.normalise("fund.contributions", raws[0])
    assert record["months"] == [{"month": "2026-08", "amount": "1200.50"}, {"month": "2026-09", "amount": "1200.00"}]
    assert "198061308997" not in str(raws)
    with pytest.raises(AgencyHasNoSuchPerson):
        await adapter.ask(asked("200012304567"))
    (sent,) = scripted.requests
    assert (sent.method, sent.path, sent.headers["x-api-key"]) == ("GET", "/nightly/members.csv", "k1")


async def test_a_file_is_read_again_after_a_minute_and_an_old_one_is_not_told_when_that_fails() -> None:
    now, contents = [0.0], iter([[{"a": "1"}], [{"a": "2"}]])

    async def read() -> list[Any]:
        try:
            return next(contents)
        except StopIteration:
            raise AgencyAnswerMalformed("gone") from None

    fresh = Fresh(read, lambda: now[0])
    assert [await fresh.rows(), await fresh.rows()] == [[{"a": "1"}], [{"a": "1"}]]
    now[0] += FRESH_S
    assert await fresh.rows() == [{"a": "2"}]
    now[0] += FRESH_S
    with pytest.raises(AgencyAnswerMalformed):
        await fresh.rows()


@pytest.mark.parametrize(
    ("content", "notation", "words"),
    [
        (b"\xff\xfe\x00", "csv", "not UTF-8"),
        (b"", "csv", "first line"),
        (b"nic,nic\n1,2\n", "csv", "first line"),
        (b"other\n1\n", "csv", "no column nic"),
        (b"nic,a\n1\n", "csv", "line 2"),
        (b'nic,a\n1,"2\n', "csv", "not CSV"),
        (b'nic\n"1"x\n', "csv", "not CSV"),
        (b"nic,a\n1,1200\n2,150", "csv", "may be cut"),
        (b"nic,a", "csv", "may be cut"),
        (b'{"nic": 1}', "json", "no list"),
        (b'[{"nic": "1"}, {"a": "1"}]', "json", "has no nic"),
        (b'[{"nic": "1", "nic": "2"}]', "json", "the file is"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_and_nothing_of_it_is_told(
    content: bytes, notation: str, words: str
) -> None:
    with pytest.raises(AgencyAnswerMalformed, match=words):
        read_rows(content, notation, {"nic": ""})


@pytest.mark.parametrize("sign", ["\u2028", "\x85", "\x0b", "\x1c"])
def test_no_sign_in_a_value_of_one_person_ends_a_line_of_the_file(sign: str) -> None:
    content = f"nic,office\r\n1,a{sign}2\r\n3,c\r\n"
    assert read_rows(content.encode(), "csv", {"nic"}) == [
        {"nic": "1", "office": f"a{sign}2"},
        {"nic": "3", "office": "c"},
    ]


@pytest.mark.parametrize("value", [None, True, "", "  ", ["1"], 1.0])
def test_a_row_that_names_nobody_is_nobodys(value: object) -> None:
    people = by_person([{"nic": value}, {"nic": " 1 "}], {"nic"})
    assert rows_with(people, {"nic": "1"}) == {"rows": [{"nic": " 1 "}]}
    for odd in ("None", "true", "True", "1.0"):
        with pytest.raises(AgencyHasNoSuchPerson):
            rows_with(people, {"nic": odd})


async def test_a_blank_value_finds_nobody(tmp_path: Path, agency: Agency, reply: Any) -> None:
    write(template("file", "fund"), tmp_path / "fund")
    scripted = await agency(lambda _: reply(body=CSV + b",202609,202609,7\r\n", headers={"content-type": "text/csv"}))
    adapter = open_adapter(
        tmp_path / "fund", {"FUND_URL": scripted.url, "FUND_KEY": "k1"}.__getitem__, scripted.dialler()
    )
    with pytest.raises(AgencyRejectedMessage):
        await adapter.ask(asked(" "))


def test_semicolons_json_and_numbers_are_read_too() -> None:
    assert read_rows(b"nic;a\n1;x,y\n", "csv", {"nic"}) == [{"nic": "1", "a": "x,y"}]
    rows = read_rows(b'[{"nic": 1, "a": [2]}, {"nic": 3}]', "json", {"nic"})
    assert of_person(rows, {"nic": "1"}) == {"rows": [{"nic": 1, "a": [2]}]}
