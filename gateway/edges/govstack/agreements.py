"""Our agreements under GovStack's names: an agreement is a Policy, one purpose on one legal basis a DataAgreement.

Both have a Revision for each version of the agreement. A revision's hash is SHA-256 over its snapshot, and the snapshot
holds the hash of the revision before: that makes it a chain, which the published text (SHA-1, predecessor outside of
what is hashed) does not.

Source: GovStack Consent building block API 1.1.0-rc1, schemas Policy, DataAgreement, Revision, Signature.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from consent import Agreement, LegalBasis, canonical
from consent.model import HANDED_OVER, State
from consent.store import RecordedAgreement

Object = dict[str, Any]
BETWEEN = "~"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the objects say they can be found: the gateway's address and its country."""

    origin: str
    country: str


@dataclass(frozen=True, slots=True)
class Term:
    """One purpose on one legal basis of one version of an agreement."""

    kept: RecordedAgreement
    purpose: str
    position: int

    @property
    def id(self) -> str:
        """`DSA-2026-04~employment-support.eligibility~0`."""
        return BETWEEN.join((self.agreement.id, self.purpose, str(self.position)))

    @property
    def agreement(self) -> Agreement:
        """The version that it is a part of."""
        return self.kept.agreement

    @property
    def basis(self) -> LegalBasis:
        """The legal basis."""
        return self.agreement.bases[self.position]

    @property
    def controller(self) -> str:
        """Who asks the person, where that is needed; otherwise who holds the data. Of several, the first by id."""
        return min(self.basis.controllers, default=self.agreement.provider.member)

    def services(self) -> dict[str, frozenset[str]]:
        """Service -> fields that this basis carries."""
        granted = {name: grant.fields for name, grant in self.agreement.grants.items()}
        if not self.basis.services:
            return granted
        return {name: fields & granted[name] for name, fields in self.basis.services.items()}

    def recipients(self) -> frozenset[str]:
        """The members that receive: who asks, and who is handed something."""
        actions = [self.agreement.grants[name].actions for name in self.services()]
        receiving = {self.agreement.provider.member for each in actions if each & HANDED_OVER}
        return frozenset(receiving | {self.agreement.consumer.member for each in actions if each - HANDED_OVER})


def established(kept: RecordedAgreement) -> bool:
    """Whether a version is, was or will be in force: not one that is held, or was given up while it was."""
    state, replaced = kept.agreement.state, kept.agreement.replaced_at is not None
    return state is not State.AGREED and not (state is State.ENDED and replaced)


def terms(kept: RecordedAgreement) -> Iterable[Term]:
    """What an agreement consists of, as GovStack sees it."""
    for position, basis in enumerate(kept.agreement.bases):
        for purpose in sorted(basis.purposes or kept.agreement.purposes):
            yield Term(kept, purpose, position)


def agreement_id_of(term_id: str) -> str:
    """The agreement that a DataAgreement's id names."""
    return term_id.partition(BETWEEN)[0]


def term_of(versions: Sequence[RecordedAgreement], term_id: str) -> list[Term]:
    """The term in each version that has it, oldest first."""
    return [term for kept in versions for term in terms(kept) if term.id == term_id]


def policy(kept: RecordedAgreement, place: Place) -> Object:
    """The agreement as a Policy."""
    agreement = kept.agreement
    made: Object = {
        "id": agreement.id,
        "name": agreement.title,
        "version": str(agreement.version),
        "url": f"{place.origin}/v1/agreements/{agreement.id}?version={agreement.version}",
        "jurisdiction": place.country,
    }
    return made | ({"dataRetentionPeriodDays": agreement.data_life_days} if agreement.data_life_days else {})


def data_agreement(term: Term, place: Place, now: datetime) -> Object:
    """The term as a DataAgreement, as it stands now."""
    proposed = not term.kept.signatures
    return _lasting(term, place) | {
        "active": term.agreement.standing(now) == "in force",
        "lifecycle": {"id": term.agreement.state.value, "name": "Draft" if proposed else "Complete"},
    }


def _lasting(term: Term, place: Place) -> Object:
    """What does not change with the clock or the agreement's state: the part that is hashed."""
    return {
        "id": term.id,
        "version": str(term.agreement.version),
        "controller": {
            "id": term.controller,
            "name": term.controller,
            "url": f"urn:sandhi:{term.controller.replace('/', ':')}",
        },
        "policy": policy(term.kept, place),
        "purpose": term.purpose,
        "lawfulBasis": term.basis.kind,
        "dataUse": "data_source" if term.controller == term.agreement.provider.member else "data_using_service",
        "dpia": term.agreement.dpia,
        "forgettable": False,
    }


def policy_revisions(versions: Sequence[RecordedAgreement], place: Place) -> list[Object]:
    """Of all versions, oldest first."""
    return _chain("Policy", [(each, policy(each, place)) for each in versions])


def revisions(of: Sequence[Term], place: Place) -> list[Object]:
    """Of a term in all versions that have it, oldest first."""
    return _chain("DataAgreement", [(each.kept, _lasting(each, place)) for each in of])


def _chain(schema: str, objects: Sequence[tuple[RecordedAgreement, Object]]) -> list[Object]:
    chain: list[Object] = []
    for kept, content in objects:
        parties = {kept.agreement.provider.member, kept.agreement.consumer.member}
        known = {"schemaName": schema, "objectId": content["id"], "authorizedByOther": ", ".join(sorted(parties))}
        name = f"{content['id']}.{content['version']}"
        before = chain[-1]["serializedHash"] if chain else ""
        chain.append(revision(name, known, content, predecessor=before, at=kept.recorded_at))
    return chain


def revision(id_: str, known: Mapping[str, str], content: Object, *, predecessor: str, at: datetime) -> Object:
    """One Revision.

    Args:
        known: `schemaName`, `objectId` and who authorised it.
        predecessor: hash of the revision before; empty: it is the first.
    """
    said = {**known, "signedWithoutObjectId": False, "timestamp": at.astimezone(UTC).isoformat()}
    before = {"predecessorHash": predecessor} if predecessor else {}
    snapshot = canonical({**said, **before, "objectData": content}).decode()
    return {"id": id_, **said, **before, "serializedSnapshot": snapshot, "serializedHash": digest(snapshot)}


def digest(text: str) -> str:
    """`sha-256:<64 hex digits>`."""
    return f"sha-256:{sha256(text.encode()).hexdigest()}"
