"""Treasury and district accounts: signed reports out, their state and alerts of late ones back."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import orjson

import schemas
from adapters.kit import strict_json
from adapters.kit.base import BaseAdapter, Kit, NotConfigured, as_of
from adapters.kit.contract import (
    AgencyRejectedMessage,
    Handed,
    Hook,
    Hooked,
    HookRefused,
    Identifier,
    Item,
    Question,
    RawAnswer,
    Service,
    Subject,
    Told,
)
from adapters.kit.detached import Checker, KeyUnusable, NotSigned, Signer, canonical
from adapters.kit.egress import HttpAnswer
from adapters.kit.mapping import MappingError
from adapters.kit.transports.rest import JSON, error_of, read_json

from .figures import suppressed

FRESH = timedelta(minutes=5)  # how far an alert's time may be from ours
LETTER = "treasury.allocation"
ALERT, ALLOCATED = (f"agency/own/treasury-reports.json#/$defs/{each}" for each in ("alert", "allocated"))


class Treasury(BaseAdapter):
    """Reports name a unit and a month, and nobody. The same report sent again replaces nothing and harms nothing."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._http = kit.http()
        self._headers = {**JSON, "authorization": f"Bearer {kit.setting('token')}"}
        try:
            self._signer, self._checker = Signer(kit.setting("signing_key")), Checker(kit.setting("alert_key"))
        except KeyUnusable as error:
            raise NotConfigured(f"treasury: TREASURY_SIGNING_KEY or TREASURY_ALERT_KEY is {error}") from None

    async def deliver(self, item: Item) -> Handed:
        """Send one report, signed, or one allocation letter. `state` is `IN_TIME` or `LATE`; of a letter, `RECEIVED`.

        Raises:
            AgencyError: not taken; safe to try again with the same item.
        """
        if self.service_for(item).id == LETTER:
            return await self._allocated(item)
        lines: Any = item.record["lines"]
        report = {**item.record, "lines": suppressed(lines)}
        body = {"report": report, "signature": self._signer.detached(canonical(report))}
        told: Any = self._told(await self._post("/v1/reports", body))
        if told["report"] != report["report"]:
            raise AgencyRejectedMessage("the answer is about another report", code="report")
        return Handed(told["report"], told["state"])

    async def ask(self, question: Question) -> RawAnswer:
        """The state of one report; see `contract.Adapter.ask`."""
        service = self.service(question.service)
        report = question.subject.identifier("REPORT")
        if report is None:
            raise AgencyRejectedMessage("the treasury is asked by the report's reference", code="identifier")
        payload: Any = self._told(await self._post("/v1/reports/state", {"report": report}))
        return RawAnswer(payload, as_of(service, question.as_at), code=payload["state"])

    def mapped(self, service: Service, raw: RawAnswer) -> dict[str, object]:
        """The mapping; a report that came has a day, and one that did not has none."""
        record = super().mapped(service, raw)
        state = str(record["state"]).lower()
        if (state in {"in_time", "late"}) is (record["received_on"] is None):
            raise MappingError("received_on: does not fit the state at /receivedOn")
        return record | {"state": state}

    def hook(self, hook: Hook) -> Hooked:
        """An alert: a report is overdue. Told on to the systems that subscribed to it and have an agreement.

        Raises:
            HookRefused: not signed by the treasury, not of now, or not an alert of the profile.
        """
        try:
            self._checker.check(hook.body, hook.headers.get("x-treasury-signature", ""))
            alert: Any = strict_json.loads(hook.body)
        except NotSigned:
            raise HookRefused("signature", "the alert is not signed with TREASURY_ALERT_KEY") from None
        except strict_json.StrictError as error:
            raise HookRefused("malformed", f"the alert is {error}") from None
        if (fault := schemas.first_fault(schemas.validator(ALERT), alert)) is not None:
            raise HookRefused("schema", f"the alert does not fit at {fault}")
        _check_now(alert["sentAt"], hook.at)
        record = {"report": alert["report"], "state": "overdue", "due_on": alert["dueOn"], "received_on": None}
        subject = Subject((Identifier("REPORT", alert["report"]),))
        return Hooked(events=(Told(alert["id"], "late-report", record, subject),), content={"taken": alert["id"]})

    async def _allocated(self, item: Item) -> Handed:
        total = sum(Decimal(each["amount"]) for each in cast("list[dict[str, str]]", item.record["zones"]))
        if total != Decimal(str(item.record["total"])):
            raise AgencyRejectedMessage("total: not the sum of the zones", code="total")
        body = {"letter": item.record, "signature": self._signer.detached(canonical(item.record))}
        told: Any = self._told(await self._post("/v1/allocations", body), ALLOCATED)
        if told["letter"] != item.record["letter"]:
            raise AgencyRejectedMessage("the answer is about another letter", code="letter")
        return Handed(told["letter"], told["state"])

    async def _post(self, path: str, body: Mapping[str, object]) -> HttpAnswer:
        return await self._http.request("POST", path, headers=self._headers, content=orjson.dumps(body))

    def _told(self, answer: HttpAnswer, shape: str = "./answer.json") -> object:
        if not 200 <= answer.status < 300:
            raise error_of(answer, _code(answer))
        return read_json(answer, shape, self.kit.folder)


def build(kit: Kit) -> Treasury:
    """The adapter of this folder."""
    return Treasury(kit)


def _check_now(text: str, now: datetime) -> None:
    try:
        sent = datetime.fromisoformat(text)
    except ValueError:
        raise HookRefused("time", "sentAt is no time") from None
    if sent.tzinfo is None or abs(now - sent.astimezone(UTC)) > FRESH:
        raise HookRefused("time", "sentAt is not the present time")


def _code(answer: HttpAnswer) -> str:
    try:
        body = strict_json.loads(answer.body)
    except strict_json.StrictError:
        return ""
    code = body.get("code") if isinstance(body, dict) else None
    return code if isinstance(code, str) and len(code) <= 40 else ""
