"""What the tests of registering share: a caller that signs its calls, certificates, and a published key set."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from adapters.kit.contract import AgencyUnavailable
from adapters.kit.http_client import HttpAnswer, Limits
from gateway.trust import System
from tests.small_gateway import Place
from tests.trusting import NOW, ORIGIN, Pair, ath, form


@dataclass(slots=True)
class Signing:
    """A registered system that gets a token for each call, and signs the call."""

    place: Place
    system: System
    pair: Pair

    async def token(self) -> httpx.Response:
        now = self.place.clock.now
        name = self.system.client_id
        assertion = self.pair.assertion(now, iss=name, sub=name)
        async with self.place.client() as http:
            return await http.post("/oauth2/token", data=form(assertion), headers={"DPoP": self.pair.proof(now)})

    async def call(self, method: str, path: str, body: object = None) -> httpx.Response:
        access = str((await self.token()).json()["access_token"])
        target = ORIGIN + path.partition("?")[0]
        proof = self.pair.proof(self.place.clock.now, htm=method, htu=target, ath=ath(access))
        headers = {"authorization": f"DPoP {access}", "dpop": proof}
        async with self.place.client() as http:
            return await http.request(method, path, json=body, headers=headers)

    async def done(self, method: str, path: str, body: object = None) -> Any:
        response = await self.call(method, path, body)
        assert response.status_code < 300, response.text
        return response.json()


def a_certificate(until: datetime = NOW + timedelta(days=30), *, since: datetime = NOW - timedelta(days=1)) -> str:
    """A self-made client certificate in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ess")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(since).not_valid_after(until)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


@dataclass(slots=True)
class Published:
    """Stands for the dialler and for the web server behind it: what is asked is counted, what is answered is set."""

    body: bytes = b"{}"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    down: bool = False
    asked: list[str] = field(default_factory=list)
    limits: list[Limits | None] = field(default_factory=list)

    def publish(self, *pairs: Pair, **more: Any) -> None:
        self.body = json.dumps({"keys": [pair.jwk | more for pair in pairs]}).encode()

    def http(self, base_url: str, limits: Limits | None = None) -> Any:
        self.limits.append(limits)
        return self

    async def request(self, method: str, url: str, **_: Any) -> HttpAnswer:
        self.asked.append(f"{method} {url}")
        if self.down:
            raise AgencyUnavailable("cannot connect", code="ConnectionRefusedError")
        return HttpAnswer(self.status, self.headers, self.body)
