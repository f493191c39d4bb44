"""The steps of the sandbox over a played gateway: each does its part once, however often it is called."""

import json
import re
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from sandbox.assembly import AGENCIES, Assembly, Places
from sandbox.control import Deaths
from sandbox.nic import normal
from sandbox.person import SrRecord
from sandbox.server import write_intake, write_settings
from sandbox.world import Registers
from tests.played_gateway import HANDED, Message, PlayedGateway
from tests.small_gateway import served

DAY = date(2026, 10, 31)
PEOPLE = 200
ESS = "LK.GOV.DME.ESS"


@pytest.fixture(scope="module")
def registers() -> Registers:
    return Registers(PEOPLE, 7, DAY)


@dataclass
class Scene:
    """The sandbox, and a played gateway beside it on the same server that brings people and findings on when told."""

    url: str
    folder: Path
    app: Starlette
    registers: Registers
    gateway: PlayedGateway
    http: httpx.AsyncClient
    issued: dict[str, str] = field(default_factory=dict)
    deaths: list[Message] = field(default_factory=list)
    brought: set[str] = field(default_factory=set)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Assembly]:
        """For as long as the block lasts; the next one is the same sandbox, restarted."""
        places = Places(self.folder, self.folder / "clients", f"{self.url}/gateway", self.url, pace=0.001)
        assembly = Assembly(self.registers, places, issued=self.issued.update)
        async with assembly.app.router.lifespan_context(assembly.app):
            self.app.router.routes.append(Mount("/", app=assembly.app))
            yield assembly
            self.app.router.routes.pop()

    async def hook(self, request: Request) -> Response:
        """The gateway's webhook: answers the challenge, takes events."""
        if request.method == "GET":
            return JSONResponse({"challenge": request.query_params["challenge"]})
        self.deaths.append(await request.json())
        return JSONResponse({})

    async def step(self, name: str) -> Message:
        answer = await self.http.post(f"{self.url}/control/steps/{name}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def state(self) -> Message:
        return dict((await self.http.get(f"{self.url}/control/state")).json())

    async def bring(self) -> None:
        """What came to the gateway goes on to its receiver, once."""
        for key in self.gateway.deliveries.keys() - self.brought:
            body = self.gateway.deliveries[key]
            receiver, _, name = body["service"].partition("/")
            if name == "referral":
                await self._to_office(receiver, key, body)
            elif body["service"] == "ess.finding":
                await self._to_ess("Finding", key, body["subject"], body["record"])
            self.brought.add(key)

    async def refer(self, count: int) -> None:
        """The registry refers some people to ESS."""
        for record in flagged(self.registers)[:count]:
            await self._to_ess("Member", record.member_id, subject(record), referral(record))

    async def _to_office(self, receiver: str, key: str, body: Message) -> None:
        district = receiver.removeprefix("LK.GOV.DME.OFFICE-")
        numbers = [{"identifier_type": "NIC", "identifier_value": body["subject"]["identifiers"][0]["value"]}]
        record = body["record"] | {"identifiers": numbers}
        notice = self.gateway.notice(receiver, "sandhi:referral:v1", record, key)
        await self._posted(f"/offices/{district}/registry/notify", notice)

    async def _to_ess(self, record_type: str, key: str, whom: Message, record: Message) -> None:
        rest = dict(record)
        numbers = (("UIN", whom["identifiers"][0]["value"]), ("SR", rest.pop("member_id")))
        member = {"member_identifier": [{"identifier_type": a, "identifier_value": b} for a, b in numbers]}
        if record_type == "Member":
            person = rest.pop("person")
            member |= {"demographic_info": person | {"phone_number": [person.pop("phone")]}}
            rest |= {"names": person.pop("names")}
        attributes = [{name: value} for name, value in rest.items()]
        notice = self.gateway.notice(ESS, record_type, member | {"additional_attributes": attributes}, key)
        await self._posted("/ess/registry/notify", notice)

    async def _posted(self, path: str, body: Message) -> None:
        form = {"grant_type": "client_credentials", "client_id": self.issued["ESS_CLIENT_ID"]}
        form["client_secret"] = self.issued["ESS_CLIENT_SECRET"]
        url = f"{self.url}/ess/oauth2/client/token"
        token = (await self.http.post(url, data=form, headers={"timestamp": "now"})).json()["access_token"]
        answer = await self.http.post(self.url + path, json=body, headers={"authorization": f"Bearer {token}"})
        assert answer.json()["message"]["ack_status"] == "ACK", answer.text


def flagged(registers: Registers) -> list[SrRecord]:
    records = registers.registrations().values()
    seen = {normal(record.nic): record for record in records if record.employment_status == 2 and record.phone}
    return [record for nic, record in seen.items() if registers.ess_by_nic(nic) is None]


def subject(record: SrRecord) -> Message:
    return {"identifiers": [{"type": "NIC", "value": record.nic}]}


def referral(record: SrRecord) -> Message:
    names = [{"language": each.language, "script": each.script, "value": each.full} for each in record.names]
    unit = record.gn_division
    return {
        "member_id": record.member_id,
        "person": {"names": names, "sex": record.sex, "birth_date": "1990-05-02", "phone": record.phone},
        "location": {"gn_division": unit, "ds_division": unit[:7], "district": unit[:5]},
        "readiness": "labour_ready",
        "verify": ["tax"],
        "evidence": [],
        "channel": record.channel,
    }


@pytest.fixture
async def scene(tmp_path: Path, registers: Registers) -> AsyncIterator[Scene]:
    gateway, app = PlayedGateway(), Starlette()
    gateway.judge = lambda _: HANDED | {"receiver_state": "delivered"}
    async with served(app) as url, httpx.AsyncClient(trust_env=False, verify=False, timeout=60) as http:
        found = Scene(url, tmp_path, app, registers, gateway, http)
        app.router.routes.append(Mount("/gateway", app=gateway.app))
        app.router.routes.append(Route("/hooked", found.hook, methods=["GET", "POST"]))
        yield found


def hand_out_credentials(scene: Scene) -> None:
    districts = {record.gn_division[:5] for record in scene.registers.registrations().values()}
    folder, url = scene.folder / "clients", f"{scene.url}/gateway"
    scene.gateway.credentials(folder, url, "ess", "LK/GOV/DME/ESS")
    for district in districts:
        scene.gateway.credentials(folder, url, f"office-{district}", f"LK/GOV/DME/OFFICE-{district}")


async def subscribe_to_deaths(scene: Scene, assembly: Assembly) -> None:
    hub = {"callback": f"{scene.url}/hooked", "mode": "subscribe", "topic": "DEATH_REGISTERED"}
    await assembly.steps.hooks.subscribe("client", hub | {"secret": scene.issued["CIVIL_REGISTRATION_HOOK_SECRET"]})


async def played_through(scene: Scene) -> dict[str, Message]:
    """Every step in its order, with what the gateway brings on in between."""
    told = {}
    for name in ("segment", "offices", "alerts", "counsel", "enrol", "progress", "death"):
        await scene.step(name)
        await scene.bring()
        told[name] = await scene.step(name)
    return told


async def test_each_step_does_its_part_once_and_gives_the_same_totals_again_even_after_a_restart(scene: Scene) -> None:
    hand_out_credentials(scene)
    async with scene.running() as assembly:
        await subscribe_to_deaths(scene, assembly)
        assembly.steps.ess.subscribed({"enrolment", "enrolment_status_change"})
        await scene.refer(12)
        first = await played_through(scene)
        state = await scene.state()
        taken = list(scene.gateway.attempts)
    async with scene.running():
        assert await played_through(scene) == first
        assert await scene.state() == state
    assert scene.gateway.attempts == taken
    assert len(taken) == len(set(taken))
    assert (state["referrals"], state["accepted"], sum(state["offices"].values())) == (12, 12, 12)
    assert state["offices"] == state["segments"]
    assert sum(state["findings"].values()) == state["verify"] == 12
    assert first["counsel"]["passed on"] == {"handed": 12}
    assert sum(first["enrol"]["people"].values()) == 12
    assert state["enrolled"] == first["progress"]["events"]["attended"] > 0
    assert (len(scene.deaths), first["death"]) == (2, {"deaths": 2, "told": 2})


async def test_registered_death_stands_in_the_civil_register_after_a_restart(
    tmp_path: Path, registers: Registers
) -> None:
    living = next(each for each in registers.registrations().values() if _alive(registers, each))
    (record,) = registers.civil_by_nic(normal(living.nic))
    deaths = Deaths(registers, tmp_path / "deaths.db")
    deaths.register(record.birth_registration, DAY)
    deaths.close()
    deaths = Deaths(registers, tmp_path / "deaths.db")
    (now,) = deaths.civil_by_nic(normal(living.nic))
    assert (now.death_date, now.death_has_nic) == (DAY, True)
    assert now.death_registration is not None
    assert deaths.civil_by_death_registration(now.death_registration) == now
    assert now in deaths.civil_by_birth_date(record.birth_date)
    assert registers.civil_by_nic(normal(living.nic)) == (record,)
    deaths.close()


def _alive(registers: Registers, record: SrRecord) -> bool:
    found = registers.civil_by_nic(normal(record.nic))
    return len(found) == 1 and found[0].death_date is None


async def test_nothing_that_agencies_tell_lies_after_the_day_of_the_scene(scene: Scene) -> None:
    hand_out_credentials(scene)
    async with scene.running() as assembly:
        await subscribe_to_deaths(scene, assembly)
        assembly.steps.ess.subscribed({"enrolment", "enrolment_status_change"})
        await scene.refer(12)
        await played_through(scene)
        died = [each.death_date for each in assembly.steps.deaths.registered()]
    told = json.dumps([scene.gateway.told, list(scene.gateway.deliveries.values()), scene.deaths])
    days = re.findall(r'"(?:date|found_on)": "(\d{4}-\d\d-\d\d)"', told)
    assert len(days) >= 12 * 4  # decided, found, enrolled or not, attended
    assert {*days, *map(str, died)} == {DAY.isoformat()}


async def test_without_credentials_a_step_says_what_is_missing(scene: Scene) -> None:
    async with scene.running():
        answer = await scene.http.post(f"{scene.url}/control/steps/subscribe")
        assert answer.status_code == 503
        assert "ess.json is missing" in answer.json()["error"]


async def test_control_surface_knows_its_steps_and_agencies(scene: Scene) -> None:
    async with scene.running():
        assert (await scene.http.get(f"{scene.url}/control/ready")).json() == {"ready": True}
        unknown = await scene.http.post(f"{scene.url}/control/steps/payday")
        assert (unknown.status_code, "subscribe, segment" in unknown.json()["error"]) == (404, True)
        healthy = (await scene.http.get(f"{scene.url}/control/faults")).json()
        assert healthy == dict.fromkeys(AGENCIES, "none")


async def test_faults_are_turned_on_and_off_by_agency(scene: Scene) -> None:
    async with scene.running():
        faults = f"{scene.url}/control/faults/tax"
        assert (await scene.http.put(faults, json={"kind": "down"})).status_code == 200
        assert (await scene.http.post(f"{scene.url}/tax/oauth/token")).status_code == 503
        assert (await scene.http.get(f"{scene.url}/ess/.well-known/jwks.json")).status_code == 200
        assert (await scene.http.delete(faults)).status_code == 204
        assert (await scene.http.post(f"{scene.url}/tax/oauth/token")).status_code != 503
        assert (await scene.http.put(f"{scene.url}/control/faults/moon", json={"kind": "down"})).status_code == 404
        for wrong in ({"kind": "gone"}, {"kind": "slow", "seconds": -1}, {"kind": 1}, {"kind": "down", "x": 1}, []):
            assert (await scene.http.put(faults, json=wrong)).status_code == 400


async def test_what_agencies_issue_is_written_for_the_gateway_to_read(scene: Scene, tmp_path: Path) -> None:
    async with scene.running():
        write_settings(scene.issued, tmp_path / "settings.json")
    written = json.loads((tmp_path / "settings.json").read_text("utf-8"))
    assert all(isinstance(value, str) for value in written.values())
    assert written["ESS_URL"] == f"{scene.url}/ess"
    assert {name.partition("_")[0] for name in written} == {
        *("NATIONAL", "CIVIL", "TAX", "PENSION", "EDUCATION", "ESS", "MESSAGING", "DRIVING", "HEALTH"),
        *("SAMURDHI", "ELDERS", "DISABILITY", "KIDNEY", "PUBLIC", "SOCIAL", "EMPLOYMENT", "GRIEVANCE", "FIELD"),
        *("PSP", "BANK", "POST", "TREASURY", "LETTERS"),
    }
    assert stat.S_IMODE((tmp_path / "settings.json").stat().st_mode) == 0o600


def test_intake_has_every_member_record_once(tmp_path: Path, registers: Registers) -> None:
    write_intake(registers, tmp_path / "registrations.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "registrations.jsonl").read_bytes().splitlines()]
    assert [line["member_id"] for line in lines] == sorted(registers.registrations())
