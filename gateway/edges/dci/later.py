"""`registry/search`: taken now, answered later by `on-search`, and shown by `txn/status` meanwhile and afterwards.

Everything durable is `delivery.transactions`; here is what one item's answer is, and that nothing which waited is told
without being decided again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from fastapi.responses import Response

from adapters.kit.contract import AnswersLater
from audit import Entry, new_id, subject_pseudonym

from ...delivery.deliveries import KeyReused
from ...delivery.transactions import Later, Transaction, Wanted
from ...errors import HIDDEN, ExchangeError, RefusedByRules
from ...gate import utc_now
from ...model import Ask, Permit
from ...pipeline import minimised
from ..refusal import ProblemError
from .answering import (
    SAID,
    Answered,
    End,
    Kept,
    Wish,
    answered,
    check_granted,
    offer_for,
    read_wish,
    refused,
    summed,
    told,
    unanswered,
)
from .envelope import Asking, Received, ack
from .failure import BAD, DciError
from .query import QueryRefused
from .search import reference_fault, unasked

if TYPE_CHECKING:  # the wiring opens what these answer for
    from ...wiring import Services

SEARCH, STATUS = "search", "txn-status"
PLACES: Mapping[str, Sequence[str]] = {  # the names under which a system registers where it takes answers
    SEARCH: ("on-search",),
    STATUS: ("on-status", "txn-on-status", "on-search"),
    "subscribe": ("on-subscribe",),
    "unsubscribe": ("on-unsubscribe", "on-subscribe"),
}


async def taken(message: Received, consumer: str, here: "Services") -> Response:
    """Keep the search, durably; acknowledged with the id that the answer will carry.

    `NACK` where the sender has registered no address: then nothing will come, and it may ask by `txn/status`.

    Raises:
        DciError: the transaction id came before with another content.
    """
    items = [(str(item["reference_id"]), item) for item in message.items]
    return await accepted(SEARCH, message.transaction_id, items, message, consumer, here)


async def accepted(
    kind: str,
    transaction_id: str,
    items: Sequence[tuple[str, Mapping[str, Any]]],
    message: Received,
    consumer: str,
    here: "Services",
) -> Response:
    """Keep a message that is answered later. Raises DciError, as `taken`."""
    callback = place_of(kind, message, consumer, here)
    wanted = Wanted(consumer, kind, transaction_id, items, message.asking(here).document(), callback)
    try:
        kept = await here.transactions.accept(wanted)
    except KeyReused:
        raise DciError(400, BAD, "This transaction_id came before with another content; take a new one.") from None
    return ack(kept.id, "ACK" if callback else "NACK")


def place_of(kind: str, message: Received, consumer: str, here: "Services") -> str:
    """The service under which the sender registered where it takes the answer; empty where it registered none.

    `sender_uri` chooses among the registered addresses; it was checked to be one of them.
    """
    system = here.trust.directory.snapshot.systems.get(consumer)
    services = system.services if system else ()
    stated = message.header.get("sender_uri")
    for each in services:
        if stated and each.callback_url == stated:
            return each.name
    names = {each.name for each in services}
    return next((name for name in PLACES[kind] if name in names), "")


@dataclass(slots=True)
class SearchAnswers:
    """Implements `delivery.transactions.Answerer` for searches."""

    here: "Services"
    action: str = "on-search"

    async def answer(self, taken: Transaction, place: int, item: Mapping[str, Any]) -> Mapping[str, Any] | Later:
        """One item's part: an exchange for each person it names, or one that waits for its agency."""
        if fault := reference_fault(taken.references, place, item):
            return unasked(item, fault).document()
        asking = self._asking(taken)
        waits = await self._waiting(taken, place, item, asking)
        return waits or (await answered(item, taken.consumer, asking, self.here)).document()

    async def told(self, taken: Transaction, item: Mapping[str, Any], exchange_id: str) -> Mapping[str, Any]:
        """The part of an item whose agency has answered by now."""
        waited = await self.here.waiting.show(taken.consumer, exchange_id)
        shown = Answered(str(item["reference_id"]), item.get("locale", "eng"), "rjct")
        try:
            wish = await read_wish(item["search_criteria"], taken.consumer, self._asking(taken), self.here, now=False)
        except (QueryRefused, ProblemError):  # a service that is gone
            return unanswered(shown, "not_available", "ask again").document()
        if waited.answer is None:
            code = waited.outcome if waited.may_know or waited.outcome not in HIDDEN else "not_available"
            return unanswered(replace(shown, about=wish.about), code, "see docs/errors.md").document()
        found: Mapping[str, Any] = waited.answer.get("record") or waited.answer.get("claims") or {}
        evidence = {name: waited.answer[name] for name in ("exchange_id", "as_of", "match", "receipt")}
        evidence |= {"contested": True} if waited.answer.get("contested") else {}
        withheld = {each["field"]: each["reason"] for each in waited.answer.get("withheld", ())}
        end = End(waited.outcome, found if waited.outcome == "answered" else None, evidence, withheld)
        try:
            return told(shown, wish, [end]).document()
        except QueryRefused as error:
            return _query_refused(shown, error).document()

    def whole(self, taken: Transaction, answers: Sequence[Mapping[str, Any]]) -> tuple[str, Mapping[str, Any]]:
        """The SearchResponse."""
        asking = self._asking(taken)
        ends = [Answered.read(each) for each in answers]
        ids = {"transaction_id": asking.transaction_id, "correlation_id": taken.id}
        state = "succ" if any(each.status == "succ" for each in ends) else "rjct"
        return state, ids | {"search_response": [each.wire(asking.interface) for each in ends]}

    async def still(self, taken: Transaction, item: Mapping[str, Any], answer: Mapping[str, Any]) -> Mapping[str, Any]:
        """The item's part as it may be told now: what it says of anybody is decided again, with an entry for what is
        kept back. That somebody was not there, or did not match, says something too.

        Raises:
            NoEvidence: the rules cannot be read now.
        """
        end = Answered.read(answer)
        if SAID.isdisjoint(end.people):
            return end.document()
        try:
            wish = await read_wish(item["search_criteria"], taken.consumer, self._asking(taken), self.here, now=False)
        except (QueryRefused, ProblemError):  # what could be asked then cannot be any more: a service that is gone
            return unanswered(end, "not_available", "ask again").document()
        permits = await self._permits(end, wish)
        left = [each for one in end.kept if (each := await self._left(one, wish, permits[one.person])) is not None]
        gone = {place: each for place, each in permits.items() if isinstance(each, RefusedByRules)}
        if len(end.people) == 1 and gone:
            return refused(replace(end, about={}), gone[0]).document()
        people = [gone[place].told[1] if place in gone else code for place, code in enumerate(end.people)]
        return _again(replace(end, kept=tuple(left), people=tuple(people)), wish, permits).document()

    async def _permits(self, end: Answered, wish: Wish) -> dict[int, Permit | RefusedByRules]:
        """By the place of each person of whom something is said."""
        permits: dict[int, Permit | RefusedByRules] = {}
        for place, code in enumerate(end.people):
            if code not in SAID:
                continue
            try:
                permits[place] = await self.here.gate.permit(wish.asks[place])
            except RefusedByRules as error:
                permits[place] = error
        return permits

    async def _left(self, kept: Kept, wish: Wish, permit: Permit | RefusedByRules) -> Kept | None:
        ask = wish.asks[kept.person]
        if isinstance(permit, RefusedByRules):
            await self._noted(kept, ask, "refused_by_rules")
            return None
        if kept.record is None:
            return kept
        record = minimised(ask, kept.record, permit)
        if record.keys() != kept.record.keys():
            await self._noted(kept, ask, "narrowed")
        return replace(kept, record=record)

    async def _waiting(self, taken: Transaction, place: int, item: Mapping[str, Any], asking: Asking) -> Later | None:
        """For an agency that answers later. None where it answers at once, or the item cannot be put."""
        try:
            link = offer_for(item["search_criteria"], asking, self.here).adapter
            if not isinstance(link, AnswersLater):
                return None
            wish = await read_wish(item["search_criteria"], taken.consumer, asking, self.here, now=False)
            if len(wish.asks) != 1:
                return None
            return Later(await self.here.waiting.ask(wish.asks[0], item=(taken.id, place)))
        except (QueryRefused, ProblemError, ExchangeError):
            return None  # `answered` says why

    async def _noted(self, kept: Kept, ask: Ask, why: str) -> None:
        now, person = utc_now(), self.here.person_ref(ask.subject)
        id_ = new_id(now)
        facts = {"exchange_id": kept.evidence["exchange_id"], "consumer": ask.consumer, "service": ask.service}
        facts |= {"purpose": ask.purpose, "reasons": [why], "subject": subject_pseudonym(person, id_)}
        await self.here.log.append(Entry(id_, "answer.withheld", now, facts, (person,)))

    def _asking(self, taken: Transaction) -> Asking:
        return Asking.read(taken.head, self.here.trust.messages.policy(taken.consumer).dci)


def _again(end: Answered, wish: Wish, permits: Mapping[int, Permit | RefusedByRules]) -> Answered:
    """The item's end once it was decided again: what it is sorted or chosen by must still be granted."""
    granted = [each for each in permits.values() if isinstance(each, Permit)]
    if wish.asks[0].claim is None:
        try:
            for each in granted:
                check_granted(wish, wish.asks[0].fields - each.fields)
        except QueryRefused as error:
            return _query_refused(end, error)
    if end.status == "rjct" and len(end.people) == 1:
        return end  # "not surely one person" stays what it was
    withheld = {each.field: each.reason for each in granted[0].withheld} if granted else {}
    return summed(end, withheld)


def _query_refused(end: Answered, error: QueryRefused) -> Answered:
    text = f"bad_request.query: {error}."
    return replace(end, status="rjct", code=error.code, text=text, kept=(), people=(), page=None)
