"""Employments and pay over X-Road: the employment register says when, the tax board says how much.

What these contracts cannot say is not provided: the day of a payment, self-employment, and whether the board knows
somebody at all.
"""

import re
from typing import Any

from lxml import etree

import schemas
from adapters.kit import months
from adapters.kit.base import BaseAdapter, Kit, as_of
from adapters.kit.claims import LONGEST_WINDOW
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyCannotTell,
    AgencyRejectedMessage,
    Period,
    Question,
    RawAnswer,
    Service,
)
from adapters.kit.fitting import xml_answer
from adapters.kit.transports.xroad import System, XRoad, load_schema

from . import wire

XSDS = schemas.FOLDER / "agency/estonia-xtee"
TORIK_VERSION = "v2"  # of the service, as its WSDL says
_NUMBER = re.compile(r"[A-Z0-9]{5,20}", re.ASCII)  # above all no comma: TORIK reads a list


class Tax(BaseAdapter):
    """One question is one call of `TORIK` and one of `xteePalgaandmed`."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._tsd, self._tor = load_schema(XSDS / "tsd.xsd"), load_schema(XSDS / "tor.xsd")
        client, provider, http = System.of(kit.setting("client")), System.of(kit.setting("service")), kit.http()
        self._pay = XRoad(http, client, provider, self._tsd)
        self._work = XRoad(http, client, provider, self._tor)

    async def ask(self, question: Question) -> RawAnswer:
        """Ask both registers by tax number; see `contract.Adapter.ask`.

        Raises:
            AgencyCannotTell: nothing in either: no employment and no pay, or nobody with this number.
        """
        service = self.service(question.service)
        number = question.subject.identifier("TIN") or ""
        if not _NUMBER.fullmatch(number):
            raise AgencyRejectedMessage("the board is asked by tax number", code="identifier")
        period = question.period or _period(service, question)
        work = await self._work.call(wire.work_request(number, period), version=TORIK_VERSION)
        pay = await self._pay.call(wire.pay_request(number, period))
        payload = {"work": wire.work(work, number), "pay": wire.pay(pay, number, period)}
        if not any(payload.values()):
            raise AgencyCannotTell("no employment and no pay, or nobody with this number", code="empty")
        return RawAnswer(payload, as_of(service, question.as_at), code="0")

    def parse(self, service: str, body: bytes) -> object:
        """Golden samples hold both answers in one element, `TORIKResponse` first.

        Raises:
            AgencyAnswerMalformed: not XML, or not what the schemas allow.
        """
        self.service(service)
        root = xml_answer(body)
        if len(root) != 2:
            raise AgencyAnswerMalformed("a sample holds one answer of each register")
        for answer, schema, name in ((root[0], self._tor, "tor.xsd"), (root[1], self._tsd, "tsd.xsd")):
            if not schema.validate(etree.fromstring(etree.tostring(answer))):
                raise AgencyAnswerMalformed(f"the answer breaks {name}")
        number = root[1].findtext("paring/isikukood") or ""
        return {"work": wire.work(root[0], number), "pay": wire.pay_rows(root[1])}

    def mapped(self, service: Service, raw: RawAnswer) -> dict[str, object]:
        """Employments with their pay, and the month that is closed by agreement."""
        del service  # the adapter has one
        payload: Any = raw.payload
        joined = wire.employments(payload["work"], payload["pay"])
        return {"closed_month": raw.as_of.isoformat()[:7], "employments": joined}


def build(kit: Kit) -> Tax:
    """The adapter of this folder."""
    return Tax(kit)


def _period(service: Service, question: Question) -> Period:
    """Without a period of the caller's: as far back as the first wire asks, to `as_at`."""
    closed = months.closed(question.as_at, service.lag_months)
    return Period(months.first_day(months.until(closed, LONGEST_WINDOW)[0]), question.as_at)
