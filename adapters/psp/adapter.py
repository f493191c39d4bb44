"""A payment service provider that speaks G2P Connect: orders, callbacks, and the state of a payment."""

from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

import schemas
from adapters.kit.base import BaseAdapter, Kit, NotConfigured, as_of
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyRejectedMessage,
    Handed,
    Hook,
    Hooked,
    Item,
    Question,
    RawAnswer,
    Service,
)
from adapters.kit.dci_wire import Envelope
from adapters.kit.detached import Checker, KeyUnusable, NotSigned, canonical
from adapters.kit.egress import HttpAnswer
from adapters.kit.fitting import check_fits
from adapters.kit.transports.dci import DciClient, Partner, ack_of, stamp, token_client
from adapters.kit.transports.rest import JSON, error_of, read_json

from .wire import SCHEMA, callback, disbursement, outcome, record, status_question

_STATUS_PATH = "/disburse/sync/txn/status"


class Psp(BaseAdapter):
    """An order's message id is derived from it, so that the provider knows one that comes twice."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._http = kit.http()
        self._tokens = token_client(self._http, kit.setting("client_id"), kit.setting("client_secret"))
        self._own_id, self._provider = kit.setting("sender_id"), kit.setting("receiver_id")
        self._payer = kit.setting("payer")
        partner = Partner(self._own_id, SCHEMA, self._provider, sender_uri=_callback_url(kit), wire=kit.wire)
        self._envelopes = DciClient(self._http, partner)
        try:
            self._checker = Checker(kit.setting("callback_key"))
        except KeyUnusable as error:
            raise NotConfigured(f"psp: PSP_CALLBACK_KEY is {error}") from None

    async def deliver(self, item: Item) -> Handed:
        """Order one payment. `state` is the acknowledgement's word; what became of it comes as a callback.

        Raises:
            AgencyError: not taken; safe to try again with the same item.
        """
        self.service_for(item)
        if item.record["pay_kind"] == "card":
            raise AgencyRejectedMessage("payment cards are paid at post offices; use post_office.order", code="card")
        message = {"transaction_id": item.id, "disbursements": [disbursement(item.record, self._payer)]}
        message_id = str(uuid5(NAMESPACE_URL, f"{self._provider}/{item.id}"))
        answer = await self._posted("/disburse", "disburse", message, message_id)
        ack = ack_of(answer)
        return Handed(ack.correlation_id or message_id, ack.status)

    async def ask(self, question: Question) -> RawAnswer:
        """The state of one payment; see `contract.Adapter.ask`."""
        service = self.service(question.service)
        payment = question.subject.identifier("PAYMENT")
        if payment is None:
            raise AgencyRejectedMessage("the provider is asked by the payment's reference", code="identifier")
        transaction = str(uuid4())
        message = {"transaction_id": transaction, "txnstatus_request": status_question(transaction, payment)}
        answer = await self._posted(_STATUS_PATH, "status", message, transaction)
        if answer.status != 200:
            raise error_of(answer)
        payload: Any = read_json(answer, f"{SCHEMA}#/$defs/status_told")
        self._check_signed(payload)
        if payload["message"]["transaction_id"] != transaction:
            raise AgencyAnswerMalformed("the answer belongs to another question")
        told = outcome(payload, payment)
        return RawAnswer(payload, as_of(service, question.as_at), code=told["status"])

    def mapped(self, service: Service, raw: RawAnswer) -> dict[str, object]:
        """See `wire.record`."""
        del service  # the adapter maps one
        check_fits(raw.payload, schemas.validator(f"{SCHEMA}#/$defs/status_told"), f"the answer breaks {SCHEMA}")
        payload: Any = raw.payload
        listed = payload["message"]["txnstatus_response"]["txn_status"]["disbursements_status"]
        return record(outcome(payload, listed[0]["reference_id"] if listed else ""))

    def hook(self, hook: Hook) -> Hooked:
        """An `on-disburse` callback; see `wire.callback`."""
        states = callback(hook.body, checker=self._checker, own_id=self._own_id, sender=self._provider, now=hook.at)
        ack = {"ack_status": "ACK", "timestamp": stamp(), "correlation_id": str(uuid4())}
        return Hooked(states=states, content={"message": ack})

    async def _posted(self, path: str, action: str, message: Envelope, message_id: str) -> HttpAnswer:
        envelope = self._envelopes.envelope(action, message, 1, message_id=message_id)
        address = f"{self.kit.setting('base_url').rstrip('/')}{path}"

        async def call(token: str) -> HttpAnswer:
            headers = {**JSON, "authorization": f"Bearer {token}"}
            sent = await self.kit.wire.sealed(address, headers, envelope)
            return await self._http.request("POST", path, headers=sent.headers, content=sent.body)

        return await self._tokens.authorised(call)

    def _check_signed(self, payload: Envelope) -> None:
        """Answers are signed with the same key as callbacks."""
        try:
            content = canonical({"header": payload["header"], "message": payload["message"]})
            self._checker.check(content, payload.get("signature", ""))
        except NotSigned:
            raise AgencyAnswerMalformed("the answer is not signed with PSP_CALLBACK_KEY", code="signature") from None


def build(kit: Kit) -> Psp:
    """The adapter of this folder."""
    return Psp(kit)


def _callback_url(kit: Kit) -> str:
    """Where the provider tells what became of a payment; without one, it uses the address it has registered."""
    try:
        return kit.settings("PSP_CALLBACK_URL")
    except LookupError:
        return ""
