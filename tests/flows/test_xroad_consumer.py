"""A system that speaks X-Road asks through the whole gateway, by REST and by SOAP: it gets what is granted and nothing
else, the log shows it, and it verifies."""

import asyncio
import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from flows.gateways import Running, served
from flows.test_more_registers import admitted
from lxml import etree

from gateway.cli.demo.choices import Ports
from gateway.cli.demo.onboarding import onboard
from gateway.settings import Settings
from gateway.trust import held_certificates, register
from gateway.wiring import open_services
from tests.certified_place import DAY, SERVICE, SR, TRAFFIC, agreement, driver, question, traffic_register
from tests.small_ca import SmallCa
from tests.xroad_place import envelope, identifier

SECRET = "0123456789abcdef0123456789abcdef"
NAMESPACE = "urn:sandhi:x-road:driving_licence.entitlement:v1"


@dataclass(frozen=True, slots=True)
class Linked:
    """A served gateway behind a proxy that ends the TLS, and the headers with which the proxy hands a caller on."""

    gateway: Running
    headers: dict[str, str]


async def prepared(settings: Settings, certificate: bytes) -> None:
    """The demo's parties; the registry's certificate; an agreement with the traffic register."""
    await onboard(settings, Ports(1, 2, 3), DAY)
    async with open_services(settings, writing=True) as services:
        await admitted(services, settings.data_dir / "members", agreement(id="DSA-XROAD"))
        async with services.db.write() as connection:
            system = await register.find_system(connection, SR)
            assert system is not None
            pem = x509.load_der_x509_certificate(certificate).public_bytes(Encoding.PEM).decode()
            await held_certificates.add(connection, services.log, system, pem, datetime.now(UTC))


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Linked]:
    folder = tmp_path_factory.mktemp("xroad")
    issued = SmallCa(folder / "ca").client("sris")
    (folder / "run").mkdir()
    with traffic_register() as environment, pytest.MonkeyPatch.context() as patched:
        for name, value in (environment | {"SANDHI_EDGE_SECRET": SECRET}).items():
            patched.setenv(name, value)

        def before(url: str) -> None:
            told = {"SANDHI_DATA_DIR": str(folder / "run"), "SANDHI_PUBLIC_URL": url}
            asyncio.run(prepared(Settings.read(told), issued.der))

        with served(folder / "run", prepared=before) as running:
            shown = f":{base64.b64encode(issued.der).decode()}:"
            yield Linked(running, {"client-cert": shown, "sandhi-edge-secret": SECRET})


def soap(nic: str) -> bytes:
    called = (("serviceCode", "entitlement"), ("serviceVersion", "v1"))
    headers = {
        "client": identifier("client", "SUBSYSTEM", SR),
        "service": identifier("service", "SERVICE", TRAFFIC, *called),
        "id": "<x:id>flow-2</x:id>",
        "protocolVersion": "<x:protocolVersion>4.0</x:protocolVersion>",
    }
    person = f'<r:subject><r:identifier type="NIC">{nic}</r:identifier></r:subject>'
    fields = "<r:field>may_drive</r:field><r:field>entitlements</r:field>"
    return envelope(NAMESPACE, headers, f"<r:entitlement>{person}{fields}</r:entitlement>")


def asked(linked: Linked) -> list[httpx.Response]:
    """The same question by REST, by SOAP, and without the certificate."""
    nic, base = driver().nic, linked.gateway.url
    body = question(nic, "may_drive", "entitlements")
    headers = {"x-road-client": SR, "x-road-id": "flow-1", "x-road-issue": "CASE-1"}
    with httpx.Client(base_url=base, headers=linked.headers, trust_env=False) as consumer:
        return [
            consumer.post(SERVICE, json=body, headers=headers),
            consumer.post("/xroad/soap", content=soap(nic), headers={"content-type": "text/xml"}),
            httpx.post(f"{base}{SERVICE}", json=body, headers=headers, trust_env=False),
        ]


async def test_an_x_road_consumer_gets_only_what_is_granted_and_the_log_shows_it(linked: Linked) -> None:
    rest, answer, bare = await asyncio.to_thread(asked, linked)
    assert (rest.status_code, rest.json()["record"]) == (200, {"may_drive": True})
    root = etree.fromstring(answer.content)
    assert [each.tag.rpartition("}")[2] for each in root.find(".//{*}record")] == ["may_drive"]
    assert bare.status_code == 401
    async with linked.gateway.client("sr") as client:
        for exchange in (rest.json()["exchange_id"], root.findtext(".//{*}exchange_id")):
            shown = (await client.call("GET", f"/v1/exchanges/{exchange}")).json()["entries"]
            assert [each["kind"] for each in shown] == ["exchange.intent", "exchange.outcome"]
            assert (shown[1]["outcome"], shown[1]["released"]) == ("answered", ["may_drive"])
            assert shown[1]["withheld"] == ["entitlements: not_in_agreement"]
            assert driver().nic not in json.dumps(shown)


def test_the_log_verifies_and_the_operator_s_log_has_no_number(linked: Linked) -> None:
    asked(linked)
    command = [sys.executable, "-m", "gateway", "audit", "verify", "--url", linked.gateway.url]
    verified = subprocess.run(command, capture_output=True, text=True, check=False)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert driver().nic not in (linked.gateway.data / "serve.log").read_text()


def test_a_number_in_an_address_reaches_no_log(linked: Linked) -> None:
    with httpx.Client(base_url=linked.gateway.url, headers=linked.headers, trust_env=False) as consumer:
        for path in (f"{SERVICE}/199012304567", f"/im/r1/{TRAFFIC}/x/199012304567?nic=199012304567"):
            assert consumer.get(path, headers={"x-road-client": SR}).status_code >= 400
    assert "199012304567" not in Path(linked.gateway.data / "serve.log").read_text()
