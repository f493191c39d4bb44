"""Which exchanges a finding is about: the filters of `GET /v1/audit/exchanges` that list them, or the id of the one."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta, tzinfo

OF_ONE = frozenset({"open_intent", "release_outside_grant", "replay_mismatch", "log_integrity"})
"""Rules whose subject is an exchange, where it is one word."""
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def exchanges_about(
    rule: str, subject: str, about: Collection[str], facts: Mapping[str, object], zone: tzinfo
) -> dict[str, str]:
    """`{"exchange_id"}`; or a system or an agreement with `since` and `until` (excluded); empty: about none.

    Args:
        subject, about, facts: as a rule's `Hit` has them.
        zone: of the country.
    """
    first, _, rest = subject.partition(" ")
    if not rest:
        return {"exchange_id": subject} if rule in OF_ONE else {}
    period = _period(rest.rpartition(" ")[2], zone)
    whose = {"consumer": first} if first in about else {"agreement": str(facts.get("agreement", ""))}
    if not (period and all(whose.values())):
        return {}
    more = {"service": facts.get("service"), "officer": facts.get("officer_ref")}
    return whose | {name: str(value) for name, value in more.items() if value} | period


def _period(text: str, zone: tzinfo) -> dict[str, str]:
    """Of a day `2026-10-31` or an hour `2026-10-31T18` of the country's clocks; nothing of another text."""
    try:
        if "T" in text:
            hour = datetime.strptime(text, "%Y-%m-%dT%H").replace(tzinfo=zone)
            since, until = hour, hour.replace(fold=1).astimezone(UTC) + HOUR  # clocks put back show an hour twice
        else:
            since = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=zone)
            until = since + DAY  # by the clock on the wall: 23 or 25 hours where it is changed
    except ValueError:
        return {}
    return {"since": since.astimezone(UTC).isoformat(), "until": until.astimezone(UTC).isoformat()}
