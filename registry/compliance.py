"""Step `compliance` (V): are recipients of the unemployment benefit enrolled in employment support?

This can hurt a person, so it rests on a statute and never on the consent given for support. All it produces is a
case: a notice to the person in the person's language, and a decision that a human being has to take. Nothing here
stops or cuts a benefit. Who cannot be checked, because ESS did not answer, is not a case.

The synthetic intake has no benefit roll, so a fixed share of the flagged people, chosen by a digest, stands in for it.
"""

import hashlib

from .checks import Check, asked
from .errors import StepFailed
from .member import Member, member_of
from .stage import Stage
from .store import unpacked

PURPOSE = "unemployment-benefit.compliance"
SHARE = 40  # one of so many flagged people draws the benefit
NOT_DONE = "pending"
RECIPIENTS = (
    "SELECT record FROM line JOIN member ON id = line.member WHERE outcome NOT IN ('duplicate', 'held', 'deceased') "
    "AND id NOT IN (SELECT member FROM event WHERE state = 'death' AND member IS NOT NULL) ORDER BY id"
)
NOTICE = {
    "eng": "Our records do not show that you are enrolled in employment support. Please visit your local employment "
    "office, or tell us why you cannot. Nothing changes for you before an officer has heard you and decided.",
    "sin": "ඔබ රැකියා සහාය වැඩසටහනට ලියාපදිංචි වී ඇති බව අපගේ වාර්තාවල නොපෙන්වයි. කරුණාකර ඔබේ ප්‍රාදේශීය රැකියා "
    "කාර්යාලයට පැමිණෙන්න, නැතහොත් නොහැකි හේතුව අපට දන්වන්න. නිලධාරියෙකු ඔබට සවන් දී තීරණය කරන තුරු කිසිවක් වෙනස් නොවේ.",
    "tam": "நீங்கள் வேலைவாய்ப்பு ஆதரவுத் திட்டத்தில் பதிவு செய்துள்ளதாக எங்கள் பதிவுகளில் இல்லை. தயவுசெய்து உங்கள் "
    "உள்ளூர் வேலைவாய்ப்பு அலுவலகத்திற்கு வாருங்கள், அல்லது இயலாத காரணத்தை எங்களுக்குத் தெரிவியுங்கள். ஓர் அலுவலர் "
    "உங்களைக் கேட்டு முடிவெடுக்கும் வரை எதுவும் மாறாது.",
}


async def compliance(stage: Stage) -> None:
    """Ask ESS about this month's recipients, and open a case for each who is not enrolled."""
    month = stage.settings.day.strftime("%Y-%m")
    step = f"compliance-{month}"
    await asked(stage, step, _check(month))
    rows = stage.store.rows("SELECT * FROM answer JOIN member ON id = member WHERE step = ? ORDER BY member", step)
    cases = [
        (row["member"], row["exchange_id"], "not_enrolled", language, NOTICE[language], NOT_DONE)
        for row in rows
        if _not_enrolled(row["outcome"], row["content"])
        for language in (member_of(row).record["language"],)
    ]
    insert = "INSERT OR IGNORE INTO compliance (member, exchange_id, finding, language, notice, decision) "
    stage.store.put(insert + "VALUES (?, ?, ?, ?, ?, ?)", cases)
    unheard = sum(row["outcome"] not in {"answered", "no_data", "unknown_person"} for row in rows)
    stage.tell(
        f"{len(rows) - len(cases) - unheard} recipients enrolled, {len(cases)} not, {unheard} could not be asked"
    )
    waiting = stage.store.count("SELECT count(*) FROM compliance WHERE decision = ?", NOT_DONE)
    stage.tell(f"{waiting} notices written, each waits for a decision by a person; no benefit was changed")


def decided(stage: Stage, member: str, decision: str, by: str, reason: str) -> None:
    """A person's decision on one case.

    Raises:
        StepFailed: no such open case, or no reason given.
    """
    if not reason.strip():
        raise StepFailed("say why, with --reason")
    with stage.store.change() as connection:
        values = (decision, by, reason, member, NOT_DONE)
        update = "UPDATE compliance SET decision = ?, by = ?, reason = ? WHERE member = ? AND decision = ?"
        if not connection.execute(update, values).rowcount:
            raise StepFailed("there is no open case of this id; see `registry cases list`")


def draws_benefit(member: str) -> bool:
    """Whether this member is on the benefit roll."""
    return int.from_bytes(hashlib.sha256(f"benefit {member}".encode()).digest()[:4]) % SHARE == 0


def _check(month: str) -> Check:
    return Check(
        "employment support",
        "ess.enrolment",
        RECIPIENTS,
        _draws,
        fields=("enrolled", "status"),
        purpose=PURPOSE,
        current=True,
        case=f"compliance-{month}",
    )


def _draws(_stage: Stage, member: Member) -> bool:
    return draws_benefit(member.id)


def _not_enrolled(outcome: str, content: str) -> bool:
    return outcome == "unknown_person" or (outcome == "answered" and unpacked(content).get("enrolled") is False)
