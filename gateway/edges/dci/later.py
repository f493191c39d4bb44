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
from ...errors import HIDDEN, ExchangeError, NoEvidence, RefusedByRules
from ...gate import utc_now
from ...model import Ask, Permit
from ...pipeline import minimised
from ..refusal import ProblemError
from .answering import REFUSED, Answered, Kept, answered, offer_for, read_wish, refused
from .envelope import Asking, Received, ack
from .failure import BAD, DciError
from .query import QueryRefused
from .search import reference_faults, unasked

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
        fault = reference_faults(taken.references[: place + 1])[place]
        if fault:
            return unasked(item, fault).document()
        asking = self._asking(taken)
        waits = await self._waiting(taken, place, item, asking)
        return waits or (await answered(item, taken.consumer, asking, self.here)).document()

    async def told(self, taken: Transaction, item: Mapping[str, Any], exchange_id: str) -> Mapping[str, Any]:
        """The part of an item whose agency has answered by now."""
        waited = await self.here.waiting.show(taken.consumer, exchange_id)
        shown = Answered(str(item["reference_id"]), item.get("locale", "eng"), "succ")
        if waited.answer is None:
            code = waited.outcome if waited.may_know or waited.outcome not in HIDDEN else "not_available"
            return replace(shown, status="rjct", code=REFUSED, text=f"{code}: see docs/errors.md").document()
        wish = await read_wish(item["search_criteria"], taken.consumer, self._asking(taken), self.here, now=False)
        found: Mapping[str, Any] = waited.answer.get("record") or waited.answer.get("claims") or {}
        evidence = {name: waited.answer[name] for name in ("exchange_id", "as_of", "match", "receipt")}
        kept = (Kept(0, found, evidence),) if waited.outcome == "answered" and wish.people[0].fits(found) else ()
        text = "" if kept else waited.outcome if waited.outcome != "answered" else "no_match"
        others = () if kept else (evidence,)
        return replace(shown, about=wish.about, kept=kept, evidence=others, text=text).document()

    def whole(self, taken: Transaction, answers: Sequence[Mapping[str, Any]]) -> tuple[str, Mapping[str, Any]]:
        """The SearchResponse."""
        asking = self._asking(taken)
        ends = [Answered.read(each) for each in answers]
        ids = {"transaction_id": asking.transaction_id, "correlation_id": taken.id}
        state = "succ" if any(each.status == "succ" for each in ends) else "rjct"
        return state, ids | {"search_response": [each.wire(asking.interface) for each in ends]}

    async def still(self, taken: Transaction, item: Mapping[str, Any], answer: Mapping[str, Any]) -> Mapping[str, Any]:
        """The item's part as it may be told now: each record decided again, with an entry for what is kept back.

        Raises:
            NoEvidence: the rules cannot be read now.
        """
        end = Answered.read(answer)
        if not end.kept:
            return answer
        try:
            wish = await read_wish(item["search_criteria"], taken.consumer, self._asking(taken), self.here, now=False)
        except (QueryRefused, ProblemError):  # what could be asked then cannot be any more: a service that is gone
            return replace(end, status="rjct", code=REFUSED, text="not_available: ask again", kept=()).document()
        left: list[Kept] = []
        gone: RefusedByRules | None = None
        for each in end.kept:
            try:
                permit = await self.here.gate.permit(wish.asks[each.person])
                left.append(await self._narrowed(each, wish.asks[each.person], permit))
            except NoEvidence:
                raise
            except RefusedByRules as error:
                gone = error
                await self._noted(each, wish.asks[each.person], "refused_by_rules")
        if gone is not None and not left:
            return refused(replace(end, pagination=None, about={}), gone).document()
        return replace(end, kept=tuple(left)).document()

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

    async def _narrowed(self, kept: Kept, ask: Ask, permit: Permit) -> Kept:
        record = minimised(ask, kept.record, permit)
        if record.keys() != kept.record.keys():
            await self._noted(kept, ask, "narrowed")
        return replace(kept, record=record)

    async def _noted(self, kept: Kept, ask: Ask, why: str) -> None:
        now, person = utc_now(), self.here.person_ref(ask.subject)
        id_ = new_id(now)
        facts = {"exchange_id": kept.evidence["exchange_id"], "consumer": ask.consumer, "service": ask.service}
        facts |= {"purpose": ask.purpose, "reasons": [why], "subject": subject_pseudonym(person, id_)}
        await self.here.log.append(Entry(id_, "answer.withheld", now, facts, (person,)))

    def _asking(self, taken: Transaction) -> Asking:
        return Asking.read(taken.head, self.here.trust.messages.policy(taken.consumer).dci)
