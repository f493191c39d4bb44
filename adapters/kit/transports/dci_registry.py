"""A DCI registry that a manifest declares, without code: SR, ESS, CRVS, IBR, DR or FR, by the service's `dci_reg_type`.

`[transport] kind = "dci"` and no `adapter.py`. Settings: `sender_id` (ours there), and where they are needed
`receiver_id`, `prefix` (`/registry` unless set), `sender_uri` (where it answers), `client_id` with `client_secret`. The
mapping reads one of the registry's records. A manifest whose services all say `immediate = false` declares a registry
that answers later: it is asked by `search`, and its answer comes to the gateway's `on-search`. Events that it tells by
`notify` are declared too, see `declared_events.py`; it is subscribed to when somebody subscribes to it here.

Source: SPDCI OpenAPI 1.0.0, `schemas/dci/*.json`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Protocol, runtime_checkable
from uuid import NAMESPACE_URL, uuid4, uuid5

from adapters.kit.base import BaseAdapter, Kit, NotConfigured, as_of
from adapters.kit.callback import RECORD_TYPES
from adapters.kit.contract import (
    AgencyCannotTell,
    AgencyHasNoSuchPerson,
    AgencyRejectedMessage,
    Question,
    RawAnswer,
    Service,
    Told,
)
from adapters.kit.dci_events import EventKind, subscription
from adapters.kit.declared_events import events_told
from adapters.kit.manifest import ManifestError
from adapters.kit.transports.dci import DciClient, Found, Partner, found_in, stamp, token_client

FILES: Mapping[str, str] = {  # the part of a registry type after the last colon -> the published file
    **dict.fromkeys(("social", "sr"), "dci/social.json"),
    **dict.fromkeys(("civil", "crvs"), "dci/crvs.json"),
    **dict.fromkeys(("ibr", "beneficiary"), "dci/ibr.json"),
    **dict.fromkeys(("dr", "disability"), "dci/dr.json"),
    **dict.fromkeys(("fr", "farmer"), "dci/fr.json"),
}
OTHERS = "dci/ess.json"
CONFIRMED_AT = "/dci/registry/on-subscribe"  # our path for confirmations


@runtime_checkable
class ReadsAnswers(Protocol):
    """An adapter whose agency answers our searches by `on-search`."""

    def answered(self, item: Mapping[str, Any], as_at: date) -> RawAnswer:
        """One item of a search's answer.

        Raises:
            AgencyError: what the agency says instead of a record.
        """


class DeclaredDci(BaseAdapter):
    """One registry, asked by `sync/search`, one person at a time."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        service = next(iter(kit.manifest.services.values()))
        partner = Partner(
            sender_id=kit.setting("sender_id"),
            schema=FILES.get(service.dci_reg_type.rpartition(":")[2].lower(), OTHERS),
            receiver_id=_optional(kit, "receiver_id"),
            prefix=_optional(kit, "prefix") or "/registry",
            sender_uri=_optional(kit, "sender_uri"),
            base_url=kit.setting("base_url"),
            wire=kit.wire,
        )
        self._http, self._partner = kit.http(), partner
        known = "client_id" in kit.manifest.references
        form = (kit.setting("client_id"), kit.setting("client_secret")) if known else None
        self._tokens = token_client(self._http, *form) if form else None
        self._client = DciClient(self._http, partner, self._tokens)

    async def ask(self, question: Question) -> RawAnswer:
        """One search by the first identifier that the service takes and the subject has.

        Raises:
            AgencyHasNoSuchPerson, AgencyCannotTell: no record, or several.
            AgencyError: as `DciClient.search`.
        """
        service = self.service(question.service)
        (found,) = await self._client.search([_criteria(service, question)])
        return _answer(service, found, question.as_at)


class DeclaredDciLater(DeclaredDci):
    """The same, asked by `search`; see `delivery.waiting.AnswersLater`."""

    async def ask(self, question: Question) -> RawAnswer:
        """It answers later only."""
        self.service(question.service)
        raise AgencyRejectedMessage("the registry answers later only", code="answers_later")

    async def ask_later(self, question: Question, reference: str) -> None:
        """Put the question; the reference names the transaction and its one item."""
        item = {
            "reference_id": reference,
            "timestamp": stamp(),
            "search_criteria": _criteria(self.service(question.service), question),
            "locale": "eng",
        }
        message = {"transaction_id": reference, "search_request": [item]}
        await self._client.send("search", message, message_id=str(uuid5(NAMESPACE_URL, f"search:{reference}")))

    def answered(self, item: Mapping[str, Any], as_at: date) -> RawAnswer:
        """See `ReadsAnswers.answered`."""
        service = next(iter(self.kit.manifest.services.values()))
        return _answer(service, found_in(item), as_at)


class TellsDeclared(DeclaredDci):
    """One that tells events, as `TellsEvents` and `ReadsNotify` have it."""

    async def subscribe(self, public_url: str) -> None:
        """Ask for every event type that is declared; the codes come to our `on-subscribe`.

        Raises:
            AgencyError: not taken.
        """
        service = next(iter(self.kit.manifest.services.values()))
        kinds = [
            EventKind(service.dci_reg_type, kind, record)
            for event in self.kit.manifest.events
            for kind in sorted(event.types) or [event.name]
            for record in sorted(event.record_types)[:1] or ["Member"]
        ]
        message = {"transaction_id": str(uuid4()), "subscribe_request": [subscription(each) for each in kinds]}
        told_at = replace(self._partner, sender_uri=f"{public_url}{CONFIRMED_AT}")
        caller = DciClient(self._http, told_at, self._tokens)
        await caller.send("subscribe", message, message_id=str(uuid4()), total=len(kinds))

    def told(self, envelope: Mapping[str, Any]) -> Sequence[Told]:
        """See `ReadsNotify.told`."""
        return events_told(envelope, self.kit.manifest.events, self.kit.mapping, RECORD_TYPES)


class TellsDeclaredLater(TellsDeclared, DeclaredDciLater):
    """One that tells events and answers later."""


def declared(kit: Kit) -> DeclaredDci:
    """The adapter of a folder that declares a DCI registry.

    Raises:
        ManifestError: some services answer at once and some later, or an event has no mapping.
    """
    kinds = {service.immediate for service in kit.manifest.services.values()}
    if len(kinds) > 1:
        raise ManifestError(f"{kit.manifest.id}: all services answer at once, or all later; split the folder")
    if unmapped := {each.name for each in kit.manifest.events} - kit.mapping.keys():
        raise ManifestError(f"{kit.manifest.id}: mapping.toml has no section for the events {sorted(unmapped)}")
    if kit.manifest.events:
        return TellsDeclared(kit) if kinds == {True} else TellsDeclaredLater(kit)
    return DeclaredDci(kit) if kinds == {True} else DeclaredDciLater(kit)


def _criteria(service: Service, question: Question) -> dict[str, object]:
    for kind in service.id_types:
        value = question.subject.identifier(kind)
        if value is not None:
            break
    else:
        raise AgencyRejectedMessage(f"needs one of {', '.join(service.id_types)}", code="identifier")
    return {
        "version": "1.0.0",
        "reg_type": service.dci_reg_type,
        "query_type": "idtype-value",
        "query": {"type": kind, "value": value},
    }


def _answer(service: Service, found: Found, as_at: date) -> RawAnswer:
    if not found.records:
        raise AgencyHasNoSuchPerson("the registry has no record of the person", code="no_records")
    if len(found.records) > 1 or found.total > 1:
        raise AgencyCannotTell("more records than one", code="several")
    return RawAnswer(found.records[0], as_of(service, as_at), code="succ")


def _optional(kit: Kit, key: str) -> str:
    if key not in kit.manifest.references:
        return ""
    try:
        return kit.setting(key)
    except NotConfigured:
        return ""
