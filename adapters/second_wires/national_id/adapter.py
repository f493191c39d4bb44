"""National identity over X-Road: a register that gives a name, where the first wire says yes or no.

The number and the name that the caller holds must belong together here too: the register does not compare, so we do.
"""

import re
from typing import Any

from lxml import etree

import schemas
from adapters.kit.base import BaseAdapter, Kit, NotConfigured, as_of
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyCannotTell,
    AgencyRejectedMessage,
    Name,
    Question,
    RawAnswer,
    Service,
)
from adapters.kit.fitting import xml_answer
from adapters.kit.matching import one_name
from adapters.kit.transports.xroad import System, XRoad, load_schema

from . import wire

XSD = schemas.FOLDER / "agency/estonia-xtee/rr.xsd"
_LANGUAGE = re.compile(r"([a-z]{3})/([A-Z][a-z]{3})", re.ASCII)
_NUMBER = re.compile(r"[1-6][0-9]{10}", re.ASCII)


class NationalId(BaseAdapter):
    """One question is one call: RR412 if a death is asked about, else RR405, which tells less."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._schema = load_schema(XSD)
        client, provider = System.of(kit.setting("client")), System.of(kit.setting("service"))
        self._xroad = XRoad(kit.http(), client, provider, self._schema)
        written = _LANGUAGE.fullmatch(kit.setting("language"))
        if written is None:
            raise NotConfigured("national_id: write the language of the register's names as eng/Latn")
        self._language, self._script = written.groups()

    async def ask(self, question: Question) -> RawAnswer:
        """Read the record and compare the names.

        Raises:
            AgencyCannotTell: number and name do not belong together, or a death has no day.
        """
        service = self.service(question.service)
        number = question.subject.identifier("PRN") or ""
        known = [each for each in question.subject.names if each.script == self._script]
        if not _NUMBER.fullmatch(number) or not known:
            raise AgencyRejectedMessage("needs the register's number and a name in its script", code="incomplete")
        operation = wire.STATE if "death_date" in question.fields else wire.NAME
        answer = await self._xroad.call(wire.request(operation, number))
        if wire.asked_about(answer) != number:
            raise AgencyAnswerMalformed("the answer is about somebody else at /request/Isikukood", code="person")
        payload = self._payload(answer)
        if operation == wire.STATE:
            wire.check_alive(payload)
        if not _same(payload, known):
            raise AgencyCannotTell("number and name do not belong together", code="name")
        wanted = sorted(question.fields & service.fields)
        return RawAnswer({**payload, "asked": wanted}, as_of(service, question.as_at), code="0")

    def parse(self, service: str, body: bytes) -> object:
        """The payload of a response element, everything that it carries asked for.

        Raises:
            AgencyAnswerMalformed: not XML, not what the schema allows, or nobody.
        """
        self.service(service)
        root = xml_answer(body)
        if not self._schema.validate(root):
            raise AgencyAnswerMalformed("the answer breaks rr.xsd")
        payload = self._payload(root)
        if root.tag == f"{{{wire.NAMESPACE}}}{wire.NAME}Response":
            return {**payload, "asked": ["names"]}
        wire.check_alive(payload)
        return {**payload, "asked": ["death_date", "names"]}

    def mapped(self, service: Service, raw: RawAnswer) -> dict[str, object]:
        """Only what was asked for and what the register said: a birth date is not read out of the number."""
        del service  # the adapter has one
        payload: Any = raw.payload
        record: dict[str, object] = {"confirmed": True}
        if "names" in payload["asked"]:
            record["names"] = [{"language": self._language, "script": self._script, "value": _full(payload)}]
        if "death_date" in payload["asked"]:
            record["death_date"] = None  # of the dead there is no answer: see `wire.check_alive`
        return record

    def _payload(self, answer: etree._Element) -> wire.Node:
        payload = wire.person(answer)
        if not {"given", "family"} <= payload.keys():
            raise AgencyAnswerMalformed("nothing of the name at /response", code="name")
        return payload


def build(kit: Kit) -> NationalId:
    """The adapter of this folder."""
    return NationalId(kit)


def _full(payload: wire.Node) -> str:
    return f"{payload['given']} {payload['family']}"


def _same(payload: wire.Node, known: list[Name]) -> bool:
    return one_name([each.value for each in known], [_full(payload)])
