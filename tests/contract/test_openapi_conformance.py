"""The running gateway keeps what `/v1/openapi.json` says: schemathesis asks every operation, with good credentials,
good and bad values, and no answer is a fault or one that the document does not have."""

import asyncio
import os
import re
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
from flows import gateways
from sandhi_client.keys import OwnKey
from schemathesis import GenerationMode

from gateway.cli.demo.choices import Ports
from gateway.cli.demo.onboarding import onboard
from gateway.settings import Settings
from gateway.trust import Member, System, register
from gateway.trust.jwks import public_key
from gateway.trust.keys import new_key, private_jwk
from gateway.wiring import open_services
from tests.published import ask

OURS = re.compile(r" /(v1/(?!connectors/)|dci/)")  # a connector comes with a certificate instead of a token
EXAMPLES, LONGEST_S = (200, 3600) if os.environ.get("SANDHI_NIGHTLY") else (5, 300)
SCOPES = frozenset({"admin", "agreement", "audit", "consent", "delivery", "events", "exchange"})
ALL = System("LK/GOV/ALL/EVERYTHING", "everything", "Everything", SCOPES)
KEY = new_key("EdDSA")
ASSERTED = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Proving(requests.auth.AuthBase):
    """A token as long as it lives, and a fresh proof for each call as it is really sent."""

    def __init__(self, url: str) -> None:
        self._url, self._key, self._token, self._until = url, OwnKey(private_jwk(KEY)), "", 0.0

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        token, place = self._good(), str(request.url).partition("#")[0].partition("?")[0]
        request.headers["Authorization"] = f"DPoP {token}"
        request.headers["DPoP"] = self._key.proof(str(request.method), place, token)
        return request

    def _good(self) -> str:
        if time.monotonic() < self._until:
            return self._token
        endpoint = f"{self._url}/oauth2/token"
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTED,
            "client_assertion": self._key.assertion(ALL.client_id, self._url),
        }
        proof = {"DPoP": self._key.proof("POST", endpoint)}
        self._token = httpx.post(endpoint, data=form, headers=proof, trust_env=False).json()["access_token"]
        self._until = time.monotonic() + 120
        return self._token


async def _with_everything(data: Path, url: str) -> None:
    """The demo's parties, and a system that has every scope."""
    chosen = Settings.read({"SANDHI_DATA_DIR": str(data), "SANDHI_PUBLIC_URL": url})
    await onboard(chosen, Ports(1, 2, 3), date(2026, 10, 31))
    async with open_services(chosen, writing=True) as services, services.db.write() as connection:
        now = datetime.now(UTC)
        await register.add_member(connection, services.log, Member("LK/GOV/ALL", "Everything"), now)
        await register.add_system(connection, services.log, ALL, now)
        await register.add_keys(connection, services.log, ALL.id, [public_key(KEY.jwk)], now)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    data = tmp_path_factory.mktemp("openapi")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SANDHI_LIMIT_PEER_RATE", "0")  # all come from one address, and each is to be answered
        with gateways.served(data, prepared=lambda base: asyncio.run(_with_everything(data, base))) as running:
            yield running.url


def _worth_it(operation: Any) -> bool:
    """Of a text in a path nothing can be wrong, and to find that out takes most of the time."""
    return bool(operation.body or operation.query)


def _meant(case: Any) -> Any:
    """Now and then with words that the gateway knows, so that it looks beyond them."""
    if isinstance(case.body, dict) and isinstance(case.body.get("service"), str) and len(case.body["service"]) % 2:
        case.body |= {"service": "tax.employment", "purpose": "employment-support.eligibility"}
    for name, value in (("system", "LK.GOV.WBB.SRIS"), ("member", "LK.GOV.WBB")):
        if name in case.path_parameters and len(str(case.path_parameters[name])) % 2:
            case.path_parameters[name] = value
    return case


@pytest.mark.timeout(LONGEST_S)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["good", "bad"])
def test_no_answer_is_a_fault_or_undocumented(url: str, mode: GenerationMode) -> None:
    assert httpx.get(f"{url}/v1/catalogue", trust_env=False).status_code == 401
    document = httpx.get(f"{url}/v1/openapi.json", trust_env=False).json()
    which = {"which": _worth_it} if mode is GenerationMode.NEGATIVE else {}
    found = ask(document, url, mode, EXAMPLES, _meant, auth=Proving(url), **which)
    statuses = {status for _, status in found.answers}
    assert sorted(found.faults) == []
    known = {label for label, status in found.answers if status == 401 and OURS.search(label)}
    assert known == set()
    assert len({label for label, _ in found.answers}) > 50
    assert statuses >= ({200, 400, 404} if mode is GenerationMode.POSITIVE else {400, 404})


def test_refusals_by_limit_are_counted_for_the_operator(url: str) -> None:
    told = httpx.get(f"{url}/metrics", trust_env=False).text
    for limit in ("rate", "concurrent", "gateway", "agreement", "peer"):
        assert f'sandhi_over_limit_total{{limit="{limit}"}} 0' in told


def test_the_document_says_what_every_surface_answers(url: str) -> None:
    document = httpx.get(f"{url}/v1/openapi.json", trust_env=False).json()
    native = [each for path, each in document["paths"].items() if path.startswith("/v1/")]
    assert native
    for operations in native:
        for operation in operations.values():
            assert {"400", "401", "403", "429", "500", "503"} <= set(operation["responses"])
            assert "422" not in operation["responses"]
            assert operation["security"] == [{"dpop": []}]
    assert set(document["paths"]["/v1/batches"]["post"]["requestBody"]["content"]) == {"application/json"}
    assert "application/x-ndjson" in document["paths"]["/v1/consents"]["post"]["requestBody"]["content"]
