"""A third party's DCI client, with nothing but configuration, in each interface and in each signature dialect: it
searches at once and later, asks for the status, subscribes, is notified and unsubscribes. Every message of both
sides is valid by the interface's file, and everything that comes to the client is signed in its dialect."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio
from sandhi_client import dialects
from sandhi_client.http_signatures import Exchanged
from sandhi_client.keys import PublicKeys

from gateway.edges.dci.operations import INTERFACES
from gateway.trust.dialects import DIALECTS
from tests.dci_asking import EVENTS, codes_of, status_later, subscribe, unsubscribe
from tests.dci_house import NIC, PEOPLE, UNKNOWN, Client, House, dci_house
from tests.dci_played import Envelope

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAIRS = [  # in every run each interface and each dialect, at night each interface in each dialect
    pytest.param(name, dialect, marks=() if n == m else pytest.mark.nightly)
    for n, name in enumerate(sorted(INTERFACES))
    for m, dialect in enumerate(sorted(DIALECTS))
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with dci_house(tmp_path_factory.mktemp("dci")) as opened:
        yield opened


def records(item: Envelope) -> list[Envelope]:
    found = item.get("data", {}).get("reg_records", [])
    return found if isinstance(found, list) else [found]


async def came(client: Client, action: str) -> Envelope:
    """The one message that came to the client since the last look, signed in its dialect."""
    house = client.house
    await house.worked()
    ((name, told, envelope, headers, body),) = house.callbacks.received
    house.callbacks.received.clear()
    assert (name, told) == (client.interface, action)
    place = {"txn-on-status": "on-status"}.get(action, action)
    exchanged = Exchanged("POST", f"{house.callbacks.url}/{name}/{place}", headers, body)
    dialects.prove(client.dialect, exchanged, envelope, PublicKeys(house.services.trust.jwks()))
    return envelope


@pytest.mark.parametrize(("name", "dialect"), PAIRS)
async def test_a_client_is_served_in_its_interface_and_in_its_dialect(house: House, name: str, dialect: str) -> None:
    client = house.clients[name]
    names = [f"event_type:{EVENTS[name]}=enrolment_status_change"] if name in EVENTS else []
    await client.agree(
        signature={"dialect": dialect, "required": dialect != "none"}, dci={"interface": name, "names": names}
    )
    house.callbacks.received.clear()
    member = "birth_date" if name == "CRVS" else "status"

    now = await client.ends(client.item(), client.item({"type": "UIN", "value": UNKNOWN}))
    ack = await client.search(client.item(), client.item({"type": "UIN", "value": UNKNOWN}), path="search")
    later = await came(client, "on-search")
    assert later["message"]["correlation_id"] == ack["correlation_id"]
    for found, nobody in (now, later["message"]["search_response"]):
        assert [each[member] for each in records(found)] == [PEOPLE[NIC][member]]
        assert (records(nobody), nobody["status_reason_message"]) == ([], "unknown_person")

    assert [each["status"] for each in (await client.status(ack["correlation_id"]))["search_response"]] == ["succ"] * 2
    assert (await status_later(client, ack["correlation_id"]))["ack_status"] == "ACK"
    status = (await came(client, "txn-on-status"))["message"]["txnstatus_response"]["txn_status"]
    assert [each["status"] for each in status["search_response"]] == ["succ"] * 2

    transaction = str(uuid4())
    assert (await subscribe(client, transaction))["ack_status"] == "ACK"
    (code,) = codes_of(await came(client, "on-subscribe"))
    await house.tell(name)
    (event,) = (await came(client, "notify"))["message"]["notify_event"]
    assert (event["data"]["reg_records"]["state"], "reason" in event["data"]["reg_records"]) == ("enrolled", False)
    assert (await unsubscribe(client, str(uuid4()), [code]))["ack_status"] == "ACK"
    assert (await came(client, "on-unsubscribe"))["message"]["subscription_status"][0]["code"] == code
    await house.tell(name)
    await house.worked()
    assert house.callbacks.received == []
    faults = [each for each in house.recorder.faults if each.startswith(f"{name} ")]
    assert faults == [], faults
