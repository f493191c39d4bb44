"""The driving licence adapter against a scripted traffic register; an XSD engine of others checks every message."""

import re
from collections.abc import AsyncIterator, Callable
from datetime import date
from pathlib import Path

import pytest
import xmlschema
from aiohttp import web

from adapters.driving_licence.adapter import DrivingLicence, build
from adapters.kit import manifest as manifests
from adapters.kit import mapping as mappings
from adapters.kit.base import Kit
from adapters.kit.conformance import suite
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyError,
    AgencyRefused,
    AgencyRejectedMessage,
    AgencyUnavailable,
    Identifier,
    Question,
    RawAnswer,
    Subject,
)
from adapters.kit.egress import Dialler
from tests.xroad_place import Scripted, published, soap_fault, wsdl

FOLDER = Path(__file__).parents[2] / "adapters/driving_licence"
TestDrivingLicence = suite(FOLDER)

REGISTER = "http://liiklusregister.x-road.eu"
DRIVER, OLD, NOBODY = "198534000123", "853400123V", "199012304567"
ROW = (
    "<juhtoigus><kat>A, B</kat><oigus>kehtib</oigus><omistatud>02.03.2009</omistatud>"
    "<voetud_alates/><voetud_kuni/></juhtoigus>"
)
ENTITLED = {
    "may_drive": True,
    "entitlements": [
        {
            "categories": ["A", "B"],
            "state": "valid",
            "state_told": "kehtib",
            "granted": "2009-03-02",
            "taken_from": None,
            "taken_until": None,
        }
    ],
}


def answer(code: str, rows: str = "", text: str = "") -> str:
    return (
        f'<r:pol_juhtoigusResponse xmlns:r="{REGISTER}"><kood>{code}</kood><teade>{text}</teade>'
        f"<juhtoigus>{rows}</juhtoigus></r:pol_juhtoigusResponse>"
    )


def register(known: str = DRIVER) -> Callable[..., str]:
    return lambda body: answer("0", ROW) if body.findtext("isikukood") == known else answer("1", text=NOBODY)


@pytest.fixture(scope="module")
def traffic(tmp_path_factory: pytest.TempPathFactory) -> xmlschema.XMLSchema10:
    return published("liiklusregister", "pol_juhtoigusRequest", tmp_path_factory.mktemp("traffic"))


@pytest.fixture
async def link(traffic: xmlschema.XMLSchema10) -> AsyncIterator[tuple[DrivingLicence, Scripted]]:
    scripted = Scripted(traffic, register())
    runner = web.ServerRunner(web.Server(scripted.handle))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    settings = {
        "DRIVING_LICENCE_URL": f"http://127.0.0.1:{port}/traffic",
        "DRIVING_LICENCE_CLIENT": "LK/GOV/SANDHI/GATEWAY",
        "DRIVING_LICENCE_SERVICE": "LK/GOV/DMT/LICENCES",
    }
    dialler = Dialler(allowed={f"127.0.0.1:{port}"})
    yield build(Kit(FOLDER, manifests.load(FOLDER), mappings.load(FOLDER), settings.__getitem__, dialler)), scripted
    await dialler.close()
    await runner.cleanup()


def question(number: str) -> Question:
    subject = Subject((Identifier("NIC", number),))
    fields = frozenset({"may_drive", "entitlements"})
    return Question("driving_licence.entitlement", subject, fields, date(2026, 10, 31))


async def record(adapter: DrivingLicence, number: str) -> dict[str, object]:
    return adapter.normalise("driving_licence.entitlement", await adapter.ask(question(number)))


async def failed(adapter: DrivingLicence, number: str = DRIVER) -> tuple[type[AgencyError], str]:
    with pytest.raises(AgencyError) as raised:
        await record(adapter, number)
    assert number not in f"{raised.value} {raised.value.code}"
    return type(raised.value), raised.value.code


@pytest.mark.parametrize("number", [DRIVER, OLD])
async def test_somebody_is_asked_about_by_the_new_form_of_the_number(
    link: tuple[DrivingLicence, Scripted], number: str
) -> None:
    adapter, scripted = link
    assert await record(adapter, number) == ENTITLED
    (body,) = scripted.bodies
    assert (body.findtext("isikukood"), body.find("id"), scripted.codes) == (DRIVER, None, ["pol_juhtoigus"])


async def test_nobody_has_a_licence_is_an_answer(link: tuple[DrivingLicence, Scripted]) -> None:
    adapter, _ = link
    raw = await adapter.ask(question(NOBODY))
    assert (raw.code, raw.empty) == ("1", False)
    assert NOBODY not in str(raw.payload), "the text for people is not kept"
    assert await record(adapter, NOBODY) == {"may_drive": False, "entitlements": []}


async def test_each_of_many_people_gets_an_own_answer(link: tuple[DrivingLicence, Scripted]) -> None:
    adapter, _ = link
    found: dict[int, object] = {}
    async for place, line in adapter.ask_many([question(DRIVER), question(NOBODY), question("12345")]):
        found[place] = line.code if isinstance(line, RawAnswer) else type(line)
    assert found == {0: "0", 1: "1", 2: AgencyRejectedMessage}


def test_no_other_operation_of_the_register_is_named_in_the_adapter() -> None:
    operations = {
        str(each)
        for each in wsdl("liiklusregister").xpath("//*[local-name()='portType']/*[local-name()='operation']/@name")
    }
    assert len(operations) > 30, "the register offers much more"
    text = "\n".join(path.read_text() for path in sorted(FOLDER.glob("*.py")))
    assert {each for each in operations if re.search(rf"\b{re.escape(each)}\b", text)} == {"pol_juhtoigus"}


@pytest.mark.parametrize(
    ("told", "kind", "code"),
    [
        (answer("2", text=DRIVER), AgencyUnavailable, "2"),
        (answer("0"), AgencyAnswerMalformed, "0"),
        (answer("1", ROW), AgencyAnswerMalformed, "1"),
        (answer("7"), AgencyAnswerMalformed, "7"),
        (answer("0", ROW.replace("kehtib", "kadunud")), AgencyAnswerMalformed, "0"),
        (answer("0", ROW.replace("A, B", "A, A")), AgencyAnswerMalformed, "0"),
        (answer("0", ROW.replace("02.03", "31.02")), AgencyAnswerMalformed, "0"),
        (answer("0", ROW.replace("kuni/>", "kuni>01.01.2020</voetud_kuni>")), AgencyAnswerMalformed, "0"),
        (answer("ok", ROW), AgencyAnswerMalformed, "schema"),
        (answer("0", ROW.replace("<voetud_kuni/>", "")), AgencyAnswerMalformed, "schema"),
        (answer("0", ROW).replace("pol_juhtoigusR", "pol_muuR"), AgencyAnswerMalformed, "operation"),
        (soap_fault("Client.InvalidBody", DRIVER), AgencyRejectedMessage, "Client.InvalidBody"),
        (
            soap_fault("Server.ServerProxy.ServiceFailed"),
            AgencyUnavailable,
            "Server.ServerProxy.ServiceFailed",
        ),
        (soap_fault("Server.ServerProxy.AccessDenied"), AgencyRefused, "Server.ServerProxy.AccessDenied"),
    ],
)
async def test_what_is_no_answer_is_told_by_its_kind(
    link: tuple[DrivingLicence, Scripted], told: str, kind: type[AgencyError], code: str
) -> None:
    adapter, scripted = link
    scripted.answer = lambda _: told
    assert await failed(adapter) == (kind, code)


@pytest.mark.parametrize(
    "change",
    [
        lambda header: re.sub(r"<xrd:id>.*</xrd:id>", "<xrd:id>another</xrd:id>", header),
        lambda header: header.replace("pol_juhtoigus", "tootukassaParing"),
        lambda header: header.replace("LICENCES", "OTHER"),
        lambda header: "",
    ],
)
async def test_an_answer_to_another_message_is_not_used(
    link: tuple[DrivingLicence, Scripted], change: Callable[[str], str]
) -> None:
    adapter, scripted = link
    scripted.header = change
    assert await failed(adapter) == (AgencyAnswerMalformed, "header")


@pytest.mark.parametrize("number", ["", "1985340001", "1985340001234", "LK-198534000123"])
async def test_what_is_no_number_is_never_sent(link: tuple[DrivingLicence, Scripted], number: str) -> None:
    adapter, scripted = link
    with pytest.raises(AgencyRejectedMessage):
        await adapter.ask(question(number))
    assert scripted.bodies == []
