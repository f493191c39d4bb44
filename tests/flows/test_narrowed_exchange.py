"""A narrowed token at the exchange edge of a whole gateway: within its limits it asks as ever, beyond them never."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from flows.gateways import Running
from joserfc.jwk import import_key

from tests.trusting import Pair, ath, form

ASK: dict[str, Any] = {
    "service": "tax.employment",
    "purpose": "employment-support.eligibility",
    "subject": {"identifiers": [{"type": "NIC", "value": "199012304567"}]},
    "claim": {"name": "employment_status", "parameters": {"months": 6}},
    "as_at": "2026-10-31",
    "case": "C-1",
}
CLAIM = "claim:employment_status"
DETAIL = {"type": "sp_data_exchange", "service": ASK["service"], "purpose": ASK["purpose"], "actions": ["verify"]}
PATH = "/v1/exchanges"


class Asking:
    """The social registry, by hand: the tokens it asks for are what is tested."""

    def __init__(self, running: Running) -> None:
        found: dict[str, Any] = running.credentials("sr")
        self._client_id = found["client_id"]
        self._url = running.url
        jwk = found["private_jwk"]
        self._pair = Pair(jwk["alg"], jwk["kid"], import_key(jwk).private_key)

    async def token(self, client: httpx.AsyncClient, **more: str) -> httpx.Response:
        now = _now()
        claims = {"iss": self._client_id, "sub": self._client_id, "aud": self._url}
        proof = self._pair.proof(now, htu=f"{self._url}/oauth2/token")
        data = form(self._pair.assertion(now, **claims), **more)
        return await client.post(f"{self._url}/oauth2/token", data=data, headers={"DPoP": proof})

    async def ask(self, client: httpx.AsyncClient, access: str, **changed: object) -> httpx.Response:
        proof = self._pair.proof(_now(), htm="POST", htu=self._url + PATH, ath=ath(access))
        headers = {"authorization": f"DPoP {access}", "dpop": proof}
        return await client.post(self._url + PATH, json=ASK | changed, headers=headers)


def _now() -> datetime:
    return datetime.now(UTC)


LIMITS = {
    "details": {"authorization_details": json.dumps([DETAIL | {"attributes": [CLAIM], "case_ref": "C-1"}])},
    "resource": {},
    "scope": {"scope": "exchange:tax.employment"},
}
BEYOND: dict[str, dict[str, object]] = {
    "another service": {"service": "education.attainment", "claim": None, "fields": ["closed_month"]},
    "a field instead of the claim": {"claim": None, "fields": ["closed_month"]},
    "another case": {"case": "C-2"},
    "no case": {"case": None},
}


@pytest.mark.parametrize("kind", LIMITS)
async def test_a_narrowed_token_asks_within_its_limits_and_not_beyond(running: Running, kind: str) -> None:
    asking = Asking(running)
    more = LIMITS[kind] or {"resource": f"{running.url}/services/tax.employment"}
    async with httpx.AsyncClient(timeout=20) as client:
        issued = await asking.token(client, **more)
        assert issued.status_code == 200, issued.text
        access = issued.json()["access_token"]
        within = await asking.ask(client, access)
        beyond = {name: await asking.ask(client, access, **changed) for name, changed in BEYOND.items()}
    assert within.json()["code"] != "forbidden"  # it was decided as any other question
    refused = {name for name, answer in beyond.items() if answer.json().get("code") == "forbidden"}
    assert refused == (set(BEYOND) if kind == "details" else {"another service"})


async def test_details_that_no_agreement_holds_get_no_token(running: Running) -> None:
    asking = Asking(running)
    wrong = [
        DETAIL | {"service": "nobody.nothing"},
        DETAIL | {"purpose": "curiosity"},
        DETAIL | {"agreement": "X-9"},
        DETAIL | {"attributes": [CLAIM, "salary"]},
        DETAIL | {"actions": ["verify", "push"]},
        DETAIL | {"case_ref": "199012304567"},
    ]
    async with httpx.AsyncClient(timeout=20) as client:
        for each in wrong:
            answer = await asking.token(client, authorization_details=json.dumps([each]))
            assert (each, answer.json()["error"]) == (each, "invalid_authorization_details")
