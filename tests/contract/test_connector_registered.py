"""A folder that an agency registered runs in the agency's own network: tested, released and asked by its connector."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from adapters.kit import connecting
from adapters.kit.connector import Connector, Signer
from adapters.kit.contract import Adapter, AgencyHasNoSuchPerson, Question, RawAnswer
from adapters.kit.drafts import template
from adapters.kit.egress import HttpAnswer, HttpClient
from gateway.errors import SourceDown
from gateway.model import Ask, ClaimAsked, Identifier, Subject
from gateway.pipeline import exchange
from gateway.registration import folder, probing, steps, store
from gateway.registration.errors import StepRefused
from gateway.registration.steps import Release
from gateway.trust import register
from gateway.trust.jwks import checked
from gateway.trust.keys import new_key, private_jwk
from tests.certified_place import PURPOSE, SR, STRANGER, TRAFFIC, House, a_house, agreement

MEMBER, NOBODY = "199012304567", "190000100001"
RECORD = {"closed_month": "2026-09", "months": [{"month": "2026-09", "amount": "1200.00"}], "pensions": []}
Files = Mapping[str, bytes]


def files(remark: str = "") -> Files:
    """The template of a fund, which says that the agency runs it."""
    told = {name: text.decode() for name, text in template("rest", "levy").items()}
    told["manifest.toml"] = told["manifest.toml"].replace('"rest"', '"rest"\nconnector  = true', 1)
    return folder.of_texts(told | {"README.md": f"# levy\n{remark}"})


class Fund:
    """The folder as it runs at the agency, without its network."""

    id = "levy"

    async def ask(self, question: Question) -> RawAnswer:
        if question.subject.identifier("NIC") != MEMBER:
            raise AgencyHasNoSuchPerson("the agency does not know the person")
        return RawAnswer(RECORD, date(2026, 9, 30))

    def normalise(self, _service: str, raw: RawAnswer) -> dict[str, object]:
        return cast("dict[str, object]", raw.payload)


@dataclass
class Outward:
    """The connector's way to the gateway, by its certificate."""

    house: House

    async def request(self, method: str, url: str, *, headers: Mapping[str, str], content: bytes) -> HttpAnswer:
        answer = await self.house.call(STRANGER, method, url, headers=dict(headers), content=content)
        return HttpAnswer(answer.status_code, dict(answer.headers), answer.content)


@dataclass
class Place:
    house: House
    key: Any

    @property
    def registration(self) -> Any:
        return self.house.services.registration

    async def ask(self, number: str) -> Any:
        subject, claim = Subject((Identifier("NIC", number),)), ClaimAsked("contribution_status", {"months": 6})
        ask = Ask(SR, "levy.contributions", PURPOSE, subject, date(2026, 10, 31), claim=claim, action="verify")
        return await exchange(ask, self.house.services.gate)

    async def proposed(self, what: Files) -> int:
        member = STRANGER.rpartition("/")[0]
        made = await self.registration.propose(what, member=member, system=STRANGER, by="a test")
        await self.registration.live.renewed()
        assert made.needed == frozenset()  # addresses and secrets stay at the agency
        return int(made.number)

    async def graded(self, number: int) -> None:
        """As if it had been tested: the dry run takes seconds."""
        here, report = self.registration, {"grade": "bronze", "rules": {}, "probe": [], "results": [], "exempt": {}}
        async with here.db.write() as connection:
            found = await store.version(connection, "levy", number)
            await steps.tested(connection, here.log, found, report, by="a test", now=here.trust.clock())

    @asynccontextmanager
    async def connector(self, tmp_path: Path, what: Files | None = None) -> AsyncIterator[None]:
        """The agency's process, with these files in its folder."""
        path = tmp_path / "key.json"
        path.write_text(json.dumps(private_jwk(self.key)))
        signer = Signer.read(path, STRANGER)
        home = tmp_path / "at-the-agency"
        folder.written_to(home, what or files())
        outward = cast("HttpClient", Outward(self.house))
        made = Connector(cast("Adapter", Fund()), outward, signer, connecting.folder_digest(home))
        running = asyncio.create_task(made.run(1))
        try:
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def a_place(root: Path, url: str = "") -> AsyncIterator[Place]:
    async with a_house(root, url) as house:
        key, now = new_key("EdDSA"), datetime.now(UTC)
        async with house.services.db.write() as connection:
            await register.add_keys(connection, house.services.log, STRANGER, checked({"keys": [dict(key.jwk)]}), now)
        house.services.trust.forget()
        granted = {"service": "levy.contributions", "sends": ["NIC"], "actions": ["read", "verify"]}
        granted["fields"] = ["claim:contribution_status", "closed_month"]
        parties = {"member": STRANGER.rpartition("/")[0], "systems": [STRANGER]}
        await house.agreed(agreement(provider=parties, services=[granted]))
        house.services.hub.taken_within_s = 0.4  # a question that nobody takes; three seconds otherwise
        yield Place(house, key)


async def test_a_registered_folder_is_tested_and_answers_through_the_agency_s_connector(
    tmp_path: Path, database_url: str
) -> None:
    async with a_place(tmp_path, database_url) as place:
        number = await place.proposed(files())
        async with place.connector(tmp_path):
            report = await place.registration.test("levy", number, by="a test")
            kept = await place.registration.shown("levy")
            wanted = await place.registration.release_of("levy", number, "active", 0)
            await place.registration.released("levy", wanted, by="a test")
            answer = await place.ask(MEMBER)
        with pytest.raises(SourceDown):  # the connector is cut
            await place.ask(MEMBER)
        told = await place.house.entries(exchange_id=answer.exchange_id)
        (outcome,) = [dict(each.facts) for each in told if each.kind == "exchange.outcome"]
    assert [(each["connection"], each["auth"], each["schema"]) for each in report["probe"]] == [("ok", "ok", "ok")]
    assert (wanted.inputs, report["not_probed_without"]) == ("", [])
    assert [each["result"] for each in report.pop("overheard")] == ["record"]  # told once, not kept
    assert kept["versions"][-1]["report"] == report
    assert answer.released["active"] is True
    assert "months" not in answer.released
    assert "sha256" in str(outcome["source_signature"])


async def test_only_the_system_that_it_speaks_for_may_dial_in_for_it(tmp_path: Path) -> None:
    async with a_place(tmp_path) as place:
        before = await place.house.call(STRANGER, "POST", "/v1/connectors/levy/next", json={})
        await place.proposed(files())
        other = await place.house.call(TRAFFIC, "POST", "/v1/connectors/levy/next", json={})
    assert (before.status_code, other.status_code) == (404, 404)


async def test_one_folder_runs_in_the_agency_s_network_not_two(tmp_path: Path) -> None:
    async with a_place(tmp_path) as place:
        first, second = await place.proposed(files()), await place.proposed(files("another"))
        for number in (first, second):
            await place.graded(number)
        wanted: Release = await place.registration.release_of("levy", first, "active", 0)
        await place.registration.released("levy", wanted, by="a test")
        with pytest.raises(StepRefused, match="not two"):
            await place.registration.release_of("levy", second, "canary", 10)


async def test_what_the_agency_runs_is_what_was_released_or_it_is_asked_nothing(tmp_path: Path) -> None:
    async with a_place(tmp_path) as place:
        number = await place.proposed(files())
        await place.graded(number)
        wanted = await place.registration.release_of("levy", number, "active", 0)
        await place.registration.released("levy", wanted, by="a test")
        altered = {"digest": folder.digest(files("mended at night"))}
        refused = await place.house.call(STRANGER, "POST", "/v1/connectors/levy/next", json=altered)
        unnamed = await place.house.call(STRANGER, "POST", "/v1/connectors/levy/next", json={})
        async with place.connector(tmp_path, files("mended at night")):
            with pytest.raises(SourceDown):
                await place.ask(MEMBER)
    assert [(each.status_code, each.json()["code"]) for each in (refused, unnamed)] == [(409, "conflict")] * 2
    assert "no version" in refused.json()["detail"]


async def test_a_version_that_is_only_proposed_is_asked_for_its_test_and_nothing_else(tmp_path: Path) -> None:
    async with a_place(tmp_path) as place:
        first, second = await place.proposed(files()), await place.proposed(files("another"))
        await place.graded(first)
        wanted = await place.registration.release_of("levy", first, "active", 0)
        await place.registration.released("levy", wanted, by="a test")
        async with place.connector(tmp_path, files("another")):
            async with place.registration.db.read() as connection:
                found = await store.version(connection, "levy", second)
            live = place.registration.live
            home, inside = await live.home(found), live.connected_to
            verdicts = await probing.probed_inside(home, inside(home, STRANGER, found.digest), date(2026, 10, 31))
            with pytest.raises(SourceDown):
                await place.ask(MEMBER)
    assert [each.schema for each in verdicts] == ["ok"]


def test_the_digest_at_the_agency_is_that_of_the_registration(tmp_path: Path) -> None:
    folder.written_to(tmp_path / "levy", files())
    (tmp_path / "levy" / ".git").mkdir()
    (tmp_path / "levy" / ".git" / "HEAD").write_text("ref: main", "utf-8")
    assert connecting.folder_digest(tmp_path / "levy") == folder.digest(files())
