"""Which exchanges a finding is about: the filters of `GET /v1/audit/exchanges` that list them, or the id of the one."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta

OF_ONE = frozenset({"open_intent", "release_outside_grant", "replay_mismatch", "log_integrity"})
"""Rules whose subject is an exchange, where it is one word."""
PERIODS = (("%Y-%m-%d", timedelta(days=1)), ("%Y-%m-%dT%H", timedelta(hours=1)))
"""How subjects name a day and an hour of UTC."""


def exchanges_about(rule: str, subject: str, about: Collection[str], facts: Mapping[str, object]) -> dict[str, str]:
    """`{"exchange_id"}`; or a system or an agreement with `since` and `until` (excluded); empty: about none.

    Args:
        subject, about, facts: as a rule's `Hit` has them.
    """
    first, _, rest = subject.partition(" ")
    if not rest:
        return {"exchange_id": subject} if rule in OF_ONE else {}
    period = _period(rest.rpartition(" ")[2])
    whose = {"consumer": first} if first in about else {"agreement": str(facts.get("agreement", ""))}
    if not (period and all(whose.values())):
        return {}
    more = {"service": facts.get("service"), "officer": facts.get("officer_ref")}
    return whose | {name: str(value) for name, value in more.items() if value} | period


def _period(text: str) -> dict[str, str]:
    for form, long in PERIODS:
        try:
            since = datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
        return {"since": since.isoformat(), "until": (since + long).isoformat()}
    return {}
