"""The ESS conformance suite against the sandbox's employment support system, and its command line."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from gateway.trust.keys import private_jwk
from sandbox.agencies import ess as agency
from sandbox.faults import Faults
from sandbox.gateway_client import Clients
from sandbox.gateway_keys import GatewayKeys
from sandbox.person import EssRecord
from tests.conformance.ess.__main__ import main
from tests.conformance.ess.running import run
from tests.conformance.ess.suite import Report
from tests.conformance.ess.talk import Failed, Talk
from tests.conformance.ess.target import Number, Target
from tests.played_gateway import ID, PlayedGateway
from tests.small_gateway import served

ENROLLED, NOBODY = "198512304567", "199012304567"
PLACE = {"gn_division": "LK-1103005", "ds_division": "LK-1103", "district": "LK-11"}
LACKS = {"search", "on-search", "sync/txn/status", "txn/on-status", "txn/status", "unsubscribe"}


class Register:
    def ess_by_nic(self, nic: str) -> EssRecord | None:
        return EssRecord("Active", date(2025, 1, 1)) if nic == ENROLLED else None


class Told:
    """What ESS told the gateway that is played: the suite's callbacks."""

    def __init__(self, gateway: PlayedGateway) -> None:
        self._gateway = gateway

    async def wait(self, action: str, transaction_id: str) -> Mapping[str, Any]:
        for _ in range(500):
            for told, envelope in self._gateway.told:
                if (told, envelope["message"].get("transaction_id")) == (action, transaction_id):
                    return envelope
            await asyncio.sleep(0.01)
        raise Failed(f"no {action} came")


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[tuple[Target, PlayedGateway]]:
    gateway = PlayedGateway()
    app = Starlette(routes=[Mount("/gateway", app=gateway.app)])
    async with served(app) as url:
        gateway.credentials(tmp_path / "clients", f"{url}/gateway", "ess", "LK/GOV/DME/ESS")
        settings = agency.make_settings(f"{url}/ess", tmp_path / "ess", gateway=f"{url}/gateway")
        book, clients = agency.Book(settings.store), Clients(tmp_path / "clients", patience_s=5)
        ess = agency.Ess(book, settings, Register(), clients, {PLACE["gn_division"]}, date(2026, 10, 31))
        app.router.routes.append(Mount("/ess", app=agency.build(ess, clients, GatewayKeys(settings.gateway), Faults())))
        ess.start()
        yield target(settings, gateway), gateway
        await ess.close()
        await clients.close()
        book.close()


def target(settings: agency.EssSettings, gateway: PlayedGateway) -> Target:
    return Target(
        url=f"{settings.url}/registry",
        sender_id=ID,
        receiver_id=settings.own_id,
        jwks_url=f"{settings.url}/.well-known/jwks.json",
        token_url=f"{settings.url}/oauth2/client/token",
        client_id=settings.partner_client,
        client_secret=settings.partner_secret,
        key=private_jwk(gateway.key),
        known=Number("UIN", ENROLLED),
        unknown=Number("UIN", NOBODY),
        notice=referral(),
        sender_uri=settings.partner_callback,
    )


def referral() -> dict[str, Any]:
    """The record of a notification that ESS takes, as its README has it."""
    attributes = {
        "names": [{"language": "sin", "script": "Sinh", "value": "කමලා පෙරේරා"}],
        "location": PLACE,
        "readiness": "labour_ready",
        "verify": [],
        "evidence": [],
        "channel": "sms",
    }
    return {
        "@type": "spdci:Member",
        "member_identifier": [
            {"identifier_type": "UIN", "identifier_value": NOBODY},
            {"identifier_type": "SR", "identifier_value": "SR000000101"},
        ],
        "additional_attributes": [{name: value} for name, value in attributes.items()],
        "demographic_info": {"sex": "female", "birth_date": "1990-05-02", "phone_number": ["+94791234567"]},
        "language_code": ["sin"],
        "education_level": "3",
    }


def told(report: Report) -> dict[str, str]:
    """What did not pass, and why."""
    return {each.id: f"{each.outcome} {each.detail}" for each in report.results if each.outcome != "passed"}


async def test_the_sandbox_passes_every_check_of_what_it_offers(place: tuple[Target, PlayedGateway]) -> None:
    asked, gateway = place
    async with httpx.AsyncClient(trust_env=False) as http:
        report = await run(Talk(asked, http, Told(gateway)))
    assert set(report.absent) == LACKS
    assert told(report) == {
        "ASYNC-1": "absent the server has no search",
        "STATUS-1": "absent the server has no sync/txn/status",
        "STATUS-2": "absent the server has no search",
        "SUB-4": "absent the server has no unsubscribe",
    }


async def test_the_command_line_says_the_same_and_its_exit_code_counts(
    place: tuple[Target, PlayedGateway], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked, _ = place
    (tmp_path / "key.json").write_text(json.dumps(asked.key))
    (tmp_path / "secret").write_text(asked.client_secret + "\n")
    given = {
        "--url": asked.url,
        "--sender-id": asked.sender_id,
        "--receiver-id": asked.receiver_id,
        "--token-url": asked.token_url,
        "--client-id": asked.client_id,
        "--client-secret-file": str(tmp_path / "secret"),
        "--key": str(tmp_path / "key.json"),
        "--jwks-url": asked.jwks_url,
        "--known": f"UIN:{ENROLLED}",
        "--unknown": f"UIN:{NOBODY}",
        "--json": str(tmp_path / "report.json"),
    }
    arguments = [part for pair in given.items() for part in pair]
    assert await asyncio.to_thread(main, [*arguments, "--only", "FIND", "HEAD-5"]) == 0
    assert "9 passed" in capsys.readouterr().out.splitlines()[-1]
    written = json.loads((tmp_path / "report.json").read_text())
    assert {each["outcome"] for each in written["results"]} == {"passed"}
    wanted = ["--only", "STATUS", "--require", "sync/txn/status"]
    assert await asyncio.to_thread(main, [*arguments, *wanted]) == 1
    assert await asyncio.to_thread(main, [*arguments, "--client-id", "nobody"]) == 2
    assert "no token" in capsys.readouterr().err


def test_without_a_server_the_list_is_printed_and_a_call_without_one_is_a_usage_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 42
    assert main([]) == 2
