"""What cannot be undone is asked about first, and does nothing until somebody says yes to exactly that."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.trust import held_keys
from gateway.trust.jwks import public_key
from tests.agreeing import EPF
from tests.people_place import Browser
from tests.reviewing import ORIGIN, PROVIDER, House, a_house
from tests.trusting import Pair

FROM_HERE = {"origin": ORIGIN}
SURE = {"confirmed": "yes", "reason": "its server room is under water"}
SYSTEM = f"/console/agency/systems/{PROVIDER.replace('/', '.')}"


@pytest.fixture
async def house(tmp_path: Path, sqlite_url: str) -> AsyncIterator[House]:
    async with a_house(tmp_path, sqlite_url) as found:
        yield found


async def sent(browser: Browser, path: str, **fields: str) -> tuple[int, str]:
    form = {"csrf": await browser.csrf()} | fields
    answer = await browser.http.post(path, data=form, headers=FROM_HERE)
    return answer.status_code, answer.text


async def with_keys(house: House, *pairs: Pair) -> None:
    services, now = house.services, house.services.people.clock()
    async with services.db.write() as connection:
        keys = [public_key(each.jwk) for each in pairs]
        await held_keys.add(connection, services.log, PROVIDER, keys, now)
    services.trust.forget()


async def test_the_last_key_is_told_apart_and_its_system_named_until_it_has_another(house: House) -> None:
    pair = Pair()
    await with_keys(house, pair)
    officer, desk = await house.officer("kamal", "agency_administrator", member=EPF)
    kid = str(pair.jwk["kid"])
    status, page = await sent(desk.browser, f"{SYSTEM}/retire", kid=kid)
    assert (status, "It is the only key of" in page) == (200, True)
    assert "has no key" not in (await desk.browser.http.get("/console/agency")).text
    status, page = await sent(desk.browser, f"{SYSTEM}/retire", kid=kid, confirmed="yes")
    assert (status, "Say why in 10 to 300 characters." in page, kid in page) == (400, True, True)
    assert (await sent(desk.browser, f"{SYSTEM}/retire", kid=kid, **SURE))[0] == 303
    (told,) = await house.kinds("key.retired")
    assert (told["kid"], told["by"], told["reason"]) == (kid, officer.id, SURE["reason"])
    assert "has no key, so it gets nothing." in (await desk.browser.http.get("/console/agency")).text
    assert "no key" in (await desk.browser.http.get("/console/agency/systems")).text


async def test_a_member_is_suspended_only_by_a_second_press(house: House) -> None:
    _, desk = await house.officer("amara", "operator")
    at = f"/console/operation/members/{EPF.replace('/', '.')}"
    for state in ("suspended", "retired"):
        status, page = await sent(desk.browser, f"{at}/state", state=state)
        assert (status, 'name="confirmed"' in page) == (200, True)
    assert (await house.services.trust.register()).members[EPF].state == "active"
    numbered = SURE | {"reason": "it sold 199012304567 on"}
    status, page = await sent(desk.browser, f"{at}/state", state="suspended", **numbered)
    assert (status, "leave it out" in page) == (400, True)
    assert (await sent(desk.browser, f"{at}/state", state="suspended", **SURE))[0] == 303
    house.services.trust.forget()
    assert (await house.services.trust.register()).members[EPF].state == "suspended"
    page = (await desk.browser.http.get(at)).text
    (proposal,) = (await desk.browser.call("GET", "/v1/approvals")).json()["approvals"]
    waits = page.partition("Waits for a second person since")[2]
    assert ('name="state" value="active"' in page, 'name="state" value="retired"' in page) == (False, True)
    assert f'href="/console/approvals/{proposal["id"]}">Confirm a suspension, or reject it' in waits
    _, other = await house.officer("nila", "operator")
    page = (await other.browser.http.get(f"/console/approvals/{proposal['id']}")).text
    assert "It stays suspended; to bring it back is proposed then." in page


async def test_what_happens_to_an_officer_is_asked_about_first_and_its_reason_is_in_the_entry(house: House) -> None:
    _, desk = await house.officer("amara", "operator")
    other, _ = await house.officer("kamal", "agency_administrator", member=EPF)
    at = f"/console/officers/{other.id}"
    (grant,) = (await desk.browser.call("GET", f"/v1/officers/{other.id}")).json()["roles"]
    for way, field in (("revoke", {"grant": grant["id"]}), ("state", {"state": "suspended"})):
        status, page = await sent(desk.browser, f"{at}/{way}", **field)
        assert (status, 'name="reason"' in page) == (200, True)
    assert (await desk.browser.call("GET", f"/v1/officers/{other.id}")).json()["roles"] == [grant]
    for way, field in (("revoke", {"grant": grant["id"]}), ("state", {"state": "suspended"})):
        assert (await sent(desk.browser, f"{at}/{way}", **field, **SURE))[0] == 303
    for kind in ("role.revoked", "officer.suspended"):
        (told,) = await house.kinds(kind)
        assert (told["officer"], told["reason"]) == (other.id, SURE["reason"])


async def test_the_history_shows_why(house: House) -> None:
    _, desk = await house.officer("amara", "operator")
    await sent(desk.browser, f"/console/operation/members/{EPF.replace('/', '.')}/state", state="suspended", **SURE)
    _, reviewer = await house.officer("nila", "compliance_officer")
    await sent(reviewer.browser, "/console/reason", reason="monthly review of the log")
    page = await reviewer.browser.get("/console/events?kind=member.suspended")
    assert f"Why: {SURE['reason']}" in page.text
