"""DCI inside X-Road: the envelope as at `/dci`, the certificate in the token's place, X-Road's headers around it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from sandhi_client import dialects
from sandhi_client.keys import OwnKey

from gateway.trust import register
from gateway.trust.jwks import public_key
from gateway.trust.keys import new_key, private_jwk
from gateway.trust.policy import Policy
from tests.certified_place import (
    OFFICES,
    PURPOSE,
    SR,
    STRANGER,
    TRAFFIC,
    House,
    a_house,
    agreement,
    driver,
    traffic_register,
)
from tests.dci_played import stamp

pytestmark = pytest.mark.asyncio(loop_scope="module")
SEARCH = f"/r1/{TRAFFIC}/entitlement/registry/sync/search"
OURS = "/r1/LK/GOV/SANDHI/GATEWAY/dci/registry"
HEADERS = {"x-road-client": SR, "content-type": "application/json"}
KEY = new_key("EdDSA")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """The registry may ask who may drive, and signs its messages."""
    with traffic_register() as linked:
        async with a_house(tmp_path_factory.mktemp("house"), environment=linked) as found:
            await found.agreed(agreement())
            async with found.services.db.write() as connection:
                known = await register.find_system(connection, SR)
                assert known is not None
                now, log = datetime.now(UTC), found.services.log
                await register.add_keys(connection, log, SR, [public_key(dict(KEY.jwk))], now)
            found.services.trust.forget()
            await found.services.trust.register()
            yield found


def search(receiver: str = TRAFFIC, **criteria: object) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and message."""
    header: dict[str, Any] = {"version": "1.0.0", "message_id": str(uuid4()), "message_ts": stamp(), "action": "search"}
    header |= {"sender_id": SR.replace("/", "."), "receiver_id": receiver.replace("/", "."), "total_count": 1}
    asked = {
        "reg_type": "ns:sandhi:RegistryType:DrivingLicence",
        "query_type": "idtype-value",
        "query": {"type": "NIC", "value": driver().nic},
        "authorize": {"purpose": {"code": PURPOSE}},
    }
    item = {"reference_id": "r1", "timestamp": stamp(), "search_criteria": asked | criteria, "locale": "eng"}
    return header, {"transaction_id": str(uuid4()), "search_request": [item]}


async def told(house: House, path: str = SEARCH, *, receiver: str = TRAFFIC, **more: Any) -> httpx.Response:
    criteria, headers = more.pop("criteria", {}), more.pop("headers", {})
    body, signed = dialects.signed("dci-jws", *search(receiver, **criteria), OwnKey(private_jwk(KEY)))
    return await house.call(SR, "POST", path, content=body, headers=HEADERS | signed | headers)


async def test_a_signed_message_is_answered_as_at_the_dci_edge_with_x_road_s_headers(house: House) -> None:
    answer = await told(house, headers={"x-road-id": "m-1"})
    assert answer.status_code == 200, answer.text
    (item,) = answer.json()["message"]["search_response"]
    assert (item["status"], item["data"]["reg_records"]) == ("succ", [{"may_drive": True}])
    assert answer.json()["header"]["action"] == "on-search"
    assert answer.headers["x-road-service"] == f"{TRAFFIC}/entitlement"
    assert (answer.headers["x-road-id"], answer.headers["x-road-client"]) == ("m-1", SR)
    assert "x-road-request-hash" in answer.headers
    assert "x-road-error" not in answer.headers


async def test_the_intent_has_x_road_s_ids_beside_dci_s_and_no_name_of_the_officer(house: House) -> None:
    sent = {"x-road-id": "m-2", "x-road-userid": "LK-OFFICER-7", "x-road-issue": "CASE-9"}
    answer = await told(house, headers=sent)
    (item,) = answer.json()["message"]["search_response"]
    intent, _ = await house.entries(exchange_id=item["data"]["evidence"]["exchange_id"])
    ref, facts = house.services.person_ref, dict[str, Any](intent.facts)
    assert facts["signature"]["carried"] == {
        "standard": "x-road",
        "request_id": answer.headers["x-road-request-id"],
        "id_ref": ref.case_ref("m-2"),
        "user_ref": ref.officer_ref("LK-OFFICER-7"),
        "issue_ref": ref.case_ref("CASE-9"),
    }
    assert facts["message"]["transaction"]
    assert not any(each in f"{facts}" for each in sent.values())


async def test_an_asynchronous_message_and_one_to_the_gateway_itself_are_acknowledged(house: House) -> None:
    later = await told(house, SEARCH.replace("sync/", ""))
    assert (later.status_code, later.json()["message"]["ack_status"]) == (200, "NACK")  # no address to answer to
    ours = await told(house, f"{OURS}/sync/search")
    assert ours.json()["message"]["search_response"][0]["status"] == "succ"
    assert ours.headers["x-road-service"] == "LK/GOV/SANDHI/GATEWAY/dci"


@pytest.mark.parametrize(
    ("path", "more", "status", "code"),
    [
        (SEARCH, {"receiver": OFFICES}, 400, "err.receiver_id.invalid"),
        (SEARCH, {"criteria": {"reg_type": "ns:org:RegistryType:Civil"}}, 200, ""),
        (SEARCH.replace("sync/search", "sync/nothing"), {}, 404, "err.request.not_found"),
        (SEARCH, {"headers": {"content-type": "text/plain"}}, 415, "err.request.bad"),
    ],
    ids=["another receiver", "another registry", "no such path", "no JSON"],
)
async def test_a_refusal_of_the_message_is_dci_s_and_no_error_of_x_road(
    house: House, path: str, more: dict[str, Any], status: int, code: str
) -> None:
    answer = await told(house, path, **more)
    assert answer.status_code == status
    assert "x-road-error" not in answer.headers
    if code:
        assert answer.json()["errors"][0]["code"] == code
    else:  # the message was read; its one item names a registry that the path's system is not
        assert answer.json()["message"]["search_response"][0]["status"] == "rjct"


async def test_get_is_refused_with_the_method_that_is_taken(house: House) -> None:
    answer = await house.call(SR, "GET", SEARCH, headers=HEADERS)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json()["errors"][0]["code"] == "err.request.bad"


async def test_an_unsigned_message_of_a_system_that_signs_is_refused(house: House) -> None:
    header, message = search()
    answer = await house.call(SR, "POST", SEARCH, json={"header": header, "message": message}, headers=HEADERS)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (401, "err.signature.missing")


async def test_a_failure_of_the_way_is_x_road_s(house: House) -> None:
    for path, named in (
        (SEARCH.replace("/entitlement/", "/nothing/"), "Server.ServerProxy.UnknownService"),
        (SEARCH.replace("/DMT/", "/XXX/"), "Server.ClientProxy.UnknownMember"),
    ):
        answer = await told(house, path)
        assert (answer.json()["type"], answer.headers["x-road-error"]) == (named, named)
    header, message = search()
    nobody = await house.call(None, "POST", SEARCH, json={"header": header, "message": message}, headers=HEADERS)
    assert (nobody.status_code, nobody.json()["type"]) == (401, "Server.ClientProxy.SslAuthenticationFailed")


async def test_a_message_under_a_known_id_with_another_content_is_refused_whatever_carried_it(house: House) -> None:
    header, message = search()
    body, signed = dialects.signed("dci-jws", header, message, OwnKey(private_jwk(KEY)))
    for status in (200, 400):
        answer = await house.call(SR, "POST", SEARCH, content=body, headers=HEADERS | signed)
        assert answer.status_code == status
    assert answer.json()["errors"][0]["code"] == "rjct.message_id.duplicate"


async def test_where_http_signatures_are_agreed_their_absence_is_told_in_dci_s_words(house: House) -> None:
    services = house.services
    async with services.db.write() as connection:
        known = await register.find_system(connection, SR)
        assert known is not None
        agreed = Policy.read(known.policy.document() | {"signature": {"dialect": "rfc9421"}})
        await register.change_policy(connection, services.log, SR, agreed, datetime.now(UTC))
    services.trust.forget()
    await services.trust.register()
    try:
        answer = await told(house)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (401, "err.signature.missing")
    finally:
        async with services.db.write() as connection:
            await register.change_policy(connection, services.log, SR, known.policy, datetime.now(UTC))
        services.trust.forget()
        await services.trust.register()


async def listed(house: House, path: str, member: str = "service") -> dict[str, list[str]]:
    """Service code -> the paths that are listed of it."""
    answer = await house.call(SR, "GET", path, headers=HEADERS)
    assert answer.status_code == 200, answer.text
    found = {}
    for each in answer.json()[member]:
        endpoints = each["endpoint_list"] if "endpoint_list" in each else each["endpointList"]["member"]
        assert {one["method"] for one in endpoints} == {"POST"}
        found[each.get("service_code") or each["serviceCode"]] = [one["path"] for one in endpoints]
    return found


GATEWAY = "LK/GOV/SANDHI/GATEWAY"


@pytest.mark.parametrize(("provider", "code"), [(TRAFFIC, "entitlement"), (GATEWAY, "dci")])
async def test_the_paths_of_dci_are_listed_and_described_and_each_is_answered_in_dci_s_shape(
    house: House, provider: str, code: str
) -> None:
    paths = (await listed(house, f"/r1/{provider}/listMethods"))[code]
    assert (await listed(house, f"/r1/{provider}/allowedMethods"))[code] == paths
    assert (await listed(house, f"/im/r1/{provider}/listMethods", "member"))[code] == paths
    assert "/registry/sync/search" in paths
    assert ("/registry/notify" in paths) is (provider == GATEWAY)
    asked = f"/r1/{provider}/getOpenAPI?serviceCode={code}"
    assert sorted((await house.call(SR, "GET", asked, headers=HEADERS)).json()["paths"]) == sorted(paths)
    for path in (each for each in paths if each != "/"):
        answer = await house.call(SR, "POST", f"/r1/{provider}/{code}{path}", json={}, headers=HEADERS)
        assert (path, answer.status_code, "errors" in answer.json()) == (path, 400, True)
        assert "x-road-error" not in answer.headers


async def test_a_stranger_is_not_told_that_it_may_ask_a_service_but_may_speak_to_the_gateway(house: House) -> None:
    for provider, codes in ((TRAFFIC, []), (GATEWAY, ["dci"])):
        path, sent = f"/r1/{provider}/allowedMethods", {"x-road-client": STRANGER}
        answer = await house.call(STRANGER, "GET", path, headers=sent)
        assert [each["service_code"] for each in answer.json()["service"]] == codes
