"""Rules about how much: more than agreed, more than usual, at odd times, about people without a case."""

from collections.abc import Iterator
from datetime import timedelta

from consent import Agreement, member_of

from .rule import Hit
from .seen import Seen

UNUSUAL = 3  # times the busiest day of the four weeks before
LEAST_UNUSUAL = 200  # calls: below, three times of nothing is nothing
LEAST_HISTORY = 7  # days with calls: a new system has no usual
MANY_PEOPLE = 50
MANY_OF_ONE = 20  # people whom one officer asked about in a day without a case
MANY_AT_NIGHT = 20
BURST, LEAST_BURST, BURST_DAYS = 5, 100, 7
MANY_MISSES, SHARE_OF_MISSES = 50, 0.5


def above_agreement(seen: Seen) -> Iterator[Hit]:
    """Calls by the hour, by the day and lines by the batch, against the quota of the version in force."""
    for agreement in _in_force(seen):
        quota, name = agreement.quota, agreement.id
        hours = {hour: count for (each, hour), count in seen.per_hour.items() if each == name}
        for kind, most, found in (
            ("calls_per_hour", quota.calls_per_hour, max(hours.values(), default=0)),
            ("calls_per_day", quota.calls_per_day, seen.per_day[name]),
            ("bulk_lines", quota.bulk_lines, seen.most_lines[name]),
        ):
            if most is not None and found > most:
                facts = {"agreement": name, "limit": kind, "agreed": most, "found": found}
                yield Hit(f"{name} {kind} {seen.day}", (agreement.consumer.member, *agreement.consumer.systems), facts)


def above_history(seen: Seen) -> Iterator[Hit]:
    """Calls of a system to a service, against its own busiest day of the four weeks before."""
    for (consumer, service), count in sorted(seen.calls.items()):
        days = seen.history.get((consumer, service), ())
        if len(days) >= LEAST_HISTORY and count >= LEAST_UNUSUAL and count > UNUSUAL * max(days):
            facts = {"service": service, "calls": count, "busiest_before": max(days)}
            yield Hit(f"{consumer} {service} {seen.day}", _side(consumer), facts)


def without_case(seen: Seen) -> Iterator[Hit]:
    """Distinct people asked about without a case."""
    for consumer, people in sorted(seen.without_case.items()):
        if people >= MANY_PEOPLE:
            yield Hit(f"{consumer} {seen.day}", _side(consumer), {"people": people})


def officer_without_case(seen: Seen) -> Iterator[Hit]:
    """Distinct people whom one officer of a consumer asked about without a case, where the consumer names officers."""
    for (consumer, officer), people in sorted(seen.by_officer.items()):
        if people >= MANY_OF_ONE:
            yield Hit(f"{consumer} {officer} {seen.day}", _side(consumer), {"officer_ref": officer, "people": people})


def out_of_hours(seen: Seen) -> Iterator[Hit]:
    """Single questions at night, at the weekend, on a holiday."""
    for consumer, count in sorted(seen.outside_hours.items()):
        if count >= MANY_AT_NIGHT:
            yield Hit(f"{consumer} {seen.day}", _side(consumer), {"calls": count})


def burst_after_widening(seen: Seen) -> Iterator[Hit]:
    """Use of an agreement in the week after it was widened, against its average before."""
    for name, widened in sorted(seen.widened.items()):
        days = seen.before.get(name, ())
        usual = sum(days) / len(days) if days else 0.0
        day = widened.astimezone(seen.hours.zone).date()
        soon = day <= seen.day <= day + timedelta(days=BURST_DAYS)
        if soon and seen.per_day[name] >= max(LEAST_BURST, BURST * usual):
            agreement = max(
                (each for (id_, _), each in seen.agreements.items() if id_ == name), key=lambda a: a.version
            )
            facts = {"agreement": name, "widened_at": widened.isoformat(), "calls": seen.per_day[name]}
            facts["calls_a_day_before"] = round(usual, 1)
            parties = (agreement.consumer.member, agreement.provider.member)
            yield Hit(f"{name} v{agreement.version} {seen.day}", parties, facts)


def many_misses(seen: Seen) -> Iterator[Hit]:
    """Refusals and people whom nobody knows, against all questions of the system."""
    for consumer in seen.consumers:
        asked = sum(count for (each, _), count in seen.calls.items() if each == consumer)
        missed = seen.misses[consumer]
        if missed >= MANY_MISSES and missed >= SHARE_OF_MISSES * asked:
            yield Hit(f"{consumer} {seen.day}", _side(consumer), {"calls": asked, "missed": missed})


def _in_force(seen: Seen) -> list[Agreement]:
    """The newest version of each agreement that was used."""
    newest: dict[str, Agreement] = {}
    for (name, version), agreement in seen.agreements.items():
        if seen.per_day[name] and (name not in newest or version > newest[name].version):
            newest[name] = agreement
    return [newest[name] for name in sorted(newest)]


def _side(system: str) -> tuple[str, str]:
    return (system, member_of(system))
