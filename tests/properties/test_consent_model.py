"""What the register, the lookup and the decision grant together is what an independent model of thirty lines grants.

Random members sign, amend, suspend and end agreements and declare whom they deal with; random people consent, withdraw
and object; the clock moves; and everybody asks for everything. Not one field more than the model, and not one less.
"""

import asyncio
import os
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

from consent import Consent, Objection, Relationship, Request, agreement_of, canonical, decide, facts_for
from consent import register as consent_register
from consent import store as agreements
from consent.errors import AgreementConflict
from consent.signing import SignedAgreement
from consent.tables import metadata

NIGHTLY = bool(os.environ.get("SANDHI_NIGHTLY"))
START = datetime(2026, 1, 1, tzinfo=UTC)
CONSUMERS, PROVIDERS = ("LK/GOV/A/S", "LK/GOV/B/S"), ("LK/GOV/P/S", "LK/GOV/Q/S")
SERVICES, FIELDS, PURPOSES = ("one.x", "two.y"), frozenset("abcd"), ("p.one", "p.two")
PERSONS = ("p1", "p2", "p3")
LEVELS = ("low", "substantial", "high")

pytestmark = pytest.mark.timeout(3600 if NIGHTLY else 300)  # hundreds of thousands of calls take some minutes each

fields = st.frozensets(st.sampled_from(sorted(FIELDS)), min_size=1)
days = st.integers(0, 60)
some = st.lists


@dataclass
class Model:
    """What everybody said, in plain dictionaries; `granted` is the rule of the house, written a second time."""

    agreements: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    consents: list[dict[str, Any]] = field(default_factory=list)
    objections: list[dict[str, Any]] = field(default_factory=list)
    relationships: list[dict[str, Any]] = field(default_factory=list)

    def related(self, holder: str, who: str, now: datetime) -> bool:
        known = [each for each in self.relationships if (each["holder"], each["who"]) == (holder, who)]
        return any(not each["ended"] and each["from"] <= now < each["until"] for each in known)

    def granted(self, asked: Request, now: datetime) -> frozenset[str]:
        offers = []
        for (name, version), each in self.agreements.items():
            if each["state"] != "in_force" or not each["from"] <= now < min(each["until"], each["replaced"]):
                continue
            if (asked.consumer, asked.provider) != (each["consumer"], each["provider"]):
                continue
            if asked.purpose not in each["purposes"] or asked.service not in each["services"]:
                continue
            if each["related"] and not self.related(asked.consumer, asked.subject_ref, now):
                continue
            agreed = asked.fields & each["services"][asked.service]
            for position, basis in enumerate(each["bases"]):
                if basis != "consent":
                    offers.append((-len(agreed), name, -version, position, "", agreed))
                    continue
                for said in self.consents:
                    if (
                        said["who"] == asked.subject_ref
                        and said["until"] > now >= said["from"]
                        and not said["withdrawn"]
                        and asked.purpose in said["purposes"]
                        and asked.service in said["services"]
                        and asked.consumer.rpartition("/")[0] == said["to"]
                        and LEVELS.index(said["assurance"]) >= LEVELS.index(each["assurance"].get(asked.purpose, "low"))
                    ):
                        allowed = agreed & (said["services"][asked.service] or FIELDS)
                        offers.append((-len(allowed), name, -version, position, said["id"], allowed))
        best = min((each for each in offers if each[-1]), default=None, key=lambda each: each[:-1])
        against = [each for each in self.objections if each["who"] == asked.subject_ref and not each["lifted"]]
        taken = frozenset().union(*(each["fields"] or FIELDS for each in against if asked.purpose in each["purposes"]))
        return best[-1] - taken if best else frozenset()


class House(RuleBasedStateMachine):
    """The real register on a database, and the model beside it."""

    calls = granted = without = undeclared = 0
    always_related = False

    @initialize()
    def opened(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.engine: AsyncEngine = create_async_engine("sqlite+aiosqlite://", poolclass=StaticPool)
        self.model, self.now, self.number = Model(), START, 0
        self.run(self._create())
        everything: dict[str, frozenset[str]] = {SERVICES[0]: FIELDS}
        self.agree("A1", (CONSUMERS[0], PROVIDERS[0]), everything, list(PURPOSES), ["consent"], (0, 60), False, {})
        self.consent(PERSONS[0], CONSUMERS[0], {SERVICES[0]: None}, list(PURPOSES), (0, 60), "low")
        if self.always_related:
            self.relate(PERSONS[0], CONSUMERS[0], False, None, (0, 60))
            self.everybody_asks(FIELDS)

    def teardown(self) -> None:
        self.run(self.engine.dispose())
        self.loop.close()

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    async def _create(self) -> None:
        async with self.engine.begin() as connection:
            await connection.run_sync(metadata.create_all)

    async def _do(self, function: Any, *arguments: Any, **named: Any) -> Any:
        async with self.engine.begin() as connection:
            return await function(connection, *arguments, **named)

    @rule(
        name=st.sampled_from(["A1", "A2", "A3"]),
        parties=st.tuples(st.sampled_from(CONSUMERS), st.sampled_from(PROVIDERS)),
        services=st.dictionaries(st.sampled_from(SERVICES), fields, min_size=1),
        purposes=some(st.sampled_from(PURPOSES), min_size=1, unique=True),
        bases=some(st.sampled_from(["consent", "public_task"]), min_size=1, unique=True),
        period=st.tuples(days, days),
        related=st.booleans(),
        assurance=st.dictionaries(st.sampled_from(PURPOSES), st.sampled_from(LEVELS)),
    )
    def agree(
        self,
        name: str,
        parties: tuple[str, str],
        services: dict[str, frozenset[str]],
        purposes: list[str],
        bases: list[str],
        period: tuple[int, int],
        related: bool,
        assurance: dict[str, str],
    ) -> None:
        versions = [version for known, version in self.model.agreements if known == name]
        earlier = self.model.agreements.get((name, max(versions, default=0)))
        consumer, provider = (earlier["consumer"], earlier["provider"]) if earlier else parties
        version, related = max(versions, default=0) + 1, related or self.always_related
        begin = START + timedelta(days=period[0])
        document = document_of(name, version, consumer, provider, services, purposes, bases, begin, period[1])
        assurance = {purpose: level for purpose, level in assurance.items() if purpose in purposes}
        document |= {"requires_relationship": related} | ({"assurance": assurance} if assurance else {})
        signed = SignedAgreement(agreement_of(document), canonical(document), {})
        try:
            self.run(self._do(agreements.record_agreement, signed, by=member(consumer), now=self.now))
        except AgreementConflict:
            assert earlier is not None
            assert earlier["state"] == "ended"
            return
        if earlier:
            earlier["replaced"] = max(self.now, begin)
        self.model.agreements[name, version] = {
            "state": earlier["state"] if earlier else "in_force",
            "consumer": consumer,
            "provider": provider,
            "services": services,
            "purposes": purposes,
            "bases": bases,
            "related": related,
            "assurance": assurance,
            "from": begin,
            "until": begin + timedelta(days=period[1] + 1),
            "replaced": datetime.max.replace(tzinfo=UTC),
        }

    @rule(name=st.sampled_from(["A1", "A2", "A3"]), verb=st.sampled_from(["suspend", "resume", "end"]))
    def change(self, name: str, verb: str) -> None:
        live = [each for (known, _), each in self.model.agreements.items() if known == name]
        if not live:
            return
        before = live[-1]["state"]
        allowed = {"suspend": {"in_force"}, "resume": {"suspended"}, "end": {"in_force", "suspended"}}[verb]
        function = getattr(agreements, f"{verb}_agreement")
        try:
            self.run(self._do(function, name, by="LK/GOV/P", now=self.now))
        except AgreementConflict:
            assert before not in allowed
            return
        after = {"suspend": "suspended", "resume": "in_force", "end": "ended"}[verb]
        for each in live:
            if each["replaced"] > self.now:
                each["state"] = after

    @rule(
        who=st.sampled_from(PERSONS),
        to=st.sampled_from(CONSUMERS),
        services=st.dictionaries(st.sampled_from(SERVICES), st.none() | fields, min_size=1),
        purposes=some(st.sampled_from(PURPOSES), min_size=1, unique=True),
        period=st.tuples(days, days),
        assurance=st.sampled_from(LEVELS),
    )
    def consent(
        self, who: str, to: str, services: dict[str, Any], purposes: list[str], period: tuple[int, int], assurance: str
    ) -> None:
        self.number += 1
        begin = START + timedelta(days=period[0])
        end = begin + timedelta(days=period[1] + 1)
        given = Consent(
            f"C{self.number:04}",
            who,
            "LK/GOV/C",
            frozenset({member(to)}),
            frozenset(purposes),
            services,
            begin,
            end,
            "self",
            "sha-256:" + "0" * 64,
            assurance=assurance,
        )
        self.run(self._do(consent_register.record_consent, given, self.now))
        said = {"id": given.id, "who": who, "to": member(to), "services": services, "purposes": purposes}
        said |= {"assurance": assurance}
        self.model.consents.append(said | {"from": begin, "until": end, "withdrawn": False})

    @rule(
        who=st.sampled_from(PERSONS),
        holder=st.sampled_from(CONSUMERS),
        whole=st.booleans(),
        case=st.none() | st.just("another case"),
        period=st.tuples(days, days),
    )
    def relate(self, who: str, holder: str, whole: bool, case: str | None, period: tuple[int, int]) -> None:
        self.number += 1
        begin = START + timedelta(days=period[0])
        end = begin + timedelta(days=period[1] + 1)
        held_by = member(holder) if whole else holder
        made = Relationship(f"R{self.number}", who, held_by, "case_open", case, begin, end)
        self.run(self._do(consent_register.declare_relationships, [made], self.now))
        if case is None:  # nobody here asks under a case
            said = {"id": made.id, "who": who, "holder": holder, "from": begin, "until": end, "ended": False}
            self.model.relationships.append(said)

    @rule(place=st.integers(0, 50))
    def unrelate(self, place: int) -> None:
        if self.model.relationships:
            said = self.model.relationships[place % len(self.model.relationships)]
            self.run(self._do(consent_register.end_relationship, said["id"], self.now))
            said["ended"] = True

    @rule(place=st.integers(0, 50))
    def withdraw(self, place: int) -> None:
        if self.model.consents:
            said = self.model.consents[place % len(self.model.consents)]
            self.run(self._do(consent_register.withdraw_consent, said["id"], self.now))
            said["withdrawn"] = True

    @rule(who=st.sampled_from(PERSONS), what=st.frozensets(st.sampled_from(sorted(FIELDS))), purposes=st.just(PURPOSES))
    def object_(self, who: str, what: frozenset[str], purposes: tuple[str, ...]) -> None:
        self.number += 1
        made = Objection(f"O{self.number}", who, purposes=frozenset(purposes), fields=what)
        self.run(self._do(consent_register.record_objection, made, by="LK/GOV/C", now=self.now))
        self.model.objections.append({"id": made.id, "who": who, "fields": what, "purposes": purposes, "lifted": False})

    @rule(place=st.integers(0, 50))
    def lift(self, place: int) -> None:
        if self.model.objections:
            made = self.model.objections[place % len(self.model.objections)]
            self.run(self._do(consent_register.lift_objection, made["id"], by="LK/GOV/C", now=self.now))
            made["lifted"] = True

    @rule(hours=st.integers(1, 24 * 20))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule(asked=fields)
    def everybody_asks(self, asked: frozenset[str]) -> None:
        requests = [
            Request(consumer, provider, service, "read", purpose, asked, who)
            for consumer in CONSUMERS
            for provider in PROVIDERS
            for service in SERVICES
            for purpose in PURPOSES
            for who in PERSONS
        ]
        facts = self.run(self._do(facts_for, requests, self.now))
        for request, known in zip(requests, facts, strict=True):
            House.calls += 1
            decision = decide(request, known, self.now)
            assert decision.fields == self.model.granted(request, self.now)
            assert decision.allowed == bool(decision.fields)
            House.granted += decision.allowed
            House.undeclared += self._needs_declaring(request)
            if decision.allowed:
                chosen = self.model.agreements[str(decision.agreement), int(decision.agreement_version or 0)]
                related = self.model.related(request.consumer, request.subject_ref, self.now)
                House.without += chosen["related"] and not related

    def _needs_declaring(self, request: Request) -> bool:
        """Whether an agreement of these two wants a relationship that is not declared."""
        related = self.model.related(request.consumer, request.subject_ref, self.now)
        return not related and any(
            each["related"] and (each["consumer"], each["provider"]) == (request.consumer, request.provider)
            for each in self.model.agreements.values()
        )


def member(system: str) -> str:
    return system.rpartition("/")[0]


def document_of(
    name: str,
    version: int,
    consumer: str,
    provider: str,
    services: dict[str, frozenset[str]],
    purposes: list[str],
    bases: list[str],
    begin: datetime,
    length: int,
) -> dict[str, Any]:
    described = {
        "consent": {"kind": "consent", "controllers": ["LK/GOV/C"]},
        "public_task": {"kind": "public_task", "reference": "Act 1"},
    }
    return {
        "format": "agreement/1",
        "id": name,
        "version": version,
        "title": "A random agreement",
        "consumer": {"member": member(consumer), "systems": [consumer]},
        "provider": {"member": member(provider), "systems": [provider]},
        "services": [
            {"service": service, "actions": ["read"], "fields": sorted(granted)}
            for service, granted in services.items()
        ],
        "purposes": purposes,
        "legal_bases": [described[each] for each in bases],
        "valid_from": begin.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "valid_until": (begin + timedelta(days=length + 1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


class Declaring(House):
    """Every agreement wants a declared relationship."""

    always_related = True


def walked(house: type[House], counted: str, least: int) -> None:
    """Random walks until so many questions of a kind were asked; says how many of which there were."""
    House.calls = House.granted = House.without = House.undeclared = 0
    examples, steps = (200, 60) if NIGHTLY else (12, 30)
    while getattr(House, counted) < least:
        run_state_machine_as_test(
            house,
            settings=settings(
                max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
    sys.stdout.write(
        f"\n{House.calls:,} calls, {House.granted:,} granted; relationship not declared in {House.undeclared:,}\n"
    )


def test_nothing_outside_the_model_and_no_wrong_refusal(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        walked(House, "calls", 100_000 if NIGHTLY else 1_000)
    assert House.without == 0
    assert House.granted >= House.calls / 1000  # the walk is not all refusals


def test_nobody_is_answered_about_without_a_declared_relationship(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        walked(Declaring, "undeclared", 100_000 if NIGHTLY else 300)
    assert House.without == 0
    assert House.granted  # where it is declared, people are answered about
