"""One view of each adapter of an agency, whichever way it came; its maintenance windows keep callers away."""

import html
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.errors import SourceUnavailable
from gateway.gate_ports import metered
from gateway.provided import addresses
from gateway.registration.errors import StepRefused
from gateway.settings import Settings
from tests.agreeing import EPF, WBB
from tests.people_place import Browser
from tests.reviewing import NIC, ORIGIN, PROVIDER, House, a_house

AT = "/v1/provided-adapters/pension"
PAGE = "/console/agency/provided/pension"
WHY = "the disks are replaced"


@pytest.fixture
async def house(tmp_path: Path, sqlite_url: str) -> AsyncIterator[House]:
    more = {"PENSION_HOST": "files.epf.example", "PENSION_PORT": "22", "PENSION_USER": "gw-user"}
    async with a_house(tmp_path, sqlite_url, **more) as found:
        yield found


async def agency(house: House, member: str = EPF) -> Browser:
    _, desk = await house.officer(f"admin-{member[-3:].lower()}", "agency_administrator", member=member)
    return desk.browser


def window(house: House, begin_min: float, end_min: float) -> dict[str, str]:
    now = house.services.people.clock()
    times = (now + timedelta(minutes=each) for each in (begin_min, end_min))
    return dict(zip(("starts_at", "ends_at"), (each.isoformat() for each in times), strict=True))


async def test_the_agency_sees_all_of_a_brought_adapter_in_one_view(house: House) -> None:
    browser = await agency(house)
    (line,) = (await browser.call("GET", "/v1/provided-adapters")).json()["provided"]
    assert line == {
        "adapter": "pension",
        "system": PROVIDER,
        "member": EPF,
        "came": "brought",
        "linked": True,
        "conformance": None,
    }
    found = (await browser.call("GET", AT)).json()
    assert found["services"][0]["fields"] == ["closed_month", "months", "pensions"]
    assert {"name": "PENSION_HOST", "value": "files.epf.example"} in found["address"]
    assert "gw-user" not in str(found)
    assert (found["windows"], found["unmapped"], found["health"]["state"]) == ([], 0, "untried")


async def test_how_new_data_is_stands_where_there_is_data_to_answer_with(house: House) -> None:
    browser = await agency(house, "LK/GOV/DME")
    page = (await browser.http.get("/console/agency/provided/ess")).text
    offers = [each.service for each in house.services.catalogue if each.service.id.startswith("ess.")]
    read = [each for each in offers if "read" in each.actions]
    assert (len(offers) > 1, len(read), page.count("Newest data")) == (True, 1, 1)
    assert "no answer since the gateway started has said it" in page


async def test_nobody_else_s_adapter_exists(house: House) -> None:
    other = await agency(house, WBB)
    assert {each["member"] for each in (await other.call("GET", "/v1/provided-adapters")).json()["provided"]} <= {WBB}
    assert (await other.call("GET", AT)).status_code == 404
    assert (await other.call("POST", f"{AT}/windows", window(house, 0, 5))).status_code == 404
    assert (await other.http.get(PAGE)).status_code == 404


async def test_in_a_window_callers_are_told_when_to_come_again_and_nothing_is_asked(house: House) -> None:
    browser = await agency(house)
    await house.agreed()
    await house.consented()
    made = await browser.call("POST", f"{AT}/windows", window(house, -1, 30), why=WHY)
    assert made.status_code == 201, made.text
    offer = house.services.catalogue.offer("pension.contributions")
    with pytest.raises(SourceUnavailable) as told:
        await metered(house.services.gate.meter, offer)
    assert "planned maintenance until" in str(told.value)
    assert 0 < (told.value.after_s or 0) <= 30 * 60 + 1
    room = await house.services.gate.meter(offer, 3)
    assert (room.calls, room.over is not None) == (0, True)
    ended = await browser.call("DELETE", f"{AT}/windows/{made.json()['window']}", why="it went faster")
    assert ended.status_code == 200
    await metered(house.services.gate.meter, offer)
    (planned,), (over,) = await house.kinds("adapter.outage_planned"), await house.kinds("adapter.outage_ended")
    assert (planned["reason"], over["reason"]) == (WHY, "it went faster")
    assert planned["outage"] == over["outage"]


async def test_a_window_is_moved_in_one_step(house: House) -> None:
    browser = await agency(house)
    made = (await browser.call("POST", f"{AT}/windows", window(house, 60, 90), why=WHY)).json()
    moved = await browser.call("PUT", f"{AT}/windows/{made['window']}", window(house, 120, 150), why="a part is late")
    assert moved.status_code == 200, moved.text
    (found,) = (await browser.call("GET", AT)).json()["windows"]
    assert found["outage"] == moved.json()["window"] != made["window"]
    wrong = await browser.call("PUT", f"{AT}/windows/{found['outage']}", window(house, 150, 120), why="a part is late")
    assert wrong.status_code == 409
    assert (await browser.call("GET", AT)).json()["windows"] == [found]
    gone = await browser.call("PUT", f"{AT}/windows/none", window(house, 1, 2), why="a part is late")
    assert gone.status_code == 404


async def test_a_person_says_why(house: House) -> None:
    browser = await agency(house)
    for why in ("", "short", f"it holds {NIC}"):
        refused = await browser.call("POST", f"{AT}/windows", window(house, 1, 2), why=why)
        assert refused.status_code == 400
    assert (await browser.call("GET", AT)).json()["windows"] == []


async def test_the_page_announces_moves_and_ends_a_window(house: House) -> None:
    browser = await agency(house)
    page = (await browser.http.get("/console/agency/provided")).text
    assert f'href="{PAGE}"' in page
    form = {"csrf": await browser.csrf(), "starts_at": "x", "ends_at": "", "reason": "no"}
    refused = await browser.http.post(f"{PAGE}/announce", data=form, headers={"origin": ORIGIN})
    assert (refused.status_code, 'value="x"' in refused.text, ">no</textarea>" in refused.text) == (400, True, True)
    zone = house.services.profile.zone
    begin = (house.services.people.clock() + timedelta(hours=2)).astimezone(zone)
    times = {"starts_at": begin.strftime("%Y-%m-%dT%H:%M"), "reason": WHY}
    times["ends_at"] = (begin + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M")
    sent = await browser.http.post(f"{PAGE}/announce", data=form | times, headers={"origin": ORIGIN})
    assert sent.headers["location"] == f"{PAGE}?done=saved"
    page = (await browser.http.get(PAGE)).text
    assert f'govuk-caption-l">{EPF} <' in page  # whose it is; the system's id is a hint beside it
    assert f'value="{times["starts_at"]}"' in page
    (id_,) = re.findall(r'name="window" value="([^"]+)"', page)
    end = {"csrf": form["csrf"], "window": html.unescape(id_), "reason": "it was called off"} | times
    assert (
        await browser.http.post(f"{PAGE}/end", data=end | {"reason": "it was called off"}, headers={"origin": ORIGIN})
    ).status_code == 303
    assert "None is planned." in (await browser.http.get(PAGE)).text


def test_an_address_is_told_without_who_signs_in_and_what_is_asked() -> None:
    told = Settings.read({"SANDHI_TAX_URL": "https://user:word@tax.example:8443/api?key=1"})
    where = {each["name"]: each["value"] for each in addresses(told, "tax")}
    assert where["TAX_URL"] == "https://tax.example:8443/api"
    assert addresses(told, "no_such_adapter") == []


async def test_a_window_of_an_adapter_that_nobody_has_is_refused(house: House) -> None:
    browser = await agency(house)
    assert (await browser.call("POST", "/v1/provided-adapters/none/windows", window(house, 1, 2))).status_code == 404
    now = house.services.people.clock()
    with pytest.raises(StepRefused):
        await house.services.registration.plan_outage("pension", now, now + timedelta(days=8), by="x", reason=WHY)
