"""One item of a search: whom it names, an exchange for each, and what of it is told.

Every person named is an exchange of their own, decided and recorded like any other; the item's answer is put together
from what was released. `Answered` is plain JSON, so that an answer may wait sealed until it is told.
"""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ...catalogue import Offer
from ...errors import ExchangeError, NoEvidence
from ...model import Answer, Ask, ClaimAsked
from ...pipeline import exchange
from ...wiring import Services
from ..limited import between
from ..refusal import ProblemError
from ..v1.asking import check_subject, checked_ask
from .claimed import claimed
from .envelope import Asking, stamp
from .failure import LONGEST
from .operations import Interface
from .paging import SORT, Order, read_order
from .people import Wanted, wanted
from .query import QueryRefused, purpose_of, read_query

REFUSED = "rjct.search_criteria.invalid"  # DCI has no code for a refusal by agreement or consent (docs/divergences.md)
EMPTY_OUTCOMES = frozenset({"no_data", "unknown_person"})  # the register answered, and has nothing
SAID = EMPTY_OUTCOMES | {"answered", "ambiguous"}  # says something of the person


@dataclass(frozen=True, slots=True)
class Kept:
    """What was released of the person at that place among those whom the item names; no record where there is none."""

    person: int
    record: Mapping[str, Any] | None
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answered:
    """One item's end. `status` is succ or rjct; `code` DCI's reason, `text` what is told beside it.

    Attributes:
        about: reg_type and reg_record_type.
        kept: everything that matched, in its order, and the proofs of those without a record.
        people: what came of each person named, as the caller may know it.
        page: which part of what matched is told, where it is paged.
    """

    reference_id: str
    locale: str
    status: str
    code: str = ""
    text: str = ""
    about: Mapping[str, str] = field(default_factory=dict)
    kept: tuple[Kept, ...] = ()
    people: tuple[str, ...] = ()
    page: Mapping[str, int] | None = None

    @property
    def found(self) -> list[Kept]:
        """Those with a record."""
        return [each for each in self.kept if each.record is not None]

    def wire(self, interface: Interface) -> dict[str, Any]:
        """The item as the interface's file has it."""
        shown: dict[str, Any] = {"reference_id": self.reference_id, "timestamp": stamp(), "status": self.status}
        shown |= {"status_reason_code": self.code} if self.code else {}
        shown |= {"status_reason_message": self.text[:LONGEST]} if self.text else {}
        if self.status == "succ":
            shown |= {"pagination": {**self.page, "total_count": len(self.found)}} if self.page else {}
            shown |= self._data(one=interface.one_record)
        return shown | {"locale": self.locale}

    def _data(self, *, one: bool) -> dict[str, Any]:
        told = self._told()
        records = [each.record for each in told]
        if one and not records:
            return {}  # the file has no shape for none
        proofs = [each.evidence for each in (*told, *(one for one in self.kept if one.record is None))]
        evidence = {"evidence": proofs[0] if len(proofs) == 1 else proofs} if proofs else {}
        return {
            "data": {"version": "1.0.0", **self.about, "reg_records": records[0] if one else records, **evidence},
        }

    def _told(self) -> list[Kept]:
        if not self.page:
            return self.found
        size, number = self.page["page_size"], self.page["page_number"]
        return self.found[(number - 1) * size : number * size]

    def document(self) -> dict[str, Any]:
        """As JSON, to be kept sealed until it is told."""
        return asdict(self)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Answered":
        """From `document`. What an older version kept cannot be decided again, so it has to be asked for again."""
        if "people" not in document:
            return cls(document["reference_id"], document["locale"], "rjct", REFUSED, "not_available: ask again")
        kept = tuple(Kept(**each) for each in document["kept"])
        return cls(**{**document, "kept": kept, "people": tuple(document["people"])})


@dataclass(frozen=True, slots=True)
class End:
    """What came of the question about one person: `code` is the outcome, `withheld` says by field why."""

    code: str
    record: Mapping[str, Any] | None
    evidence: Mapping[str, Any]
    withheld: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wish:
    """An item that can be put: a question for each person, in the order of `people`."""

    asks: tuple[Ask, ...]
    people: tuple[Wanted, ...]
    order: Order
    about: Mapping[str, str]


async def answered(item: Mapping[str, Any], consumer: str, message: Asking, here: Services) -> Answered:
    """The item's end, whatever it is.

    Raises:
        NoEvidence: the log took no entry; the whole message may come again.
    """
    shown = Answered(str(item["reference_id"]), item.get("locale", "eng"), "rjct")
    try:
        wish = await read_wish(item["search_criteria"], consumer, message, here)
        ends = [await _one(ask, consumer, here) for ask in wish.asks]
        return told(shown, wish, ends)
    except QueryRefused as error:
        return replace(shown, code=error.code, text=f"bad_request.query: {error}.")
    except ProblemError as error:
        return replace(shown, code=REFUSED, text=f"{error.code}: {error.detail}")


async def read_wish(
    criteria: Mapping[str, Any], consumer: str, message: Asking, here: Services, *, now: bool = True
) -> Wish:
    """What the item asks for. Without a claim it asks for every field of the service, and the decision narrows.

    `claim` is our extension member of the criteria; `authorize.purpose.code` or `consent.purpose.code` names the
    purpose.

    Args:
        now: the answer has to come at once.

    Raises:
        QueryRefused, ProblemError: it cannot be put.
    """
    offer = offer_for(criteria, message, here)
    people = wanted(read_query(criteria), here.profile, message.names)
    order = read_order(criteria, one=message.interface.one_record)
    claim = criteria.get("claim")
    plain = Ask(
        consumer=consumer,
        service=offer.service.id,
        purpose=purpose_of(criteria, message.purpose),
        subject=people[0].subject,
        as_at=here.today(),
        fields=frozenset() if claim else offer.service.fields,
        claim=_claim(claim) if claim else None,
        action="verify" if claim else "read",
        signature=message.facts,
        message={
            "interface": message.interface.name,
            "transaction": here.person_ref.case_ref(message.transaction_id),
        },
    )
    if not claim:
        _check_attributes(people, order, offer.service.fields)
    asks = [await _about(each, plain, criteria, here, now=now) for each in people]
    return Wish(tuple(asks), tuple(people), order, _types(criteria, plain, offer.service.record_schema))


async def _about(person: Wanted, plain: Ask, criteria: Mapping[str, Any], here: Services, *, now: bool) -> Ask:
    check_subject(person.subject, here.profile)
    ask = checked_ask(replace(plain, subject=person.subject), here.catalogue, here.profile, now=now)
    return replace(ask, claimed=await claimed(criteria, ask.subject, here))


def _check_attributes(people: Sequence[Wanted], order: Order, fields: frozenset[str]) -> None:
    listed = ", ".join(sorted(fields))
    if any(not each.attributes <= fields for each in people):
        raise QueryRefused(f"conditions are on fields of the service: {listed}")
    if not order.attributes <= fields:
        raise QueryRefused(f"records are sorted by fields of the service: {listed}", SORT)


def _types(criteria: Mapping[str, Any], ask: Ask, record_schema: str) -> dict[str, str]:
    name = record_schema.rpartition("/")[2].partition(".")[0]
    ours = f"sandhi:{ask.claim.name if ask.claim else name}:v1"
    stated = {each: str(criteria[each]) for each in ("reg_type", "reg_record_type") if each in criteria}
    return {"reg_record_type": ours} | stated


def offer_for(criteria: Mapping[str, Any], message: Asking, here: Services) -> Offer:
    """The service that is asked: by `reg_type`, and by `receiver_id` where that names a provider.

    Raises:
        ProblemError: there is none.
    """
    wanted_type = last_part(criteria.get("reg_type", ""))
    found = [
        each
        for each in here.catalogue
        if each.service.actions & {"read", "verify"}
        and message.provider in {"", each.provider}
        and (last_part(each.service.dci_reg_type) == wanted_type or (message.provider and not wanted_type))
    ]
    if not found:
        raise ProblemError("bad_request.service", "reg_type names no registry here; see docs/profiles/dci.md.")
    return found[0]


def last_part(reg_type: object) -> str:
    """`ns:org:RegistryType:Civil` -> `civil`: what registry types are compared by."""
    return str(reg_type).rpartition(":")[2].lower()


def _claim(claim: object) -> ClaimAsked:
    if not isinstance(claim, Mapping) or not isinstance(claim.get("name"), str):
        raise QueryRefused("claim is {name, parameters}")
    parameters = claim.get("parameters", {})
    if not isinstance(parameters, Mapping):
        raise QueryRefused("claim.parameters is an object")
    return ClaimAsked(claim["name"], parameters)


async def _one(ask: Ask, consumer: str, here: Services) -> End | ExchangeError:
    try:
        with between(here, consumer, ask.service):
            answer = await exchange(ask, here.gate)
    except NoEvidence:
        raise  # 503 for the whole message, which may then come again
    except ExchangeError as error:
        return error
    record = dict(answer.released) if answer.outcome == "answered" else None
    return End(answer.outcome, record, proof_of(answer), {each.field: each.reason for each in answer.withheld})


def told(shown: Answered, wish: Wish, ends: Sequence[End | ExchangeError]) -> Answered:
    """The item's end from that of each question.

    Raises:
        QueryRefused: a condition or the sort is on what was withheld.
    """
    shown = replace(shown, about=wish.about)
    if len(ends) == 1 and isinstance(ends[0], ExchangeError):
        return refused(shown, ends[0])
    answers = [(place, each) for place, each in enumerate(ends) if isinstance(each, End)]
    check_granted(wish, {name for _, each in answers for name in each.withheld})
    found = [
        Kept(place, each.record, each.evidence)
        for place, each in answers
        if each.record is not None and wish.people[place].fits(each.record)
    ]
    kept = (*wish.order.sorted(found, lambda each: each.record or {}),)
    kept += tuple(Kept(place, None, each.evidence) for place, each in answers if each.record is None)
    people = tuple(each.told[1] if isinstance(each, ExchangeError) else each.code for each in ends)
    withheld = answers[0][1].withheld if answers else {}
    return summed(replace(shown, kept=kept, people=people, page=wish.order.told), withheld)


def summed(end: Answered, withheld: Mapping[str, str]) -> Answered:
    """The item's end with what its people come to; `withheld` of the only person, by field."""
    said = set(end.people)
    status = "succ" if said & {"answered", "no_data"} or said <= EMPTY_OUTCOMES else "rjct"
    code = "" if status == "succ" else REFUSED
    return replace(end, status=status, code=code, text=_said(end.people, withheld, matched=bool(end.found)))


def check_granted(wish: Wish, withheld: Set[str]) -> None:
    """A condition on what was withheld would tell it. Raises QueryRefused."""
    if any(each.attributes & withheld for each in wish.people):
        raise QueryRefused("a condition is on a field that the agreement or the legal basis does not grant")
    if wish.order.attributes & withheld:
        raise QueryRefused("the sort is by a field that the agreement or the legal basis does not grant", SORT)


def refused(shown: Answered, error: ExchangeError) -> Answered:
    """The end of an item whose one exchange failed, as far as this caller may know."""
    _status, code, detail = error.told
    return unanswered(shown, code, detail)


def unanswered(shown: Answered, code: str, detail: str) -> Answered:
    """The same, by the code and the text that the caller may know."""
    shown = replace(shown, people=(code,), kept=(), page=None)
    if code in EMPTY_OUTCOMES:
        return replace(shown, status="succ", code="", text=code)
    return replace(shown, status="rjct", code=REFUSED, text=f"{code}: {detail}")


def _said(people: Sequence[str], withheld: Mapping[str, str], *, matched: bool) -> str:
    if len(people) > 1:
        return ", ".join(f"{code} {count}" for code, count in sorted(Counter(people).items()))
    if people[0] != "answered":
        return people[0]
    if not matched:
        return "no_match"
    return f"withheld: {', '.join(f'{name}: {why}' for name, why in withheld.items())}" if withheld else ""


def proof_of(answer: Answer) -> dict[str, Any]:
    """What the caller keeps beside a record: extension member `evidence` of `data`."""
    proof = {
        "exchange_id": answer.exchange_id,
        "as_of": answer.as_of.isoformat(),
        "match": answer.match,
        "receipt": answer.receipt,
    }
    marked = {"contested": True} if answer.contested else {}
    return proof | marked | ({"kept_at": answer.kept_at} if answer.kept_at else {})
