"""The second wire of pension: its promises, its sandbox in raw SOAP, and the swap: both wires asked the same."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path

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
    AgencyHasNoSuchPerson,
    AgencyRefused,
    AgencyRejectedMessage,
    AgencyUnavailable,
    Identifier,
    Period,
    Question,
    RawAnswer,
    Subject,
)
from adapters.kit.egress import Dialler
from adapters.kit.opening import open_adapter
from sandbox.agencies import pension, social_tax
from sandbox.faults import Faults
from sandbox.loopback import serving
from sandbox.person import Contribution, PensionInPayment, PensionRecord
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
FIRST, SECOND = ROOT / "adapters/pension", ROOT / "adapters/second_wires/pension"
TestSecondPension = suite(SECOND)

TSD, PROVIDER = "http://emta-v6.x-road.eu", "LK/GOV/EPF/TSD"
MEMBER, RETIRED, NOBODY = "198534000123", "195512304567", "200012304567"
OLD_FORM = "853400123V"
DAY = date(2026, 10, 31)
BOTH = ("closed_month", "months")  # the fields that both contracts carry


def paid(month: str, cents: int, employer: str = "123456") -> Contribution:
    return Contribution(month, cents, cents * 12 // 20, cents - cents * 12 // 20, cents * 5, "A", employer)


RECORDS = {
    MEMBER: PensionRecord(
        MEMBER,
        "000001",
        "PERERA",
        "K",
        "2026-09",
        (
            paid("2026-07", 250_000),
            paid("2026-08", 250_000),
            paid("2026-08", -250_000),
            paid("2026-09", 250_000),
            paid("2026-09", 100_050, "654321"),
        ),
    ),
    RETIRED: PensionRecord(
        RETIRED,
        "000002",
        "SILVA",
        "S",
        "2026-09",
        (paid("2023-01", 90_000),),
        (PensionInPayment("old_age", "2023-02", None, 1_500_000),),
    ),
}


class Records:
    def pension_by_nic(self, nic: str) -> PensionRecord | None:
        return RECORDS.get(nic)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    settings = social_tax.make_settings("http://127.0.0.1")
    with serving(social_tax.build(Records(), settings, Faults())) as address:
        yield address


@asynccontextmanager
async def second(address: str) -> AsyncIterator[Adapter]:
    values = social_tax.make_settings(address).exported()
    dialler = Dialler({address.partition("//")[2]})
    adapter = open_adapter(SECOND, values.__getitem__, dialler)
    yield adapter
    await adapter.close()
    await dialler.close()


@asynccontextmanager
async def first(folder: Path) -> AsyncIterator[Adapter]:
    """The fund with its files, over SFTP on a free port of loopback."""
    settings = pension.make_settings(folder, closed_month="2026-09", port=0)
    fund = await pension.serve(Records(), settings, Faults())
    values = {name: str(value) for name, value in fund.settings.exported().items()} | {"PENSION_DEADLINE_S": "20"}
    dialler = Dialler({f"{values['PENSION_HOST']}:{values['PENSION_PORT']}"})
    adapter = open_adapter(FIRST, values.__getitem__, dialler)
    yield adapter
    await adapter.close()
    await dialler.close()
    await fund.close()


def question(nic: str, fields: tuple[str, ...] = BOTH, period: Period | None = None) -> Question:
    subject = Subject((Identifier("NIC", nic),))
    return Question("pension.contributions", subject, frozenset(fields), DAY, period)


async def batch(adapter: Adapter, *nics: str) -> list[dict[str, object] | type[AgencyError]]:
    asked = [question(nic) for nic in nics]
    found: dict[int, dict[str, object] | type[AgencyError]] = {}
    async for place, line in adapter.ask_many(asked):
        if isinstance(line, RawAnswer):
            found[place] = adapter.normalise("pension.contributions", line)
        else:
            found[place] = type(line)
    return [found[place] for place in sorted(found)]


async def test_the_same_people_asked_over_both_wires_have_the_same_contributions(url: str, tmp_path: Path) -> None:
    async with first(tmp_path) as files, second(url) as xroad:
        before, after = await batch(files, MEMBER, RETIRED), await batch(xroad, MEMBER, RETIRED)
    for one, other in zip(before, after, strict=True):
        assert isinstance(one, dict)
        assert isinstance(other, dict)
        assert {name: one[name] for name in BOTH} == other
        assert "pensions" in one
        assert "pensions" not in other, "what the second wire cannot say is not provided"


async def test_nobody_and_nothing_are_one_answer_here_and_never_a_guess(url: str, tmp_path: Path) -> None:
    async with first(tmp_path) as files, second(url) as xroad:
        assert await batch(files, NOBODY) == [AgencyHasNoSuchPerson]
        assert await batch(xroad, NOBODY) == [AgencyCannotTell]


async def test_a_period_is_asked_for_as_it_is_and_never_beyond_the_closed_month(url: str) -> None:
    async with second(url) as xroad:
        asked = question(MEMBER, period=Period(date(2026, 8, 1), date(2026, 12, 31)))
        record = xroad.normalise(asked.service, await xroad.ask(asked))
        old = await xroad.ask(question(OLD_FORM))
    assert record["months"] == [{"month": "2026-08", "amount": "0.00"}, {"month": "2026-09", "amount": "3500.50"}]
    assert old.as_of == date(2026, 9, 30)


@pytest.fixture(scope="module")
def tsd(tmp_path_factory: pytest.TempPathFactory) -> xmlschema.XMLSchema10:
    return published("tsd", "skaSotsmaks", tmp_path_factory.mktemp("tsd"))


def test_our_extract_is_the_wsdl_s_definition_by_definition() -> None:
    assert same_definitions("tsd")


def body(number: str = MEMBER, start: str = "2026-01-01", end: str = "2026-09-30") -> str:
    inside = f"<isikukood>{number}</isikukood><algus>{start}</algus><lopp>{end}</lopp>"
    return f"<r:skaSotsmaks><keha>{inside}</keha></r:skaSotsmaks>"


def said(told: str, **changed: str) -> bytes:
    return envelope(TSD, header(PROVIDER, "skaSotsmaks") | changed, told)


def test_its_answer_fits_the_whole_wsdl_by_another_engine(url: str, tsd: xmlschema.XMLSchema10) -> None:
    for number in (MEMBER, NOBODY):
        status, root = post(url, said(body(number)))
        (answer,) = root[1]
        tsd.validate(answer)
        assert status == 200
        assert len(list(answer.iter("rida"))) == (5 if number == MEMBER else 0)


REFUSED: dict[str, tuple[bytes, str]] = {
    "not XML": (b"isikukood=1", "Client.InvalidXml"),
    "cut": (said(body())[:-20], "Client.InvalidXml"),
    "document type": (b"<!DOCTYPE s [<!ENTITY a 'b'>]>" + said(body()), "Client.InvalidXml"),
    "over 1 MiB": (said(body() + " " * 1024 * 1024), "Client.InvalidSoap"),
    "two body elements": (said(body() + body()), "Client.InvalidSoap"),
    "header twice": (said(body(), again="<x:id>m-2</x:id>"), "Client.DuplicateHeaderField"),
    "another client": (
        said(body(), client=identifier("client", "SUBSYSTEM", "LK/COM/NOONE/APP")),
        "Server.ServerProxy.AccessDenied",
    ),
    "an operation that nobody serves": (
        said(body(), service=header(PROVIDER, "kapoFidek")["service"]),
        "Server.ServerProxy.UnknownService",
    ),
    "an old number": (said(body(OLD_FORM)), "Client.InvalidBody"),
    "a period backwards": (said(body(start="2026-10-01")), "Client.InvalidBody"),
    "no such day": (said(body(start="2026-02-30")), "Client.InvalidBody"),
    "no period": (said("<r:skaSotsmaks><keha><isikukood>1</isikukood></keha></r:skaSotsmaks>"), "Client.InvalidBody"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_message_is_refused_with_a_soap_fault(url: str, case: str) -> None:
    raw, code = REFUSED[case]
    assert fault(url, raw) == code


def answered(rows: str = "", number: str = MEMBER) -> str:
    asked = f"<isikukood>{number}</isikukood><algus>2021-10-01</algus><lopp>2026-09-30</lopp>"
    return f'<r:skaSotsmaksResponse xmlns:r="{TSD}"><paring>{asked}</paring><keha>{rows}</keha></r:skaSotsmaksResponse>'


@pytest.fixture
async def link(tsd: xmlschema.XMLSchema10) -> AsyncIterator[tuple[Adapter, Scripted]]:
    scripted = Scripted(tsd, lambda _: answered())
    runner = web.ServerRunner(web.Server(scripted.handle))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with second(f"http://127.0.0.1:{runner.addresses[0][1]}") as adapter:
        yield adapter, scripted
    await runner.cleanup()


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (answered(), AgencyCannotTell),
        (answered(number=NOBODY), AgencyAnswerMalformed),
        (answered().replace("2021-10-01", "2020-10-01"), AgencyAnswerMalformed),
        (answered().replace("skaSotsmaksR", "hkSotsmaksR"), AgencyAnswerMalformed),
        (soap_fault("Client.InvalidBody"), AgencyRejectedMessage),
        (soap_fault("Server.ServerProxy.ServiceFailed"), AgencyUnavailable),
        (soap_fault("Server.ServerProxy.AccessDenied"), AgencyRefused),
    ],
)
async def test_what_is_no_answer_is_told_by_its_kind(
    link: tuple[Adapter, Scripted], told: str, kind: type[AgencyError]
) -> None:
    adapter, scripted = link
    scripted.answer = lambda _: told
    with pytest.raises(AgencyError) as raised:
        await adapter.ask(question(MEMBER))
    assert type(raised.value) is kind
    assert MEMBER not in f"{raised.value} {raised.value.code}"
    assert scripted.codes == ["skaSotsmaks"]


@pytest.mark.parametrize("number", ["", "1985340001", "LK-198534000123"])
async def test_what_is_no_number_is_never_sent(link: tuple[Adapter, Scripted], number: str) -> None:
    adapter, scripted = link
    with pytest.raises(AgencyRejectedMessage):
        await adapter.ask(question(number))
    assert scripted.bodies == []


def test_no_other_operation_of_the_board_is_named_in_the_adapter() -> None:
    text = "\n".join(path.read_text() for path in sorted(SECOND.glob("*.py")))
    assert not any(each in text for each in ("hkSotsmaks", "xteePalgaandmed", "kapoFidek", "prokSissetulek"))
    assert etree.QName(f"{{{TSD}}}skaSotsmaks").localname in text
