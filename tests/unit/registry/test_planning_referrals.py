"""How far each line was pushed: a filter of the list, and where the numbers of the overviews lead."""

import re

import pytest

from registry.lines import REFERRALS
from tests.unit.registry.test_planning_desk import Desk, desk

__all__ = ["desk"]
HANDOVER = "INSERT INTO handover VALUES (?, 'referral', ?, '2026-11-01', ?, '')"


def listed(page: str) -> list[str]:
    return re.findall(r'<span class="app-apart">(SR\d+)</span>', page)


async def test_the_list_is_narrowed_by_how_far_the_push_came(desk: Desk) -> None:
    await desk.sign_in()
    states = ("new", "sent", "refused", "no_link")
    handed = [(f"SR{place:04}", f"key {place}", state) for place, state in enumerate(states)]
    desk.stage.store.put(HANDOVER, handed)
    for member, _, state in handed:
        assert listed((await desk.http.get(f"/desk/lines?referral={state}")).text) == [member]
    assert listed((await desk.http.get("/desk/lines?referral=not_pushed_yet")).text) == ["SR0004"]
    for path in ("/desk/enrolment", "/desk/control"):
        assert 'href="/desk/lines?referral=sent"' in (await desk.http.get(path)).text
    assert 'href="/desk/lines?outcome=listed"' in (await desk.http.get("/desk/control")).text
    there = "/desk/lines?district=LK-11&amp;referral=sent"
    assert f'href="{there}"' in (await desk.http.get("/desk/enrolment")).text
    assert listed((await desk.http.get(there.replace("&amp;", "&"))).text) == ["SR0001"]
    assert (await desk.http.get("/desk/lines?referral=nowhere")).status_code == 400


@pytest.mark.parametrize("wanted", REFERRALS)
async def test_programs_narrow_it_likewise_and_every_choice_is_a_line_s_or_none(desk: Desk, wanted: str) -> None:
    token = (desk.stage.settings.folder / "review.token").read_text("ascii")
    answer = await desk.http.get(f"/review/lines?referral={wanted}", headers={"authorization": f"Bearer {token}"})
    found = answer.json()
    assert len(found["lines"]) == (5 if wanted == "not_pushed_yet" else 0)
    assert found["counts"]["waiting"] == len(found["lines"])
    await desk.sign_in()
    page = (await desk.http.get(f"/desk/lines?referral={wanted}")).text
    assert re.search(rf'<option value="{wanted}" selected', page)
