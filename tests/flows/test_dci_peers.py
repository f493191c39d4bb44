"""Peer-shaped traffic: messages as OpenSPP, OpenCRVS, OpenG2P and DCI's own samples have them (`tests/vectors/peers`).

Each vector says what is agreed with such a partner (`sandhi system policy`), what it sends, and what it expects.
"""

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.dci_house import NIC, House, dci_house
from tests.dci_played import PROVIDERS, stamp

pytestmark = pytest.mark.asyncio(loop_scope="module")
FOLDER = Path(__file__).parents[1] / "vectors/peers"
VECTORS = [pytest.param(json.loads(each.read_text("utf-8")), id=each.stem) for each in sorted(FOLDER.glob("*.json"))]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with dci_house(tmp_path_factory.mktemp("peers")) as opened:
        yield opened
        assert opened.recorder.faults == []


def filled(value: Any, words: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: filled(each, words) for name, each in value.items()}
    if isinstance(value, list):
        return [filled(each, words) for each in value]
    if value == "{id}":
        return str(uuid4())
    return words.get(value, value) if isinstance(value, str) else value


def records(item: Mapping[str, Any]) -> list[Any]:
    found = item.get("data", {}).get("reg_records", [])
    return found if isinstance(found, list) else [found]


@pytest.mark.parametrize("vector", VECTORS)
async def test_a_peer_is_answered_as_it_expects(house: House, vector: dict[str, Any]) -> None:
    client = house.clients[vector["interface"]]
    await client.agree(**vector["agreed"])
    client.prefix = vector["prefix"] if vector["prefix"].startswith("/dci") else f"/dci{vector['prefix']}"
    receiver = PROVIDERS[vector["interface"]].replace("/", ".")
    words = {"{sender}": client.id, "{receiver}": receiver, "{now}": stamp(), "{nic}": NIC}
    header, message = filled(vector["header"], words), filled(vector["message"], words)
    expects = vector["expects"]
    house.callbacks.received.clear()
    strict = "tolerated" not in expects
    status, body = await client.call(vector["path"], header, message, recorded=strict)
    assert (status, body.get("errors")) == (expects["status"], None)
    if "ack" in expects:
        assert body["message"]["ack_status"] == expects["ack"]
        await house.worked()
        ((_, action, envelope, *_),) = house.callbacks.received
        items = envelope["message"]["search_response"]
        assert {"action": action, "records": len(records(items[0]))} == expects["callback"]
        return
    for item, wanted in zip(body["message"]["search_response"], expects["items"], strict=True):
        shown = {"status": item["status"], "records": len(records(item))}
        shown |= {name: item["data"][name] for name in wanted.keys() - shown.keys()}
        assert shown == wanted
        assert item.get("pagination") == expects.get("pagination")
    told = (await house.facts("exchange.intent"))[0]["signature"]
    assert told.get("tolerated") == expects.get("tolerated")
