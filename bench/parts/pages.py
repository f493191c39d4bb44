"""Pages of the console at a big log, beside a page that reads nothing of it: in one process, without sockets."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice

import httpx

from audit import Entry, new_id
from bench import growing, people, place
from bench.arithmetic import Figure, Round, median_round, ratio_of
from bench.house import Furnished, House
from bench.postgres import database
from bench.processes import NotMeasured
from gateway.app import build_app
from gateway.people import grants, officers, sessions
from gateway.people.grants import Wanted
from gateway.people.officers import SHELL, Officer
from gateway.review import findings
from gateway.review.rules import RULES, Hit
from gateway.settings import Settings
from gateway.wiring import Services, open_services

CHUNK = 2_500
DEMO = 20_000
"""Entries of the small log: as many as a demo leaves."""
RARE = 1_000
"""One exchange of so many is refused, by a source and for a purpose of its own."""
RARELY = {"provider": "LK/GOV/BENCH/RARE", "purpose": "bench.rare", "outcome": "refused_by_rules"}
PASSES = 20
EMPTY = "/console/reviews"
"""A page of links: it asks who the officer is, and nothing else."""
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


def measure(house: House, shared: Furnished | None) -> list[Figure]:
    """Latency of lists and searches as a ratio to a page that lists nothing: a demo's log on SQLite, a long one on
    PostgreSQL, in a database of its own: what other parts leave in the shared one is no gateway's log.
    """
    figures = asyncio.run(_measured("SQLite", house.furnished("pages", 1).environment, house, DEMO))
    if shared:
        long = house.furnished("long", 1, database(shared.database, "pages"))
        figures += asyncio.run(_measured("PostgreSQL", long.environment, house, house.scale.entries))
    return figures


async def _measured(name: str, environment: Mapping[str, str], house: House, entries: int) -> list[Figure]:
    settings = Settings.read({**environment, "SANDHI_LIMIT_PEER_RATE": "0"})  # one officer, as fast as pages come
    async with open_services(settings) as services, _browser(services) as browser:
        await _grown(services, entries)
        now = datetime.now(UTC)
        days = {"today": f"{now:%Y-%m-%d}", "long_ago": f"{now - timedelta(days=60):%Y-%m-%d}"}
        asked = {title: ("GET", path.format(**days)) for title, path in LISTS.items()}
        asked |= {"one person": ("POST", "/console/person"), "empty": ("GET", EMPTY)}
        await _passes(browser, asked, 3)  # warms up
        rounds = [await _passes(browser, asked, PASSES) for _ in range(house.scale.rounds)]
    found = {title: median_round([each[title] for each in rounds]) for title in asked}
    empty = found.pop("empty")
    size = f"{entries:,} entries, {name}"
    return [_figure(f"page, {size}: {title}", each, empty) for title, each in found.items()]


def _figure(title: str, each: Round, empty: Round) -> Figure:
    ratio = ratio_of(each.p50 or 0.0, empty.p50 or 0.0)
    return Figure(title, each.p50 or 0.0, "ms", each.p50, each.p99, "a page without a list", ratio, "<= 3")


async def _passes(browser: httpx.AsyncClient, asked: Mapping[str, tuple[str, str]], count: int) -> dict[str, Round]:
    """Each page once, again and again, so that what else the machine does falls on all alike."""
    took: dict[str, list[float]] = {title: [] for title in asked}
    form = {"csrf": browser.headers["x-csrf-token"], "type": "NIC", "value": NUMBER}
    for _ in range(count):
        for title, (method, path) in asked.items():
            begun = time.perf_counter()
            answer = await browser.request(method, path, data=form if method == "POST" else None)
            took[title].append((time.perf_counter() - begun) * 1000)
            if answer.status_code != 200:
                raise NotMeasured(f"{path}: {answer.status_code}")
    return {title: Round.of(sum(each) / 1000, each) for title, each in took.items()}


@asynccontextmanager
async def _browser(services: Services) -> AsyncIterator[httpx.AsyncClient]:
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


async def _grown(services: Services, entries: int) -> None:
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
