"""A console at a long log: who looks at it, and the lists and searches that are looked at."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice

import httpx

from audit import Entry, new_id
from bench import growing, people, place
from bench.processes import NotMeasured
from gateway.app import build_app
from gateway.people import grants, officers, sessions
from gateway.people.grants import Wanted
from gateway.people.officers import SHELL, Officer
from gateway.review import findings
from gateway.review.rules import RULES, Hit
from gateway.wiring import Services

CHUNK = 2_500
RARE = 1_000
"""One exchange of so many is refused, by a source and for a purpose of its own."""
RARELY = {"provider": "LK/GOV/BENCH/RARE", "purpose": "bench.rare", "outcome": "refused_by_rules"}
FINDINGS = 500
REASON = "Measuring how fast pages are"
LISTS = {
    "exchanges": "/console/exchanges",
    "exchanges of a purpose": f"/console/exchanges?purpose={place.PURPOSE}",
    "exchanges of a rare purpose": f"/console/exchanges?purpose={RARELY['purpose']}",
    "exchanges of a rare source": f"/console/exchanges?system={RARELY['provider']}",
    "exchanges refused for a purpose": f"/console/exchanges?outcome={RARELY['outcome']}&purpose={RARELY['purpose']}",
    "exchanges like none": "/console/exchanges?purpose=bench.none",
    "exchanges of today": "/console/exchanges?since={today}",
    "exchanges of a day long ago": "/console/exchanges?since={long_ago}&until={long_ago}",
    "events": "/console/events",
    "events of a kind": "/console/events?kind=officer.added",
    "findings": "/console/findings",
    "findings of a rule": f"/console/findings?rule={RULES[0].name}",
    "overview": "/console",
}
NUMBER = people.nic(7)


def lists() -> dict[str, tuple[str, str]]:
    """Title -> method and path of each list and search that is measured."""
    now = datetime.now(UTC)
    days = {"today": f"{now:%Y-%m-%d}", "long_ago": f"{now - timedelta(days=60):%Y-%m-%d}"}
    read = {title: ("GET", path.format(**days)) for title, path in LISTS.items()}
    return read | {"one person": ("POST", "/console/person")}


async def turned(browser: httpx.AsyncClient, method: str, path: str) -> None:
    """Ask for one page, whose answer has to be 200; the form of a `POST` is person 7's number."""
    form = {"csrf": browser.headers["x-csrf-token"], "type": "NIC", "value": NUMBER}
    answer = await browser.request(method, path, data=form if method == "POST" else None)
    if answer.status_code != 200:
        raise NotMeasured(f"{path}: {answer.status_code}")


@asynccontextmanager
async def officer_browser(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    """A compliance officer's, who has said why."""
    now, origin = services.people.clock(), services.trust.origin
    officer = Officer(officers.new_officer_id(), place.ASKING, "Officer", f"{origin}/idp", officers.new_officer_id())
    async with services.db.write() as connection:
        await officers.add(connection, services.log, officer, by=SHELL, now=now)
        wanted = Wanted(officer.id, "compliance_officer", "", "", None)
        await grants.give(connection, services.log, wanted, services.people.profile.raw, by=SHELL, now=now)
        secret = await sessions.begin(
            connection, officer=officer.id, issuer=officer.issuer, authenticated_at=now, now=now
        )
    token = sessions.csrf_token(secret)
    headers = {"origin": origin, "x-csrf-token": token}
    transport = httpx.ASGITransport(build_app(services))
    async with httpx.AsyncClient(transport=transport, base_url=origin, headers=headers) as http:
        http.cookies.set(services.people.cookies.name("console"), secret, domain="127.0.0.1", path="/")
        said = await http.post("/console/reason", data={"csrf": token, "reason": REASON, "next": "/console"})
        assert said.status_code == 303, said.text
        yield http


async def grown(services: Services, entries: int) -> None:
    """Half as many exchanges, each with its two entries; person 7 has forty of them, however many there are."""
    count, person = entries // 2, services.person_ref(people.subject(7))
    step = max(count // 40, 1)
    persons = (person if number % step == 0 else f"{number % 100_000:064x}" for number in range(count))
    if services.db.is_sqlite:
        await _appended(services, persons)
    else:
        patterns = [growing.Exchange(_exchange(""))] * (RARE - 1) + [growing.Exchange(_exchange("", **RARELY))]
        await growing.grow(services.db, services.log, patterns, list(persons))
    async with services.db.write() as connection:
        for number in range(FINDINGS):
            hit = Hit(f"{place.CALLER} {number}", (place.CALLER,), {"exchanges": number})
            await findings.opened(connection, services.log, RULES[number % len(RULES)], hit, datetime.now(UTC))
    await place.settled(services.db)


async def _appended(services: Services, persons: Iterator[str]) -> None:
    while some := [*islice(persons, CHUNK)]:
        async with services.db.write() as connection:
            await services.log.append_all_in(connection, [entry for each in some for entry in _exchange(each)])


def _exchange(person: str, **other: str) -> tuple[Entry, Entry]:
    now = datetime.now(UTC)
    id_ = new_id(now)
    said: dict[str, object] = {
        "exchange_id": str(id_),
        "consumer": place.CALLER,
        "provider": place.PROVIDERS[1],
        "service": "bench_registry.employment",
        "action": "read",
        "purpose": place.PURPOSE,
        "asked": ["closed_month", "employments"],
    }
    said |= {name: value for name, value in other.items() if name != "outcome"}
    ended = said | {"outcome": "answered", "agreement": "BENCH-1", "agreement_version": 1, "basis": "consent"}
    ended |= {"released": ["closed_month", "employments"], "withheld": [], "reasons": []}
    ended |= other
    return Entry(id_, "exchange.intent", now, said, (person,)), Entry(
        new_id(now), "exchange.outcome", now, ended, (person,)
    )
