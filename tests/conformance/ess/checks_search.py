"""Asking about people: search in every form, and check-enrollment."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from . import expect
from .checks_door import OPENAPI, SEARCH
from .suite import check
from .talk import EXPRESSION, Heard, Talk

CHECK = "sync/check-enrollment"
STATUS = "sync/txn/status"
ASKED = f"{OPENAPI} SearchRequest, SearchResponse"
ENROLLED = f"{OPENAPI} EnrolledRequest, EnrolledResponse"
TXN = f"{OPENAPI} TxnStatusRequest, TxnStatusResponse"
BOTH = ("known", "unknown")
GRAPHQL = {"query_type": "graphql", "query": {"type": "graphql", "value": "{ members { id } }"}}
CRITERIA = frozenset({"rjct.search_criteria.invalid", "rjct.filter.invalid"})


async def asked(talk: Talk, *queries: Any) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
    """A search that is answered; gives the answers in the order asked, and the reply's header."""
    message = talk.search(*queries)
    header = talk.header("search", len(queries))
    heard = await talk.say(SEARCH, header, message)
    said = expect.replied(talk, heard, "on-search", {"header": header, "message": message})
    items = said["search_response"]
    expect.that(len(items) == len(queries), f"{len(queries)} items were asked and {len(items)} answered")
    return heard.part("header"), [expect.found(items, each["reference_id"]) for each in message["search_request"]]


@check("FIND-1", "a person who is there is found by number", ASKED, operation=SEARCH, needs=["known"])
async def known(talk: Talk) -> None:
    """One record, of nobody else, in a list."""
    _, (item,) = await asked(talk, talk.target.known)
    expect.that(item["status"] == "succ", f"the item is {item['status']}: {item.get('status_reason_code')}")
    expect.that(len(expect.records(item)) == 1, f"{len(expect.records(item))} records for one number")


@check("FIND-2", "a person who is not there is not found", ASKED, operation=SEARCH, needs=["unknown"])
async def unknown(talk: Talk) -> None:
    """`succ` without records; never somebody else."""
    _, (item,) = await asked(talk, talk.target.unknown)
    expect.that(item["status"] == "succ", f"the item is {item['status']}: {item.get('status_reason_code')}")
    expect.that(not expect.records(item), "records came for a number that nobody has")


@check("FIND-3", "items are answered independently", ASKED, operation=SEARCH, needs=BOTH)
async def independent(talk: Talk) -> None:
    """Somebody, nobody, and a broken one in one message: three answers."""
    broken = {"query_type": "idtype-value", "query": {"type": "NO_SUCH_TYPE", "value": "1"}}
    header, items = await asked(talk, talk.target.known, broken, talk.target.unknown)
    expect.that(
        [bool(expect.records(each)) for each in items] == [True, False, False], "records are with the wrong items"
    )
    expect.that(items[1]["status"] == "rjct", "an unknown type of identifier was not rejected")
    expect.that(items[1].get("status_reason_code") in CRITERIA, "its code is not rjct.search_criteria.invalid")
    expect.that(header.get("total_count", 3) == 3, "the reply's total_count is not the number of items")
    expect.that(0 <= header.get("completed_count", 0) <= 3, "completed_count is not within total_count")


@check("FIND-4", "two items about one person are two answers", ASKED, operation=SEARCH, needs=["known"])
async def twice(talk: Talk) -> None:
    """Each under its own reference."""
    _, items = await asked(talk, talk.target.known, talk.target.known)
    expect.that(all(expect.records(each) for each in items), "the same person was found once and not again")


@check("FIND-5", "a query type that the interface has not is refused", ASKED, operation=SEARCH)
async def graphql(talk: Talk) -> None:
    """GraphQL: the message or the item, never records, never a fault."""
    expect.rejected(await _of(talk, GRAPHQL))


@check("FIND-6", "a query that does not fit its type is refused", ASKED, operation=SEARCH)
async def broken(talk: Talk) -> None:
    """An expression without operators, a predicate without an operand, a number without a value."""
    predicate = {"attribute_name": "birth_date", "operator": "like"}
    queries: list[dict[str, Any]] = [
        {
            "query_type": "expression",
            "query": {"type": EXPRESSION, "value": {"expression": {"query": {"$where": "1"}}}},
        },
        {"query_type": "predicate", "query": [{"seq_num": 1, "expression1": predicate}]},
        {"query_type": "idtype-value", "query": {"type": "UIN"}},
        {"query_type": "idtype-value", "query": "UIN"},
    ]
    for query in queries:
        expect.rejected(await _of(talk, query))


@check("FIND-7", "a page holds no more than its size", f"{OPENAPI} Pagination", operation=SEARCH, needs=["known"])
async def page(talk: Talk) -> None:
    """The reply's own count agrees with what it holds."""
    number = talk.target.known
    query = {"type": number.kind, "value": number.value} if number else {}
    paged = {"query_type": "idtype-value", "query": query, "pagination": {"page_size": 1, "page_number": 1}}
    _, (item,) = await asked(talk, paged)
    expect.that(len(expect.records(item)) == 1, f"{len(expect.records(item))} records on a page of one")
    told = item.get("pagination")
    if told is not None:
        expect.that(told["page_number"] == 1 <= told["total_count"], "the reply's pagination is not that of its page")


@check(
    "FIND-8",
    "what is refused names nobody",
    "beyond the protocol: refusals stand in logs",
    operation=SEARCH,
    needs=["unknown"],
)
async def silent(talk: Talk) -> None:
    """Neither the number nor a name of the question comes back in a refusal."""
    heard = await talk.say(SEARCH, talk.header("search", 7), talk.search(talk.target.unknown))
    number = talk.target.unknown
    expect.that(heard.refused, "a wrong total_count was taken")
    expect.that(number is None or number.value.encode() not in heard.body, "the refusal repeats the person's number")


@check("ENROL-1", "an enrolled person has a status", ENROLLED, operation=CHECK, needs=["known"])
async def enrolled(talk: Talk) -> None:
    """Exactly one, from the published list."""
    items = await _enrolled(talk, talk.target.known.value if talk.target.known else "")
    expect.that(len(items) == 1, f"{len(items)} answers for one person")
    expect.that(items[0]["status"] == "succ", f"the answer is {items[0]['status']}")


@check(
    "ENROL-2",
    "nobody is enrolled by being asked about",
    f"{OPENAPI} EnrolledResponse",
    operation=CHECK,
    needs=["unknown"],
)
async def not_enrolled(talk: Talk) -> None:
    """No `Active` or `Reinstated` for a number that nobody has."""
    items = await _enrolled(talk, talk.target.unknown.value if talk.target.unknown else "")
    states = {each.get("enrolled_status") for each in items}
    expect.that(not states & {"Active", "Reinstated", "Awaiting Renewal"}, "a number that nobody has is enrolled")


@check("ENROL-3", "a question without a number is refused", ENROLLED, operation=CHECK)
async def no_number(talk: Talk) -> None:
    """The message, or its one item."""
    queries: tuple[dict[str, Any], ...] = ({}, {"person_identifier": {}}, {"person_identifier": {"eq": 7}})
    for query in queries:
        heard, _ = await _check(talk, query)
        if heard.refused:
            expect.error_shape(heard)
            continue
        items = heard.part("message", "enrolled_response")
        answered = isinstance(items, list) and any(each.get("status") != "rjct" for each in items)
        expect.that(isinstance(items, list) and not answered, "a question without a number was answered")
        expect.that(items or heard.part("header", "status") == "rjct", "it was neither answered nor rejected")


@check("STATUS-1", "what became of a search can be asked", TXN, operation=STATUS, needs=["unknown"])
async def status(talk: Talk) -> None:
    """By its transaction id: the answers that were given, or a rejection where answers given at once are not kept."""
    message = talk.search(talk.target.unknown)
    await talk.say(SEARCH, talk.header("search", 1), message)
    found = await status_of(talk, message["transaction_id"])
    same = found.get("transaction_id") == message["transaction_id"]
    items = found.get("search_response") or []
    expect.that(same or all(each["status"] == "rjct" for each in items), "the status is of another transaction")


async def status_of(talk: Talk, transaction_id: str) -> Mapping[str, Any]:
    """`txn_status` of a search."""
    wanted = {"txn_type": "search", "attribute_type": "transaction_id", "attribute_value": transaction_id}
    request = {"transaction_id": str(uuid4()), "txnstatus_request": {"reference_id": str(uuid4()), **wanted}}
    header = talk.header("txn-status", 1)
    heard = await talk.say(STATUS, header, request)
    said = expect.replied(talk, heard, "txn-on-status", {"header": header, "message": request})
    return dict(said["txnstatus_response"]["txn_status"])


async def _of(talk: Talk, query: Mapping[str, Any]) -> Heard:
    return await talk.say(SEARCH, talk.header("search", 1), talk.search(query))


async def _enrolled(talk: Talk, number: str) -> list[Mapping[str, Any]]:
    heard, asked_for = await _check(talk, {"person_identifier": {"eq": number}})
    said = expect.replied(talk, heard, "txn-on-status", asked_for)
    return list(said["enrolled_response"])


async def _check(talk: Talk, query: Mapping[str, Any]) -> tuple[Heard, dict[str, Any]]:
    message: dict[str, Any] = {
        "transaction_id": str(uuid4()),
        "enrolled_criteria": {"query_type": "expression", "query": query, **talk.target.criteria},
    }
    header = talk.header("enrollementstatus", 1)
    return await talk.say(CHECK, header, message), {"header": header, "message": message}
