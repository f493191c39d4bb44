"""Step `consents`: what people agreed to at registration goes to the gateway, and the registry subscribes to events.

A person's agreement to be referred covers what a referral leads to: ESS and the local office of the district get the
referral, and enrolment, progress and findings come back. So each form line is widened to those services here, in one
place. The id of a consent is made before it is sent, so that sending it again changes nothing; it holds no number.
"""

import hashlib
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from .errors import StepFailed
from .member import REFERRAL, Member, member_of
from .stage import Stage
from .store import packed, unpacked
from .subscriptions import subscribe

RECIPIENTS = ("LK/GOV/WBB", "LK/GOV/DME", "LK/COM/SMS")
VALID = timedelta(days=3 * 365)
AT_ONCE = 2000
ADULT = 18  # completed years, as the country's profile has it
HERE = ZoneInfo("Asia/Colombo")
FOLLOWS: Mapping[str, tuple[str, ...]] = {
    REFERRAL: (
        "ess.update",
        "ess.enrolment",
        "ess.finding",
        "LK.GOV.WBB.SRIS/enrolment",
        "LK.GOV.WBB.SRIS/progress",
        "LK.GOV.WBB.SRIS/finding",
        "LK.GOV.DME.OFFICE-{district}/referral",
    ),
}
"""Service that a form names -> services without which it could not be carried out."""


async def consents(stage: Stage) -> None:
    """Record every consent that is not recorded yet, then subscribe."""
    prepare(stage)
    total = stage.store.count("SELECT count(*) FROM consent")
    while waiting := stage.store.rows("SELECT id, line FROM consent WHERE recorded = 0 ORDER BY id LIMIT ?", AT_ONCE):
        told = await stage.client.record_consents([unpacked(row["line"]) for row in waiting])
        taken = [each.id for each in told if each.outcome in {"recorded", "unchanged"}]
        if len(taken) < len(waiting):
            raise StepFailed(f"the gateway refused {len(waiting) - len(taken)} of {len(waiting)} consents; see its log")
        stage.store.put("UPDATE consent SET recorded = 1 WHERE id = ?", [(each,) for each in taken])
        done = stage.store.count("SELECT count(*) FROM consent WHERE recorded = 1")
        stage.tell(f"{done} of {total} consents recorded")
    people = stage.store.count("SELECT count(DISTINCT member) FROM consent")
    stage.tell(f"{total} consents of {people} people stand at the gateway")
    await subscribe(stage)


def prepare(stage: Stage) -> None:
    """Give every consent of the intake its id and its line."""
    rows = stage.store.rows("SELECT record FROM member WHERE id NOT IN (SELECT member FROM consent) ORDER BY id")
    lines = [line for row in rows for line in _lines(member_of(row), stage.settings.day)]
    stage.store.put("INSERT OR IGNORE INTO consent (id, member, place, line) VALUES (?, ?, ?, ?)", lines)


def widened(services: list[str], district: str) -> list[str]:
    """The services that a form names, and those it cannot do without."""
    following = [each.format(district=district) for name in services for each in FOLLOWS.get(name, ())]
    return sorted({*services, *following})


def _lines(member: Member, day: date) -> Iterator[tuple[str, str, int, str]]:
    begin = datetime(day.year - 1, 1, 1, tzinfo=UTC)
    for place, form in enumerate(member.record["consents"]):
        consent_id = str(uuid.uuid4())
        line = {
            "id": consent_id,
            "subject": _known(member),
            "recipients": list(RECIPIENTS),
            "purposes": form["purposes"],
            "services": widened(form["services"], member.record["district"]),
            "valid_from": _moment(begin),
            "valid_until": _moment(begin + VALID),
            **_given(member),
            "evidence": f"sha-256:{hashlib.sha256(packed([member.id, place, form]).encode()).hexdigest()}",
        }
        yield consent_id, member.id, place, packed(line)


def _known(member: Member) -> Mapping[str, object]:
    """The person as the registry knows it: no check may name it by another number, or another name and birth date."""
    return member.subject(tuple(member.numbers), names=True, birth_date=True).wire()


def _given(member: Member) -> Mapping[str, str]:
    """Who spoke: for a child, its guardian. The gateway refuses what a child says alone, by its age on this day."""
    today, born = datetime.now(HERE).date(), member.birth_date
    age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    return {"given_how": "assisted"} if age >= ADULT else {"given_how": "guardian", "given_by": "guardian"}


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
