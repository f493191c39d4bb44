"""`registry/sync/search`: each item is one exchange of its own, answered independently."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

from fastapi.responses import Response

from ...errors import ExchangeError, NoEvidence
from ...model import Answer, Ask, ClaimAsked
from ...pipeline import exchange
from ...wiring import Services
from ..limited import between
from ..v1.asking import check_subject, checked_ask
from ..v1.problems import ProblemError
from .claimed import claimed
from .envelope import Received, reply, stamp
from .query import QueryRefused, subject_of

AT_ONCE = 8
REFUSED = "rjct.search_criteria.invalid"  # DCI has no code for a refusal by agreement or consent (docs/divergences.md)


async def searched(message: Received, consumer: str, here: Services) -> Response:
    """The reply envelope: `succ` with records, `succ` without any, or `rjct` with the reason, item by item.

    Raises:
        NoEvidence: the log took no entry of some item.
    """
    places = asyncio.Semaphore(AT_ONCE)

    async def one(item: Mapping[str, Any]) -> dict[str, Any]:
        async with places:
            return await _answered(item, consumer, here, message.proof.facts())

    answers = await asyncio.gather(*(one(item) for item in message.items))
    content = {
        "transaction_id": message.message["transaction_id"],
        "correlation_id": str(uuid4()),
        "search_response": answers,
    }
    return reply(here, message, "on-search", content, sum(each["status"] == "succ" for each in answers))


async def _answered(
    item: Mapping[str, Any], consumer: str, here: Services, signature: Mapping[str, object]
) -> dict[str, Any]:
    criteria = item["search_criteria"]
    shown = {"reference_id": item["reference_id"], "timestamp": stamp(), "locale": item.get("locale", "eng")}
    try:
        ask = asked(criteria, consumer, here)
        ask = replace(ask, signature=signature, claimed=await claimed(criteria, ask.subject, here))
        with between(here, consumer, ask.service):
            answer = await exchange(ask, here.gate)
    except QueryRefused as error:
        return shown | _rejected("bad_request.query", f"{error}.")
    except ProblemError as error:
        return shown | _rejected(error.code, error.detail)
    except NoEvidence:
        raise  # 503 for the whole message, which may then come again
    except ExchangeError as error:
        _status, code, detail = error.told
        if code == "unknown_person":
            return shown | {"status": "succ", "status_reason_message": code, "data": _data(criteria, [])}
        return shown | _rejected(code, detail)
    return shown | _found(criteria, answer)


def asked(criteria: Mapping[str, Any], consumer: str, here: Services) -> Ask:
    """The exchange that an item asks for.

    Without a claim it asks for every field of the service, and the decision narrows. `claim` is our extension
    member of the criteria; `authorize.purpose.code` or `consent.purpose.code` names the purpose.

    Raises:
        QueryRefused, ProblemError: it cannot be put.
    """
    offer = here.catalogue.by_reg_type(str(criteria.get("reg_type", "")))
    if offer is None:
        raise ProblemError("bad_request.service", "reg_type names no registry here; see docs/profiles/dci.md.")
    claim = criteria.get("claim")
    ask = Ask(
        consumer=consumer,
        service=offer.service.id,
        purpose=purpose_of(criteria),
        subject=subject_of(criteria, here.profile),
        as_at=here.today(),
        fields=frozenset() if claim else offer.service.fields,
        claim=_claim(claim) if claim else None,
        action="verify" if claim else "read",
    )
    check_subject(ask.subject, here.profile)
    return checked_ask(ask, here.catalogue, here.profile, now=True)


def purpose_of(criteria: Mapping[str, Any]) -> str:
    """The purpose's code; what the sender says of consent beside it is a claim, never proof.

    Raises:
        QueryRefused: there is none.
    """
    for member in ("authorize", "consent"):
        stated = criteria.get(member)
        purpose = stated.get("purpose") if isinstance(stated, Mapping) else None
        if isinstance(purpose, Mapping) and isinstance(purpose.get("code"), str):
            return str(purpose["code"])
    raise QueryRefused("name the purpose in authorize.purpose.code or consent.purpose.code")


def _claim(claim: object) -> ClaimAsked:
    if not isinstance(claim, Mapping) or not isinstance(claim.get("name"), str):
        raise QueryRefused("claim is {name, parameters}")
    parameters = claim.get("parameters", {})
    if not isinstance(parameters, Mapping):
        raise QueryRefused("claim.parameters is an object")
    return ClaimAsked(claim["name"], parameters)


def _found(criteria: Mapping[str, Any], answer: Answer) -> dict[str, Any]:
    withheld = ", ".join(f"{each.field}: {each.reason}" for each in answer.withheld)
    evidence = {
        "exchange_id": answer.exchange_id,
        "as_of": answer.as_of.isoformat(),
        "match": answer.match,
        "receipt": answer.receipt,
    }
    records = [dict(answer.released)] if answer.outcome == "answered" else []
    found: dict[str, Any] = {"status": "succ", "data": _data(criteria, records) | {"evidence": evidence}}
    said = answer.outcome if answer.outcome != "answered" else (f"withheld: {withheld}" if withheld else "")
    return found | ({"status_reason_message": said[:999]} if said else {})


def _data(criteria: Mapping[str, Any], records: list[dict[str, object]]) -> dict[str, Any]:
    kept = {name: criteria[name] for name in ("reg_type", "reg_record_type") if name in criteria}
    return {"version": "1.0.0", **kept, "reg_records": records}


def _rejected(code: str, detail: str) -> dict[str, Any]:
    return {"status": "rjct", "status_reason_code": REFUSED, "status_reason_message": f"{code}: {detail}"[:999]}
