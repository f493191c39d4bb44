"""The education adapter against a scripted EHIS on loopback; an XSD engine of others checks every message."""

import gzip
import re
from collections.abc import AsyncIterator, Callable
from datetime import date
from pathlib import Path

import pytest
import xmlschema
from aiohttp import web
from lxml import etree

from adapters.education.adapter import Education, build
from adapters.kit import manifest as manifests
from adapters.kit import mapping as mappings
from adapters.kit.base import Kit
from adapters.kit.conformance import suite
from adapters.kit.contract import (
    AgencyAnswerMalformed,
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

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "adapters/education"
SHAPES = ROOT / "schemas/agency"
TestEducation = suite(FOLDER)

EHIS = "http://producers.ehis.xtee.riik.ee/producer/ehis"
SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
SCHOOLED, NOTHING, UNKNOWN, LOCKED = "20010100017", "20010100028", "20010100039", "20010100040"
Answer = Callable[[etree._Element], str]


def wsdl() -> etree._Element:
    return etree.fromstring(gzip.decompress((SHAPES / "estonia-xtee/ehis.wsdl.gz").read_bytes()))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> xmlschema.XMLSchema:
    """The schema inside the published WSDL, with its imports from the stored files."""
    found = wsdl().find(".//{http://www.w3.org/2001/XMLSchema}schema")
    assert found is not None
    text = etree.tostring(found, encoding="unicode")
    for url in ("xroad.xsd", "representation.xsd"):
        text = text.replace(f'schemaLocation="http://x-road.eu/xsd/{url}"', f'schemaLocation="{SHAPES}/x-road/{url}"')
    path = tmp_path_factory.mktemp("ehis") / "ehis.xsd"
    path.write_text(text)
    xroad = (SHAPES / "x-road/xroad.xsd").read_text()
    assert "https://www.w3.org/2009/01/xml.xsd" in xroad
    return xmlschema.XMLSchema(
        str(path), uri_mapper={"https://www.w3.org/2009/01/xml.xsd": str(SHAPES / "x-road/xml.xsd")}, allow="local"
    )


def study(level: str = "üldkeskharidus") -> str:
    return (
        f"<oppimine><oppeasutusNimetus/><oppeasutusRegKood/><oppekavaTase>{level}</oppekavaTase>"
        "<algusKp>01.09.2018</algusKp><loppKp/><lahkumisePohjus/><lopetamisePohjus/>"
        "<oppevormid><oppevorm>päevane</oppevorm><algusKp>01.09.2018</algusKp></oppevormid></oppimine>"
    )


def person(learner: str) -> str:
    told = {
        NOTHING: "",
        UNKNOWN: "<viga><veakood>1</veakood><veatekst>20010100039</veatekst></viga>",
        LOCKED: "<viga><veakood>2</veakood></viga>",
    }
    return f"<isik><isikukood>{learner}</isikukood>{told.get(learner, study())}</isik>"


def studies(request: etree._Element) -> str:
    people = "".join(person(each.text or "") for each in request.iterfind("isikukoodid/isikukood"))
    response = "e:tootukassaleKehtivadV2Response"
    return f'<{response} xmlns:e="{EHIS}"><isikud>{people}</isikud></{response}>'


def completion(learner: str) -> str:
    return (
        f"<item><isikukood>{learner}</isikukood><oppeasutus/><alustanud>2018-09-01</alustanud>"
        "<kuupaev>2021-06-20</kuupaev><selgitus/><kvalifikatsioon>kutseõpe põhihariduse baasil</kvalifikatsioon></item>"
    )


def finished(request: etree._Element) -> str:
    asked = [each.text or "" for each in request.iterfind("isikud/item/isikukoodKp")]
    items = "".join(completion(learner) for learner in asked if learner != NOTHING)
    data = f"<data>{items}</data>" if items else ""
    return f'<e:kmaLopetanudResponse xmlns:e="{EHIS}"><kood>{int(not items)}</kood>{data}</e:kmaLopetanudResponse>'


def fault(code: str) -> Answer:
    told = f"<faultcode>{code}</faultcode><faultstring>about {SCHOOLED}</faultstring>"
    return lambda _: f"<s:Fault xmlns:s='{SOAP[1:-1]}'>{told}</s:Fault>"


class Ehis:
    """A provider behind its security server: repeats the header, answers as scripted, keeps what it was sent."""

    def __init__(self, published: xmlschema.XMLSchema) -> None:
        self.published = published
        self.answers: dict[str, Answer] = {"tootukassaleKehtivadV2": studies, "kmaLopetanud": finished}
        self.envelopes: list[etree._Element] = []
        self.header: Callable[[str], str] = str
        self.status = 200

    def bodies(self) -> list[etree._Element]:
        return [found for each in self.envelopes if (found := each.find(f"{SOAP}Body/*")) is not None]

    async def handle(self, request: web.BaseRequest) -> web.Response:
        assert request.headers["content-type"] == "text/xml; charset=utf-8"
        envelope = etree.fromstring(await request.read())
        self.envelopes.append(envelope)
        header, body = envelope.find(f"{SOAP}Header"), self.bodies()[-1]
        assert header is not None
        self.published.validate(body)
        for each in header:
            self.published.maps.elements[each.tag].validate(each)
        content = self.answers[etree.QName(body).localname](body)
        repeated = self.header(etree.tostring(header, encoding="unicode"))
        text = f'<s:Envelope xmlns:s="{SOAP[1:-1]}">{repeated}<s:Body>{content}</s:Body></s:Envelope>'
        status = 500 if "Fault" in content else self.status
        return web.Response(text=text, status=status, content_type="text/xml", charset="utf-8")


@pytest.fixture
async def link(published: xmlschema.XMLSchema) -> AsyncIterator[tuple[Education, Ehis]]:
    ehis = Ehis(published)
    runner = web.ServerRunner(web.Server(ehis.handle))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    settings = {
        "EDUCATION_URL": f"http://127.0.0.1:{port}/education",
        "EDUCATION_CLIENT": "LK/GOV/SANDHI/GATEWAY",
        "EDUCATION_SERVICE": "LK/GOV/MOE/EHIS",
    }
    dialler = Dialler(allowed={f"127.0.0.1:{port}"})
    kit = Kit(FOLDER, manifests.load(FOLDER), mappings.load(FOLDER), settings.__getitem__, dialler)
    yield build(kit), ehis
    await dialler.close()
    await runner.cleanup()


def question(learner: str, *fields: str, period: Period | None = None) -> Question:
    subject = Subject(identifiers=(Identifier("LEARNER", learner),))
    wanted = frozenset(fields or ("enrolments", "qualifications"))
    return Question("education.attainment", subject, wanted, date(2026, 10, 31), period)


async def asked(adapter: Education, *questions: Question) -> list[RawAnswer | AgencyError]:
    found: dict[int, RawAnswer | AgencyError] = {}
    async for position, answer in adapter.ask_many(questions):
        assert position not in found
        found[position] = answer
    return [found[position] for position in range(len(questions))]


async def failed(adapter: Education) -> tuple[type[AgencyError], str]:
    with pytest.raises(AgencyError) as raised:
        await adapter.ask(question(SCHOOLED))
    assert SCHOOLED not in f"{raised.value} {raised.value.code}"
    return type(raised.value), raised.value.code


async def test_one_person_is_a_batch_of_one(link: tuple[Education, Ehis]) -> None:
    adapter, _ = link
    raw = await adapter.ask(question(SCHOOLED))
    assert raw.as_of == date(2026, 9, 30), "the register runs a month behind"
    assert adapter.normalise("education.attainment", raw) == {
        "closed_month": "2026-09",
        "enrolments": [{"level": 3, "mode": "full_time", "start": "2018-09-01", "end": None, "end_reason": None}],
        "qualifications": [{"level": 3, "technical": True, "awarded": "2021-06-20"}],
    }


async def test_the_headers_and_the_period_are_as_the_protocol_wants_them(link: tuple[Education, Ehis]) -> None:
    adapter, ehis = link
    await adapter.ask(question(SCHOOLED, period=Period(date(2020, 1, 1), date(2020, 12, 31))))
    assert len(ehis.envelopes) == 2
    for envelope, body in zip(ehis.envelopes, ehis.bodies(), strict=True):
        header = envelope.find(f"{SOAP}Header")
        assert header is not None
        assert [etree.QName(each).localname for each in header] == ["client", "service", "id", "protocolVersion"]
        assert envelope.findtext(".//{*}serviceCode") == etree.QName(body).localname
        assert (body.findtext("algusKp"), body.findtext("loppKp")) == ("2020-01-01", "2020-12-31")


async def test_many_people_get_their_own_answers_and_one_bad_number_spoils_nothing(
    link: tuple[Education, Ehis],
) -> None:
    adapter, _ = link
    schooled, nothing, unknown, locked, bad = await asked(
        adapter, *map(question, (SCHOOLED, NOTHING, UNKNOWN, LOCKED, "851234567V"))
    )
    assert isinstance(schooled, RawAnswer)
    assert not schooled.empty
    assert isinstance(nothing, RawAnswer)
    assert nothing.empty
    assert (type(unknown), type(locked)) == (AgencyHasNoSuchPerson, AgencyRefused)
    assert isinstance(bad, AgencyRejectedMessage)


async def test_a_thousand_and_one_people_are_three_pairs_of_calls(link: tuple[Education, Ehis]) -> None:
    adapter, ehis = link
    answers = await asked(adapter, *(question(f"{20010200000 + number}") for number in range(1001)))
    assert all(isinstance(answer, RawAnswer) for answer in answers)
    sizes = [
        len(body.findall("isikukoodid/isikukood")) for body in ehis.bodies() if body.find("isikukoodid") is not None
    ]
    assert sorted(sizes) == [1, 500, 500]
    assert len(ehis.envelopes) == 6


async def test_the_same_person_twice_is_asked_once_and_answered_twice(link: tuple[Education, Ehis]) -> None:
    adapter, ehis = link
    first, second = await asked(adapter, question(SCHOOLED), question(SCHOOLED))
    assert isinstance(first, RawAnswer)
    assert first == second
    assert len(ehis.bodies()[0].findall("isikukoodid/isikukood")) == 1


async def test_completions_are_asked_for_only_if_wanted(link: tuple[Education, Ehis]) -> None:
    adapter, ehis = link
    await adapter.ask(question(SCHOOLED, "enrolments"))
    assert [etree.QName(body).localname for body in ehis.bodies()] == ["tootukassaleKehtivadV2"]


async def test_people_ehis_does_not_know_are_not_asked_about_again(link: tuple[Education, Ehis]) -> None:
    adapter, ehis = link
    await asked(adapter, question(SCHOOLED), question(UNKNOWN), question(LOCKED))
    assert [each.text for each in ehis.bodies()[1].iterfind("isikud/item/isikukoodKp")] == [SCHOOLED]


def test_no_other_operation_of_the_register_is_named_in_the_adapter() -> None:
    operations = {str(each) for each in wsdl().xpath("//*[local-name()='portType']/*[local-name()='operation']/@name")}
    assert len(operations) > 80, "the register offers much more"
    text = "\n".join(path.read_text() for path in sorted(FOLDER.glob("*.py")))
    named = {operation for operation in operations if re.search(rf"\b{re.escape(operation)}\b", text)}
    assert named == {"tootukassaleKehtivadV2", "kmaLopetanud"}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("Client.InvalidBody", AgencyRejectedMessage),
        ("s:Client", AgencyRejectedMessage),
        ("Server.ServerProxy.ServiceFailed", AgencyUnavailable),
        ("Server", AgencyUnavailable),
        ("Server.ServerProxy.AccessDenied", AgencyRefused),
        ("VersionMismatch", AgencyAnswerMalformed),
    ],
)
async def test_a_soap_fault_is_told_by_its_code(
    link: tuple[Education, Ehis], code: str, kind: type[AgencyError]
) -> None:
    adapter, ehis = link
    ehis.answers["tootukassaleKehtivadV2"] = fault(code)
    assert await failed(adapter) == (kind, code.removeprefix("s:"))


def without_anybody(request: etree._Element) -> str:
    return re.sub(r"<isik>.*</isik>", "", studies(request))


def with_a_stranger(request: etree._Element) -> str:
    return studies(request).replace("<isikud>", "<isikud>" + person("20010109999"))


def with_school_year_as_date(request: etree._Element) -> str:
    return finished(request).replace("2021-06-20", "2021")


@pytest.mark.parametrize(
    ("operation", "answer", "kind", "code"),
    [
        ("tootukassaleKehtivadV2", without_anybody, AgencyAnswerMalformed, "person"),
        ("tootukassaleKehtivadV2", with_a_stranger, AgencyAnswerMalformed, "person"),
        (
            "tootukassaleKehtivadV2",
            lambda body: studies(body).replace("V2R", "V1R"),
            AgencyAnswerMalformed,
            "operation",
        ),
        ("kmaLopetanud", with_school_year_as_date, AgencyAnswerMalformed, "schema"),
        ("kmaLopetanud", lambda body: finished(body).replace("d>0<", "d>2<"), AgencyUnavailable, "2"),
        ("kmaLopetanud", lambda body: finished(body).replace(SCHOOLED, NOTHING), AgencyAnswerMalformed, "person"),
    ],
)
async def test_an_answer_that_does_not_fit_is_not_used(
    link: tuple[Education, Ehis], operation: str, answer: Answer, kind: type[AgencyError], code: str
) -> None:
    adapter, ehis = link
    ehis.answers[operation] = answer
    assert await failed(adapter) == (kind, code)


@pytest.mark.parametrize(
    "change",
    [
        lambda header: re.sub(r"<xrd:id>.*</xrd:id>", "<xrd:id>another</xrd:id>", header),
        lambda header: header.replace("SANDHI", "OTHER"),
        lambda header: header.replace("EHIS", "RR"),
        lambda header: header.replace("4.0", "3.1"),
        lambda header: "",
    ],
)
async def test_an_answer_to_another_message_is_not_used(
    link: tuple[Education, Ehis], change: Callable[[str], str]
) -> None:
    adapter, ehis = link
    ehis.header = change
    assert await failed(adapter) == (AgencyAnswerMalformed, "header")
