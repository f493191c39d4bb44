"""What a system may call, as its agreements in force have it: one line for each service of each agreement.

Pure: agreements, catalogue and the clock come in. It is a description, not a decision; each call is decided anew.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, NamedTuple

from consent import Agreement
from consent.model import Grant, LegalBasis

from ...catalogue import Catalogue, Offer, UnknownService
from ...token_agreements import IN_FORCE

CLAIM = "claim:"


class Way(NamedTuple):
    """A way to ask: the actions of which one must be granted, the scope of the token, the paths that take it."""

    actions: frozenset[str]
    scope: str
    paths: tuple[str, ...]


WAYS: Mapping[str, Way] = {
    "sync": Way(frozenset({"read", "verify"}), "exchange", ("/v1/exchanges", "/dci/registry/sync/search")),
    "later": Way(frozenset({"read", "verify"}), "exchange", ("/v1/exchanges/later", "/dci/registry/search")),
    "batch": Way(frozenset({"bulk"}), "exchange", ("/v1/batches", "/v1/campaigns")),
    "delivery": Way(frozenset({"push"}), "delivery", ("/v1/deliveries",)),
    "feed": Way(frozenset({"notify"}), "events", ("/v1/subscriptions", "/dci/registry/subscribe")),
}
XROAD = {"sync": ("/r1/", "/xroad/soap")}


def offered(
    agreements: Iterable[Agreement], catalogue: Catalogue, paths: Collection[str], now: datetime
) -> list[dict[str, Any]]:
    """Every service that is granted now and known here, by service and agreement.

    Args:
        agreements: those that name the system as consumer.
        paths: what this application answers.
    """
    lines = [
        _line(agreement, grant, offer, paths)
        for agreement in agreements
        if agreement.standing(now) == IN_FORCE
        for grant in agreement.grants.values()
        if (offer := _offer(catalogue, grant.service)) is not None
    ]
    return sorted(lines, key=lambda each: (each["service"], each["agreement"]))


def why_empty(system: str, agreements: Sequence[Agreement], now: datetime) -> str:
    """Why there is nothing that this system may call, and who changes that."""
    if not agreements:
        return (
            f"No agreement names {system} as a consumer, so every question is refused. The members sign one: "
            "POST /v1/proposals, or sandhi agreement."
        )
    standing = ", ".join(sorted({f"{each.name}: {each.standing(now)}" for each in agreements}))
    return f"No agreement of {system} is in force with a service that is known here ({standing})."


def _offer(catalogue: Catalogue, service: str) -> Offer | None:
    try:
        return catalogue.offer(service)
    except UnknownService:
        return None


def _line(agreement: Agreement, grant: Grant, offer: Offer, paths: Collection[str]) -> dict[str, Any]:
    service = offer.service
    claims = {each.removeprefix(CLAIM) for each in grant.fields if each.startswith(CLAIM)}
    quota = {name: most for name, most in asdict(agreement.quota).items() if most is not None}
    return {
        "service": service.id,
        "provider": offer.provider,
        "linked": offer.adapter is not None,
        "agreement": agreement.id,
        "agreement_version": agreement.version,
        "valid_until": agreement.valid_until.isoformat(),
        "purposes": sorted(agreement.purposes),
        "actions": sorted(grant.actions),
        "fields": sorted(grant.fields & service.fields),
        "claims": sorted(claims & service.claims),
        "sends": sorted(grant.sends),
        "identifiers": [each for each in service.id_types if each in grant.sends],
        "ways": _ways(grant, offer, paths),
        "quota": quota,
        "legal_bases": [_basis(each) for each in agreement.bases],
        "requires_case": agreement.requires_case,
        "requires_relationship": agreement.requires_relationship,
        "may_know_existence": agreement.may_know_existence,
        "max_age_months": agreement.max_age_months,
        "data_life_days": agreement.data_life_days,
    }


def _ways(grant: Grant, offer: Offer, paths: Collection[str]) -> dict[str, list[str]]:
    """Way -> paths. What answers only in batches has no `sync`, whatever was granted."""
    found: dict[str, list[str]] = {}
    for name, way in WAYS.items():
        if not grant.actions & way.actions or (name == "sync" and not offer.service.immediate):
            continue
        taken = [each for each in way.paths if each in paths and (offer.service.dci_reg_type or "/dci/" not in each)]
        taken += [each for each in XROAD.get(name, ()) if any(path.startswith(each) for path in paths)]
        if taken:
            found[name] = taken
    return found


def _basis(basis: LegalBasis) -> dict[str, Any]:
    told: dict[str, Any] = {"kind": basis.kind, "emergency": basis.emergency}
    if basis.reference:
        told["reference"] = basis.reference
    if basis.controllers:
        told["controllers"] = sorted(basis.controllers)
    return told
