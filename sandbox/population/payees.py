"""What the bank and the post have written down about registered people: accounts and payment cards, from a stream of
their own, so they change no other register. Shares are assumptions.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from ..months import years_between
from ..person import Person
from .spread import mixed, shuffled

STREAM = 66
ADULT = 18
FIRST_ACCOUNT, ACCOUNTS, CARDS = 10**9, 9 * 10**9, 10**8
CLOSED, SILENT, BLOCKED, STAYS_AWAY = 0.02, 0.04, 0.02, 0.04  # below these
CARD_ISSUED, NOMINEE = 0.6, 0.1


@dataclass(frozen=True, slots=True)
class Payee:
    """One registered adult as whoever pays knows them.

    Attributes:
        account, opened, account_open, bank_card, nominee: of the bank; codes as its profile writes them.
        claims: False: does not come for money, which goes back.
        card, card_blocked, office: of the post.
    """

    nic: str  # new form
    account: str
    opened: date
    account_open: bool
    bank_card: str  # N none, I issued
    nominee: str  # N none, A appointed
    claims: bool
    card: str
    card_blocked: bool
    office: str


def payee(person: Person, seed: int, day: date) -> Payee | None:
    """Account and card of somebody on the list date; None for children and for who is not registered."""
    if not person.registrations or years_between(person.birth_date, day) < ADULT:
        return None
    random = Random(mixed(seed, STREAM, person.index))
    key = (seed * 3_266_489_917 + STREAM) & 0xFFFF_FFFF
    return Payee(
        nic=person.nic,
        account=str(FIRST_ACCOUNT + shuffled(person.index, ACCOUNTS, key)),
        opened=day - timedelta(days=random.randrange(30, 4000)),
        account_open=random.random() >= CLOSED,
        bank_card="I" if random.random() < CARD_ISSUED else "N",
        nominee="A" if random.random() < NOMINEE else "N",
        claims=random.random() >= SILENT,
        card=f"PC-{shuffled(person.index, CARDS, key):08d}",
        card_blocked=random.random() < BLOCKED,
        office=office_of(person.district),
    )


def office_of(district: str) -> str:
    """The main post office of a district: `LK-11` -> `LK-PO-1101`."""
    return f"LK-PO-{district.removeprefix('LK-')}01"
