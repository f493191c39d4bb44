"""Reports, samples, statements, breaches, requests of people: each whole, and with nothing of anybody."""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from fastapi import FastAPI

from audit import bundle_check
from audit.note import Checkpoint
from consent import canonical
from consent.store import end_agreement
from gateway.review import sample, schedules, statements
from gateway.review.errors import ReviewRefused
from gateway.review.running import review_now, settings_noted
from gateway.settings import Settings
from gateway.trust import held_keys
from gateway.trust.errors import CredentialRefused
from gateway.trust.jose import check, sign, taken_apart
from gateway.trust.jwks import checked
from gateway.trust.keys import new_key
from gateway.wiring import Services, open_services
from tests.reviewing import CONSUMER, NIC, PROVIDER, House, a_house

ZONE = ZoneInfo("Asia/Colombo")  # of the country whose profile is served
BEGUN = statements.bounds(statements.month_before(datetime.now(UTC), ZONE), ZONE)[0]
LAST = (BEGUN + timedelta(days=3, hours=6)).astimezone(UTC)
MONTH = f"{LAST:%Y-%m}"


@pytest.fixture
async def house(tmp_path: Path, sqlite_url: str) -> AsyncIterator[House]:
    async with a_house(tmp_path, sqlite_url) as found:
        yield found


@pytest.fixture
async def either(tmp_path: Path, database_url: str) -> AsyncIterator[House]:
    """On both databases: where the database does the counting or the choosing."""
    async with a_house(tmp_path, database_url) as found:
        yield found


async def test_reports_count_what_was_exchanged_and_no_cell_is_a_formula(house: House) -> None:
    await house.agreed(title="=cmd()")
    await house.played(3, LAST)
    await house.played(2, LAST, outcome="unknown_person", released=None)
    await house.played(1, LAST, outcome="answered", lines=40, outcomes={"answered": 39, "no_data": 1})
    _, desk = await house.officer("amara", "compliance_officer")
    period = f"since={MONTH}-01T00:00:00Z&until={datetime.now(UTC):%Y-%m-%d}T00:00:00Z"
    text = (await desk.call("GET", f"/reports/processing?{period}")).text
    (row,) = list(csv.DictReader(io.StringIO(text.partition("\r\n")[2])))
    assert (row["title"], row["exchanges"], row["people answered about"]) == ("'=cmd()", "6", "43")
    assert (row["recipient"], row["fields"], row["legal bases"]) == ("LK/GOV/WBB", "months", "consent")
    refused = (await desk.call("GET", f"/reports/refusals?{period}")).text
    assert f"{CONSUMER},{PROVIDER},pension.contributions" in refused
    paper = (await desk.call("GET", f"/reports/usage?{period}&format=pdf")).content
    assert paper.startswith(b"%PDF-")
    await desk.call("GET", f"/reports/gossip?{period}", status=404)
    assert {"report"} <= set((await house.kinds("evidence.read"))[0])


async def test_a_report_tells_the_agreements_of_its_own_period_and_that_a_period_is_not_over(house: House) -> None:
    await house.agreed()
    _, desk = await house.officer("amara", "compliance_officer")
    now = house.services.people.clock()
    before, after = now - timedelta(days=40), now + timedelta(days=3)

    async def told(since: datetime, until: datetime) -> tuple[str, list[dict[str, str]]]:
        period = f"since={since:%Y-%m-%dT%H:%M:%SZ}&until={until:%Y-%m-%dT%H:%M:%SZ}"
        head, _, rest = (await desk.call("GET", f"/reports/processing?{period}")).text.partition("\r\n")
        return head, list(csv.DictReader(io.StringIO(rest)))

    head, rows = await told(before, now - timedelta(days=30))
    assert (rows, "not over" in head) == ([], False)
    head, rows = await told(before, after)
    assert [(row["agreement"], row["state"]) for row in rows] == [("A1 v1", "in_force")]
    assert "not over: as of " in head
    async with house.services.db.write() as connection:
        await end_agreement(connection, "A1", by="LK/GOV/WBB", now=datetime.now(UTC))
    assert (await told(before, after))[1][0]["state"] == "ended"
    assert (await told(now + timedelta(days=1), after))[1] == []


async def test_planned_reports_are_written_when_the_period_is_over_with_their_digest(house: House) -> None:
    _, desk = await house.officer("amara", "compliance_officer")
    made = await desk.json("POST", "/reports/planned", {"report": "usage", "every": "day"})
    await desk.call("POST", "/reports/planned", {"report": "usage", "every": "day"}, status=409)
    here, now = house.services, house.services.people.clock()
    folder, sign = here.settings.data_dir / "reports", here.trust.sign_compact
    due = partial(schedules.make_due, here.db, here.log, folder, sign=sign, zone=ZONE)
    assert await due(now) == []
    assert (await desk.json("GET", "/reports"))["files"] == []
    files = await due(now + timedelta(days=1))
    assert [each.suffix for each in files] == [".csv", ".pdf", ".jws"]
    (facts,) = await house.kinds("report.written")
    assert facts["files"] == {each.name: f"sha-256:{hashlib.sha256(each.read_bytes()).hexdigest()}" for each in files}
    assert await due(now + timedelta(days=1)) == []
    for each in files:
        assert (await desk.call("GET", f"/reports/files/{each.name}")).content == each.read_bytes()
    listed = {each["name"]: each["size"] for each in (await desk.json("GET", "/reports"))["files"]}
    assert listed == {each.name: each.stat().st_size for each in files}
    (here.settings.data_dir / "reports" / "notes.csv").write_text("mine")
    for name in ("notes.csv", "..%2Fofficers.json", "usage-2026-01-01-2026-01-01.csv"):
        await desk.call("GET", f"/reports/files/{name}", status=404)
    signed(here, files[2].read_bytes(), {each.name: each.read_bytes() for each in files[:2]})
    browser = desk.browser.http
    token = {"origin": house.origin, "x-csrf-token": await desk.browser.csrf(), "content-type": "application/json"}
    assert (await browser.delete(f"/v1/audit/reports/planned/{made['id']}", headers=token)).status_code == 200
    assert (await desk.json("GET", "/reports"))["planned"] == []


def signed(here: Services, jws: bytes, files: Mapping[str, bytes]) -> None:
    """Fails unless the gateway's published keys vouch for the digest of each file."""
    found = taken_apart(jws.decode(), limit=10_000, members=frozenset({"alg", "kid", "typ"}))
    (key,) = [each for each in here.trust.message_keys() if each.kid == found.header["kid"]]
    check(found.signed, found.signature, key, found.header["alg"])
    told = json.loads(found.payload)
    digests = {name: f"sha-256:{hashlib.sha256(content).hexdigest()}" for name, content in files.items()}
    assert (told["format"], told["files"], told["log"]) == ("sandhi-report/1", digests, here.log.origin)


async def test_a_report_made_now_comes_with_a_signature_over_it(house: House) -> None:
    _, desk = await house.officer("amara", "external_auditor")
    period = "since=2026-10-01T00:00:00Z&until=2026-11-01T00:00:00Z"
    answer = await desk.call("GET", f"/reports/usage?{period}&format=zip")
    assert answer.headers["content-disposition"] == 'attachment; filename="usage.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        files = {each: archive.read(each) for each in archive.namelist()}
    jws = files.pop("usage.jws")
    assert sorted(files) == ["usage.csv", "usage.pdf"]
    signed(house.services, jws, files)


@pytest.mark.parametrize(
    ("every", "since", "until"),
    [("day", "2026-10-30", "2026-10-31"), ("week", "2026-10-19", "2026-10-26"), ("month", "2026-09-01", "2026-10-01")],
)
def test_a_report_is_about_the_last_whole_period(every: str, since: str, until: str) -> None:
    at = datetime(2026, 10, 31, 15, tzinfo=UTC)
    assert [f"{each:%Y-%m-%d}" for each in schedules.period_before(every, at, UTC)] == [since, until]
    end = schedules.next_end(every, at, UTC)
    assert schedules.period_before(every, end, UTC)[1] == end
    assert at < end


@pytest.mark.parametrize(
    ("at", "month"),
    [
        ("2026-11-30T18:29:59.999999+00:00", "2026-10"),  # still November in Colombo
        ("2026-11-30T18:30:00+00:00", "2026-11"),  # 1 December there, while it is November in UTC
        ("2026-12-01T00:00:00+00:00", "2026-11"),
        ("2026-12-31T18:30:00+00:00", "2026-12"),
    ],
)
def test_a_month_is_over_when_it_is_in_the_country(at: str, month: str) -> None:
    moment = datetime.fromisoformat(at)
    assert statements.month_before(moment, ZONE) == month
    since, until = statements.bounds(month, ZONE)
    assert schedules.period_before("month", moment, ZONE) == (since, until)
    assert since.isoformat() == f"{month}-01T00:00:00+05:30"
    assert until <= moment < schedules.next_end("month", moment, ZONE)


def test_days_of_a_country_that_turns_its_clocks_are_as_long_as_they_are() -> None:
    london = ZoneInfo("Europe/London")
    since, until = schedules.period_before("day", datetime(2026, 10, 26, 3, tzinfo=UTC), london)
    assert until.astimezone(UTC) - since.astimezone(UTC) == timedelta(hours=25)


async def test_the_last_evening_of_a_month_belongs_to_it_in_reports_and_statements(house: House) -> None:
    await house.agreed()
    first, until = statements.bounds(statements.month_before(datetime.now(UTC), ZONE), ZONE)
    for moment, count in ((first - timedelta(seconds=30), 1), (first, 2), (until - timedelta(seconds=30), 4)):
        await house.played(count, moment)
    await house.played(8, until)
    _, desk = await house.officer("amara", "compliance_officer")
    last = until - timedelta(days=1)
    page = f"/console/reports/file?report=usage&since={first:%Y-%m-%d}&until={last:%Y-%m-%d}"
    why = {"csrf": await desk.browser.csrf(), "reason": "the yearly audit", "next": "/console"}
    await desk.browser.http.post("/console/reason", data=why, headers={"origin": house.origin})
    text = (await desk.browser.http.get(page)).text
    head, _, rest = text.partition("\r\n")
    assert f"{first:%Y-%m-%d} to {last:%Y-%m-%d}" in head
    (row,) = list(csv.DictReader(io.StringIO(rest)))
    assert (row["exchanges"], row["days used"], row["last day"]) == ("6", "2", f"{last:%Y-%m-%d}")
    here = house.services
    await statements.issue_due(here.db, here.log, here.trust.sign_compact, here.people.clock(), ZONE)
    async with here.db.read() as connection:
        (mine,) = await statements.listed(connection, system=CONSUMER)
    document = json.loads(mine.document)
    assert (document["since"], document["until"]) == (first.isoformat(), until.isoformat())
    assert [each["exchanges"] for each in document["calls"]] == [6]


async def test_a_sample_is_planned_first_and_anyone_draws_the_same(either: House) -> None:
    await either.played(30, LAST)
    amara, desk = await either.officer("amara", "external_auditor")
    period = {"since": LAST.isoformat(), "until": (LAST + timedelta(hours=1)).isoformat(), "size": 4}
    planned = await desk.json("POST", "/samples", period)
    future = {"since": LAST.isoformat(), "until": (datetime.now(UTC) + timedelta(days=1)).isoformat(), "size": 4}
    early = await desk.json("POST", "/samples", future)
    await desk.call("POST", f"/samples/{early['id']}/draw", status=409)
    drawn = await desk.json("POST", f"/samples/{planned['id']}/draw")
    await desk.call("POST", f"/samples/{planned['id']}/draw", status=409)
    assert (drawn["population"], len(drawn["exchanges"])) == (30, 4)
    head = Checkpoint.from_text(drawn["checkpoint"].partition("\n\n")[0] + "\n")
    seed = f"sample v1\n{planned['id']}\n{head.origin}\n{head.size}\n{head.root.hex()}\n"
    assert drawn["seed"] == hashlib.sha256(seed.encode()).hexdigest()
    ids = [str(each["exchange_id"]) for each in await either.kinds("exchange.intent")]
    mine = sorted(ids, key=lambda each: hashlib.sha256(bytes.fromhex(drawn["seed"]) + each.encode()).digest())[:4]
    assert [each["exchange_id"] for each in drawn["exchanges"]] == mine
    await _signed_off(either, desk, planned["id"], mine)
    (facts,) = await either.kinds("sample.signed_off")
    assert (facts["checked"], facts["with_a_no"]) == (4, 0)
    assert amara.id in {each["by"] for each in await either.kinds("sample.checked")}


async def _signed_off(house: House, desk, id_: str, ids: list[str]) -> None:
    _, other = await house.officer("kamal", "compliance_officer")
    answers = {"answers": dict.fromkeys(sample.CHECKLIST, "yes"), "remark": "case file seen"}
    await other.call("POST", f"/samples/{id_}/sign-off", {"remark": "too early"}, status=409)
    for each in ids:
        await desk.call("POST", f"/samples/{id_}/exchanges/{each}", answers)
    await desk.call("POST", f"/samples/{id_}/exchanges/none", answers, status=404)
    await desk.call("POST", f"/samples/{id_}/exchanges/{ids[0]}", answers | {"answers": {"case": "yes"}}, status=409)
    await desk.call("POST", f"/samples/{id_}/sign-off", {"remark": "my own work"}, status=409)
    await other.call("POST", f"/samples/{id_}/sign-off", {"remark": "all well"})


async def test_statements_are_signed_countersigned_or_disputed(either: House) -> None:
    await either.played(3, LAST)
    here, now = either.services, either.services.people.clock()
    await review_now(here, now)
    await review_now(here, now)
    (issued,) = await either.kinds("statement.issued")
    assert issued["systems"] == sorted((CONSUMER, PROVIDER))
    with pytest.raises(ReviewRefused, match="not over"):
        await statements.issue(
            here.db, here.log, here.trust.sign_compact, f"{now.astimezone(ZONE):%Y-%m}", by="x", now=now, zone=ZONE
        )
    async with here.db.read() as connection:
        mine, theirs = [(await statements.listed(connection, system=each))[0] for each in (CONSUMER, PROVIDER)]
    document = json.loads(mine.document)
    assert [(each["exchanges"], each["people"]) for each in document["calls"]] == [(3, {"answered": 3})]
    jws = taken_apart(mine.signed, limit=100_000, members=frozenset({"alg", "kid", "typ"}))
    assert jws.payload == canonical(document)
    check(jws.signed, jws.signature, here.trust.message_keys()[-1], jws.header["alg"])
    with pytest.raises(CredentialRefused):
        check(jws.signed + b" ", jws.signature, here.trust.message_keys()[-1], jws.header["alg"])
    key = new_key("ES256")
    async with here.db.write() as connection:
        await held_keys.add(connection, here.log, CONSUMER, checked({"keys": [dict(key.jwk)]}), now)
        keys = await held_keys.of(connection, CONSUMER, now)
    for content in (canonical(document | {"month": "2020-01"}), canonical(document)):
        signature = statements.Countersigned(mine.id, CONSUMER, sign(content, key), keys)
        async with here.db.write() as connection:
            if content == canonical(document):
                await statements.countersign(connection, here.log, signature, now)
            else:
                with pytest.raises(ReviewRefused, match="canonical JSON"):
                    await statements.countersign(connection, here.log, signature, now)
    async with here.db.write() as connection:
        await statements.dispute(connection, here.log, theirs.id, by=PROVIDER, text="we saw none", now=now)
    (finding,) = [each for each in await either.kinds("finding.opened") if each["rule"] == "statement_disputed"]
    assert finding["subject"] == theirs.id
    assert "we saw none" not in str(await either.kinds("statement.disputed"))


async def test_a_breach_has_its_people_fields_recipients_clock_and_drafts(either: House) -> None:
    await either.agreed()
    await either.consented()
    await either.asked(case="C-1")
    await either.played(5, LAST)
    now = either.services.people.clock()
    key = new_key("ES256")
    async with either.services.db.write() as connection:
        await held_keys.add(connection, either.services.log, CONSUMER, checked({"keys": [dict(key.jwk)]}), now)
    await either.asked(case="C-2")
    _, desk = await either.officer("amara", "compliance_officer")
    _, dpo = await either.officer("nimal", "data_protection_officer")
    known = now - timedelta(hours=2)
    made = await desk.json("POST", "/breaches", {"agreement": "A1", "known_at": known.isoformat()})
    assert (made["figures"]["exchanges"], made["figures"]["people"]) == (7, 6)
    assert made["figures"]["fields"] == {"months": 7}
    assert made["figures"]["recipients"] == {CONSUMER: 7}
    assert made["due_at"] == (known + timedelta(hours=72)).isoformat()
    assert 69 < made["hours_left"] < 71
    assert "- exchanges: 7, about people: 6;" in made["drafts"]["authority"]
    await desk.call("GET", f"/breaches/{made['id']}/people", status=403)
    people = (await dpo.call("GET", f"/breaches/{made['id']}/people")).text.splitlines()
    assert len(people) == 6
    assert NIC not in "".join(people)
    of_key = await desk.json("POST", "/breaches", {"kid": key.kid})
    assert (of_key["figures"]["exchanges"], of_key["figures"]["people"]) == (1, 1)
    window = {"since": LAST.isoformat(), "until": (LAST + timedelta(seconds=3)).isoformat()}
    assert (await desk.json("POST", "/breaches", window))["figures"]["people"] == 3
    await desk.call("POST", "/breaches", {}, status=409)
    await desk.call("POST", "/breaches", {"kid": "nobody's"}, status=404)
    await desk.call("POST", f"/breaches/{made['id']}/notified")
    await desk.call("POST", f"/breaches/{made['id']}/notified", status=409)
    assert (await desk.json("GET", f"/breaches/{made['id']}"))["hours_left"] is None


async def test_a_person_gets_everything_in_plain_words_in_time(house: House, tmp_path: Path) -> None:
    await house.agreed()
    await house.consented()
    await house.asked(case="C-1")
    await house.asked("199012304568")
    _, dpo = await house.officer("nimal", "data_protection_officer")
    subject = {"subject": {"identifiers": [{"type": "NIC", "value": NIC}]}}
    made = await dpo.json("POST", "/access-requests", subject)
    assert made["days_left"] in {20, 21}
    content = (await dpo.call("GET", f"/access-requests/{made['id']}/package")).content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        texts = {name: archive.read(name) for name in archive.namelist()}
    assert b"1 question about you" in texts["README.txt"]
    assert texts["exchanges.txt"].count(b"exchange ") == 1
    assert f"{CONSUMER} asked {PROVIDER}".encode() in texts["exchanges.txt"]
    assert b"Consent C1, in force" in texts["consents.txt"]
    assert b"A1 v1" in texts["agreements.txt"]
    evidence = tmp_path / "evidence.zip"
    evidence.write_bytes(texts["evidence.zip"])
    assert bundle_check.checked(evidence, None).ok
    assert NIC not in str(await house.kinds("subject_access.received"))
    await dpo.call("POST", f"/access-requests/{made['id']}/handed")
    await dpo.call("POST", f"/access-requests/{made['id']}/handed", status=409)
    assert (await dpo.json("GET", "/access-requests"))["requests"][0]["state"] == "handed"


async def test_what_an_agreement_keeps_to_itself_is_not_in_the_package_yet(house: House) -> None:
    await house.agreed(disclosure_delay_days=30, disclosure_delay_reason="fraud inquiry")
    await house.consented()
    await house.asked(case="C-1")
    _, dpo = await house.officer("nimal", "data_protection_officer")
    subject = {"subject": {"identifiers": [{"type": "NIC", "value": NIC}]}}
    made = await dpo.json("POST", "/access-requests", subject)
    content = (await dpo.call("GET", f"/access-requests/{made['id']}/package")).content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.read("exchanges.txt") == b"Nobody asked about you.\n"
        assert "evidence.zip" not in archive.namelist()


async def test_a_change_of_settings_that_matter_is_an_entry_without_values(tmp_path: Path, sqlite_url: str) -> None:
    place = {"SANDHI_DATA_DIR": str(tmp_path), "SANDHI_DATABASE_URL": sqlite_url, "SANDHI_OIDC_ISSUER": "built-in"}
    for settings in ({}, {}, {"SANDHI_LIMIT_RATE": "7", "SANDHI_PORT": "9", "SANDHI_ALLOWED_HOSTS": "10.0.0.1:80"}):
        async with open_services(Settings.read(place | settings)) as services:
            await settings_noted(services, services.people.clock())
            changes = await House(services, FastAPI()).kinds("settings.changed")
    assert len(changes) == 2
    assert set(changes[1]["settings"]) == {"ALLOWED_HOSTS", "LIMIT_RATE"}
    assert changes[1]["settings"]["ALLOWED_HOSTS"]["before"] == ""
    assert "10.0.0.1" not in str(changes)
