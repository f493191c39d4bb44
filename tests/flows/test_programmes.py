"""The social registry and the programmes through one gateway: lists, enrolments, deaths, vacancies, notices."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flows.gateways import Running, served
from sandhi_client import Identifier, Problem, Subject
from starlette.applications import Starlette
from starlette.routing import Mount

from gateway.cli.demo.choices import Ports
from gateway.cli.demo.onboarding import onboard
from gateway.settings import Settings
from sandbox.agencies.employment_offices import offers_of
from sandbox.agencies.ess.book import Member as Referred
from sandbox.agencies.programmes import Mis, recruited
from sandbox.agencies.programmes.book import Person
from sandbox.agencies.social_registry import Registry
from sandbox.assembly import Assembly, Places
from sandbox.nic import normal
from sandbox.world import Registers
from tests.small_gateway import served as served_app

DAY = date(2026, 10, 31)
PURPOSE = "social-protection.enrolment"


@dataclass(frozen=True, slots=True)
class Town:
    """A gateway, and a sandbox whose agencies are linked to it."""

    gateway: Running
    sandbox: Assembly
    registers: Registers

    @property
    def registry(self) -> Registry:
        return self.sandbox.programmes.registry

    def mis(self, programme: str) -> Mis:
        return self.sandbox.programmes.systems[programme]

    def events(self, programme: str, event: str) -> list[Any]:
        told = self.registry.told("beneficiary-event")
        return [each for each in told if (each["programme"], each["event"]) == (programme, event)]

    def told_of(self, programme: str, event: str, people: int) -> bool:
        return len(self.events(programme, event)) == people

    async def listed(self, programme: str) -> list[Person]:
        """The first of each division's list handed over; everybody whom the programme then knows."""
        states = await self.registry.hand_over(programme, places=1, seconds=30)
        assert set(states) == {"handed"}, states
        book = self.mis(programme).book
        await seen(lambda: not book.people("checking"), "a decision about each candidate")
        return book.people("active", "waiting", "refused", "unverified")


async def seen(found: Callable[[], object], what: str) -> None:
    for _ in range(600):
        if found():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{what} did not come")


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Town]:
    """Everything runs in this loop but the gateway, which is a process of its own."""
    registers, app, loop = Registers(300, 7, DAY), Starlette(), asyncio.get_running_loop()
    issued: dict[str, str] = {}
    made: list[Assembly] = []
    with ExitStack() as process, pytest.MonkeyPatch.context() as patched:
        async with served_app(app) as url, AsyncExitStack() as stack:

            async def up(gateway: str) -> None:
                places = Places(folder / "sandbox", folder / "run/clients", gateway, url)
                made.append(Assembly(registers, places, issued=issued.update))
                await stack.enter_async_context(made[0].app.router.lifespan_context(made[0].app))
                app.router.routes.append(Mount("/", app=made[0].app))

            def prepared(gateway: str) -> None:
                asyncio.run_coroutine_threadsafe(up(gateway), loop).result(60)
                for name, value in issued.items():
                    patched.setenv(f"SANDHI_{name}", value)
                patched.setenv("SANDHI_ALLOWED_HOSTS", url.partition("//")[2])
                environment = {"SANDHI_DATA_DIR": str(folder / "run"), "SANDHI_PUBLIC_URL": gateway}
                asyncio.run(onboard(Settings.read(environment), Ports(int(url.rpartition(":")[2]), 2, 3), DAY))

            (folder / "run").mkdir()
            running = await asyncio.to_thread(process.enter_context, served(folder / "run", prepared=prepared))
            yield Town(running, made[0], registers)


async def test_everything_between_the_registry_and_the_programmes(tmp_path: Path) -> None:
    async with opened(tmp_path) as town:
        for part in PARTS:
            await part(town)


async def everybody_subscribes(town: Town) -> None:
    for mis in town.sandbox.programmes.systems.values():
        await town.registry.subscribe(mis.settings.registered.own_id)
    for name in ("samurdhi", "elders", "disability", "kidney"):
        await town.mis(name).subscribe_to_deaths()
    for mis in town.sandbox.programmes.systems.values():
        await seen(mis.book.subscribed, "a subscription")


async def lists_become_enrolments_that_can_be_asked(town: Town) -> None:
    for programme in ("samurdhi", "elders"):
        people = await town.listed(programme)
        assert {each.state for each in people} == {"active"}
        await seen(partial(town.told_of, programme, "enrolled", len(people)), "an event for each")
        ask = {"service": f"{programme}.enrolment", "purpose": PURPOSE, "fields": ["enrolled", "status"]}
        async with town.gateway.client("social-registry") as client:
            answer = await client.exchange(subject=person(people[0].nic), **ask)
        assert answer.record == {"enrolled": True, "status": "Active"}


async def a_certificate_is_verified_and_no_diagnosis_is_seen(town: Town) -> None:
    for programme in ("disability", "kidney"):
        people = await town.listed(programme)
        good = {
            each.member_id
            for each in people
            if (held := town.registers.certificate_of(each.nic))
            and held.state == "current"
            and (held.valid_until is None or held.valid_until >= DAY)
        }
        assert {each.member_id for each in people if each.state == "active"} == good
        assert not any(each.state == "unverified" for each in people)
        diagnoses = {held.diagnosis for each in people if (held := town.registers.certificate_of(each.nic))}
        kept = b"".join(path.read_bytes() for path in (town.gateway.data / "../sandbox" / programme).glob("*.db*"))
        assert people
        assert not any(each.encode() in kept for each in diagnoses)


async def a_dead_beneficiary_s_place_goes_to_the_next(town: Town) -> None:
    mis = town.mis("samurdhi")
    waiting = {each.record["ds_division"] for each in town.registry.list_for("samurdhi") if each.rank == 2}
    dead = next(each for each in mis.book.people("active") if each.ds_division in waiting)
    (record,) = town.registers.civil_by_nic(dead.nic)
    civil = town.sandbox._apps["civil_registration"].state.hooks
    registered = town.sandbox._deaths.register(record.birth_registration, date(2026, 10, 30))
    await seen_hook(civil.announce_death, registered)
    await seen(lambda: town.events("samurdhi", "deceased"), "the death")
    (event,) = town.events("samurdhi", "deceased")
    assert (event["member_id"], event["reason"]) == (dead.member_id, "died")
    await seen(lambda: mis.book.vacancies()[0].filled_by, "a replacement")
    (vacancy,) = mis.book.vacancies()
    assert vacancy.id == event["vacancy"]
    second = [each.member.member_id for each in town.registry.list_for("samurdhi") if each.rank == 2]
    assert vacancy.filled_by in second
    await seen(lambda: vacancy.id in {each.get("vacancy") for each in town.events("samurdhi", "enrolled")}, "the news")


async def employment_support_hears_of_deaths_among_those_it_has_enrolled_and_of_nobody_else_s(town: Town) -> None:
    ess, civil = town.sandbox._ess, town.sandbox._apps["civil_registration"].state.hooks
    numbers = [normal(each.nic) for each in town.registers.registrations().values() if each.nic]
    known = [(nic, each) for nic in numbers for each in town.registers.civil_by_nic(nic)]
    alive = [(nic, each) for nic, each in known if each.death_date is None]
    (enrolled, theirs), (declined, others) = alive[-2:]
    with ess.book.transaction():
        for member_id, nic, state in (("SR-E", enrolled, "enrolled"), ("SR-D", declined, "declined")):
            ess.book.add(Referred(member_id, nic, "LK-11", {}, state))
    assert await ess.watch() == 1
    for record in (others, theirs):
        registered = town.sandbox._deaths.register(record.birth_registration, date(2026, 10, 30))
        await seen_hook(civil.announce_death, registered)
    assert await ess.heard({enrolled, declined}, seconds=30) == 1
    heard = ess.book.notes("vital-event")["SR-E"]
    assert (heard["event"], heard["date"]) == ("death", "2026-10-30")
    states = {each.member_id: each.state for each in ess.book.members()}
    assert (states["SR-E"], states["SR-D"]) == ("deceased", "declined")


async def what_an_officer_certifies_keeps_an_allowance_going(town: Town) -> None:
    mis = town.mis("elders")
    late = mis.overdue(date(2026, 11, 30))
    await seen(lambda: len(town.events("elders", "suspended")) == len(late), "the suspensions")
    someone = mis.book.find(late[0])
    assert someone is not None
    record = {
        "member_id": someone.member_id,
        "programme": "elders",
        "kind": "life_certificate",
        "seen_on": "2026-11-03",
        "officer_role": "grama niladhari",
    }
    async with town.gateway.client("social-registry") as client:
        await client.deliver(
            service="elders.confirmation",
            purpose=PURPOSE,
            subject=person(someone.nic),
            record=record,
            idempotency_key="life-1",
        )
    await seen(lambda: town.events("elders", "reinstated"), "the reinstatement")
    assert [each.member_id for each in mis.book.people("active")] == [someone.member_id]


async def a_patient_s_nominee_is_appointed_and_certified_every_month(town: Town) -> None:
    mis = town.mis("kidney")
    patient = mis.book.people("active")[0]
    whom = {"member_id": patient.member_id, "programme": "kidney", "seen_on": "2026-11-03"}
    names = [{"language": "eng", "script": "Latn", "value": "Invented Daughter"}]
    told = {"nominee": {"nominee": {"names": names, "relationship": "daughter"}}, "monthly": {"month": "2026-11"}}
    async with town.gateway.client("social-registry") as client:
        for kind, more in told.items():
            done = await client.deliver(
                service="kidney.confirmation",
                purpose=PURPOSE,
                subject=person(patient.nic),
                record={**whom, "kind": kind, "officer_role": "grama niladhari", **more},
                idempotency_key=f"kidney-{kind}",
            )
            assert (await client.delivery_finished(done.id, longest_pause=0.2, within=30)).state == "handed"
    kinds = [each["kind"] for each in mis.book.confirmations(patient.member_id)]
    assert sorted(kinds) == ["monthly", "nominee"]


async def graduation_exit_and_grievance_are_told_apart(town: Town) -> None:
    mis = town.mis("samurdhi")
    graduate, leaver, complainer, *_ = (each.member_id for each in mis.book.people("active"))
    mis.graduate(graduate)
    mis.leave(leaver, "not_claimed")
    case = mis.complain(complainer, "payment")
    for event in ("graduated", "exited", "grievance"):
        await seen(partial(town.told_of, "samurdhi", event, 1), event)
    assert [each["member_id"] for each in town.events("samurdhi", "graduated")] == [graduate]
    assert [(each["member_id"], each["reason"]) for each in town.events("samurdhi", "exited")] == [
        (leaver, "not_claimed")
    ]
    assert [each["case"] for each in town.events("samurdhi", "grievance")] == [case]


async def a_notice_names_people_and_carries_no_number(town: Town) -> None:
    mis = town.mis("samurdhi")
    place = mis.book.people("active")[0].record["gn_division"]
    listed = mis.publish(place)
    await seen(lambda: len(town.registry.told("beneficiary-notice")) == listed, "the notice")
    lines = town.registry.told("beneficiary-notice")
    assert {name for line in lines for name in line} == {"programme", "notice", "gn_division", "name", "reference"}
    text = str(lines)
    assert not any(each.nic in text or each.member_id in text for each in mis.book.people("active"))


async def the_board_is_told_of_every_report_that_is_late(town: Town) -> None:
    async with town.gateway.client("social-registry") as board:
        await board.subscribe("LK/GOV/TREASURY/REPORTS", "late-report", purpose="public-finance.reporting")
    alerted = await town.sandbox.money.late_reports()
    districts = town.registers.districts()
    assert alerted == {"overdue": len(districts), "taken": len(districts)}
    await seen(lambda: len(town.registry.told("report-state")) == len(districts), "the late reports")
    told = town.registry.told("report-state")
    assert {each["report"] for each in told} == {f"RPT-EXP-{each}-2026-09" for each in districts}
    assert {(each["state"], each["due_on"]) for each in told} == {("overdue", "2026-10-05")}


async def public_works_takes_on_whom_the_registry_has_out_of_work(town: Town) -> None:
    mis = town.mis("public_works")
    jobless = next(each for each in town.registers.registrations().values() if each.employment_status == 2)
    working = next(each for each in town.registers.registrations().values() if each.employment_status == 1)
    form = {"names": [{"language": "eng", "script": "Latn", "value": "As written"}], "birth_date": "1980-01-01"}
    numbers = [normal(jobless.nic), normal(working.nic), "190000100001"]
    client = town.sandbox._clients.named("public-works")
    outcomes = await recruited(mis, client, [(nic, form) for nic in numbers])
    assert list(outcomes.values()) == ["taken", "at work", "not registered"]
    await seen(lambda: town.events("public_works", "enrolled"), "the enrolment")
    assert town.events("public_works", "enrolled")[0]["member_id"] == jobless.member_id
    ask = {"service": "public_works.enrolment", "purpose": PURPOSE, "fields": ["enrolled"]}
    async with town.gateway.client("social-registry") as registry:
        answer = await registry.exchange(subject=person(numbers[0]), **ask)
    assert answer.record == {"enrolled": True}


async def the_local_office_s_offers_are_for_whom_the_person_lets_see_them(town: Town) -> None:
    record = next(iter(town.registers.registrations().values()))
    someone, purpose = person(normal(record.nic)), "employment-support.referral"
    ask: Any = {
        "service": "employment_offices.offers",
        "purpose": purpose,
        "fields": ["office", "offers"],
        "as_at": DAY,
    }
    given = {
        "id": "offers-1",
        "subject": someone.wire(),
        "recipients": ["LK/GOV/DME"],
        "purposes": [purpose],
        "services": ["employment_offices.offers"],
        "valid_from": "2020-01-01T00:00:00Z",
        "valid_until": "2100-01-01T00:00:00Z",
        "given_how": "self",
        "evidence": "sha-256:" + "0" * 64,
    }
    async with town.gateway.client("ess") as ess, town.gateway.client("sr") as registry:
        with pytest.raises(Problem) as refused:
            await ess.exchange(subject=someone, **ask)
        await registry.record_consents([given])
        answer = await ess.exchange(subject=someone, **ask)
    assert refused.value.code == "refused_by_rules"
    district = record.gn_division[:5]
    assert isinstance(answer.record, dict)
    assert answer.record["office"] == district
    assert [each["code"] for each in answer.record["offers"]] == [each.code for each in offers_of(district, DAY)]


async def seen_hook(announce: Callable[[Any], Awaitable[int]], registered: Any) -> None:
    """Civil registration tells once the gateway's subscription has reached it."""
    for _ in range(200):
        if await announce(registered):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("nobody subscribed to deaths")


def person(nic: str) -> Subject:
    return Subject((Identifier("NIC", nic),))


PARTS = (
    everybody_subscribes,
    lists_become_enrolments_that_can_be_asked,
    a_certificate_is_verified_and_no_diagnosis_is_seen,
    a_dead_beneficiary_s_place_goes_to_the_next,
    employment_support_hears_of_deaths_among_those_it_has_enrolled_and_of_nobody_else_s,
    what_an_officer_certifies_keeps_an_allowance_going,
    a_patient_s_nominee_is_appointed_and_certified_every_month,
    graduation_exit_and_grievance_are_told_apart,
    a_notice_names_people_and_carries_no_number,
    the_board_is_told_of_every_report_that_is_late,
    public_works_takes_on_whom_the_registry_has_out_of_work,
    the_local_office_s_offers_are_for_whom_the_person_lets_see_them,
)
