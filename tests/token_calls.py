"""What the tests of tokens share: getting one, using one, and lying in one with the gateway's own key."""

import json
from collections.abc import Mapping
from typing import Any

import httpx
from fastapi import Request
from joserfc.jws import JWSRegistry

from tests.small_gateway import Place
from tests.trusting import ORIGIN, SR, Pair, ath, b64, form, present

PATH = "/v1/whoami"


def with_whoami(place: Place) -> Place:
    """The gateway with a protected path that says who calls."""

    @place.app.api_route(PATH, methods=["GET", "POST"])
    async def whoami(request: Request) -> dict[str, object]:
        caller = request.state.caller
        return {"system": caller.system, "scopes": sorted(caller.scopes)}

    return place


async def asked(place: Place, pair: Pair, path: str = "/oauth2/token", **more: str) -> httpx.Response:
    """A request to an endpoint by the social registry, by its key, with a proof for the token endpoint."""
    now = place.clock.now
    async with place.client() as client:
        proof = pair.proof(now, htu=ORIGIN + path)
        return await client.post(path, data=form(pair.assertion(now), **more), headers={"DPoP": proof})


async def token(place: Place, pair: Pair, **more: str) -> str:
    response = await asked(place, pair, **more)
    assert response.status_code == 200, response.text
    return str(response.json()["access_token"])


def credentials(place: Place, access: str, pair: Pair, path: str = PATH, **changed: Any) -> dict[str, str]:
    good = {"htm": "GET", "htu": ORIGIN + path, "ath": ath(access)}
    return {"authorization": f"DPoP {access}", "dpop": pair.proof(place.clock.now, **good | changed)}


async def status(place: Place, headers: Mapping[str, str], path: str = PATH) -> int:
    async with place.client() as client:
        return (await client.get(path, headers=dict(headers))).status_code


def forged(place: Place, pair: Pair, header: Mapping[str, Any] | None = None, **claims: Any) -> str:
    """A token of the social registry with the gateway's own signature, but for what is overridden; None takes away."""
    now = place.clock.now
    key, seconds = place.trust.keys.token.signing(now), int(now.timestamp())
    good = {"iss": ORIGIN, "aud": ORIGIN, "sub": SR.client_id, "client_id": SR.client_id, "jti": "0123456789abcdef"}
    good |= {"iat": seconds, "nbf": seconds, "exp": seconds + 300, "scope": "exchange"}
    full = {**good, "cnf": {"jkt": pair.thumbprint()}, **claims}
    top = {"alg": "ES256", "kid": key.kid, "typ": "at+jwt"} | dict(header or {})
    signed = ".".join(b64(json.dumps(present(part)).encode()) for part in (top, full))
    return f"{signed}.{b64(JWSRegistry.algorithms['ES256'].sign(signed.encode(), key.material))}"
