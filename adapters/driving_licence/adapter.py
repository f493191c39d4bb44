"""The traffic register: one person's driving entitlements, by `pol_juhtoigus` over X-Road.

Source: `schemas/agency/estonia-xtee/liiklusregister.xsd`, `schemas/codes/liiklusregister-state.json`.
"""

from typing import Any

from lxml import etree

import schemas
from adapters.kit.base import BaseAdapter, Kit, as_of
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyRejectedMessage,
    AgencyUnavailable,
    Question,
    RawAnswer,
    Service,
)
from adapters.kit.fitting import xml_answer
from adapters.kit.nic import NEW_FORM, new_form
from adapters.kit.transports.xroad import System, XRoad, load_schema

from . import wire

XSD = schemas.FOLDER / "agency/estonia-xtee/liiklusregister.xsd"


class DrivingLicence(BaseAdapter):
    """One question is one call. That somebody has no licence is an answer, never a missing person."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._schema = load_schema(XSD)
        client, provider = System.of(kit.setting("client")), System.of(kit.setting("service"))
        self._xroad = XRoad(kit.http(), client, provider, self._schema)

    async def ask(self, question: Question) -> RawAnswer:
        """Ask by the new form of the NIC number; see `contract.Adapter.ask`."""
        service = self.service(question.service)
        number = new_form(question.subject.identifier("NIC") or "")
        if not NEW_FORM.fullmatch(number):
            raise AgencyRejectedMessage("the traffic register is asked by NIC number", code="identifier")
        answer = await self._xroad.call(wire.request(number), code=wire.OPERATION)
        payload = _payload(answer)
        return RawAnswer(payload, as_of(service, question.as_at), code=payload["kood"])

    def parse(self, service: str, body: bytes) -> object:
        """The payload of a `pol_juhtoigusResponse` element.

        Raises:
            AgencyAnswerMalformed: not XML, not what the schema allows, or no answer by its `kood`.
        """
        self.service(service)
        root = xml_answer(body)
        if not self._schema.validate(root):
            raise AgencyAnswerMalformed("the answer breaks liiklusregister.xsd")
        return _payload(root)

    def mapped(self, service: Service, raw: RawAnswer) -> dict[str, object]:
        """States are looked up in the table, and a word that is not in it is an error: never guessed."""
        del service  # the adapter has one
        payload: Any = raw.payload
        found = [wire.entitlement(each, f"/juhtoigus/{at}") for at, each in enumerate(payload["juhtoigus"])]
        return {"may_drive": any(each["state"] == "valid" for each in found), "entitlements": found}


def build(kit: Kit) -> DrivingLicence:
    """The adapter of this folder."""
    return DrivingLicence(kit)


def _payload(answer: etree._Element) -> wire.Node:
    """`{kood, juhtoigus}` of an answer that is one.

    Raises:
        AgencyUnavailable: the register reports an error.
        AgencyAnswerMalformed: another `kood`, or one that contradicts what comes with it.
    """
    payload = wire.payload(answer)
    code, entitlements = payload["kood"], payload["juhtoigus"]
    if code == wire.ERROR:
        raise AgencyUnavailable("the traffic register reports an error instead of an answer", code=code)
    if code not in {wire.FOUND, wire.NONE}:
        raise AgencyAnswerMalformed("a result that the contract does not name at /kood", code=code[:20])
    if (code == wire.FOUND) != bool(entitlements):
        raise AgencyAnswerMalformed("the result contradicts the entitlements at /kood", code=code)
    return payload
