"""The agencies' own client against the real token endpoint and the real door, and its patience with a gateway."""

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import Request

from gateway.trust import signatures
from gateway.trust.jwks import public_key
from gateway.trust.keys import new_key
from sandbox.gateway_client import Clients, GatewayClient, GatewayRefused, GatewayUnreachable, NoCredentials
from tests.played_gateway import PlayedGateway
from tests.small_gateway import a_gateway, client_file, served
from tests.trusting import SR, Clock, Pair

BODY = {"service": "s", "idempotency_key": "k-1", "record": {}}
MESSAGE = {"transaction_id": "t-1", "notify_event": [{"reference_id": "r-1"}]}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@pytest.fixture
async def played(tmp_path: Path) -> AsyncIterator[tuple[PlayedGateway, GatewayClient]]:
    gateway, clients = PlayedGateway(), Clients(tmp_path / "clients", patience_s=1)
    async with served(gateway.app) as url:
        gateway.credentials(tmp_path / "clients", url, "ess", "LK/GOV/DME/ESS")
        yield gateway, clients.named("ess")
        await clients.close()


async def test_real_gateway_believes_it_and_its_token_is_used_again(tmp_path: Path) -> None:
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    clients, key = Clients(tmp_path), new_key("EdDSA")
    client_file(tmp_path, origin, SR, key)
    pair = Pair("EdDSA", key.kid, key.material.private_key)
    async with a_gateway(tmp_path, clock=Clock(datetime.now(UTC)), origin=origin) as place:
        await place.register(SR, pair)

        @place.app.post("/v1/deliveries")
        async def take(request: Request) -> dict[str, str]:
            return {"delivery_id": request.state.caller.system, "state": "queued"}

        async with served(place.app, port):
            for _ in range(2):
                assert (await clients.named(SR.client_id).deliver(BODY)).id == SR.id
        await clients.close()


async def test_dci_message_is_signed_and_each_attempt_is_a_new_message_about_the_same(
    played: tuple[PlayedGateway, GatewayClient],
) -> None:
    gateway, client = played
    gateway.busy = 1
    for _ in range(2):
        assert await client.tell("notify", "LK.GOV.SANDHI.GATEWAY", MESSAGE) == "c-1"
    (_, first), (_, second) = gateway.told
    assert first["header"]["message_id"] != second["header"]["message_id"]
    assert first["message"] == second["message"] == MESSAGE
    assert (first["header"]["sender_id"], first["header"]["total_count"]) == ("LK.GOV.DME.ESS", 1)
    assert client.key is not None
    own = public_key({**client.key.public, "kid": client.key.kid, "alg": "EdDSA", "use": "sig"})
    assert signatures.verify(first, [own]).kid == client.key.kid


async def test_call_is_repeated_while_the_gateway_is_busy(played: tuple[PlayedGateway, GatewayClient]) -> None:
    gateway, client = played
    gateway.busy = 2
    assert (await client.deliver(BODY)).state == "queued"
    assert gateway.attempts == ["k-1"]


async def test_patience_ends(played: tuple[PlayedGateway, GatewayClient]) -> None:
    gateway, client = played
    gateway.busy = 1000
    with pytest.raises(GatewayUnreachable, match="is it running"):
        await client.deliver(BODY)


async def test_refusal_is_not_repeated(played: tuple[PlayedGateway, GatewayClient]) -> None:
    gateway, client = played
    for status, code in ((403, "refused_by_rules"), (503, "no_link")):
        gateway.judge = lambda _, refusal=(status, code): refusal
        with pytest.raises(GatewayRefused) as refused:
            await client.deliver(BODY)
        assert (refused.value.status, refused.value.code) == (status, code)
    assert len(gateway.attempts) == 2


async def test_credentials_may_come_later(tmp_path: Path) -> None:
    gateway, clients = PlayedGateway(), Clients(tmp_path / "clients", patience_s=1)
    client = clients.named("ess")
    assert client.key is None
    with pytest.raises(NoCredentials, match=r"ess\.json is missing"):
        await client.deliver(BODY)
    async with served(gateway.app) as url:
        gateway.credentials(tmp_path / "clients", url, "ess", "LK/GOV/DME/ESS")
        assert (await client.deliver(BODY)).state == "queued"
        await clients.close()


async def test_gateway_that_is_started_later_is_waited_for(tmp_path: Path) -> None:
    port, gateway, clients = free_port(), PlayedGateway(), Clients(tmp_path / "clients", patience_s=10)
    gateway.credentials(tmp_path / "clients", f"http://127.0.0.1:{port}", "ess", "LK/GOV/DME/ESS")
    delivering = asyncio.create_task(clients.named("ess").deliver(BODY))
    await asyncio.sleep(0.3)
    assert not delivering.done()
    async with served(gateway.app, port):
        assert (await delivering).state == "queued"
        await clients.close()
