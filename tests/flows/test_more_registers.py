"""Registers beyond the demo's process, asked through a whole gateway: agreed, linked to the sandbox, answered."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from flows.gateways import Running, served
from sandhi_client import Identifier, Name, Problem, Subject

from audit import Entry, new_id
from consent import sign_agreement, verify_agreement
from consent import store as agreement_store
from gateway.cli.demo.choices import Ports
from gateway.cli.demo.onboarding import onboard
from gateway.cli.demo.parties import key_at
from gateway.settings import Settings
from gateway.trust import register
from gateway.trust.jwks import public_key
from gateway.trust.keys import private_jwk
from gateway.wiring import Services, open_services
from sandbox.agencies import driving_licence, health, population_register
from sandbox.faults import Faults
from sandbox.loopback import serving
from sandbox.person import Person
from sandbox.population import population
from sandbox.population.certificates import MedicalCertificate, medical_certificate
from sandbox.population.licences import DrivingRecord, driving_record
from sandbox.population.register_numbers import register_number
from sandbox.second_side import AGENCIES as SECOND_AGENCIES
from sandbox.second_side import SecondSide
from sandbox.world import Registers

DAY = date(2026, 10, 31)
PURPOSE = "employment-support.eligibility"
CONSUMER = {"member": "LK/GOV/WBB", "systems": ["LK/GOV/WBB/SRIS"]}
SECOND_WIRES = Path(__file__).parents[2] / "adapters/second_wires"
LAW = [{"kind": "public_task", "reference": "Welfare Benefits Act No. 24 of 2002"}]
CONSENT = [{"kind": "consent", "controllers": ["LK/GOV/WBB"]}]
GIVEN = {
    "id": "certificate-1",
    "recipients": ["LK/GOV/WBB"],
    "purposes": [PURPOSE],
    "services": ["health.certificate", "national_id.identity"],
    "valid_from": "2020-01-01T00:00:00Z",
    "valid_until": "2100-01-01T00:00:00Z",
    "given_how": "self",
    "evidence": "sha-256:" + "0" * 64,
}
OFFERED: dict[str, dict[str, Any]] = {
    "LK/GOV/DMT/LICENCES": {
        "service": "driving_licence.entitlement",
        "actions": ["read"],
        "fields": ["may_drive"],
        "sends": ["NIC"],
    },
    "LK/GOV/MOH/CERTIFICATES": {
        "service": "health.certificate",
        "actions": ["read"],
        "fields": ["genuine", "category", "valid_until"],
        "sends": ["NIC", "CERTIFICATE"],
    },
    "LK/GOV/DRP/IDA": {
        "service": "national_id.identity",
        "actions": ["read"],
        "fields": ["confirmed", "names", "birth_date"],
        "sends": ["PRN", "names"],
    },
    "LK/GOV/IRD/PAYE": {
        "service": "tax.employment",
        "actions": ["read"],
        "fields": ["closed_month", "employments", "self_employments"],
        "sends": ["TIN"],
    },
    "LK/GOV/MOE/EHIS": {
        "service": "education.attainment",
        "actions": ["read"],
        "fields": ["closed_month", "enrolments", "qualifications"],
        "sends": ["LEARNER"],
    },
}


@dataclass(frozen=True, slots=True)
class Linked:
    """A gateway whose registers are the sandbox's, over these people."""

    gateway: Running
    driving: DrivingRecord
    certificate: MedicalCertificate
    person: Person
    worker: Person
    register_number: str
    heard: list[bytes]


def recorded(app: Any, heard: list[bytes]) -> Any:
    """The agency's application, with everything it hears kept: headers and bodies."""

    async def recording(scope: Any, receive: Any, send: Any) -> None:
        heard.extend(name + b": " + value for name, value in scope.get("headers", ()))

        async def hearing() -> Any:
            message = await receive()
            heard.append(message.get("body", b""))
            return message

        await app(scope, hearing, send)

    return recording


def document(number: int, system: str, grant: Mapping[str, object]) -> dict[str, Any]:
    return {
        "format": "agreement/1",
        "version": 1,
        "id": f"DSA-MORE-{number}",
        "title": "Check what an applicant says",
        "purposes": [PURPOSE],
        "may_know_existence": True,
        "consumer": CONSUMER,
        "provider": {"member": system.rpartition("/")[0], "systems": [system]},
        "legal_bases": LAW if system.startswith("LK/GOV/DMT") else CONSENT,
        "services": [grant],
        "valid_from": "2020-01-01T00:00:00Z",
        "valid_until": "2100-01-01T00:00:00Z",
    }


async def agreed(settings: Settings) -> None:
    """The demo's parties, and beside them each register with an agreement of its own."""
    await onboard(settings, Ports(1, 2, 3), DAY)
    async with open_services(settings, writing=True) as services:
        for number, (system, grant) in enumerate(OFFERED.items()):
            await admitted(services, settings.data_dir / "members", document(number, system, grant))


async def admitted(services: Services, folder: Path, text: dict[str, Any]) -> None:
    now = datetime.now(UTC)
    member, (system,) = text["provider"]["member"], text["provider"]["systems"]
    keys = {name: key_at(folder / f"{name.replace('/', '.')}.json") for name in (member, CONSUMER["member"])}
    signatures = {name: sign_agreement(text, private_jwk(key)) for name, key in keys.items()}
    signed = verify_agreement(text, signatures, {name: [key.jwk] for name, key in keys.items()})
    async with services.db.write() as connection:
        if await register.find_system(connection, system) is None:
            await register.add_member(connection, services.log, register.Member(member, member), now)
            await register.add_keys(connection, services.log, member, [public_key(keys[member].jwk)], now)
            made = register.System(system, system.replace("/", "."), system, frozenset(), ())
            await register.add_system(connection, services.log, made, now)
        await agreement_store.record_agreement(connection, signed, by=member, now=now)
        await services.log.append_in(connection, Entry(new_id(now), "agreement.recorded", now, {"by": member}))


@contextmanager
def second_agencies(registers: Registers, data: Path) -> Iterator[tuple[dict[str, str], list[str]]]:
    """The agencies of second wires, and where they are: they must know their own addresses before they answer."""
    apps: dict[str, Any] = {}

    def later(name: str) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await apps[name](scope, receive, send)

        return app

    with ExitStack() as stack:
        urls = {name: stack.enter_context(serving(later(name))) for name in SECOND_AGENCIES}
        side = SecondSide(registers, registers, url=urls.__getitem__, folder=data.joinpath)
        apps |= side.apps({name: Faults() for name in SECOND_AGENCIES})
        yield side.exported(), list(urls.values())


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Linked]:
    data, registers = tmp_path_factory.mktemp("more"), Registers(120, 7, DAY)
    heard: list[bytes] = []
    people = list(population(120, 7, DAY))
    certificates = filter(None, (medical_certificate(each, 7, DAY) for each in people))
    settings = [
        driving_licence.make_settings("http://127.0.0.1"),
        health.make_settings("http://127.0.0.1", data / "health"),
        population_register.make_settings("http://127.0.0.1"),
    ]
    with (
        serving(recorded(driving_licence.build(registers, settings[0], Faults()), heard)) as traffic,
        serving(recorded(health.build(registers, settings[1], Faults()), heard)) as hospital,
        serving(population_register.build(registers, settings[2], Faults())) as people_register,
        second_agencies(registers, data) as (others, addresses),
        pytest.MonkeyPatch.context() as patched,
    ):
        urls = {"DRIVING_LICENCE_URL": traffic, "HEALTH_URL": hospital, "NATIONAL_ID_XROAD_URL": people_register}
        told = {name: value for each in settings for name, value in each.exported().items()} | urls | others
        told["ADAPTERS_DIR"] = str(SECOND_WIRES)
        for name, value in told.items():
            patched.setenv(f"SANDHI_{name}", value)
        patched.setenv("SANDHI_ALLOWED_HOSTS", ",".join(url.partition("//")[2] for url in (*urls.values(), *addresses)))

        def prepared(url: str) -> None:
            environment = {"SANDHI_DATA_DIR": str(data / "run"), "SANDHI_PUBLIC_URL": url}
            asyncio.run(agreed(Settings.read(environment)))

        (data / "run").mkdir()
        with served(data / "run", prepared=prepared) as running:
            driving = next(filter(None, (driving_record(each, 7, DAY) for each in people)))
            certificate = next(each for each in certificates if each.state == "current")
            someone = next(each for each in people if each.world.alive)
            worker = next(each for each in people if each.world.alive and works_and_studied(each))
            yield Linked(running, driving, certificate, someone, worker, register_number(someone, 7), heard)


def works_and_studied(person: Person) -> bool:
    """Whether all three registers have something to tell."""
    tax, studies = person.tax, person.education
    return bool(
        person.civil and tax and any(each.end is None for each in tax.employments) and studies and studies.enrolments
    )


def subject(**numbers: str) -> Subject:
    return Subject(tuple(Identifier(kind, value) for kind, value in numbers.items()))


async def test_who_may_drive_is_answered_by_the_register_and_narrowed_to_the_agreement(linked: Linked) -> None:
    held = linked.driving
    ask: dict[str, Any] = {"service": "driving_licence.entitlement", "purpose": PURPOSE}
    holder = subject(NIC=held.nic)
    async with linked.gateway.client("sr") as client:
        answer = await client.exchange(**ask, subject=holder, fields=["may_drive"])
        nobody = await client.exchange(**ask, subject=subject(NIC="190000100001"), fields=["may_drive"])
        with pytest.raises(Problem) as refused:
            await client.exchange(**ask, subject=holder, fields=["entitlements"])
    assert answer.record == {"may_drive": any(each.state == "valid" for each in held.entitlements)}
    assert nobody.record == {"may_drive": False}
    assert refused.value.code == "refused_by_rules"


async def test_a_certificate_that_the_person_consented_to_is_a_claim_from_end_to_end(linked: Linked) -> None:
    held = linked.certificate
    shown = subject(NIC=held.nic, CERTIFICATE=held.number)
    ask: dict[str, Any] = {
        "service": "health.certificate",
        "purpose": PURPOSE,
        "subject": shown,
        "fields": ["genuine", "category", "valid_until"],
    }
    async with linked.gateway.client("sr") as client:
        with pytest.raises(Problem) as refused:
            await client.exchange(**ask)
        await client.record_consents([GIVEN | {"subject": shown.wire()}])
        answer = await client.exchange(**ask)
        kept = (await client.call("GET", f"/v1/exchanges/{answer.exchange_id}")).json()
    assert refused.value.code == "refused_by_rules"
    assert answer.record == {
        "genuine": True,
        "category": held.category,
        "valid_until": held.valid_until and held.valid_until.isoformat(),
    }
    assert not any(each in f"{answer} {kept}" for each in (held.diagnosis, held.number, held.nic))


async def test_the_second_wire_answers_under_the_same_service_and_says_what_it_cannot(linked: Linked) -> None:
    numbers = {"NIC": linked.person.nic, "PRN": linked.register_number}
    name = linked.person.names[0].full
    held = subject(**numbers)
    asked = Subject(held.identifiers, (Name("eng", "Latn", name),))
    ask: dict[str, Any] = {"service": "national_id.identity", "purpose": PURPOSE, "subject": asked}
    async with linked.gateway.client("sr") as client:
        await client.record_consents([GIVEN | {"id": "second-wire-1", "subject": held.wire()}])
        answer = await client.exchange(**ask, fields=["confirmed", "names"])
        with pytest.raises(Problem) as refused:
            await client.exchange(**ask, fields=["birth_date"])
    assert answer.record == {
        "confirmed": True,
        "names": [{"language": "eng", "script": "Latn", "value": name}],
    }
    assert refused.value.code == "bad_request.fields"


async def test_the_same_questions_are_answered_over_the_second_wires_of_tax_education_and_births(
    linked: Linked,
) -> None:
    whom = linked.worker
    assert whom.tax
    assert whom.education
    numbers = {"NIC": whom.nic, "TIN": whom.tax.tin, "LEARNER": whom.education.learner_number}
    held = subject(**numbers)
    services = ["tax.employment", "education.attainment", "civil_registration.vital_events"]
    given = GIVEN | {"id": "second-wires-3", "subject": held.wire(), "services": services}
    asked = {
        "tax.employment": ["closed_month", "employments"],
        "education.attainment": ["closed_month", "enrolments"],
        "civil_registration.vital_events": ["birth_date", "death_date"],
    }
    async with linked.gateway.client("sr") as client:
        await client.record_consents([given])
        told = {
            service: (await client.exchange(service=service, purpose=PURPOSE, subject=held, fields=fields)).record
            for service, fields in asked.items()
        }
        for service, field in (("tax.employment", "self_employments"), ("education.attainment", "qualifications")):
            with pytest.raises(Problem) as refused:
                await client.exchange(service=service, purpose=PURPOSE, subject=held, fields=[field])
            assert refused.value.code == "bad_request.fields", "what a wire cannot say is told before anybody is asked"
    work, studies, life = (told[service] for service in services)
    assert {each["start_date"] for each in work["employments"]} <= {str(each.start) for each in whom.tax.employments}
    assert work["employments"]
    assert [(each["level"], each["start"]) for each in studies["enrolments"]] == sorted(
        ((each.level, str(each.start)) for each in whom.education.enrolments), key=lambda each: each[1]
    )
    assert life == {"birth_date": str(whom.birth_date), "death_date": None}


async def test_no_agency_ever_hears_a_caller_s_own_credentials(linked: Linked) -> None:
    held = linked.driving
    linked.heard.clear()
    async with linked.gateway.client("sr") as client:
        token = await client.session.token()
        licence: dict[str, Any] = {"service": "driving_licence.entitlement", "fields": ["may_drive"]}
        await client.exchange(**licence, purpose=PURPOSE, subject=subject(NIC=held.nic))
    heard = b"\n".join(linked.heard)
    assert held.nic.encode() in heard  # it was asked, and what it heard is here
    assert token.encode() not in heard
    assert token.rpartition(".")[2].encode() not in heard
    assert not [each for each in linked.heard if each.lower().startswith((b"dpop:", b"authorization: dpop"))]
