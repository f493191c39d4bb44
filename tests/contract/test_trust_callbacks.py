"""A callback on a new host is taken in when the host says, signed by the system, whose it is: threat 32."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sandhi_client.keys import OwnKey

from adapters.kit.contract import AgencyUnavailable
from adapters.kit.egress import HttpAnswer
from gateway.trust import Offered
from gateway.trust.callbacks import CallbackProofs
from gateway.trust.keys import new_key, private_jwk
from tests.registering import Signing
from tests.small_gateway import Place, a_gateway
from tests.trusting import ESS, ORIGIN, SR, Pair

ADMIN = replace(SR, scopes=frozenset({"admin"}))
KEY, OTHER = new_key("EdDSA"), new_key("EdDSA")
OWN, STRANGER = OwnKey(private_jwk(KEY)), OwnKey(private_jwk(OTHER))
URL = "https://ess.example/registry/notify"
KNOWN = replace(ESS, services=(Offered("progress", "https://old.example/p", "canonical/x.v1.json"),))
PATH = f"/v1/systems/{ESS.dci_id}"


class Web:
    """Stands for the dialler and the host behind it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer = HttpAnswer(404, {}, b"")
        self.down = False

    def serves(self, *lines: str) -> None:
        self.answer = HttpAnswer(200, {}, "\n".join(lines).encode())

    async def fetch(self, method: str, url: str, headers: object, content: bytes) -> HttpAnswer:
        self.asked.append(f"{method} {url}")
        if self.down:
            raise AgencyUnavailable("cannot connect")
        return self.answer


@pytest.fixture
def web() -> Web:
    return Web()


@pytest.fixture
async def place(tmp_path: Path, web: Web) -> AsyncIterator[Place]:
    async with a_gateway(tmp_path) as built:
        built.trust.callback_proofs = CallbackProofs(web.fetch, ORIGIN)
        await built.register(ADMIN, ADMIN_PAIR)
        await built.register(KNOWN, Pair("EdDSA", KEY.kid, KEY.material.private_key))
        built.log.entries.clear()
        yield built


ADMIN_PAIR = Pair()


async def patched(place: Place, *urls: str) -> tuple[int, str]:
    services = [
        {"name": f"progress-{n}" if n else "progress", "callback_url": url, "record_schema": "canonical/x.v1.json"}
        for n, url in enumerate(urls)
    ]
    answer = await Signing(place, ADMIN, ADMIN_PAIR).call("PATCH", PATH, {"services": services})
    return answer.status_code, answer.json().get("code", "")


def statement(key: OwnKey = OWN, **changed: str) -> str:
    said: dict[str, Any] = {"client_id": ESS.client_id, "gateway": ORIGIN, "url": URL} | changed
    return key.callback_statement(**said)


async def test_a_host_that_says_so_is_the_systems(place: Place, web: Web) -> None:
    web.serves(statement(url="https://ess.example/another"), statement())
    assert (await patched(place, URL))[0] == 200
    assert web.asked == ["GET https://ess.example/.well-known/sandhi-callback"]
    assert place.log.kinds == ["system.changed"]


SAID = {
    "nothing": [],
    "a page": ["<html><body>hello</body></html>"],
    "another address": [statement(url="https://ess.example/another")],
    "another gateway": [statement(gateway="https://other.example")],
    "another system": [statement(client_id="LK.GOV.WBB.MIS")],
    "a stranger's key": [statement(STRANGER)],
    "a key that it brings along": [statement().replace(".", "A.", 1)],
    "a client assertion of the system": [OWN.assertion(ESS.client_id, ORIGIN)],
    "a proof of the system": [OWN.proof("GET", URL)],
    "good, but after too many lines": [*["x"] * 50, statement()],
}


@pytest.mark.parametrize("lines", SAID.values(), ids=SAID.keys())
async def test_a_host_that_says_anything_else_is_not(place: Place, web: Web, lines: list[str]) -> None:
    web.serves(*lines)
    assert await patched(place, URL) == (400, "bad_request.address")
    assert place.log.entries == []


async def test_a_host_that_does_not_answer_is_not_either(place: Place, web: Web) -> None:
    assert await patched(place, URL) == (400, "bad_request.address")
    web.down = True
    assert await patched(place, URL) == (400, "bad_request.address")


async def test_a_forbidden_host_is_not_even_asked(place: Place, web: Web) -> None:
    assert await patched(place, "https://169.254.169.254/x") == (400, "bad_request.address")
    assert web.asked == []


async def test_a_host_that_is_the_systems_already_is_not_asked_again(place: Place, web: Web) -> None:
    assert (await patched(place, "https://old.example/moved"))[0] == 200
    assert web.asked == []


async def test_every_new_host_is_asked_for(place: Place, web: Web) -> None:
    web.serves(statement())
    assert await patched(place, URL, "https://victim.example/x") == (400, "bad_request.address")


async def test_a_new_system_proves_its_callbacks_with_the_keys_it_brings(place: Place, web: Web) -> None:
    new = {"id": "LK/GOV/DME/NEW", "name": "new", "client_id": "new", "jwks": {"keys": [OWN.public_jwk]}}
    new |= {"services": [{"name": "progress", "callback_url": URL, "record_schema": "canonical/x.v1.json"}]}
    admin = Signing(place, ADMIN, ADMIN_PAIR)
    web.serves(statement())
    assert (await admin.call("POST", "/v1/systems", new)).json()["code"] == "bad_request.address"
    web.serves(statement(client_id="new"))
    assert (await admin.call("POST", "/v1/systems", new)).status_code == 201
