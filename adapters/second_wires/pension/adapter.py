"""Contributions over X-Road: at once and one person a call, where the first wire answers by files.

What this contract cannot say is not provided: pensions in payment, and whether the board knows somebody at all.
"""

from datetime import date
from typing import Any

from lxml import etree

import schemas
from adapters.kit import months
from adapters.kit.base import BaseAdapter, Kit, as_of
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyCannotTell,
    AgencyRejectedMessage,
    Question,
    RawAnswer,
    Service,
)
from adapters.kit.fitting import xml_answer
from adapters.kit.nic import NEW_FORM, new_form
from adapters.kit.transports.xroad import System, XRoad, load_schema

from . import wire

XSD = schemas.FOLDER / "agency/estonia-xtee/tsd.xsd"
MONTHS = 60  # asked about, unless the question has a period: as many as the first wire's answer holds


class Pension(BaseAdapter):
    """One question is one call of `skaSotsmaks`."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._schema = load_schema(XSD)
        client, provider = System.of(kit.setting("client")), System.of(kit.setting("service"))
        self._xroad = XRoad(kit.http(), client, provider, self._schema)

    async def ask(self, question: Question) -> RawAnswer:
        """Ask by the new form of the NIC number; see `contract.Adapter.ask`.

        Raises:
            AgencyCannotTell: no row: nothing was contributed, or nobody has this number.
        """
        service = self.service(question.service)
        number = new_form(question.subject.identifier("NIC") or "")
        if not NEW_FORM.fullmatch(number):
            raise AgencyRejectedMessage("the board is asked by NIC number", code="identifier")
        day = as_of(service, question.as_at)
        start, end = _period(question, day)
        answer = await self._xroad.call(wire.request(number, start, end))
        if wire.asked(answer) != (number, start.isoformat(), end.isoformat()):
            raise AgencyAnswerMalformed("the answer is about another question at /paring", code="paring")
        return RawAnswer(wire.rows(answer), day, code="0")

    def parse(self, service: str, body: bytes) -> object:
        """The rows of a `skaSotsmaksResponse` element.

        Raises:
            AgencyAnswerMalformed: not XML, not what the schema allows, or without a row.
        """
        self.service(service)
        root = xml_answer(body)
        if not self._schema.validate(root):
            raise AgencyAnswerMalformed("the answer breaks tsd.xsd")
        return _told(root)

    def mapped(self, service: Service, raw: RawAnswer) -> dict[str, object]:
        """Net amounts by month, and the month that is closed by agreement."""
        del service  # the adapter has one
        payload: Any = raw.payload
        return {"closed_month": raw.as_of.isoformat()[:7], "months": wire.by_month(payload)}


def build(kit: Kit) -> Pension:
    """The adapter of this folder."""
    return Pension(kit)


def _period(question: Question, closed: date) -> tuple[date, date]:
    """Whole months up to the closed one."""
    if question.period is not None:
        return question.period.start, min(question.period.end, closed)
    return months.first_day(months.closed(closed, MONTHS - 1)), closed


def _told(root: etree._Element) -> list[wire.Row]:
    try:
        return wire.rows(root)
    except AgencyCannotTell as error:
        raise AgencyAnswerMalformed(error.detail) from None
