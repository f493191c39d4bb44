"""What the health register has written down: medical certificates, from a stream of its own.

It draws from nothing that other registers draw from, so it changes none of them. The diagnosis is here because the
register has it; nothing may ever send it. Shares are assumptions.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from ..months import years_between
from ..person import Person
from .spread import mixed

STREAM = 65
CERTIFIED = 0.7  # of the people registered as disabled
KIDNEY = 0.015  # of adults
REPLACED, DRAFT = 0.08, 0.12  # below these
FOR_LIFE = 0.3
DISABILITIES = ("H54.0", "G80.9", "S88.1", "F72")  # ICD-10
KIDNEYS = ("N18.3", "N18.4", "N18.5")


@dataclass(frozen=True, slots=True)
class MedicalCertificate:
    number: str  # MC-2025-00012345
    nic: str  # new form
    category: str  # disability | kidney | work_capacity
    state: str  # current | superseded | preliminary
    valid_from: date
    valid_until: date | None
    diagnosis: str  # ICD-10; never sent


def medical_certificate(person: Person, seed: int, day: date) -> MedicalCertificate | None:
    """What the register holds about somebody on the list date; None without a certificate."""
    random = Random(mixed(seed, STREAM, person.index))
    disabled = any(each.disabled for each in person.registrations) and random.random() < CERTIFIED
    kidney = years_between(person.birth_date, day) >= 18 and random.random() < KIDNEY
    if not disabled and not kidney:
        return None
    start = day - timedelta(days=random.randrange(30, 700))
    state = random.random()
    return MedicalCertificate(
        number=f"MC-{start.year}-{person.index:08d}",
        nic=person.nic,
        category="disability" if disabled else "kidney",
        state="superseded" if state < REPLACED else "preliminary" if state < DRAFT else "current",
        valid_from=start,
        valid_until=None if random.random() < FOR_LIFE else start + timedelta(days=730),
        diagnosis=random.choice(DISABILITIES if disabled else KIDNEYS),
    )
