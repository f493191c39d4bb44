"""`pol_juhtoigus`: who may drive what, in the register's words."""

import json
import re
from datetime import date
from typing import Any, Final, Protocol

from lxml import etree
from starlette.applications import Starlette

from sandbox.faults import Faults
from sandbox.population.licences import DrivingRecord
from sandbox.strict_xml import SCHEMAS, schema
from sandbox.xroad import Operation, Provider

from .settings import DrivingSettings

REGISTER: Final = "http://liiklusregister.x-road.eu"
OK, NOT_FOUND, ERROR = 0, 1, 2
_NUMBER = re.compile(r"[0-9]{12}", re.ASCII)
_WRONG = f'<r:pol_juhtoigusResponse xmlns:r="{REGISTER}"><kood>0</kood></r:pol_juhtoigusResponse>'.encode()


class Records(Protocol):
    """The part of the population's registers this agency reads."""

    def driving_by_nic(self, nic: str) -> DrivingRecord | None:
        """The holder of a licence with this number, in its new form."""


def build(records: Records, settings: DrivingSettings, faults: Faults) -> Starlette:
    """The agency as an ASGI app, to be mounted where `settings.url` points."""
    operation = Operation(f"{{{REGISTER}}}pol_juhtoigusRequest", lambda question: _answer(records, question))
    bodies = schema("estonia-xtee/liiklusregister.xsd")
    provider = Provider(settings.client, settings.service, {("pol_juhtoigus", "v1"): operation}, bodies, _WRONG)
    return provider.app(faults)


def _answer(records: Records, question: etree._Element) -> etree._Element:
    """`kood` 0 with entitlements, 1 without; 2 when the question names no NIC number in its new form."""
    number = question.findtext("isikukood") or ""
    if not _NUMBER.fullmatch(number) or question.find("id") is not None:
        return _response(ERROR, "otsida saab ainult isikukoodiga")
    record = records.driving_by_nic(number)
    if record is None:
        return _response(NOT_FOUND, "ei leitud")
    response = _response(OK, "")
    (listed,) = response.iterfind("juhtoigus")
    for each in record.entitlements:
        row = etree.SubElement(listed, "juhtoigus")
        etree.SubElement(row, "kat").text = each.categories
        etree.SubElement(row, "oigus").text = _STATES[each.state]
        etree.SubElement(row, "omistatud").text = _day(each.granted)
        etree.SubElement(row, "voetud_alates").text = _day(each.taken_from)
        etree.SubElement(row, "voetud_kuni").text = _day(each.taken_until)
    return response


def _response(code: int, text: str) -> etree._Element:
    response = etree.Element(f"{{{REGISTER}}}pol_juhtoigusResponse", nsmap={"lr": REGISTER})
    etree.SubElement(response, "kood").text = str(code)
    etree.SubElement(response, "teade").text = text
    etree.SubElement(response, "juhtoigus")
    return response


def _day(day: date | None) -> str:
    return day.strftime("%d.%m.%Y") if day else ""


def _states() -> dict[str, str]:
    codes: list[dict[str, Any]] = json.loads((SCHEMAS / "codes/liiklusregister-state.json").read_text("utf-8"))["codes"]
    return {each["state"]: each["code"] for each in codes}


_STATES: Final = _states()
