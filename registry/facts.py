"""From what is stored about one member to the facts that the rule looks at, and the evidence beside them."""

from collections.abc import Mapping
from datetime import date

from .member import LEARNER_NUMBER, REFERRAL, TAX_NUMBER, Member
from .rule import CIVIL, EDUCATION, ESS, NATIONAL_ID, PENSION, TAX, Facts, Said
from .store import Row, Store, unpacked

SOURCE_OF: Mapping[str, str] = {
    "identity": NATIONAL_ID,
    "civil": CIVIL,
    "pension": PENSION,
    "tax": TAX,
    "education": EDUCATION,
    "enrolled": ESS,
}
"""Step -> the source it asks."""


def facts_of(store: Store, member: Member, *, duplicate: bool = False) -> Facts:
    """Everything known so far."""
    return Facts(
        birth_date=member.birth_date,
        said={SOURCE_OF[row["step"]]: _said(row) for row in answers_about(store, member.id)},
        duplicate=duplicate,
        tax_number=member.known(TAX_NUMBER),
        learner_number=member.known(LEARNER_NUMBER),
        certificate=member.certificate,
        public_works=bool(member.record["public_works"]),
        may_be_pushed=member.consented_to(REFERRAL),
    )


def evidence_about(store: Store, member: str) -> list[dict[str, str | None]]:
    """What a line rests on: `{service, exchange_id, as_of}` for every question that was put, answered or not."""
    return [{name: row[name] for name in ("service", "exchange_id", "as_of")} for row in answers_about(store, member)]


def answers_about(store: Store, member: str) -> list[Row]:
    """The answers the list rests on."""
    rows = store.rows("SELECT * FROM answer WHERE member = ? ORDER BY service", member)
    return [row for row in rows if row["step"] in SOURCE_OF]


def _said(row: Row) -> Said:
    as_of = date.fromisoformat(row["as_of"]) if row["as_of"] else None
    return Said(row["outcome"], unpacked(row["content"]), as_of, bool(row["complete"]))
