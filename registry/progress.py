"""What events say about referred people: where each stands, and which households are settled."""

from collections import defaultdict
from collections.abc import Mapping

from .store import Store, unpacked

RANKS = ("accepted", "not_reached", "declined", "enrolled", "confirmed", "rejected")
ENROLLED = frozenset({"enrolled", "confirmed"})
SILENT = "silent"
STANDINGS = (SILENT, *RANKS)  # what a pushed line may be looked for by
ENDS = ("died", "job_found", "withdrew")  # the words of the view `ended`, see `store`
ANSWERED = ENROLLED | {"declined", "rejected"}  # not reached is no answer: somebody visits
BY_EVENT = "SELECT member, state, day FROM event WHERE name = 'enrolment' AND member IS NOT NULL"
BY_SYNC = "SELECT member, content FROM answer WHERE step = 'sync' AND outcome = 'answered'"
DEATHS = "SELECT member, min(day) AS day FROM event WHERE name = 'vital-event' AND state = 'death' GROUP BY member"
HOUSEHOLDS = (
    "SELECT handover.member, household FROM handover JOIN member ON member.id = handover.member "
    "WHERE kind = 'referral' AND state = 'sent'"
)


def standing(store: Store) -> dict[str, str]:
    """Member -> the latest state that ESS told; events of one day count in the order of `RANKS`."""
    latest: dict[str, tuple[str, int]] = {}
    for row in store.rows(BY_EVENT):
        place = (row["day"], RANKS.index(row["state"]))
        latest[row["member"]] = max(latest.get(row["member"], place), place)
    return {member: RANKS[rank] for member, (_, rank) in latest.items()}


def synced(store: Store) -> dict[str, bool]:
    """Member -> whether ESS, asked by ourselves, has the person enrolled."""
    return {row["member"]: bool(unpacked(row["content"]).get("enrolled")) for row in store.rows(BY_SYNC)}


def died(store: Store) -> dict[str, str]:
    """Member -> day of the death that civil registration told."""
    return {row["member"]: row["day"] for row in store.rows(DEATHS) if row["member"] is not None}


def enrolled(store: Store) -> set[str]:
    """Enrolled by event or by our own question: an event may be on its way. The dead are not enrolled any more."""
    told = {member for member, state in standing(store).items() if state in ENROLLED}
    return (told | {member for member, found in synced(store).items() if found}) - died(store).keys()


def answers(store: Store) -> set[str]:
    """Members with an enrolment answer. It stays one when the person dies."""
    told = {member for member, state in standing(store).items() if state in ANSWERED}
    return told | {member for member, found in synced(store).items() if found}


def households(store: Store) -> tuple[int, int]:
    """(confirmed, all) households with pushed members; confirmed when every one of them has an enrolment answer."""
    answered = answers(store)
    people: Mapping[str, list[str]] = _by_household(store)
    return sum(answered.issuperset(members) for members in people.values()), len(people)


def _by_household(store: Store) -> dict[str, list[str]]:
    people: defaultdict[str, list[str]] = defaultdict(list)
    for row in store.rows(HOUSEHOLDS):
        people[row["household"]].append(row["member"])
    return dict(people)
