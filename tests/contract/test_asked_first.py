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
    _, desk = await house.officer("kamal", "agency_administrator", member=EPF)
    kid = str(pair.jwk["kid"])
    status, page = await sent(desk.browser, f"{SYSTEM}/retire", kid=kid)
    assert (status, "It is the only key of" in page) == (200, True)
    assert "has no key" not in (await desk.browser.http.get("/console/agency")).text
    assert (await sent(desk.browser, f"{SYSTEM}/retire", kid=kid, confirmed="yes"))[0] == 303
    assert "has no key, so it gets nothing." in (await desk.browser.http.get("/console/agency")).text
    assert "no key" in (await desk.browser.http.get("/console/agency/systems")).text


async def test_a_member_is_suspended_only_by_a_second_press(house: House) -> None:
    _, desk = await house.officer("amara", "operator")
    at = f"/console/operation/members/{EPF.replace('/', '.')}"
    for state in ("suspended", "retired"):
        status, page = await sent(desk.browser, f"{at}/state", state=state)
        assert (status, 'name="confirmed"' in page) == (200, True)
    assert (await house.services.trust.register()).members[EPF].state == "active"
    assert (await sent(desk.browser, f"{at}/state", state="suspended", confirmed="yes"))[0] == 303
    house.services.trust.forget()
    assert (await house.services.trust.register()).members[EPF].state == "suspended"
