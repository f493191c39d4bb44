"""What is asked by DCI, and what comes back. Source: SPDCI OpenAPI 1.0.0."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self

from .values import Claim

EXPRESSION = "ns:org:QueryType:expression"


def _id() -> str:
    return str(uuid.uuid4())


def _stamp() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Search:
    """One item of a search; `by_id`, `by_expression` and `by_predicate` make it.

    Attributes:
        purpose: code of the purpose, in `authorize.purpose`.
        record_type: `reg_record_type`.
        claim: extension of the gateway's profile: a derived answer instead of the record.
        sort: (attribute, `asc` or `desc`) in order.
        page_size, page_number: page 1 is the first; no paging where `page_size` is 0.
    """

    query_type: str
    query: object
    reg_type: str = ""
    purpose: str = ""
    record_type: str = ""
    claim: Claim | None = None
    sort: tuple[tuple[str, str], ...] = ()
    page_size: int = 0
    page_number: int = 1
    reference_id: str = field(default_factory=_id)

    @classmethod
    def by_id(cls, kind: str, value: str, **more: Any) -> Self:
        """The person with this number."""
        return cls("idtype-value", {"type": kind, "value": value}, **more)

    @classmethod
    def by_expression(cls, query: Mapping[str, object], **more: Any) -> Self:
        """By a tree of conditions: `{"$and": [{"NIC": {"$eq": "..."}}, {"birth_date": {"$eq": "1990-05-02"}}]}`."""
        return cls("expression", {"type": EXPRESSION, "value": {"expression": {"query": dict(query)}}}, **more)

    @classmethod
    def by_predicate(cls, *conditions: tuple[str, str, object], **more: Any) -> Self:
        """By conditions (attribute, operator `eq`, `gt`, `lt`, `ge`, `le` or `in`, value) that must all hold."""
        listed: list[dict[str, object]] = []
        for place, (name, operator, value) in enumerate(conditions, 1):
            one = {"attribute_name": name, "operator": operator, "attribute_value": value}
            last = {} if place == len(conditions) else {"condition": "and"}
            listed.append({"seq_num": place, "expression1": one, **last})
        return cls("predicate", listed, **more)

    def wire(self) -> dict[str, object]:
        """The JSON form; what is empty is left out."""
        criteria: dict[str, object] = {"version": "1.0.0", "query_type": self.query_type, "query": self.query}
        named = {"reg_type": self.reg_type, "reg_record_type": self.record_type}
        criteria |= {name: value for name, value in named.items() if value}
        if self.purpose:
            criteria["authorize"] = {"purpose": {"code": self.purpose}}
        if self.claim:
            criteria["claim"] = {"name": self.claim.name, "parameters": dict(self.claim.parameters)}
        if self.sort:
            criteria["sort"] = [{"attribute_name": name, "sort_order": order} for name, order in self.sort]
        if self.page_size:
            criteria["pagination"] = {"page_size": self.page_size, "page_number": self.page_number}
        named = {"reference_id": self.reference_id, "timestamp": _stamp(), "locale": "eng"}
        return {**named, "search_criteria": criteria}


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to one item. `status` is `succ`, `rjct`, `pdng` or `rcvd`; `code` and `message` say why it is `rjct`.

    `total` is how many records there are on all pages; `evidence` the gateway's `{exchange_id, as_of, match, receipt}`.
    """

    reference_id: str
    status: str
    records: Sequence[Mapping[str, Any]]
    code: str
    message: str
    total: int
    evidence: Mapping[str, Any]
    document: Mapping[str, Any]

    @classmethod
    def read(cls, item: Mapping[str, Any]) -> Self:
        """From the JSON form; some registries send one record as an object."""
        data = item.get("data") or {}
        records = data.get("reg_records") or []
        listed = records if isinstance(records, list) else [records]
        return cls(
            reference_id=str(item["reference_id"]),
            status=str(item["status"]),
            records=listed,
            code=str(item.get("status_reason_code", "")),
            message=str(item.get("status_reason_message", "")),
            total=int((item.get("pagination") or {}).get("total_count", len(listed))),
            evidence=data.get("evidence") or {},
            document=item,
        )


class Acknowledged(NamedTuple):
    """What the receiver said at once. `will_follow` is False for a NACK: taken, and nothing more will come."""

    transaction_id: str
    correlation_id: str
    will_follow: bool


@dataclass(frozen=True, slots=True)
class Wish:
    """What we want to be told: whose events of which kind, for which purpose, from now on (`until`: RFC 3339)."""

    event_type: str
    reg_type: str
    record_type: str
    purpose: str
    filter: Mapping[str, object] = field(default_factory=dict)
    until: str = "9999-12-31T23:59:59Z"
    frequency: str = "real-time"

    def wire(self) -> dict[str, object]:
        """The JSON form."""
        now = _stamp()
        criteria = {
            "version": "1.0.0",
            "reg_type": self.reg_type,
            "reg_event_type": self.event_type,
            "frequency": {"start_time": now, "end_time": self.until, "frequency": self.frequency},
            "filter_type": "expression",
            "filter": {"type": EXPRESSION, "value": {"expression": {"query": dict(self.filter)}}},
            "notify_record_type": self.record_type,
            "authorize": {"purpose": {"code": self.purpose}},
        }
        return {"reference_id": _id(), "timestamp": now, "subscribe_criteria": criteria, "locale": "eng"}
