"""Every stored contract: the fast validators (`lxml`, `jsonschema-rs`) give the verdicts of the slow ones (`xmlschema`,
`jsonschema`) over good messages and over messages that were changed in a few places, the same ones in every run."""

import json
import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
import xmlschema
from lxml import etree

import schemas
from adapters.bank.orders import Debtor, pain_001
from adapters.driving_licence import wire as licences
from adapters.education import wire as studies
from adapters.kit import golden, stored_xsd
from adapters.kit.contract import Item
from adapters.kit.discovery import discover, second_wires
from adapters.kit.transports.xroad import load_schema
from adapters.second_wires.national_id import wire as people
from sandbox.agencies.bank.book import Booking, Instruction
from sandbox.agencies.bank.lists import report
from sandbox.agencies.bank.statements import notification, statement
from tests.two_judges import agree, slow

BY_DAY, BY_NIGHT = 60, 3_000  # changed messages of each contract
DAY = date(2026, 11, 2)
AGENCY = schemas.FOLDER / "agency"

# --- XML ------------------------------------------------------------------------------------------------------------

STORED = {
    **{
        f"http://x-road.eu/xsd/{each}.xsd": (AGENCY / f"x-road/{each}.xsd").as_uri()
        for each in ("xroad", "representation")
    },
    "http://x-road.eu/xsd/identifiers.xsd": (AGENCY / "x-road/identifiers.xsd").as_uri(),
    "https://www.w3.org/2009/01/xml.xsd": (AGENCY / "x-road/xml.xsd").as_uri(),
    "http://www.w3.org/2009/01/xml.xsd": (AGENCY / "x-road/xml.xsd").as_uri(),
}
XTEE = {
    "ehis": ("first", "education"),
    "liiklusregister": ("first", "driving_licence"),
    "rr": ("second", "national_id"),
    "tsd": ("second", "pension"),
    "tor": ("second", "tax"),
}
TEXTS = [
    "",
    "x",
    "0",
    " 1 ",
    "-1",
    "1.005",
    "31.02.2010",
    "2026-02-30",
    "2026-02-28",
    "2026-11-02T09:00:00Z",
    "LKR",
    "\u0d9a",
]


def xtee(name: str) -> Iterator[etree._Element]:
    """Answers of the golden samples that fit, and what our adapters ask."""
    wire, adapter = XTEE[name]
    folder = (discover() if wire == "first" else second_wires())[adapter]
    for sample in golden.load(folder):
        root = etree.fromstring(sample.given)
        for each in root if root.tag == "answers" else [root]:
            yield etree.fromstring(etree.tostring(each))
    if name == "ehis":
        yield studies.studies_request(["20010100017"], date(2020, 1, 1), DAY)
        yield studies.finished_request(["20010100017"], date(2020, 1, 1), DAY)
    elif name == "liiklusregister":
        yield licences.request("199012304567")
    elif name == "rr":
        yield from (people.request(each, "39001010014") for each in (people.NAME, people.STATE))


def iso(name: str) -> Iterator[etree._Element]:
    """One message as our adapter or the sandbox writes it."""
    order = {"payment": "SAM-1", "pay_account": "0087654321", "pay_provider": "7010", "payee_name": "K. Invented"}
    order |= {
        "amount": "4500.10",
        "currency": "LKR",
        "pay_on": "2026-11-02",
        "programme": "samurdhi",
        "month": "2026-10",
    }
    booked = [Booking("SAM-1", Decimal("4500.10")), Booking("SAM-2", Decimal("1.00"), "NOAS")]
    told = [(Instruction("i-1", "SAM-1", "0087654321", "7010", Decimal("4500.10"), "LKR"), "AC04")]
    items = [Item("item-1", "bank.order", order | {"pay_kind": "account"})]
    written: dict[str, Callable[[], bytes]] = {
        "pain.001.001.09": lambda: pain_001(
            items, Debtor("Board", "0001234567", "7010"), datetime(2026, 11, 1, tzinfo=UTC)
        ),
        "pain.002.001.12": lambda: report("S" + "0" * 32, "", told),
        "camt.053.001.08": lambda: statement("0001234567", DAY, Decimal("900.00"), booked, 1),
        "camt.054.001.10": lambda: notification("0001234567", DAY, booked, 1),
    }
    yield etree.fromstring(written[name]())


@cache
def xml_contract(name: str) -> tuple[etree.XMLSchema, xmlschema.XMLSchema10, tuple[bytes, ...]]:
    """Fast and slow validator, and the messages that both find good."""
    if name in XTEE:
        path = AGENCY / f"estonia-xtee/{name}.xsd"
        fast, slow = load_schema(path), xmlschema.XMLSchema10(str(path), uri_mapper=STORED, allow="local")
        found = list(xtee(name))
    else:
        path = AGENCY / f"iso20022/{name}.xsd"
        fast, slow = stored_xsd.stored(f"agency/iso20022/{name}.xsd"), xmlschema.XMLSchema10(str(path), allow="local")
        found = list(iso(name))
    for each in found:
        assert fast.validate(each) == slow.is_valid(each)
    return fast, slow, tuple(etree.tostring(each) for each in found if fast.validate(each))


def changed_xml(good: bytes, draw: random.Random) -> etree._Element:
    root = etree.fromstring(good)
    for _ in range(draw.randint(1, 2)):
        node = draw.choice(list(root.iter()))
        above, act = (
            node.getparent(),
            draw.choice(["text", "text", "drop", "twice", "stranger", "rename", "swap", "attribute"]),
        )
        if act == "text":
            node.text = draw.choice(TEXTS)
        elif act == "stranger":
            etree.SubElement(node, "more")
        elif act == "rename":
            node.tag = "more"
        elif act == "attribute":
            node.set(draw.choice(["Ccy", "more"]), draw.choice(["LKR", "x"]))
        elif above is not None and act == "drop":
            above.remove(node)
        elif above is not None and act == "twice":
            above.append(deepcopy(node))
        elif len(node) > 1:
            node.append(node[0])  # the first child goes last
    return root


def agree_on_xml(name: str, count: int) -> None:
    fast, slow, good = xml_contract(name)
    assert good, "a contract without a good message proves nothing"
    draw, verdicts = random.Random(name), set()
    for _ in range(count):
        root = changed_xml(draw.choice(good), draw)
        verdicts.add(verdict := fast.validate(root))
        assert verdict == slow.is_valid(root), etree.tostring(root).decode()
    assert verdicts == {True, False}


XML = [*XTEE, "pain.001.001.09", "pain.002.001.12", "camt.053.001.08", "camt.054.001.10"]


@pytest.mark.parametrize("name", XML)
def test_an_xsd_is_judged_alike(name: str) -> None:
    agree_on_xml(name, BY_DAY)


@pytest.mark.nightly
@pytest.mark.parametrize("name", XML)
def test_an_xsd_is_judged_alike_many_times(name: str) -> None:
    agree_on_xml(name, BY_NIGHT)


# --- JSON -----------------------------------------------------------------------------------------------------------

REPLY = "#/operations/~1registry~1sync~1search/responses/default"
CHECKED = "#/operations/~1registry~1sync~1check-enrollment/responses/200"
BY_ADAPTER = {
    "ess": f"dci/ess.json{CHECKED}",
    "social_registry": f"dci/social.json{REPLY}",
    **dict.fromkeys(("samurdhi", "elders", "disability", "kidney", "public_works"), f"dci/ibr.json{REPLY}"),
    "psp": "agency/g2p-connect/disburse.json#/$defs/status_told",
}
IDENTITY = {"dob": "1985/12/05", "name_eng": "Kamala Perera", "gender": "Female"}
BY_HAND: dict[str, list[Any]] = {
    "agency/mosip-ida/kyc-identity.schema.json": [IDENTITY, {}],
    "agency/mosip-ida/answer.schema.json": [
        {
            "id": "mosip.identity.auth",
            "version": "1.0",
            "responseTime": "2026-11-02T09:00:00.123Z",
            "transactionID": "1234567890",
            "response": {"authStatus": False, "authToken": None},
            "errors": [{"errorCode": "IDA-MLC-018", "errorMessage": "not there", "actionMessage": None}],
        }
    ],
    "agency/fhir-r4/patients.json": [
        {
            "resourceType": "Bundle",
            "type": "searchset",
            "link": [{"relation": "next", "url": "https://crvs.example/Patient?page=2"}],
            "entry": [
                {"resource": {"resourceType": "Patient", "birthDate": "1985-12-05"}, "search": {"mode": "match"}}
            ],
        }
    ],
    "agency/openemis/users.json": [{"data": [{"id": 5, "openemis_no": "20010100017"}], "total": 1}],
    "own/receipt.v1.json": [{"reference": "GR-2026-000001", "state": "received"}],
    "own/case-told.v1.json": [{"item": "i", "number": "GR-2026-000001", "state": "INV", "changedOn": "2026-11-01"}],
}


def from_samples() -> Iterator[tuple[str, Any]]:
    for name, folder in [*discover().items(), *second_wires().items()]:
        for sample in golden.load(folder):
            if sample.kind != "agency" or not sample.given.startswith(b"{"):
                continue
            if name in BY_ADAPTER:
                yield BY_ADAPTER[name], json.loads(sample.given)
            elif folder == second_wires().get("education"):
                yield "agency/openemis/institution-students.json", json.loads(sample.given)
            elif (folder / "answer.json").exists():
                yield str(folder / "answer.json"), json.loads(sample.given)


@cache
def json_contracts() -> dict[str, list[Any]]:
    """The contracts with their good messages."""
    found: dict[str, list[Any]] = {name: list(values) for name, values in BY_HAND.items()}
    for name, value in from_samples():
        found.setdefault(name, []).append(value)
    return {name: [each for each in values if slow(name).is_valid(each)] for name, values in found.items()}


def agree_on_json(name: str, count: int) -> None:
    good = json_contracts()[name]
    assert good, "a contract without a good message proves nothing"
    assert agree(name, good, count, name.rpartition("adapters/")[2]) == {True, False}


OWN_SHAPES = ["employment_offices", "field_verification", "grievance", "health", "treasury"]
JSON = sorted({*BY_HAND, *BY_ADAPTER.values(), "agency/openemis/institution-students.json", *OWN_SHAPES})


def named(name: str) -> str:
    return str(discover()[name] / "answer.json") if name in OWN_SHAPES else name


@pytest.mark.parametrize("name", JSON)
def test_a_json_contract_is_judged_alike(name: str) -> None:
    agree_on_json(named(name), BY_DAY)


@pytest.mark.nightly
@pytest.mark.parametrize("name", JSON)
def test_a_json_contract_is_judged_alike_many_times(name: str) -> None:
    agree_on_json(named(name), BY_NIGHT)


def test_no_contract_of_an_agency_is_left_out() -> None:
    """A new XSD or JSON Schema below `schemas/agency` is judged here, or is named with who judges it."""
    elsewhere = {"mockoon-ess.json", "authentication-service-openapi.json"}  # documents that no message is checked with
    elsewhere |= {"messages-calls.extract.json"}  # test_requests_fit_contracts.py, test_sandbox_messaging.py
    elsewhere |= {path.name for path in AGENCY.glob("hmrc-individuals/*.json")}  # test_every_schema_agrees.py
    elsewhere |= {path.name for path in AGENCY.glob("own/*.json")}  # there, too, and test_own_profiles_agree.py
    helpers = {path.name for folder in ("x-road", "stand-ins") for path in (AGENCY / folder).glob("*.xsd")}
    here = {f"{name}.xsd" for name in XML} | {name.partition("#")[0].rpartition("/")[2] for name in JSON}
    stored = {path.name for path in AGENCY.rglob("*") if path.suffix in {".xsd", ".json"}}
    assert stored - here - helpers == elsewhere & stored
