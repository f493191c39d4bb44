"""The social registry over DCI SR: one member by number, or the household of one."""

from collections.abc import Mapping
from typing import Any

import schemas
from adapters.kit import dci_events
from adapters.kit.base import BaseAdapter, Kit, as_of
from adapters.kit.codes import own_lists
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyCannotTell,
    AgencyHasNoSuchPerson,
    AgencyRejectedMessage,
    Question,
    RawAnswer,
    Service,
    Subject,
)
from adapters.kit.fitting import check_fits
from adapters.kit.transports.dci import DciClient, Partner, token_client

REG_TYPE = "ns:org:RegistryType:Social"
SCHEMA = "dci/social.json"
ENTITY = {"member": "Member", "household": "Group"}  # service -> DCI response_entity
EMPLOYMENT = own_lists(__file__)["employment"]
_REPLY = f"{SCHEMA}#/operations/~1registry~1sync~1search/responses/default"

Node = Mapping[str, Any]


class SocialRegistry(BaseAdapter):
    """Asked by NIC, or by the registry's own member number."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        http = kit.http()
        partner = Partner(
            sender_id=kit.setting("sender_id"),
            receiver_id=kit.setting("receiver_id"),
            schema=SCHEMA,
            base_url=kit.setting("base_url"),
            wire=kit.wire,
        )
        tokens = token_client(http, kit.setting("client_id"), kit.setting("client_secret"))
        self._dci = DciClient(http, partner, tokens)

    async def ask(self, question: Question) -> RawAnswer:
        """One search by identifier; see `contract.Adapter.ask`. A duplicate registration is no answer."""
        service = self.service(question.service)
        entity = ENTITY[question.service.partition(".")[2]]
        criteria = {
            "version": "1.0.0",
            "reg_type": REG_TYPE,
            "reg_record_type": entity,
            "query_type": "idtype-value",
            "query": _query(question.subject),
            "response_entity": entity,
        }
        (found,) = await self._dci.search([criteria])
        if not found.records:
            raise AgencyHasNoSuchPerson("the social registry does not know the person", code="none")
        if len(found.records) > 1:
            raise AgencyCannotTell("the person is registered more than once", code="several")
        return RawAnswer(found.records[0], as_of(service, question.as_at), code="succ")

    def parse(self, service: str, body: bytes) -> object:
        """The one record of a `sync/search` reply."""
        reply: Any = super().parse(service, body)
        check_fits(reply, schemas.validator(_REPLY), "the reply breaks its DCI schema")
        (answered,) = reply["message"]["search_response"]
        records = answered.get("data", {}).get("reg_records", [])
        if len(records) != 1:
            raise AgencyAnswerMalformed("no answer about one person")
        return records[0]

    def mapped(self, service: Service, raw: RawAnswer) -> dict[str, object]:
        """A Member or a Group as the canonical record; names and birth dates in it are not read."""
        payload: Any = raw.payload
        extras = _extras(payload.get("additional_attributes"))
        record = member(payload, extras) if service.id.endswith(".member") else household(payload, extras)
        place = extras.get("gn_division")
        return record | ({"gn_division": place, "ds_division": place[:7]} if isinstance(place, str) else {})


def member(raw: Node, extras: Node) -> dict[str, object]:
    """`registered-member` without its place; the registry's own code is kept beside the word."""
    numbers = dci_events.read_identifiers(raw.get("member_identifier"))
    record: dict[str, object] = {
        "member_id": numbers.get(dci_events.MEMBER, ""),
        "household_id": extras.get("household_id", ""),
        "status": "registered",
    }
    if "employment_status" in raw:
        code = str(raw["employment_status"])
        if code not in EMPLOYMENT:
            raise AgencyAnswerMalformed("no code of EmploymentStatusEnum at /employment_status", code=code[:20])
        record |= {"employment_status": EMPLOYMENT[code], "employment_status_told": code}
    if "is_disabled" in raw:
        record["disabled"] = raw["is_disabled"]
    return record | ({"head": extras["head"]} if "head" in extras else {})


def household(raw: Node, extras: Node) -> dict[str, object]:
    """`registered-household` without its place. Who is in it is not read, only how many."""
    numbers = dci_events.read_identifiers(raw.get("group_identifier"))
    record: dict[str, object] = {"household_id": next(iter(numbers.values()), ""), "size": raw.get("group_size")}
    if (score := raw.get("poverty_score")) is not None:
        record |= {"poverty_score": str(score), "poverty_score_type": str(raw.get("poverty_score_type", ""))}
    known = "not_employed_adults" in extras
    return record | ({"not_employed_adults": extras["not_employed_adults"]} if known else {})


def build(kit: Kit) -> SocialRegistry:
    """The adapter of this folder."""
    return SocialRegistry(kit)


def _query(subject: Subject) -> dict[str, str]:
    for kind, wire in (("NIC", dci_events.NATIONAL), ("SR", dci_events.MEMBER)):
        if (value := subject.identifier(kind)) is not None:
            return {"type": wire, "value": value}
    raise AgencyRejectedMessage("the registry is asked by NIC or by its own member number", code="identifier")


def _extras(listed: object) -> dict[str, Any]:
    entries = listed if isinstance(listed, list) else []
    return {str(name): value for each in entries if isinstance(each, Mapping) for name, value in each.items()}
