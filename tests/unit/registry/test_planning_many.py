"""A list of thousands: ticked lines are decided together, filters stay on the way, and the list can be taken away."""

import csv
import gzip
import io
import json
from dataclasses import replace
from pathlib import Path

import httpx

from registry import downloads
from registry.server import app
from registry.store import unpacked
from tests.unit.registry.test_planning_desk import ORIGIN, Desk, desk

__all__ = ["desk"]
THERE = "?district=LK-11"


async def test_districts_have_their_names_wherever_a_planner_reads_of_them(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "places.tsv").write_text("id\tname\nLK-11\tColombo\nLK-1103\tKolonnawa\n", encoding="utf-8")
    (tmp_path / "divisions.tsv.gz").write_bytes(gzip.compress(b"id\tname\tname_ta\nLK-1103115\tSedawatta\tnan\n"))
    settings = replace(desk.stage.settings, places=tmp_path / "places.tsv", divisions=tmp_path / "divisions.tsv.gz")
    named = replace(desk.stage, settings=settings)
    named.store.put("INSERT INTO handover VALUES (?, 'referral', 'a', '2026-10-31', 'sent', '')", [("SR0001",)])
    transport = httpx.ASGITransport(app(named))
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers={"origin": ORIGIN}) as http:
        reader = Desk(http, named)
        await reader.sign_in()
        for path in (f"/desk/lines{THERE}", "/desk/lines/2", "/desk/enrolment"):
            assert ">Colombo</" in (await http.get(path)).text
        assert "Kolonnawa" in (await http.get("/desk/lines/2")).text
        for path in (f"/desk/lines{THERE}", "/desk/lines/2"):
            assert ">Sedawatta</" in (await http.get(path)).text
        rows = list(csv.reader(io.StringIO((await http.get(f"/desk/lines/table{THERE}")).text)))
        assert rows[0][-2:] == ["Divisional secretariat", "GN division"]
        assert rows[1][-2:] == ["Kolonnawa", "Sedawatta"]
        assert ", Colombo, " in (await reader.post("/desk/lines/approve", lines="2", back="/desk")).text


async def test_ticked_lines_are_rejected_together_with_one_reason_and_the_filters_stay(desk: Desk) -> None:
    await desk.sign_in()
    ticked = {"line-2": "yes", "line-4": "yes", "back": f"/desk/lines{THERE}"}
    asked = await desk.post("/desk/lines/reject", **ticked)
    assert "Reject 2 lines?" in asked.text
    assert set(desk.decisions().values()) == {""}
    form = {"lines": "2 4", "back": f"/desk/lines{THERE}", "confirmed": "yes"}
    assert (await desk.post("/desk/lines/reject", **form, reason=" ")).status_code == 400
    done = await desk.post("/desk/lines/reject", **form, reason="moved abroad")
    assert done.headers["location"] == f"/desk/lines{THERE}&done=rejected"
    assert {member for member, decision in desk.decisions().items() if decision == "rejected"} == {"SR0001", "SR0003"}


async def test_the_address_of_a_form_opened_like_a_page_leads_to_the_list_in_the_language_asked(desk: Desk) -> None:
    await desk.sign_in()
    for form in ("find", "reject", "approve"):
        answer = await desk.http.get(f"/desk/lines/{form}?lang=ta")
        assert (answer.status_code, answer.headers["location"]) == (303, "/desk/lines")
    assert '<html lang="ta"' in (await desk.http.get("/desk/lines/find?lang=ta", follow_redirects=True)).text


async def test_nothing_ticked_is_said_and_decides_nothing(desk: Desk) -> None:
    await desk.sign_in()
    answer = await desk.post("/desk/lines/approve", back="/desk/lines")
    assert answer.status_code == 400
    assert "No line is ticked." in answer.text
    assert set(desk.decisions().values()) == {""}


async def test_the_list_says_how_many_wait_and_how_many_are_decided(desk: Desk) -> None:
    await desk.sign_in()
    await desk.decide(1, "approve")
    await desk.decide(2, "reject")
    page = (await desk.http.get("/desk/lines")).text
    for decision, number in (("Waiting", 3), ("Approved", 1), ("Rejected", 1)):
        assert f'<span class="app-cards__figure">{number}</span>{decision}</a>' in page
    there = (await desk.http.get(f"/desk/lines{THERE}&decision=approved")).text
    assert '<span class="app-cards__figure">1</span>Waiting</a>' in there


async def test_a_member_is_found_by_id_and_the_id_stands_in_no_address(desk: Desk) -> None:
    await desk.sign_in()
    found = await desk.post(f"/desk/lines/find{THERE}", member=" sr0002 ")
    assert found.headers["location"] == f"/desk/lines/3{THERE}"
    nobody = await desk.post("/desk/lines/find", member="<b>")
    assert nobody.status_code == 404
    assert "No line to review has this member id." in nobody.text
    assert 'value="&lt;b&gt;"' in nobody.text


async def test_filters_come_along_to_a_line_its_decision_and_the_next_that_waits(desk: Desk) -> None:
    await desk.sign_in()
    listed = (await desk.http.get(f"/desk/lines{THERE}")).text
    assert f'href="/desk/lines/2{THERE}"' in listed
    line = (await desk.http.get(f"/desk/lines/2{THERE}")).text
    assert f'href="/desk/lines{THERE}">The list' in line
    assert f'action="/desk/lines/2{THERE}"' in line
    assert f'href="/desk/lines/4{THERE}">Next waiting line' in line
    form = {"action": "approve", "reason": "as discussed", "seen": "0"}
    done = await desk.post(f"/desk/lines/2{THERE}", **form)
    assert done.headers["location"] == f"/desk/lines/2{THERE}&done=approved"
    await desk.post(f"/desk/lines/4{THERE}", **form)
    assert "Next waiting line" not in (await desk.http.get(f"/desk/lines/2{THERE}")).text


async def test_programs_filter_by_decision_too(desk: Desk) -> None:
    await desk.sign_in()
    await desk.decide(1, "approve")
    token = (desk.stage.settings.folder / "review.token").read_text("ascii")
    bearer = {"authorization": f"Bearer {token}"}
    found = (await desk.http.get("/review/lines?decision=approved", headers=bearer)).json()["lines"]
    assert [line["id"] for line in found] == ["SR0000"]
    assert (await desk.http.get("/review/lines?decision=burnt", headers=bearer)).status_code == 400


async def test_the_filtered_list_is_taken_away_whole_and_no_cell_is_a_formula(desk: Desk) -> None:
    await desk.sign_in()
    more = [(f"=SR1{place:04}", "listed", '["labour_ready"]', "[]", "[]", "") for place in range(1200)]
    desk.stage.store.put("INSERT INTO line VALUES (?, ?, ?, ?, ?, ?)", more)
    answer = await desk.http.get("/desk/lines/table?reason=labour_ready")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert rows[0][0] == "Member id"
    assert len(rows) == 1201
    assert {row[0][:2] for row in rows[1:]} == {"'="}
    assert rows[1][3:5] == ["Listed", "Labour ready"]


async def test_who_takes_the_list_away_is_written_down_before_it_is_handed_out(desk: Desk) -> None:
    assert (await desk.http.get("/desk/lines/table")).status_code == 303
    await desk.sign_in()
    assert "Nobody has taken the list away." in (await desk.http.get("/desk/control")).text
    await desk.http.get(f"/desk/lines/table{THERE}&decision=waiting")
    assert (await desk.http.get("/desk/lines/table?decision=burnt")).status_code == 400
    (row,) = downloads.latest(desk.stage.store)
    assert (row["by"], row["lines"]) == ("kavitha (Name of kavitha)", 2)
    assert unpacked(row["filters"]) == {"district": "LK-11", "decision": "waiting"}
    page = (await desk.http.get("/desk/control")).text
    assert "kavitha (Name of kavitha)" in page
    assert "Decision: Waiting, District: LK-11" in page


async def test_of_two_findings_the_last_one_counts_and_the_first_stays_visible(desk: Desk) -> None:
    await desk.sign_in()
    for reference, found in (("b", "working"), ("a", "confirmed_no_work")):  # of one day: as they came
        record = {"checks": [{"source": "tax", "finding": found}], "found_on": "2026-11-14"}
        values = (reference, "SR0000", found, json.dumps(record))
        desk.stage.store.put("INSERT INTO event VALUES (?, 'finding', ?, ?, '2026-11-14', ?, '')", [values])
    page = (await desk.http.get("/desk/lines/1")).text.partition("What a counsellor found")[2]
    last, _, before = page.partition("Found before, and corrected:")
    assert "Tax: Confirmed no work (14 November 2026)" in last
    assert "Tax: Working (14 November 2026)" in before


async def test_differences_are_signed_only_by_who_says_to_know_of_them(desk: Desk) -> None:
    await desk.sign_in()
    desk.stage.store.put("INSERT INTO flagged VALUES (?, 0)", [("SR9999",)])
    page = (await desk.http.get("/desk/control")).text
    assert "Flagged records without a line: 1" in page
    assert "Flagged = sum of outcomes: 6 and 5" in page
    for knowing in ({}, {"knowing": "1"}):
        answer = await desk.post("/desk/control", **knowing)
        assert answer.status_code == 400
        assert 'id="knowing-error"' in answer.text
    assert (await desk.http.get("/desk/control/signed")).status_code == 404
    assert (await desk.post("/desk/control", knowing="2")).headers["location"] == "/desk/control?done=released"


async def test_the_control_page_tells_all_that_the_report_holds(desk: Desk) -> None:
    await desk.sign_in()
    desk.stage.store.put(
        "INSERT INTO handover VALUES (?, 'referral', ?, '2026-10-31', 'sent', '')", [("SR0000", "a"), ("SR0001", "b")]
    )
    told = [("1", "SR0000", "not_reached"), ("2", "SR0001", "enrolled")]
    desk.stage.store.put("INSERT INTO event VALUES (?, 'enrolment', ?, ?, '2026-11-02', '{}', '')", told)
    page = (await desk.http.get("/desk/control")).text
    assert "people to visit, because nobody reached them" in page
    assert "People acknowledged, by district" in page
    assert "households confirmed" in page
    assert "LK-21" in page
