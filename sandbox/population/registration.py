"""What the social registry has written down about the members of a household (rule 12)."""

from datetime import date, timedelta
from random import Random

from ..nic import has_old_form, old_form
from ..person import CapacityCertificate, ConsentGiven, EducationRecord, SrRecord, TaxRecord
from .census import address
from .households import Outline
from .names import LANGUAGE
from .numbers import Numbers

EMPLOYED, NOT_EMPLOYED, UNKNOWN = 1, 2, 3  # DCI employment status

ELIGIBILITY = ConsentGiven(
    ("employment-support.eligibility",),
    (
        "national_id.identity",
        "civil_registration.vital_events",
        "tax.employment",
        "pension.contributions",
        "education.attainment",
        "ess.enrolment",
    ),
)
REFERRAL_PURPOSE = "employment-support.referral"
FOLLOWING = (
    "ess.referral",
    "ess.update",
    "ess.finding",
    "LK.GOV.WBB.SRIS/enrolment",
    "LK.GOV.WBB.SRIS/progress",
    "LK.GOV.WBB.SRIS/finding",
)
OUTREACH = ConsentGiven(("employment-support.outreach",), ("messaging.alert",))

# Share of the people whom the registry has as not employed, by what they really do; with the people whom
# flaws are planted in, about 30 % of the adults.
FLAGGED = {"employed": 0.08, "unemployed": 0.8, "economically_not_active": 0.16}
FLAGGED_OLD = 0.30  # out of the labour force, from 60
FLAGGED_YOUNG = 0.05  # 15 to 17

OLD_NUMBER = 0.25  # of holders of an old NIC number: registered in its old form
ENGLISH = 0.04
PHONE = 0.93
CHANNELS = ((0.60, "sms"), (0.85, "whatsapp"), (1.0, "voice"))
TIN_HELD, TIN_NONE = 0.90, 0.95  # of tax payers; of all others, declared to have none
LEARNER_HELD, LEARNER_NONE = 0.92, 0.90
DISABLED, CERTIFIED = 0.04, 0.6


def consents(district: str) -> tuple[ConsentGiven, ...]:
    """What people agree to: the checks; a referral with all that follows from it in their district; alerts."""
    office = f"LK.GOV.DME.OFFICE-{district}/referral"
    return ELIGIBILITY, ConsentGiven((REFERRAL_PURPOSE,), (*FOLLOWING, office)), OUTREACH


def registration(
    outline: Outline,
    numbers: Numbers,
    tax: TaxRecord | None,
    education: EducationRecord | None,
    *,
    day: date,
    random: Random,
    plain: bool,
) -> SrRecord:
    """The member record. Plain people are flagged as not employed, with numbers, phone and all consents."""
    flagged = _status(outline, random)
    tin_state = _state(tax is not None, TIN_HELD, TIN_NONE, random, plain=plain)
    learner_state = _state(education is not None, LEARNER_HELD, LEARNER_NONE, random, plain=plain)
    disabled = random.random() < DISABLED and not plain
    channel_draw, phone_draw = random.random(), random.random()
    as_old = random.random() < OLD_NUMBER and has_old_form(outline.nic) and not plain
    has_phone = outline.age >= 15 and (phone_draw < PHONE or plain)
    return SrRecord(
        member_id=member_id(outline.household, outline.position),
        household_id=household_id(outline.household),
        head=outline.position == 0,
        nic=old_form(outline.nic) if as_old else outline.nic,
        names=outline.names,
        sex=outline.sex,
        birth_date=outline.birth_date,
        employment_status=NOT_EMPLOYED if plain else flagged,
        language="eng" if random.random() < ENGLISH else LANGUAGE[outline.community],
        phone=numbers.phone(outline.number) if has_phone else None,
        gn_division=outline.gn_division,
        channel=next(channel for below, channel in CHANNELS if channel_draw < below),
        tin=tax.tin if tax and tin_state == "held" else None,
        tin_state=tin_state,
        learner_number=education.learner_number if education and learner_state == "held" else None,
        learner_state=learner_state,
        disabled=disabled,
        certificate=_certificate(day, random) if disabled else None,
        consents=consents(outline.gn_division[:5]) if outline.age >= 15 else (),
        address=address(1 + outline.household % 180, outline.gn_division),
    )


def household_id(household: int) -> str:
    return f"HH{household:07d}"


def member_id(household: int, position: int) -> str:
    """Sorts by household, then by position in it."""
    return f"SR{household:07d}{position:02d}"


def _status(outline: Outline, random: Random) -> int:
    at = random.random()
    if not outline.activity:
        return UNKNOWN
    share = FLAGGED[outline.activity]
    if outline.age < 18:
        share = FLAGGED_YOUNG
    elif outline.age >= 60 and outline.activity == "economically_not_active":
        share = FLAGGED_OLD
    if at < share:
        return NOT_EMPLOYED
    return EMPLOYED if outline.activity == "employed" else UNKNOWN


def _state(exists: bool, held: float, none: float, random: Random, *, plain: bool) -> str:
    at = random.random()
    if plain:
        return "held" if exists else "none"
    if exists:
        return "held" if at < held else "unknown"
    return "none" if at < none else "unknown"


def _certificate(day: date, random: Random) -> CapacityCertificate | None:
    if random.random() >= CERTIFIED:
        return None
    start = day - timedelta(days=random.randrange(30, 600))
    return CapacityCertificate("partial_capacity", start, start + timedelta(days=730))
