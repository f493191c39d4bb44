"""A DCI registry that a manifest declares, without code: SR, ESS, CRVS, IBR, DR or FR, by the service's `dci_reg_type`.

`[transport] kind = "dci"` and no `adapter.py`. Settings: `sender_id` (ours there), and where they are needed
`receiver_id`, `prefix` (`/registry` unless set), `sender_uri` (where it answers), `client_id` with `client_secret`. The
mapping reads one of the registry's records. A manifest whose services all say `immediate = false` declares a registry
that answers later: it is asked by `search`, and its answer comes to the gateway's `on-search`.

Source: SPDCI OpenAPI 1.0.0, `schemas/dci/*.json`.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, Protocol, runtime_checkable
from uuid import NAMESPACE_URL, uuid5

from adapters.kit.base import BaseAdapter, Kit, NotConfigured, as_of
from adapters.kit.contract import (
    AgencyCannotTell,
    AgencyHasNoSuchPerson,
    AgencyRejectedMessage,
    Question,
    RawAnswer,
    Service,
)
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
        http = kit.http()
        known = "client_id" in kit.manifest.references
        tokens = token_client(http, kit.setting("client_id"), kit.setting("client_secret")) if known else None
        self._client = DciClient(http, partner, tokens)

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


def declared(kit: Kit) -> DeclaredDci:
    """The adapter of a folder that declares a DCI registry.

    Raises:
        ManifestError: some services answer at once and some later.
    """
    kinds = {service.immediate for service in kit.manifest.services.values()}
    if len(kinds) > 1:
        raise ManifestError(f"{kit.manifest.id}: all services answer at once, or all later; split the folder")
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
