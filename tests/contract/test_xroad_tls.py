"""X-Road callers over both ways in which certificates come: the gateway ends the TLS, or a proxy does."""

from pathlib import Path

import httpx
import pytest

from tests.certified_place import SERVICE, SR, STRANGER, TRAFFIC, a_house, agreement, driver, question, traffic_register
from tests.listening import listening
from tests.proxied import edge

SECRET = "0123456789abcdef0123456789abcdef"
CLIENT = {"x-road-client": SR}


@pytest.mark.parametrize("parser", ["httptools"])
async def test_the_gateway_s_own_tls_lets_the_registered_certificate_ask_and_no_other(
    tmp_path: Path, parser: str
) -> None:
    with traffic_register() as environment:
        async with a_house(tmp_path, environment=environment) as house:
            await house.agreed(agreement())
            ca = house.authority
            told = {"TLS_CERT": str(ca.server().path), "TLS_CLIENT_CA": str(ca.path), "HTTP_PARSER": parser}
            async with listening(house.app, tmp_path, told) as port:
                base = f"https://127.0.0.1:{port}"
                shown = [house.certificates[SR], house.certificates[STRANGER], ca.client("unregistered")]
                answers = []
                for each in shown:
                    async with httpx.AsyncClient(base_url=base, verify=ca.context(each)) as caller:
                        answers.append(await caller.post(SERVICE, json=question(driver().nic), headers=CLIENT))
                        listed = await caller.get(f"/im/{TRAFFIC}/listMethods", headers=CLIENT)
                        assert listed.status_code == (401 if each is shown[2] else 200)
    assert answers[0].json()["record"] == {"may_drive": True}
    for refused in answers[1:]:
        assert refused.headers["x-road-error"] == "Server.ClientProxy.SslAuthenticationFailed"


async def test_behind_a_proxy_the_certificate_counts_only_with_the_proxy_s_secret(tmp_path: Path) -> None:
    with traffic_register() as environment:
        async with a_house(tmp_path, environment=environment) as house:
            await house.agreed(agreement())
            held = house.certificates[SR].header
            async with (
                listening(house.app, tmp_path, {"EDGE_SECRET": SECRET}) as port,
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as proxy,
            ):
                good = CLIENT | {"client-cert": held, "sandhi-edge-secret": SECRET}
                answer = await proxy.post(SERVICE, json=question(driver().nic), headers=good)
                bare = await proxy.post(SERVICE, json=question(driver().nic), headers=CLIENT)
                forged = await proxy.post(SERVICE, json=question(driver().nic), headers=CLIENT | {"client-cert": held})
    assert answer.json()["record"] == {"may_drive": True}
    assert bare.status_code == 401
    assert forged.status_code == 400  # the listener refuses it before anybody looks


async def test_through_haproxy_the_registered_certificate_asks_and_no_other_whatever_it_claims(tmp_path: Path) -> None:
    with traffic_register() as environment:
        async with a_house(tmp_path, environment=environment) as house:
            await house.agreed(agreement())
            ca, answers = house.authority, []
            claimed = CLIENT | {"client-cert": house.certificates[SR].header, "sandhi-edge-secret": SECRET}
            async with edge(house.app, ca, tmp_path) as port:
                for each in (house.certificates[SR], house.certificates[STRANGER], ca.client("unregistered")):
                    base = f"https://127.0.0.1:{port}"
                    async with httpx.AsyncClient(base_url=base, verify=ca.context(each)) as caller:
                        answers.append(await caller.post(SERVICE, json=question(driver().nic), headers=claimed))
    good, *others = answers
    assert good.json()["record"] == {"may_drive": True}
    assert good.headers["x-road-request-hash"]
    for refused in others:
        assert refused.headers["x-road-error"] == "Server.ClientProxy.SslAuthenticationFailed"
