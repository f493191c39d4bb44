"""RR405 and RR412: a person's name, and whether the register has them as alive, in the register's words."""

from collections.abc import Callable
from typing import Final, Protocol

from lxml import etree
from starlette.applications import Starlette

from sandbox.faults import Faults
from sandbox.person import NationalIdRecord
from sandbox.strict_xml import schema
from sandbox.xroad import Operation, Provider

from .settings import PopulationSettings

REGISTER: Final = "http://rr.x-road.eu/producer"
FOUND, UNKNOWN, LOCKED = "0", "1", "2"
ALIVE, DEAD = "E", "S"
_TEXTS = {FOUND: "", UNKNOWN: "isikut ei leitud", LOCKED: "andmeid ei väljastata"}
_WRONG = f'<r:RR405IsikNimiResponse xmlns:r="{REGISTER}"><response/></r:RR405IsikNimiResponse>'.encode()


class Records(Protocol):
    """The part of the population's registers this agency reads."""

    def national_id_by_register_number(self, number: str) -> NationalIdRecord | None:
        """The record under this eleven-digit number."""


def build(records: Records, settings: PopulationSettings, faults: Faults) -> Starlette:
    """The agency as an ASGI app, to be mounted where `settings.url` points."""

    def found(number: str) -> tuple[str, NationalIdRecord | None]:
        if number in settings.locked:
            return LOCKED, None
        record = records.national_id_by_register_number(number)
        return (UNKNOWN, None) if record is None or record.deactivated else (FOUND, record)

    operations = {
        ("RR405IsikNimi", "v1"): _operation("RR405IsikNimi", lambda number: _name(*found(number))),
        ("RR412", "v1"): _operation("RR412", lambda number: _state(number, *found(number))),
    }
    bodies = schema("estonia-xtee/rr.xsd")
    return Provider(settings.client, settings.service, operations, bodies, _WRONG).app(faults)


def _operation(name: str, told: Callable[[str], dict[str, str]]) -> Operation:
    def serve(question: etree._Element) -> etree._Element:
        number = question.findtext("request/Isikukood") or ""
        response = etree.Element(f"{{{REGISTER}}}{name}Response", nsmap={"rr": REGISTER})
        etree.SubElement(etree.SubElement(response, "request"), "Isikukood").text = number
        answered = etree.SubElement(response, "response")
        for member, text in told(number).items():
            etree.SubElement(answered, member).text = text
        return response

    return Operation(f"{{{REGISTER}}}{name}", serve)


def _name(result: str, record: NationalIdRecord | None) -> dict[str, str]:
    """The register keeps one name, the first: in Latin script."""
    name = record.names[0] if record else None
    return {
        "Isikupnimi": name.family if name else "",
        "Isikuenimi": name.given if name else "",
        "Veakood": result,
        "Veatekst": _TEXTS[result],
    }


def _state(number: str, result: str, record: NationalIdRecord | None) -> dict[str, str]:
    """This operation has no Veakood: an error is in `faultCode`, and the members are empty."""
    if record is None:
        fault = {"faultCode": result, "faultString": _TEXTS[result]}
        return fault | {"Isikukood": number, "Eesnimi": "", "Perenimi": "", "Staatus": ""}
    state = ALIVE if record.death_date is None else DEAD
    name = record.names[0]
    return {"Isikukood": number, "Eesnimi": name.given, "Perenimi": name.family, "Staatus": state}
