"""What the registry does with programmes: subscribes to their events, hands their lists over, fills vacancies."""

import asyncio
import json
import logging
import sqlite3
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import schemas
from sandbox import dci
from sandbox.answered import Answered
from sandbox.at_work import AtWork
from sandbox.dci import Refused
from sandbox.gateway_client import Clients, GatewayUnreachable, NoCredentials
from sandbox.nic import normal
from sandbox.post import DELIVERY, Letter, Post

from .lists import RULES, Certificates, Place, candidates
from .records import Households
from .settings import RegistrySettings

PURPOSE = "social-protection.enrolment"
TREASURY, LATE, REPORTING = "LK/GOV/TREASURY/REPORTS", "late-report", "public-finance.reporting"
IBR = "ns:org:RegistryType:IBR"
EVENTS = ("enrollement", "enrollement_status_change")  # spelt so in the published API
KINDS = ("beneficiary-event", "vacancy", "beneficiary-notice", "report-state")
"""Canonical records that programmes tell, and the treasury: a report of the board's that is late."""
AGAIN_S = 5.0
TABLES = """
create table if not exists told (
    reference text primary key, kind text not null, programme text not null, member_id text not null,
    record text not null
);
create table if not exists handed (
    programme text not null, member_id text not null, primary key (programme, member_id)
);
"""

log = logging.getLogger(__name__)


class Registry(AtWork):
    """The registry's side of the programmes. Used from one event loop."""

    def __init__(
        self, settings: RegistrySettings, households: Households, certificates: Certificates, clients: Clients
    ) -> None:
        self.settings, self.households, self._certificates = settings, households, certificates
        self.database = sqlite3.connect(settings.store, check_same_thread=False)
        self.database.execute("pragma journal_mode = wal")
        self.database.executescript(TABLES)
        super().__init__(Answered(self.database))
        self.post = Post(self.database, clients)
        self._client = clients.named(settings.registered.client)

    async def close(self) -> None:
        """Stop; what is unsent stays in the post."""
        await super().close()
        self.database.close()

    async def subscribe(self, programme_id: str) -> None:
        """Ask one programme, by its DCI id, to tell us its events.

        Raises:
            GatewayRefused, GatewayUnreachable, NoCredentials.
        """
        items = [_subscription(event) for event in EVENTS]
        message = {"transaction_id": str(uuid4()), "subscribe_request": items}
        await self._client.tell("subscribe", programme_id, message)

    async def subscribe_to_late_reports(self) -> dict[str, object]:
        """Ask to be told of every report to the treasury that is late; safe to call again.

        Raises:
            GatewayRefused, GatewayUnreachable, NoCredentials.
        """
        await self._client.subscribe(TREASURY, LATE, REPORTING)
        return {"subscribed": LATE}

    def late_reports(self) -> set[str]:
        """References of the reports that we were told are late."""
        return {str(each["report"]) for each in self.told("report-state")}

    def list_for(self, programme: str) -> list[Place]:
        """The list of potential beneficiaries of one programme, as the rule has it today."""
        return list(candidates(programme, self.households, self._certificates))

    async def hand_over(self, programme: str, *, places: int, seconds: float) -> dict[str, int]:
        """Hand the first places of each DS division's list over; gives the letters by state."""
        with self.database:
            for place in self.list_for(programme):
                if place.rank <= places:
                    self._hand(programme, place, {})
        await self.post.settle([programme], seconds=seconds)
        return self.post.counts(programme)

    def told(self, kind: str) -> list[Mapping[str, Any]]:
        """Records of one kind, in the order they came."""
        query = "select record from told where kind = ? order by rowid"
        return [json.loads(record) for (record,) in self.database.execute(query, (kind,))]

    def _take(self, item: Mapping[str, Any]) -> None:
        kind = str(item["data"]["reg_record_type"]).removeprefix("sandhi:").removesuffix(":v1")
        record = dict(item["data"]["reg_records"])
        record.pop("identifiers", None)
        if kind not in KINDS:
            raise Refused(400, "err.request.bad", f"reg_record_type is sandhi:<kind>:v1 of {', '.join(KINDS)}")
        if (fault := schemas.first_fault(schemas.validator(f"canonical/{kind}.v1.json"), record)) is not None:
            raise Refused(400, "err.request.bad", f"the record is no {kind} at {fault}")
        values = (
            str(item["reference_id"]),
            kind,
            record.get("programme", ""),
            record.get("member_id", ""),
            json.dumps(record),
        )
        new = self.database.execute("insert or ignore into told values (?, ?, ?, ?, ?)", values).rowcount == 1
        if new and kind == "vacancy":
            self._replace(record)

    def _replace(self, vacancy: Mapping[str, Any]) -> None:
        """The next of the list in the vacancy's division whom we have not handed over yet, if there is one."""
        programme = vacancy["programme"]
        handed = {
            row[0] for row in self.database.execute("select member_id from handed where programme = ?", (programme,))
        }
        waiting = (each for each in self.list_for(programme) if each.member.member_id not in handed)
        next_ = next((each for each in waiting if each.record["ds_division"] == vacancy["ds_division"]), None)
        if next_ is not None:
            self._hand(programme, next_, {"vacancy": vacancy["vacancy"]})

    def _hand(self, programme: str, place: Place, more: Mapping[str, str]) -> None:
        member = place.member
        self.database.execute("insert or ignore into handed values (?, ?)", (programme, member.member_id))
        body = {
            "service": f"{programme}.candidate",
            "purpose": PURPOSE,
            "subject": {"identifiers": [{"type": "NIC", "value": normal(member.nic)}]},
            "record": {**place.record, **more},
        }
        key = f"candidate:{programme}:{member.member_id}{':replacement' if more else ''}"
        self.post.put(Letter(key, self.settings.registered.client, programme, DELIVERY, body))

    async def _working(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self.post.send(RULES)
            except (GatewayUnreachable, NoCredentials) as error:
                log.warning("post is waiting: %s", type(error).__name__)
                await asyncio.sleep(AGAIN_S)
                self._wake.set()


def _subscription(event: str) -> dict[str, object]:
    """All events of a kind, as they come."""
    criteria = {
        "version": "1.0.0",
        "reg_type": IBR,
        "reg_event_type": event,
        "filter_type": "expression",
        "filter": {"type": "ns:org:QueryType:expression", "value": {"expression": {"query": {}}}},
        "notify_record_type": "Beneficiary",
        "authorize": {"purpose": {"code": PURPOSE, "text": "Follow what became of the people on the lists"}},
    }
    return {"reference_id": str(uuid4()), "timestamp": dci.stamp(), "subscribe_criteria": criteria, "locale": "eng"}
