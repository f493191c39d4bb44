"""Proof from outside: the ESS adapter reads the answers of DCI's own published mock, served by Mockoon.

The mock checks nothing it is sent, so this proves reading only. Its file is served unchanged but for two things: its
paths begin with `/registry`, as in the published interface, and it gives a token.
"""

import json
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from outside.npm_tools import installed, running

from adapters.ess.adapter import Ess
from adapters.kit.contract import AgencyUnavailable, Handed, Identifier, Item, Question, Subject
from adapters.kit.egress import Dialler
from adapters.kit.opening import open_adapter

ROOT = Path(__file__).parents[2]
MOCK = ROOT / "schemas/agency/spdci-ess-mock/mockoon-ess.json"
PERSON = Subject((Identifier("NIC", "199012304567"), Identifier("SR", "SR000000000")))
TOKEN = {"access_token": "mock", "token_type": "Bearer", "expires_in": "300"}

pytestmark = pytest.mark.nightly


def as_published(mock: dict[str, Any]) -> dict[str, Any]:
    """The mock under the interface's own paths, with a token endpoint beside it."""
    answers = [{"uuid": "token", "statusCode": 200, "headers": [], "body": json.dumps(TOKEN)}]
    token = {"uuid": "token", "method": "post", "endpoint": "oauth2/client/token", "responses": answers}
    routes = [{**each, "endpoint": f"registry{each['endpoint'].removeprefix('ess')}"} for each in mock["routes"]]
    return {**mock, "routes": [*routes, token]}


@pytest.fixture
async def ess(tmp_path: Path) -> AsyncIterator[Ess]:
    mockoon = installed("@mockoon/cli", "9.9.0", "mockoon-cli", tmp_path)
    served = tmp_path / "mock.json"
    served.write_text(json.dumps(as_published(json.loads(MOCK.read_text("utf-8")))))
    options = ["--port", "{port}", "--hostname", "127.0.0.1", "--repair", "--disable-log-to-file"]
    async with running(mockoon, "start", "--data", served, *options, log=tmp_path / "mockoon.log") as port:
        settings = {
            "ESS_URL": f"http://127.0.0.1:{port}",
            "ESS_CLIENT_ID": "gateway",
            "ESS_CLIENT_SECRET": "made-up",
            "ESS_SENDER_ID": "LK.GOV.SANDHI.GATEWAY",
        }
        dialler = Dialler({f"127.0.0.1:{port}"})
        adapter = open_adapter(ROOT / "adapters/ess", settings.__getitem__, dialler, lambda _: "e30..c2ln")
        assert isinstance(adapter, Ess)
        yield adapter
        await adapter.close()
        await dialler.close()


async def test_the_published_mock_is_read(ess: Ess) -> None:
    question = Question("ess.enrolment", PERSON, frozenset({"enrolled", "status"}), date(2026, 10, 31))
    raw = await ess.ask(question)
    assert ess.normalise("ess.enrolment", raw) == {"enrolled": True, "status": "Active"}

    update = {"member_id": "SR000000000", "event": "moved", "date": "2026-10-31"}
    assert await ess.deliver(Item("item-1", "ess.update", update, PERSON)) == Handed("CORR-item-1", "ACK")

    taken = await ess.subscribed("https://gateway.example/dci/registry/on-subscribe")
    assert taken.status == "ACK"

    # the mock's search says `rcvd`, "taken, not finished", and sends records with it: we wait for `succ`
    with pytest.raises(AgencyUnavailable):
        await ess.search(PERSON)
