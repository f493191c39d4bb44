"""`PUT` and `DELETE` of `/consent/config/policy` and `/consent/config/data-agreement`: what a member wants otherwise.

An agreement changes only by an amendment that both members sign. So each of these proposes the next version to the
other member (`/v1/proposals`) and answers with the draft; until both have signed, everything stands as before. A Policy
is deleted by ending its agreement, which the published text allows only once nothing of it is active.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from consent import LegalBasis, store
from consent.model import State

from ...gate import utc_now
from ...proposing import Proposing
from ...recording import Recording
from ..refusal import ProblemError
from .agreements import Object, Term, data_agreement, policy, policy_revisions, revisions, terms
from .route import ConsentRoute, Here, here_for
from .shapes import DataAgreementIn, Policy, PolicyIn

router = APIRouter(prefix="/config", route_class=ConsentRoute)

Party = Annotated[Here, Depends(here_for("agreement"))]
ELSEWHERE = "Only {} can be changed here; the rest of an agreement by POST /v1/proposals."


@router.put("/policy/{policy_id}/")
async def update_policy(policy_id: str, body: PolicyIn, here: Party) -> Object:
    """configPolicyUpdate: proposes another title, or another `dataRetentionPeriodDays`."""
    versions = await here.agreement(policy_id)
    newest, wanted = versions[-1], body.policy
    if wanted.id not in {"", policy_id} or wanted.version not in {"", str(newest.agreement.version)}:
        raise ProblemError("conflict", "Name the policy and its newest version; it may have another one by now.")
    if _elsewhere(wanted, here):
        raise ProblemError("bad_request.shape", ELSEWHERE.format("name and dataRetentionPeriodDays"))
    changes: Object = {"title": wanted.name}
    if wanted.data_retention_period_days is not None:
        changes["data_life_days"] = wanted.data_retention_period_days
    draft = await proposed(here, newest, changes)
    return {"policy": policy(draft, here.place), "revision": policy_revisions([*versions, draft], here.place)[-1]}


@router.delete("/policy/{policy_id}/")
async def delete_policy(policy_id: str, here: Party) -> Object:
    """configPolicyDelete: ends an agreement that is not active any more. It stays readable, and so does its history."""
    versions = await here.agreement(policy_id)
    if versions[-1].agreement.standing(utc_now()) == "in force":
        raise ProblemError("conflict", "Its data agreements are active: POST /v1/agreements/{id}/end ends them now.")
    if versions[-1].agreement.state is not State.ENDED:
        recording = Recording(here.services.db, here.services.log)
        await recording.agreement_change("end", policy_id, by=here.member)
    return {"revision": policy_revisions(versions, here.place)[-1]}


@router.put("/data-agreement/{data_agreement_id}/")
async def update_data_agreement(data_agreement_id: str, body: DataAgreementIn, here: Party) -> Object:
    """configDataAgreementUpdate: proposes another `dpia`, or another member to ask the person."""
    found, wanted = await here.term(data_agreement_id), body.data_agreement
    term = found[-1]
    if (wanted.purpose, wanted.lawful_basis) != (term.purpose, term.basis.kind):
        raise ProblemError("bad_request.shape", ELSEWHERE.format("dpia and controller"))
    changes: Object = {"dpia": wanted.dpia} if wanted.dpia else {}
    controller = str((wanted.controller or {}).get("id", ""))
    if controller not in {"", term.controller}:
        changes["legal_bases"] = _with(term, {"controllers": [controller]})
    draft = await proposed(here, term.kept, changes)
    made = next(each for each in terms(draft) if (each.purpose, each.position) == (term.purpose, term.position))
    shown = data_agreement(made, here.place, utc_now()) | {"active": False}
    return {"dataAgreement": shown, "revision": revisions([*found, made], here.place)[-1]}


@router.delete("/data-agreement/{data_agreement_id}/")
async def delete_data_agreement(data_agreement_id: str, here: Party) -> Object:
    """configDataAgreementDelete: proposes the agreement without it; answers with the revision that still stands."""
    found = await here.term(data_agreement_id)
    await proposed(here, found[-1].kept, _without(found[-1]))
    return {"revision": revisions(found, here.place)[-1]}


async def proposed(here: Here, kept: store.RecordedAgreement, changes: Object) -> store.RecordedAgreement:
    """Propose the next version with these members changed; gives the draft."""
    document: Any = kept.parsed
    amended = document | changes | {"version": kept.agreement.version + 1}
    made, _receipt = await Proposing(here.services.db, here.services.log).propose(amended, by=here.member)
    return store.RecordedAgreement(made.agreement, "", {}, here.member, made.proposed_at, made.proposed_at)


def _elsewhere(wanted: Policy, here: Here) -> bool:
    """Whether it says what no agreement of ours has a place for."""
    said = (wanted.industry_sector, wanted.geographic_restriction, wanted.storage_location)
    return any(said) or wanted.jurisdiction not in {None, "", here.place.country}


def _with(term: Term, changes: Object) -> list[Object]:
    """The legal bases of the document, the term's changed."""
    document: Any = term.kept.parsed
    bases: list[Object] = list(document["legal_bases"])
    bases[term.position] = bases[term.position] | changes
    return bases


def _without(term: Term) -> Object:
    """What the next version says instead, so that this purpose does not rest on this basis any more.

    Raises:
        ProblemError: nothing would be left, or the ids of other data agreements would name other bases.
    """
    agreement, bases = term.agreement, term.agreement.bases
    left = sorted(_carried(term, term.basis) - {term.purpose})
    if not left and term.position < len(bases) - 1:
        raise ProblemError("conflict", "It is the only purpose of a basis that others follow: POST /v1/proposals.")
    if not left and len(bases) == 1:
        raise ProblemError("conflict", "It is all that the agreement holds: POST /v1/agreements/{id}/end.")
    kept = _with(term, {"purposes": left})[: None if left else -1]
    others = frozenset(left).union(*(_carried(term, each) for each in bases if each is not term.basis))
    document: Any = term.kept.parsed
    narrowed: Object = {"legal_bases": kept, "purposes": sorted(agreement.purposes & others)}
    for name in ("purpose_terms", "assurance"):
        if name in document:
            narrowed[name] = {purpose: said for purpose, said in document[name].items() if purpose in others}
    return narrowed


def _carried(term: Term, basis: LegalBasis) -> frozenset[str]:
    return basis.purposes or term.agreement.purposes
