"""The second wire of national ID: its own promises, and the swap: both wires are asked the same, records compared."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
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
    Name,
    Question,
    Subject,
)
from adapters.kit.egress import Dialler
from adapters.kit.opening import open_adapter
from sandbox.agencies import national_id, population_register
from sandbox.faults import Faults
from sandbox.loopback import serving
from sandbox.person import NationalIdRecord, Spelling
from tests.xroad_place import Scripted, published, soap_fault

ROOT = Path(__file__).parents[2]
FIRST, SECOND = ROOT / "adapters/national_id", ROOT / "adapters/second_wires/national_id"
TestSecondNationalId = suite(SECOND)

RR = "http://rr.x-road.eu/producer"
NAMES = (Spelling("eng", "Latn", "Nimal", "Perera"), Spelling("sin", "Sinh", "නිමල්", "පෙරේරා"))
LIVING = NationalIdRecord("198534000123", date(1985, 12, 5), NAMES, "male")
DEAD = NationalIdRecord("195512304567", date(1955, 5, 2), NAMES, "male", death_date=date(2026, 9, 30))
LOCKED = NationalIdRecord("197012304567", date(1970, 5, 2), NAMES, "male")
NUMBERS = {"38512050123": LIVING, "35505020456": DEAD, "37005020456": LOCKED}
UNKNOWN = ("38001010001", "198000100001")
FIELDS = frozenset({"confirmed", "birth_date", "death_date", "names", "sex"})


class Records:
    def national_id_by_nic(self, nic: str) -> NationalIdRecord | None:
        return next((each for each in NUMBERS.values() if each.nic == nic), None)

    def national_id_by_register_number(self, number: str) -> NationalIdRecord | None:
        return NUMBERS.get(number)


@dataclass(frozen=True, slots=True)
class Wire:
    folder: Path
    settings: dict[str, str]
    port: str

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Adapter]:
        dialler = Dialler({f"127.0.0.1:{self.port}"})
        adapter = open_adapter(self.folder, self.settings.__getitem__, dialler)
        try:
            yield adapter
        finally:
            await adapter.close()
            await dialler.close()


@pytest.fixture(scope="module")
def wires(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Wire, Wire]]:
    """Both wires over the same people."""
    mosip = national_id.make_settings("http://127.0.0.1", tmp_path_factory.mktemp("mosip"))
    xroad = population_register.make_settings("http://127.0.0.1", locked={"37005020456"})
    with (
        serving(national_id.build(Records(), mosip, Faults())) as first,
        serving(population_register.build(Records(), xroad, Faults())) as second,
    ):
        yield (
            Wire(FIRST, mosip.exported() | {"NATIONAL_ID_URL": first}, first.rpartition(":")[2]),
            Wire(SECOND, xroad.exported() | {"NATIONAL_ID_XROAD_URL": second}, second.rpartition(":")[2]),
        )


def question(prn: str, nic: str, name: str = "Nimal Perera", fields: frozenset[str] = FIELDS) -> Question:
    identifiers = (Identifier("NIC", nic), Identifier("PRN", prn))
    return Question(
        "national_id.identity", Subject(identifiers, (Name("eng", "Latn", name),)), fields, date(2026, 10, 31)
    )


async def outcome(adapter: Adapter, asked: Question) -> dict[str, object] | type[AgencyError]:
    try:
        return adapter.normalise(asked.service, await adapter.ask(asked))
    except AgencyError as error:
        failed = error
    assert not any(each.value in f"{failed} {failed.code}" for each in asked.subject.identifiers)
    return type(failed)


CASES: dict[str, Question] = {
    "all fields": question("38512050123", LIVING.nic),
    "yes or no": question("38512050123", LIVING.nic, fields=frozenset({"confirmed"})),
    "the name": question("38512050123", LIVING.nic, fields=frozenset({"confirmed", "names"})),
    "a death": question("38512050123", LIVING.nic, fields=frozenset({"confirmed", "death_date"})),
    "somebody dead, yes or no": question("35505020456", DEAD.nic, fields=frozenset({"confirmed"})),
    "another name": question("38512050123", LIVING.nic, "Sunil Silva"),
    "nobody": question(*UNKNOWN),
}


@pytest.mark.parametrize("case", CASES)
async def test_the_same_question_to_both_wires_is_answered_alike(wires: tuple[Wire, Wire], case: str) -> None:
    async with wires[0].opened() as first, wires[1].opened() as second:
        before, after = await outcome(first, CASES[case]), await outcome(second, CASES[case])
    if not isinstance(before, dict) or not isinstance(after, dict):
        assert before == after
        return
    both = {"confirmed", "names", "death_date"} & CASES[case].fields
    assert before.keys() == CASES[case].fields
    assert after.keys() == both, "what the second wire cannot say is not provided"
    if "names" in both:  # the register keeps one name
        assert isinstance(before["names"], list)
        before["names"] = [each for each in before["names"] if each["script"] == "Latn"]
    assert {name: before[name] for name in both} == after


async def test_of_the_dead_there_is_a_day_or_no_answer_and_never_alive(wires: tuple[Wire, Wire]) -> None:
    asked = question("35505020456", DEAD.nic, fields=frozenset({"confirmed", "death_date"}))
    async with wires[0].opened() as first, wires[1].opened() as second:
        assert await outcome(first, asked) == {"confirmed": True, "death_date": "2026-09-30"}
        assert await outcome(second, asked) == AgencyCannotTell


@pytest.mark.parametrize("fields", [frozenset({"confirmed"}), FIELDS])
async def test_who_may_not_be_released_is_a_refusal(wires: tuple[Wire, Wire], fields: frozenset[str]) -> None:
    async with wires[1].opened() as second:
        assert await outcome(second, question("37005020456", LOCKED.nic, fields=fields)) == AgencyRefused


@pytest.fixture(scope="module")
def rr(tmp_path_factory: pytest.TempPathFactory) -> xmlschema.XMLSchema10:
    return published("rr", "RR412", tmp_path_factory.mktemp("rr"))


@pytest.fixture
async def link(rr: xmlschema.XMLSchema10) -> AsyncIterator[tuple[Adapter, Scripted]]:
    scripted = Scripted(rr, lambda _: name_of())
    runner = web.ServerRunner(web.Server(scripted.handle))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    settings = population_register.make_settings(f"http://127.0.0.1:{port}").exported()
    async with Wire(SECOND, settings, str(port)).opened() as adapter:
        yield adapter, scripted
    await runner.cleanup()


def name_of(family: str = "PERERA", result: str = "0", number: str = "38512050123") -> str:
    return (
        f'<r:RR405IsikNimiResponse xmlns:r="{RR}"><request><Isikukood>{number}</Isikukood></request><response>'
        f"<Isikupnimi>{family}</Isikupnimi><Isikuenimi>Nimal</Isikuenimi><Veakood>{result}</Veakood><Veatekst/>"
        "</response></r:RR405IsikNimiResponse>"
    )


async def test_the_operation_that_tells_less_is_called_unless_a_death_is_asked_about(
    link: tuple[Adapter, Scripted],
) -> None:
    adapter, scripted = link
    for fields in (frozenset({"confirmed"}), frozenset({"confirmed", "names"}), FIELDS):
        await outcome(adapter, question("38512050123", LIVING.nic, fields=fields))
    assert scripted.codes == ["RR405IsikNimi", "RR405IsikNimi", "RR412"]
    sent = b"".join(map(etree.tostring, scripted.bodies))
    assert LIVING.nic.encode() not in sent
    assert b"Perera" not in sent


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (name_of(result="1"), AgencyHasNoSuchPerson),
        (name_of(result="2"), AgencyRefused),
        (name_of(result="17"), AgencyAnswerMalformed),
        (name_of(result="ok"), AgencyAnswerMalformed),
        (name_of(family=""), AgencyAnswerMalformed),
        (name_of(family="Silva"), AgencyCannotTell),
        (name_of(number="38512059999"), AgencyAnswerMalformed),
        (name_of().replace("IsikNimiR", "IsikR"), AgencyAnswerMalformed),
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
    asked = question("38512050123", LIVING.nic, fields=frozenset({"confirmed"}))
    assert await outcome(adapter, asked) == kind


@pytest.mark.parametrize("prn", ["", "78512050123", "3851205012", "198534000123"])
async def test_what_is_no_number_of_the_register_is_never_sent(link: tuple[Adapter, Scripted], prn: str) -> None:
    adapter, scripted = link
    asked = question(prn, LIVING.nic)
    with pytest.raises(AgencyRejectedMessage):
        await adapter.ask(asked)
    assert scripted.bodies == []


async def test_a_number_that_breaks_the_published_pattern_is_never_sent(link: tuple[Adapter, Scripted]) -> None:
    adapter, scripted = link
    with pytest.raises(AgencyRejectedMessage):
        await adapter.ask(question("38599990123", LIVING.nic))
    assert scripted.bodies == []
