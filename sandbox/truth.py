"""Register truth: the rule for the list of beneficiaries with productive potential, over what the registers hold.

This is the yardstick of the demo, so it shares nothing with the gateway or with the registry that draws up the list.
Per member record that the social registry (SR) flags as not employed, the first outcome that applies:

1. `duplicate`: another flagged record of the same person (NIC numbers equal in their new form) has a lower id.
2. `held`: civil registration has a death that only name (in any language) and birth date connect to the person; or
   a net contribution for a month after the month of a death that any register knows.
3. `deceased`: a death on or before the list date, in civil registration by number or in national ID.
4. `age`: outside 18 to 59 completed years by every source that answered: national ID if it confirms the person,
   civil registration by number, SR. If only some put the person outside: to verify, `birth_date_conflict`.
5. `pensioner`: an old-age pension in payment in the list date's month, if the fund answers.
6. `no_capacity`: a certificate in SR, valid on the list date, says so.
7. `student`: a full-time enrolment open on the list date.
8. `already_enrolled`: ESS status Active, or public works by SR's own record.
9. `active`: the fund, the tax office, or both show work; reasons `pension_active`, `tax_active`, `self_employed`.
10. `to_verify`: a reason to look closer: `identity_unconfirmed` (national ID does not know number and names),
    `birth_date_conflict`, `ambiguous_match` (tax number unknown, or it matches nobody), `employment_without_pay`, or
    a source that is unavailable: `no_link_*`, `refused_*` (no consent, or the agency refuses), `source_stale_*`.
11. `listed`.

Lines 10 and 11 also carry what else holds: `never_contributed` (fund and tax office both NONE), one of `labour_ready`
(level 3 completed or a technical qualification), `needs_training` and `assess_at_outreach` (no learner number, no
record, or no answer), and `no_basis_for_push` without consent to the referral. All other lines carry their own word.

A source that is left out (`without`) answers nobody: `no_link_<id>`, after the rules refused whom they refuse. It is
not asked, and so not missed, for people whose tax number is declared none or unknown, or who have no learner number.
`messaging` changes nothing.
"""

from collections.abc import Mapping
from datetime import date
from typing import TypedDict

from .months import years_between
from .nic import normal
from .person import SrRecord
from .truth_sources import Answers, Enrolled, Identity, Learner, Member, Sources, Taxed, Unavailable, Vital
from .world import Registers

NOT_EMPLOYED = 2  # DCI employment status
YOUNGEST, OLDEST = 18, 59
UPPER_SECONDARY = 3  # ISCED 2011
OUTCOMES = (
    "duplicate",
    "held",
    "deceased",
    "age",
    "pensioner",
    "no_capacity",
    "student",
    "already_enrolled",
    "active",
    "to_verify",
    "listed",
)


class Line(TypedDict):
    """One line of `list.jsonl`."""

    id: str
    outcome: str
    reasons: list[str]


def truth(registers: Registers, day: date, without: frozenset[str] = frozenset()) -> list[Line]:
    """One line per flagged member record, sorted by id; reasons sorted."""
    flagged = [
        record for _, record in sorted(registers.registrations().items()) if record.employment_status == NOT_EMPLOYED
    ]
    sources = Sources(registers, day, without)
    carriers: dict[str, str] = {}
    lines = []
    for record in flagged:
        carrier = carriers.setdefault(normal(record.nic), record.member_id)
        answers = None if carrier != record.member_id else sources.about(record)
        outcome, reasons = judged(record, answers, day) if answers else ("duplicate", {"duplicate"})
        lines.append(Line(id=record.member_id, outcome=outcome, reasons=sorted(reasons)))
    return lines


def judged(record: SrRecord, answers: Answers, day: date) -> tuple[str, set[str]]:
    """Outcome and reasons of one record that is no duplicate."""
    out = _out(record, answers, day)
    if out:
        return out, {out}
    active = _active(answers)
    if active:
        return "active", active
    doubts = _doubts(record, answers, day)
    return ("to_verify" if doubts else "listed"), doubts | _remarks(record, answers)


def _out(record: SrRecord, answers: Answers, day: date) -> str | None:
    """The first outcome of 2 to 8 that applies."""
    ages = _ages(record, answers, day)
    death = _death(answers)
    certificate = record.certificate
    incapable = (
        certificate is not None
        and certificate.finding == "no_capacity"
        and certificate.valid_from <= day <= certificate.valid_until
    )
    drawn = isinstance(answers.pension, Member) and answers.pension.old_age_pension
    studying = isinstance(answers.education, Learner) and answers.education.full_time
    enrolled = isinstance(answers.ess, Enrolled) and answers.ess.active
    tests: Mapping[str, bool] = {
        "held": _is_held(answers, death),
        "deceased": death is not None,
        "age": not any(YOUNGEST <= age <= OLDEST for age in ages),
        "pensioner": drawn,
        "no_capacity": incapable,
        "student": studying,
        "already_enrolled": enrolled or record.public_works,
    }
    return next((outcome for outcome, applies in tests.items() if applies), None)


def _death(answers: Answers) -> date | None:
    """The earliest death that a register connects to the person by number."""
    deaths = (
        answers.vital.death_date if isinstance(answers.vital, Vital) else None,
        answers.identity.death_date if isinstance(answers.identity, Identity) else None,
    )
    return min((death for death in deaths if death is not None), default=None)


def _is_held(answers: Answers, death: date | None) -> bool:
    if isinstance(answers.vital, Vital) and answers.vital.named_death:
        return True
    if death is None or not isinstance(answers.pension, Member) or answers.pension.last_paid is None:
        return False
    return answers.pension.last_paid > death.year * 12 + death.month - 1


def _ages(record: SrRecord, answers: Answers, day: date) -> list[int]:
    """Completed years by every source that answered."""
    births = [record.birth_date]
    if isinstance(answers.identity, Identity) and answers.identity.birth_date:
        births.append(answers.identity.birth_date)
    if isinstance(answers.vital, Vital) and answers.vital.birth_date:
        births.append(answers.vital.birth_date)
    return [years_between(birth, day) for birth in births]


def _active(answers: Answers) -> set[str]:
    found = set(answers.tax.reasons) if isinstance(answers.tax, Taxed) else set()
    if isinstance(answers.pension, Member) and answers.pension.state == "ACTIVE":
        found.add("pension_active")
    return found


def _doubts(record: SrRecord, answers: Answers, day: date) -> set[str]:
    """Every reason to verify."""
    asked = (answers.identity, answers.vital, answers.tax, answers.pension, answers.education, answers.ess)
    doubts = {answer.reason for answer in asked if isinstance(answer, Unavailable)}
    if isinstance(answers.identity, Identity) and not answers.identity.confirmed:
        doubts.add("identity_unconfirmed")
    if not all(YOUNGEST <= age <= OLDEST for age in _ages(record, answers, day)):
        doubts.add("birth_date_conflict")
    if isinstance(answers.tax, Taxed) and answers.tax.state == "AMBIGUOUS":
        doubts.add("ambiguous_match")
    if isinstance(answers.tax, Taxed) and answers.tax.state == "CONFLICT":
        doubts.add("employment_without_pay")
    return doubts


def _remarks(record: SrRecord, answers: Answers) -> set[str]:
    """What a line carries beside its outcome."""
    remarks = {_readiness(answers.education)}
    states = [answer.state for answer in (answers.tax, answers.pension) if not isinstance(answer, Unavailable)]
    if states == ["NONE", "NONE"]:
        remarks.add("never_contributed")
    if not any("ess.referral" in consent.services for consent in record.consents):
        remarks.add("no_basis_for_push")
    return remarks


def _readiness(education: Learner | Unavailable) -> str:
    if isinstance(education, Unavailable) or not education.known:
        return "assess_at_outreach"
    return "labour_ready" if education.technical or education.highest >= UPPER_SECONDARY else "needs_training"
