"""The registry's rule and the sandbox's register truth were written apart: they agree id by id.

The answers of the sources are put into the words of the gateway's outcome table here; how they travel is proved by the
adapters' tests and by the demo.
"""

from datetime import date

import pytest

from registry.member import Member
from registry.rule import CIVIL, EDUCATION, ESS, NATIONAL_ID, PENSION, TAX, Certificate, Facts, Said, duplicates, judged
from sandbox import lines
from sandbox.months import month_of
from sandbox.person import SrRecord
from sandbox.truth import NOT_EMPLOYED, truth
from sandbox.truth_sources import Answers, Enrolled, Identity, Learner, Sources, Taxed, Unavailable, Vital
from sandbox.truth_sources import Member as FundMember
from sandbox.world import Registers

DAY = date(2026, 10, 31)
CLOSED = date(2026, 9, 30)
OUTCOMES = {"refused": "refused_by_rules", "no_link": "no_link", "source_stale": "source_stale"}


@pytest.fixture(scope="module")
def registers() -> Registers:
    return Registers(1000, 7, DAY)


@pytest.mark.parametrize("without", [frozenset(), frozenset({"tax"}), frozenset({"education", "national_id"})])
def test_every_flagged_record_has_the_outcome_and_reasons_of_register_truth(
    registers: Registers, without: frozenset[str]
) -> None:
    expected = {line["id"]: (line["outcome"], tuple(line["reasons"])) for line in truth(registers, DAY, without)}
    sources = Sources(registers, DAY, without)
    flagged = [each for each in registers.registrations().values() if each.employment_status == NOT_EMPLOYED]
    members = {each.member_id: Member(plain(each)) for each in flagged}
    twice = duplicates((member.id, member.number) for member in members.values())
    found = {}
    for record in flagged:
        judgement = judged(facts(record, sources.about(record), duplicate=record.member_id in twice), DAY)
        found[record.member_id] = (judgement.outcome, judgement.reasons)
    assert {each: (found[each], expected[each]) for each in expected if found[each] != expected[each]} == {}
    assert found.keys() == expected.keys()


def plain(record: SrRecord) -> dict[str, object]:
    """The intake line, as far as a number goes."""
    return {key: value for key, value in lines.registration(record).items() if key in {"member_id", "identifiers"}}


def facts(record: SrRecord, answers: Answers, *, duplicate: bool) -> Facts:
    said = {
        NATIONAL_ID: identity(answers.identity),
        CIVIL: vital(answers.vital),
        PENSION: fund(answers.pension),
        ESS: support(answers.ess),
    }
    if record.tin is not None:
        said[TAX] = tax(answers.tax)
    if record.learner_number is not None:
        said[EDUCATION] = school(answers.education)
    found = record.certificate
    return Facts(
        birth_date=record.birth_date,
        said=said,
        duplicate=duplicate,
        tax_number="held" if record.tin else "none" if record.tin_state == "none" else "unknown",
        learner_number="held" if record.learner_number else "unknown",
        certificate=Certificate(found.finding, found.valid_from, found.valid_until) if found else None,
        public_works=record.public_works,
        may_be_pushed=any("ess.referral" in consent.services for consent in record.consents),
    )


def missing(answer: Unavailable) -> Said:
    kind = next(each for each in OUTCOMES if answer.reason.startswith(each))
    return Said(OUTCOMES[kind])


def identity(answer: Identity | Unavailable) -> Said:
    if isinstance(answer, Unavailable):
        return missing(answer)
    if not answer.confirmed:
        return Said("unknown_person")
    return Said(
        "answered", {"confirmed": True, "birth_date": text(answer.birth_date), "death_date": text(answer.death_date)}
    )


def vital(answer: Vital | Unavailable) -> Said:
    if isinstance(answer, Unavailable):
        return missing(answer)
    if answer.birth_date is None and answer.death_date is None and not answer.named_death:
        return Said("unknown_person")
    death = text(DAY) if answer.named_death else text(answer.death_date)
    by = "name_and_date" if answer.named_death else "identifier" if answer.death_date else None
    return Said("answered", {"birth_date": text(answer.birth_date), "death_date": death, "death_matched_by": by}, DAY)


def fund(answer: FundMember | Unavailable) -> Said:
    if isinstance(answer, Unavailable):
        return missing(answer)
    if answer.state == "NONE":
        return Said("unknown_person")
    since = None if answer.last_paid is None else month_of(CLOSED) - answer.last_paid
    content = {
        "closed_month": "2026-09",
        "active": answer.state == "ACTIVE",
        "months_since_last_contribution": since,
        "old_age_pension": answer.old_age_pension,
    }
    return Said("answered", content, CLOSED)


def tax(answer: Taxed | Unavailable) -> Said:
    if isinstance(answer, Unavailable):
        return missing(answer)
    if answer.state == "AMBIGUOUS":
        return Said("ambiguous")
    content = {
        "paid": "tax_active" in answer.reasons,
        "self_employed": "self_employed" in answer.reasons,
        "open_employment_without_pay": answer.state == "CONFLICT",
    }
    return Said("answered", content, CLOSED)


def school(answer: Learner | Unavailable) -> Said:
    if isinstance(answer, Unavailable):
        return missing(answer)
    if not answer.known:
        return Said("unknown_person")
    content = {
        "highest_level": answer.highest or None,
        "technical_qualification": answer.technical,
        "full_time_student": answer.full_time,
    }
    return Said("answered", content, CLOSED)


def support(answer: Enrolled | Unavailable) -> Said:
    return missing(answer) if isinstance(answer, Unavailable) else Said("answered", {"enrolled": answer.active}, DAY)


def text(day: date | None) -> str | None:
    return day.isoformat() if day else None
