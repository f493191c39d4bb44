"""The second wire of tax: its promises, its sandbox in raw SOAP, and the swap: both wires asked the same."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import xmlschema
from aiohttp import web
from lxml import etree

from adapters.kit.conformance import suite
from adapters.kit.contract import (
    Adapter,
    AgencyAnswerMalformed,
    AgencyCannotTell,
    AgencyError,
    AgencyRefused,
    AgencyRejectedMessage,
    AgencyUnavailable,
    Identifier,
    Name,
    Period,
    Question,
    Subject,
)
from adapters.kit.egress import Dialler
from adapters.kit.opening import open_adapter
from sandbox.agencies import tax, tax_board
from sandbox.faults import Faults
from sandbox.loopback import serving
from sandbox.person import SelfEmployment, TaxEmployment, TaxRecord
from tests.xroad_place import (
    Scripted,
    envelope,
    fault,
    header,
    identifier,
    post,
    published,
    same_definitions,
    soap_fault,
)

ROOT = Path(__file__).parents[2]
FIRST, SECOND = ROOT / "adapters/tax", ROOT / "adapters/second_wires/tax"
TestSecondTax = suite(SECOND)

EMTA, PROVIDER = "http://emta-v6.x-road.eu", "LK/GOV/IRD/EMTA"
WORKER, REHIRED, NOBODY = "AA000001A", "AA000002B", "ZZ999999D"
DAY = date(2026, 10, 31)
BOTH = ("closed_month", "employments")  # the fields that both contracts carry; pay by month


def job(start: str, end: str | None, employer: str, *paid: tuple[str, int]) -> TaxEmployment:
    payments = tuple((date.fromisoformat(day), cents) for day, cents in paid)
    until = date.fromisoformat(end) if end else None
    return TaxEmployment(date.fromisoformat(start), until, f"Employer {employer}", employer, payments)


RECORDS = {
    WORKER: TaxRecord(
        WORKER,
        "Nimal",
        "Perera",
        date(1990, 5, 6),
        (
            job("2024-01-08", None, "123/A1", ("2026-09-04", 50_000), ("2026-09-25", 75_050), ("2026-10-25", 1)),
            job("2026-02-02", "2026-05-31", "456/B2", ("2026-05-29", 9_900)),
        ),
        (SelfEmployment("2025-26", date(2025, 4, 6), None, 100_000),),
    ),
    REHIRED: TaxRecord(
        REHIRED,
        "Kamala",
        "Silva",
        date(1985, 1, 2),
        (
            job("2024-01-08", "2025-06-30", "123/A1", ("2025-06-27", 40_000)),
            job("2026-02-16", None, "123/A1", ("2026-02-27", 30_000)),
        ),
    ),
}


class Records:
    def tax_by_tin(self, tin: str) -> TaxRecord | None:
        return RECORDS.get(tin)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    settings = tax_board.make_settings("http://127.0.0.1")
    with serving(tax_board.build(Records(), settings, Faults())) as address:
        yield address


@asynccontextmanager
async def opened(folder: Path, address: str, values: dict[str, str]) -> AsyncIterator[Adapter]:
    dialler = Dialler({address.partition("//")[2]})
    adapter = open_adapter(folder, values.__getitem__, dialler)
    yield adapter
    await adapter.close()
    await dialler.close()


@asynccontextmanager
async def second(address: str) -> AsyncIterator[Adapter]:
    async with opened(SECOND, address, tax_board.make_settings(address).exported()) as adapter:
        yield adapter


@asynccontextmanager
async def first(folder: Path) -> AsyncIterator[Adapter]:
    settings = tax.make_settings("http://127.0.0.1", folder, today=DAY)
    with serving(tax.build(Records(), settings, Faults())) as address:
        async with opened(FIRST, address, settings.exported() | {"TAX_URL": address}) as adapter:
            yield adapter


def question(tin: str, period: Period | None = None) -> Question:
    record = RECORDS.get(tin)
    names = (Name("eng", "Latn", f"{record.first_name} {record.last_name}"),) if record else ()
    subject = Subject((Identifier("TIN", tin),), names, record.birth_date if record else None)
    return Question("tax.employment", subject, frozenset(BOTH), DAY, period)


async def asked(adapter: Adapter, tin: str, period: Period | None = None) -> dict[str, Any]:
    return adapter.normalise("tax.employment", await adapter.ask(question(tin, period)))


def by_month(record: dict[str, Any]) -> object:
    """What both wires say: employments, and their pay as far as a month."""

    def net(payments: list[dict[str, str]]) -> dict[str, Decimal]:
        sums: defaultdict[str, Decimal] = defaultdict(Decimal)
        for each in payments:
            sums[each["date"][:7]] += Decimal(each["taxable_pay"])
        return dict(sums)

    jobs = [(each["start_date"], each["end_date"], net(each["payments"])) for each in record["employments"]]
    return record["closed_month"], sorted(jobs, key=str)


async def test_the_same_people_asked_over_both_wires_have_the_same_employments_and_pay_by_month(
    url: str, tmp_path: Path
) -> None:
    periods = (None, Period(date(2026, 1, 1), date(2026, 9, 30)))
    async with first(tmp_path) as hmrc, second(url) as xroad:
        for tin, period in product((WORKER, REHIRED), periods):
            before, after = await asked(hmrc, tin, period), await asked(xroad, tin, period)
            assert by_month(before) == by_month(after)
            assert "self_employments" in before
            assert set(after) == set(BOTH), "what the second wire cannot say is not provided"
            paid = [each for work in after["employments"] for each in work["payments"]]
            assert paid
            assert all(each["precision"] == "month" and each["date"].endswith("-01") for each in paid)


async def test_nobody_and_nothing_are_one_answer_here_and_never_a_guess(url: str) -> None:
    async with second(url) as xroad:
        with pytest.raises(AgencyCannotTell):
            await asked(xroad, NOBODY)
        with pytest.raises(AgencyCannotTell):
            await asked(xroad, REHIRED, Period(date(2025, 8, 1), date(2025, 12, 31)))


@pytest.mark.parametrize("register", ["tsd", "tor"])
def test_our_extract_is_the_wsdl_s_definition_by_definition(register: str) -> None:
    assert same_definitions(register)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, xmlschema.XMLSchema10]:
    folder = tmp_path_factory.mktemp("emta")
    return {"TORIK": published("tor", "TORIK", folder), "xteePalgaandmed": published("tsd", "xteePalgaandmed", folder)}


def pay(number: str = WORKER, start: str = "01.2026", end: str = "09.2026") -> str:
    inside = f"<isikukood>{number}</isikukood><algkuup>{start}</algkuup><loppkuup>{end}</loppkuup>"
    return f"<r:xteePalgaandmed><keha>{inside}</keha></r:xteePalgaandmed>"


def work(numbers: str = WORKER, kind: str = "P", start: str = "2026-01-01", end: str = "2026-09-30") -> str:
    days = f"<toot_algus>{start}</toot_algus><toot_lopp>{end}</toot_lopp>" if start else ""
    inside = f"<paringu_liik>{kind}</paringu_liik>{days}<isikukoodid>{numbers}</isikukoodid>"
    return f"<r:TORIK><request>{inside}</request></r:TORIK>"


def said(told: str, code: str = "TORIK", version: str = "v2", **changed: str) -> bytes:
    return envelope(EMTA, header(PROVIDER, code, version) | changed, told)


def test_its_answers_fit_the_whole_wsdls_by_another_engine(url: str, whole: dict[str, xmlschema.XMLSchema10]) -> None:
    for code, raw, row, count in (
        ("TORIK", said(work(f"{WORKER},{REHIRED},{NOBODY}")), "kanne", 3),
        ("TORIK", said(work(NOBODY)), "kanne", 0),
        ("xteePalgaandmed", said(pay(), "xteePalgaandmed", "v1"), "item", 2),
        ("xteePalgaandmed", said(pay(NOBODY), "xteePalgaandmed", "v1"), "item", 0),
    ):
        status, root = post(url, raw)
        (answer,) = root[1]
        whole[code].validate(answer)
        assert (status, len(list(answer.iter(row)))) == (200, count)


REFUSED: dict[str, tuple[bytes, str]] = {
    "not XML": (b"isikukoodid=1", "Client.InvalidXml"),
    "cut": (said(work())[:-20], "Client.InvalidXml"),
    "document type": (b"<!DOCTYPE s [<!ENTITY a 'b'>]>" + said(work()), "Client.InvalidXml"),
    "over 1 MiB": (said(work() + " " * 1024 * 1024), "Client.InvalidSoap"),
    "two body elements": (said(work() + work()), "Client.InvalidSoap"),
    "header twice": (said(work(), again="<x:id>m-2</x:id>"), "Client.DuplicateHeaderField"),
    "another client": (
        said(work(), client=identifier("client", "SUBSYSTEM", "LK/COM/NOONE/APP")),
        "Server.ServerProxy.AccessDenied",
    ),
    "another version": (said(work(), version="v1"), "Server.ServerProxy.UnknownService"),
    "an operation that nobody serves": (said(work(), "TORRGNO"), "Server.ServerProxy.UnknownService"),
    "the body of another operation": (said(pay()), "Client.InvalidBody"),
    "another kind": (said(work(kind="A")), "Client.InvalidBody"),
    "a kind that the WSDL has not": (said(work(kind="X")), "Client.InvalidBody"),
    "no period": (said(work(start="")), "Client.InvalidBody"),
    "a period backwards": (said(work(start="2026-10-01")), "Client.InvalidBody"),
    "no such day": (said(work(start="2026-02-30")), "Client.InvalidBody"),
    "a number of another kind in the list": (said(work(f"{WORKER},198534000123")), "Client.InvalidBody"),
    "months backwards": (said(pay(start="10.2026"), "xteePalgaandmed", "v1"), "Client.InvalidBody"),
    "a month as ISO writes it": (said(pay(start="2026-01"), "xteePalgaandmed", "v1"), "Client.InvalidBody"),
    "a thirteenth month": (said(pay(end="13.2026"), "xteePalgaandmed", "v1"), "Client.InvalidBody"),
    "no number": (said(pay(""), "xteePalgaandmed", "v1"), "Client.InvalidBody"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_message_is_refused_with_a_soap_fault(url: str, case: str) -> None:
    raw, code = REFUSED[case]
    assert fault(url, raw) == code


def worked(inside: str = "<kood>0</kood><leitud_kannete_arv>0</leitud_kannete_arv>") -> str:
    request = f"<paringu_liik>P</paringu_liik><isikukoodid>{WORKER}</isikukoodid>"
    told = f"<request>{request}</request><response>{inside}</response>"
    return f'<r:TORIKResponse xmlns:r="{EMTA}">{told}</r:TORIKResponse>'


def paid(number: str = WORKER, start: str = "10.2024") -> str:
    asked = f"<isikukood>{number}</isikukood><algkuup>{start}</algkuup><loppkuup>10.2026</loppkuup>"
    row = "<periood>09.2026</periood><ariregistri_kood>A</ariregistri_kood><tooandja_nimi/><summa yhik='EUR'>1</summa>"
    return (
        f'<r:xteePalgaandmedResponse xmlns:r="{EMTA}"><paring>{asked}</paring>'
        f"<keha><perioodJada><item>{row}</item></perioodJada></keha></r:xteePalgaandmedResponse>"
    )


@pytest.fixture
async def link(whole: dict[str, xmlschema.XMLSchema10]) -> AsyncIterator[tuple[Adapter, dict[str, Scripted]]]:
    """One address, two services: each judged by its own WSDL."""
    told = {
        "TORIK": Scripted(whole["TORIK"], lambda _: worked()),
        "xteePalgaandmed": Scripted(whole["xteePalgaandmed"], lambda _: paid()),
    }

    async def handle(request: web.BaseRequest) -> web.Response:
        service = "TORIK" if b"TORIK" in await request.read() else "xteePalgaandmed"
        return await told[service].handle(request)

    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with second(f"http://127.0.0.1:{runner.addresses[0][1]}") as adapter:
        yield adapter, told
    await runner.cleanup()


@pytest.mark.parametrize(
    ("service", "told", "kind"),
    [
        ("xteePalgaandmed", paid(NOBODY), AgencyAnswerMalformed),
        ("xteePalgaandmed", paid(start="01.2020"), AgencyAnswerMalformed),
        ("xteePalgaandmed", soap_fault("Server.ServerProxy.ServiceFailed"), AgencyUnavailable),
        ("TORIK", worked("<faultCode>30</faultCode><faultString/>"), AgencyUnavailable),
        ("TORIK", worked("<leitud_kannete_arv>3</leitud_kannete_arv>"), AgencyAnswerMalformed),
        ("TORIK", worked().replace("TORIKR", "TORTR"), AgencyAnswerMalformed),
        ("TORIK", soap_fault("Client.InvalidBody"), AgencyRejectedMessage),
        ("TORIK", soap_fault("Server.ServerProxy.AccessDenied"), AgencyRefused),
    ],
)
async def test_what_is_no_answer_is_told_by_its_kind(
    link: tuple[Adapter, dict[str, Scripted]], service: str, told: str, kind: type[AgencyError]
) -> None:
    adapter, scripted = link
    scripted[service].answer = lambda _: told
    with pytest.raises(AgencyError) as raised:
        await adapter.ask(question(WORKER))
    assert type(raised.value) is kind
    assert WORKER not in f"{raised.value} {raised.value.code}"


async def test_only_the_tax_number_and_a_period_are_sent(link: tuple[Adapter, dict[str, Scripted]]) -> None:
    adapter, scripted = link
    record = await asked(adapter, WORKER)
    sent = [etree.tostring(body) for each in scripted.values() for body in each.bodies]
    assert [each.codes for each in scripted.values()] == [["TORIK"], ["xteePalgaandmed"]]
    assert all(WORKER.encode() in body for body in sent)
    assert not any(word in body for body in sent for word in (b"Perera", b"Nimal", b"1990"))
    (alone,) = record["employments"]
    assert (alone["start_date"], alone["end_date"], alone["precision"]) == ("2026-09-01", "2026-09-30", "month")


@pytest.mark.parametrize("number", ["", f"{WORKER},{REHIRED}", "aa000001a"])
async def test_what_is_no_number_or_more_than_one_is_never_sent(
    link: tuple[Adapter, dict[str, Scripted]], number: str
) -> None:
    adapter, scripted = link
    with pytest.raises(AgencyRejectedMessage):
        await adapter.ask(question(number))
    assert not any(each.bodies for each in scripted.values())
