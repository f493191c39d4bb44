"""The procedure of every exchange, numbered as in `docs/architecture.md` (The pipeline).

`exchange` asks, `push` hands over. Both run behind the `Gate`, which joins agreements,
adapters and the log; here is only the order, and what happens when a step fails.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from adapters.kit.contract import Handed
from audit.randomness import new_salt

from .errors import ExchangeError, NoData, NoEvidence, Unknown
from .model import Answer, Ask, Closing, Handover, Opened, Permit, RawAnswer


class Gate(Protocol):
    """What the procedure needs. A step that fails raises `gateway.errors.ExchangeError`; anything else is a bug."""

    async def opened(self, ask: Ask | Handover) -> Opened:
        """1: the intent is durable on return. Raises NoEvidence."""

    async def permit(self, ask: Ask | Handover) -> Permit:
        """2 and 5: facts as they are now, decided. Raises RefusedByRules."""

    async def charge(self, opened: Opened, ask: Ask | Handover, permit: Permit) -> None:
        """Still 2: spend the permit's budgets, report a use in an emergency. Raises RefusedByRules, NoEvidence."""

    async def fetch(self, ask: Ask, permit: Permit) -> RawAnswer:
        """3: the only line that talks to an agency."""

    def normalise(self, ask: Ask, permit: Permit, raw: RawAnswer) -> Mapping[str, object]:
        """4: the agency's shape to the canonical record, or to the claim derived from it."""

    async def closed(self, opened: Opened, ask: Ask | Handover, closing: Closing) -> str:
        """6: the outcome is durable on return; gives the receipt. Shielded from a caller that hangs up."""


class Asking(Gate, Protocol):
    """What a question needs as well."""

    async def remember(self, ask: Ask, permit: Permit, raw: RawAnswer, released: Mapping[str, object]) -> None:
        """After 6: keep what was released, where the agreement says for how long. Raises nothing."""


class Handing(Gate, Protocol):
    """What a push needs as well."""

    async def hand(self, handover: Handover, record: Mapping[str, object], item_id: str, *, contested: bool) -> Handed:
        """The push twin of `fetch`: hand the item over."""


async def exchange(ask: Ask, gate: Asking) -> Answer:
    """Answer one question about one person, or raise the reason why not.

    The caller is already authenticated. Nothing leaves the building unless the log has
    accepted the intent (1) and nothing is released unless it has accepted the outcome (6).

    Raises:
        ExchangeError: see `gateway.errors`; the outcome entry says the same.
    """
    opened = await gate.opened(ask)  # 1 write the intent; no entry, no exchange
    permit: Permit | None = None
    try:
        permit = await gate.permit(ask)  # 2 agreement and legal basis, fields narrowed
        asked = permit.fields
        await gate.charge(opened, ask, permit)  #   its budgets are spent, its use in an emergency is reported
        raw = await gate.fetch(ask, permit)  # 3 the only line that talks to an agency
        record = gate.normalise(ask, permit, raw)  # 4 agency shape -> canonical, validated
        permit = await gate.permit(ask)  # 5 looked at once more: it may be gone by now
        released = minimised(ask, record, permit)  #   drop what was not granted
    except BaseException as error:  # a bug, or a caller hanging up, is an outcome too
        await gate.closed(opened, ask, failed(error, permit))
        raise as_told(error, opened, permit) from error
    answer = answered(ask, opened, permit, raw, released)
    closing = Closing(
        answer.outcome, frozenset(released), permit, permit.reasons, raw.code, answer.content(), answer.salt
    )
    closing = replace(closing, signature=raw.signature) if raw.signature else closing
    receipt = await gate.closed(opened, ask, closing)  # 6 write the outcome, then release
    if permit.answers_kept_minutes and permit.fields == asked:  # else it answers another question than either permit's
        await gate.remember(ask, permit, raw, released)
    if raw.empty and not permit.may_know_existence:
        raise as_told(NoData("The agency has no data for the period."), opened, permit)
    return replace(answer, receipt=receipt)


async def push(opened: Opened, handover: Handover, gate: Handing, *, last_try: bool) -> Handed:
    """Hand one record over. The intent (1) became durable together with the job.

    Raises:
        ExchangeError: see `gateway.errors`; the outcome entry says the same. A failure that a retry may
            heal leaves the exchange open unless this was the last try. `Unknown` when the message was cut and
            the receiver may or may not have acted: such an item is never sent again by itself.
    """
    permit: Permit | None = None
    try:
        permit = await gate.permit(handover)  # 2 and 5 in one: nothing is fetched in between
        await gate.charge(opened, handover, permit)  #   its budgets, once for all tries
        record = {name: value for name, value in handover.record.items() if name in permit.fields}
        handed = await gate.hand(  # 3 the only line that talks to the receiver
            handover, record, opened.exchange_id, contested=permit.contested
        )
    except BaseException as error:
        if last_try or not (isinstance(error, ExchangeError) and error.retryable):
            await gate.closed(opened, handover, failed(error, permit))
        raise as_told(error, opened, permit) from error
    await gate.closed(opened, handover, Closing("answered", frozenset(record), permit, permit.reasons, handed.state))
    return handed


def answered(ask: Ask, opened: Opened, permit: Permit, raw: RawAnswer, released: Mapping[str, object]) -> Answer:
    """What will be told, without its receipt yet."""
    return Answer(
        exchange_id=opened.exchange_id,
        outcome="no_data" if raw.empty else "answered",
        released=released,
        is_claim=ask.claim is not None,
        withheld=permit.withheld,
        source=ask.service,
        as_of=raw.as_of,
        match=raw.match,
        code=raw.code,
        salt=new_salt(),
        contested=permit.contested,
        kept_at=raw.kept_at,
    )


def minimised(ask: Ask, record: Mapping[str, object], permit: Permit) -> dict[str, object]:
    """Only what was granted; a granted claim is released whole."""
    if ask.claim:
        return dict(record) if ask.claim.field in permit.fields else {}
    return {name: value for name, value in record.items() if name in permit.fields}


def failed(error: BaseException, permit: Permit | None) -> Closing:
    """The outcome entry of a failure. Anything that is not an ExchangeError is `unknown`: a fault of ours."""
    if not isinstance(error, ExchangeError):
        return Closing("unknown", permit=permit, reasons=(f"fault {type(error).__name__}",))
    reasons = error.reasons or (permit.reasons if permit else ())
    if isinstance(error, NoEvidence):  # a word for the caller, not an outcome of the table
        return Closing("unknown", permit=permit, reasons=(*reasons, "agreements and consents could not be read"))
    may_know = error.may_know_existence
    return Closing(
        error.code, permit=permit, reasons=reasons, source_code=error.source_code, may_know_existence=may_know
    )


def as_told(error: BaseException, opened: Opened, permit: Permit | None) -> BaseException:
    """The failure as the caller gets it: the exchange's id, as far as it may know. A fault of ours says nothing."""
    if isinstance(error, ExchangeError):
        error.exchange_id = opened.exchange_id
        error.may_know_existence = error.may_know_existence or bool(permit and permit.may_know_existence)
        return error
    if not isinstance(error, Exception):
        return error  # cancellation keeps its meaning
    fault = Unknown("The gateway failed; the exchange is recorded as unknown. Quote its id to the operator.")
    fault.exchange_id = opened.exchange_id
    return fault
