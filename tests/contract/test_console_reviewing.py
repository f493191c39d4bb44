"""Pages of reviewers beyond the list: kept searches, details, rules, drafts, cases. One's own is nobody else's."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from json import dumps
from pathlib import Path

import httpx
import pytest

from adapters.kit.contract import Identifier, Subject
from audit.details import exchange as of_exchange
from audit.erasure import erase
from gateway.consent_lines import consent_line
from gateway.recording import Recording
from gateway.review.running import review_now
from gateway.review.sample import CHECKLIST
from tests.agreeing import EPF, WBB, document, line
from tests.people_place import hidden
from tests.reviewing import CONSUMER, NIC, House, a_house

WHY = "complaint 2026-17 of the ombudsman"
CASE = "HH-2026-0042"
SUBJECT = Subject((Identifier("NIC", NIC),))
NAUGHTY = '"><script>alert(1)</script>{{7*7}}%(x)s\u202e' + "W" * 20


class Person:
    """A browser of an officer, with the reason said."""

    def __init__(self, house: House, http: httpx.AsyncClient, csrf: str) -> None:
        self.house, self.http, self.csrf = house, http, csrf

    async def get(self, path: str, status: int = 200) -> str:
        answer = await self.http.get(path)
        assert answer.status_code == status, (path, answer.text[-400:])
        return answer.text

    async def post(self, path: str, status: int = 303, token: bool = True, **fields: str) -> httpx.Response:
        body = fields | ({"csrf": self.csrf} if token else {})
        answer = await self.http.post(path, data=body, headers={"origin": self.house.origin})
        assert answer.status_code == status, (path, answer.status_code, answer.text[-600:])
        return answer


@pytest.fixture
async def house(tmp_path: Path, sqlite_url: str) -> AsyncIterator[House]:
    async with a_house(tmp_path, sqlite_url) as found:
        yield found


async def at_work(house: House, login: str, role: str) -> Person:
    _, desk = await house.officer(login, role)
    person = Person(house, desk.browser.http, await desk.browser.csrf())
    await person.post("/console/reason", reason=WHY, next="/console")
    return person


async def test_every_page_of_a_reviewer_opens_where_there_is_nothing(house: House) -> None:
    dpo = await at_work(house, "nimal", "data_protection_officer")
    pages = "reviews drill emergencies statements reports samples breaches access-requests agreements"
    for name in [*pages.split(), "agreements/flows", "agreements/draft", "exchanges", "person", "events"]:
        text = await dpo.get(f"/console/{name}")
        assert "<script>" not in text
        assert 'style="' not in text
    for missing in ("samples/x", "breaches/x", "agreements/x", "exchanges/x"):
        await dpo.get(f"/console/{missing}", 404)


async def test_each_form_needs_the_session_s_token(house: House) -> None:
    dpo = await at_work(house, "nimal", "data_protection_officer")
    posts = "drill statements reports samples breaches access-requests exchanges person/consents agreements/draft"
    more = "samples/x/draw breaches/x/notified access-requests/x/handed queries/x/remove reports/x/remove emergencies/x"
    before = await house.services.log.size()
    for name in f"{posts} {more} exchanges/x/details".split():
        answer = await dpo.post(f"/console/{name}", 403, token=False, confirm="yes")
        assert "not of this session" in answer.text, name
    assert await house.services.log.size() == before


async def test_a_kept_search_is_its_officer_s_alone(house: House) -> None:
    mine, other = await at_work(house, "nimal", "compliance_officer"), await at_work(house, "ann", "compliance_officer")
    made = await mine.post("/console/exchanges", name="Mine", service="pension.contributions", officer="clerk-7")
    assert "service=pension.contributions" in made.headers["location"]
    assert "clerk-7" not in made.headers["location"]
    assert ">Mine</a>" in await mine.get("/console/exchanges")
    assert ">Mine</a>" not in await other.get("/console/exchanges")
    (query,) = (await mine.http.get("/v1/audit/queries")).json()["queries"]
    assert (await other.http.get("/v1/audit/queries")).json()["queries"] == []
    await other.post(f"/console/queries/{query['id']}/remove", 404)
    await mine.post(f"/console/queries/{query['id']}/remove")
    assert (await mine.http.get("/v1/audit/queries")).json()["queries"] == []


async def test_no_kept_search_holds_a_case_or_a_person_s_number(house: House) -> None:
    _, desk = await house.officer("nimal", "compliance_officer")
    for filters in ({"case": "HH-1"}, {}, {"officer": NIC}):
        await desk.json("POST", "/queries", {"name": "x", "filters": filters}, status=400)
    await desk.json("POST", "/queries", {"name": f"about {NIC}", "filters": {"outcome": "answered"}}, status=409)


async def test_the_fifty_first_search_is_refused_and_the_same_name_replaces(house: House) -> None:
    _, desk = await house.officer("nimal", "external_auditor")
    for number in range(50):
        await desk.json("POST", "/queries", {"name": f"n{number}", "filters": {"outcome": "answered"}})
    await desk.json("POST", "/queries", {"name": "one more", "filters": {"outcome": "answered"}}, status=409)
    await desk.json("POST", "/queries", {"name": "n7", "filters": {"outcome": "no_data"}})
    found = {each["name"]: each["filters"] for each in (await desk.json("GET", "/queries"))["queries"]}
    assert (len(found), found["n7"]) == (50, {"outcome": "no_data"})


async def test_details_are_shown_for_a_reason_of_their_own_which_is_logged(house: House) -> None:
    await house.agreed()
    await house.consented()
    exchange = await house.asked(case=CASE)
    officer = await at_work(house, "nimal", "compliance_officer")
    assert CASE not in await officer.get(f"/console/exchanges/{exchange}")
    refused = await officer.post(f"/console/exchanges/{exchange}/details", 400, reason="because")
    assert CASE not in refused.text
    why = "the ombudsman names this case"
    shown = await officer.post(f"/console/exchanges/{exchange}/details", 200, reason=why)
    assert CASE in shown.text
    entries = [each for each in await house.kinds("evidence.read") if each["how"] == "details"]
    assert [(each["reason"], each["found"]) for each in entries] == [(why, 1)]
    auditor = await at_work(house, "selvam", "external_auditor")
    assert "Protected details" not in await auditor.get(f"/console/exchanges/{exchange}")
    await auditor.post(f"/console/exchanges/{exchange}/details", 403, reason=why)


async def test_details_that_never_were_are_kept_and_were_erased_are_told_apart(house: House) -> None:
    await house.agreed()
    await house.consented()
    without, kept, erased = await house.asked(), await house.asked(case=CASE), await house.asked(case=CASE)
    here, now, why = house.services, house.services.people.clock(), "the ombudsman names this case"
    async with here.db.write() as connection:
        scope = {"by": "registrar", "reason": "a court ordered it", "now": now}
        await erase(connection, here.log, of_exchange(erased), **scope)
    officer = await at_work(house, "nimal", "compliance_officer")
    page = await officer.get(f"/console/exchanges/{without}")
    assert "Nothing was kept: the caller wrote nothing" in page
    assert "Show them" not in page
    shown = (await officer.post(f"/console/exchanges/{kept}/details", 200, reason=why)).text
    assert ("Kept until" in shown, "It was erased" in shown) == (True, False)
    gone = (await officer.post(f"/console/exchanges/{erased}/details", 200, reason=why)).text
    for told in ("It was erased. It could have been kept until", "by registrar. Why: a court ordered it"):
        assert told in gone
    assert "This erased it:" in gone


async def test_details_whose_time_was_over_are_told_with_the_day_it_was(house: House) -> None:
    await house.agreed(data_life_days=20)
    await house.consented()
    exchange = await house.asked(case=CASE)
    _, desk = await house.officer("nimal", "compliance_officer")
    here, now = house.services, house.services.people.clock()
    told = await desk.json("GET", f"/exchanges/{exchange}/details")
    assert (told["state"], told["erasures"]) == ("kept", [])
    assert datetime.fromisoformat(told["kept_until"]) - now < timedelta(days=20)
    await here.details.expire(now + timedelta(days=21))
    again = await desk.json("GET", f"/exchanges/{exchange}/details")
    assert again | {"erasures": []} == {
        "exchange_id": exchange,
        "details": [],
        "state": "erased",
        "kept_until": told["kept_until"],
        "erasures": [],
    }
    assert [each["kind"] for each in again["erasures"]] == ["details.expired"]
    never = await desk.json("GET", f"/exchanges/{await house.asked()}/details")
    assert (never["state"], never["kept_until"]) == ("never_kept", None)


async def test_consents_of_a_person_are_found_by_number_with_an_entry_and_without_the_number(house: House) -> None:
    await house.consented()
    auditor = await at_work(house, "selvam", "external_auditor")
    found = await auditor.post("/console/person/consents", 200, type="NIC", value=NIC)
    assert "in force" in found.text.lower()
    assert NIC not in found.text
    nobody = await auditor.post("/console/person/consents", 200, type="NIC", value="199012300011")
    assert "Nothing is recorded." in nobody.text
    await auditor.post("/console/person/consents", 400, type="NIC", value=NAUGHTY)
    read = [each["found"] for each in await house.kinds("evidence.read") if each["how"] == "consents"]
    assert read == [1, 0]


async def test_a_consent_tells_who_recorded_and_withdrew_it_and_what_it_says_otherwise_than_the_one_before(
    house: House,
) -> None:
    await house.consented()
    recording = Recording(house.services.db, house.services.log)
    await recording.withdrawals_of(house.services.person_ref(SUBJECT), controller=WBB)
    said = line(2, subject={"identifiers": [{"type": "NIC", "value": NIC}]}, recipients=["LK/GOV/DME"])
    ref = house.services.person_ref
    second = consent_line(said, controller=WBB, person_ref=ref, numbers=ref.numbers)
    await recording.consents([second], by=WBB)
    auditor = await at_work(house, "selvam", "external_auditor")
    text = (await auditor.post("/console/person/consents", 200, type="NIC", value=NIC)).text
    assert text.count("Consents were recorded") == 2
    assert text.count("Consents were withdrawn") == 1
    assert text.count("/log/proof/") == 3
    ((first, day),) = re.findall(r'otherwise than <a class="govuk-link" href="#([^"]+)">[^<]*, ([^<]*)<', text)
    assert f'<section class="app-card" id="{first}">' in text
    assert re.fullmatch(r"[0-9]{1,2} \w+ 20[0-9]{2}", day)
    assert "recipient added" in text
    told = (await auditor.post("/console/person/consents?lang=ta", 200, type="NIC", value=NIC)).text
    assert "இசைவுகள் பதிவு செய்யப்பட்டன" in told


async def test_a_quota_of_an_agreement_is_shown_as_agreed_used_and_left(house: House) -> None:
    await house.agreed(quota={"calls_per_day": 5, "bulk_lines": 9})
    await house.consented()
    await house.asked()
    _, desk = await house.officer("ruwan", "operator")
    (told,) = (await desk.browser.call("GET", "/v1/quotas")).json()["agreements"]
    assert (told["agreement"], told["bulk_lines"]) == ("A1", 9)
    (budget,) = told["budgets"]
    assert (budget["kind"], budget["agreed"], budget["used"], budget["left"]) == ("calls_per_day", 5, 1, 4)
    _, stranger = await house.officer("kasun", "agency_administrator", member="LK/GOV/IRD")
    assert (await stranger.browser.call("GET", "/v1/quotas")).json()["agreements"] == []
    page = await desk.browser.http.get("/console/operation/health")
    assert "What agreements allow" in page.text


async def test_an_agreement_is_read_with_its_history_and_what_changed(house: House) -> None:
    await house.agreed(title=NAUGHTY)
    await house.agreed(version=2, title="Second", may_know_existence=True, purposes=["employment-support.eligibility"])
    auditor = await at_work(house, "selvam", "external_auditor")
    assert "/console/agreements/A1" in await auditor.get("/console/agreements")
    newest = await auditor.get("/console/agreements/A1")
    assert "by National identity card number, and may receive" in newest
    assert "What changed since version 1" in newest
    assert newest.count("An agreement that both sides signed was recorded") == 2
    assert newest.count("/log/proof/") == 2
    first = await auditor.get("/console/agreements/A1?version=1")
    assert "What changed" not in first
    assert "<script>alert" not in first
    assert "{{7*7}}" in first
    await auditor.get("/console/agreements/A1?version=9", 404)
    drawn = await auditor.get("/console/agreements/flows")
    assert drawn.count("app-flows__arrow") == 1
    assert 'href="/console/agreements/A1"' in drawn


async def test_a_draft_is_tried_on_the_past_and_on_made_up_people_and_kept_nowhere(house: House) -> None:
    await house.agreed()
    await house.consented()
    await house.asked()
    auditor = await at_work(house, "selvam", "external_auditor")
    content = document(version=2, legal_bases=[{"kind": "public_task", "reference": "Act 9, section 4"}])
    shown = await auditor.post("/console/agreements/draft", 200, document=dumps(content))
    assert "1 looked at" in shown.text
    for text in ("", "[]", "{", "[" * 5000, dumps({"title": NAUGHTY})):
        refused = await auditor.post("/console/agreements/draft", 400, document=text)
        assert "There is a problem" in refused.text
        assert "<script>alert" not in refused.text
    assert "version=2" not in await auditor.get("/console/agreements/A1")
    assert len([each for each in await house.kinds("evidence.read") if each["how"] == "draft"]) == 1


async def test_a_change_is_tried_by_ticks_and_a_day_and_stays_to_go_on_with(house: House) -> None:
    await house.agreed()
    await house.consented()
    await house.asked()
    auditor = await at_work(house, "selvam", "external_auditor")
    begun = await auditor.get("/console/agreements/draft?of=A1")
    assert 'name="without:pension.contributions:months"' in begun
    assert 'name="with:pension.contributions:pensions"' in begun
    nothing = {"of": "A1", "last-day": "2026-12-30", "without:pension.contributions:months": "yes"}
    other = nothing | {"with:pension.contributions:pensions": "yes"}
    tried = (await auditor.post("/console/agreements/draft", 200, **other)).text
    assert "30 December 2026" in tried
    assert "1 looked at, of which 0 cannot be told; 1 would have been decided differently." in tried
    assert 'name="with:pension.contributions:pensions" type="checkbox" value="yes" checked' in tried
    assert "&#34;valid_until&#34;: &#34;2026-12-31T00:00:00Z&#34;" in tried
    many = {f"without:pension.contributions:field_{number}": "yes" for number in range(300)}
    await auditor.post("/console/agreements/draft", 200, **other, **many)
    refused = (await auditor.post("/console/agreements/draft", 400, **nothing)).text
    assert 'href="#change">It would tell nothing then: keep at least one field' in refused
    aimless = other | {f"not-for:{each}": "yes" for each in document()["purposes"]}
    refused = (await auditor.post("/console/agreements/draft", 400, **aimless)).text
    assert 'href="#change">It would be for nothing then: keep at least one purpose' in refused
    refused = (await auditor.post("/console/agreements/draft", 400, **other | {"last-day": "soon"})).text
    assert 'href="#last-day"' in refused
    await auditor.get("/console/agreements/draft?of=A9", 404)


async def test_the_drill_is_held_after_a_tick_alone(house: House) -> None:
    officer = await at_work(house, "nimal", "compliance_officer")
    before = await house.kinds("drill.started")
    await officer.post("/console/drill", 400)
    assert await house.kinds("drill.started") == before == []
    held = await officer.post("/console/drill", 200, confirm="yes")
    assert "passed" in held.text
    assert len(await house.kinds("drill.ended")) == 1


async def test_a_breach_has_drafts_and_a_clock_that_stops(house: House) -> None:
    await house.agreed()
    await house.consented()
    await house.asked()
    officer = await at_work(house, "nimal", "compliance_officer")
    refused = await officer.post("/console/breaches", 400)
    assert "There is a problem" in refused.text
    await officer.post("/console/breaches", 400, system=NAUGHTY)
    made = await officer.post("/console/breaches", system=CONSUMER, known_at="2026-11-01T09:30")
    at = made.headers["location"].partition("?")[0]
    text = await officer.get(at)
    assert "Notification of a personal data breach" in text
    assert re.search(r"[0-9] hours (left|late)", text)  # the authority is told within days of that one
    assert hidden(text)["csrf"] == officer.csrf
    assert re.search(rf"<h1[^>]*>Breach: {CONSUMER}<", text)
    assert '<a class="govuk-link" href="/console/agreements/A1">Contribution status</a>' in text
    assert 'summary-list__value"></dd>' not in text  # neither an agreement nor a key was named
    await officer.get(f"{at}/people", 403)
    await officer.post(f"{at}/notified", confirmed="yes")
    assert "was notified on" in await officer.get(at)


async def test_a_request_for_access_has_a_day_and_a_package(house: House) -> None:
    dpo = await at_work(house, "fathima", "data_protection_officer")
    await dpo.post("/console/access-requests", 400, type="NIC", value=NAUGHTY)
    await dpo.post("/console/access-requests", type="NIC", value=NIC)
    text = await dpo.get("/console/access-requests")
    assert "days left" in text
    assert NIC not in text
    (found,) = (await dpo.http.get("/v1/audit/access-requests")).json()["requests"]
    package = await dpo.http.get(f"/console/access-requests/{found['id']}/package")
    assert package.content.startswith(b"PK")
    await dpo.post(f"/console/access-requests/{found['id']}/handed", confirmed="yes")
    assert "handed over" in await dpo.get("/console/access-requests")


async def test_reports_are_made_planned_and_taken_out(house: House) -> None:
    officer = await at_work(house, "nimal", "compliance_officer")
    days = "since=2026-10-01&until=2026-10-31"
    assert '<option value="processing">' in await officer.get("/console/reports")
    for form, begin in (("csv", b""), ("pdf", b"%PDF-"), ("zip", b"PK")):
        answer = await officer.http.get(f"/console/reports/file?report=usage&{days}&format={form}")
        assert answer.content.startswith(begin)
        assert f'filename="usage.{form}"' in answer.headers["content-disposition"]
    for wrong in ("report=usage", f"report=usage&{days}&format=exe", "report=usage&since=9999-12-31&until=9999-12-31"):
        assert (await officer.http.get(f"/console/reports/file?{wrong}")).status_code == 400
    await officer.post("/console/reports", report="usage", every="month")
    await officer.post("/console/reports", 400, report="usage", every="hour")
    (planned,) = (await officer.http.get("/v1/audit/reports")).json()["planned"]
    await officer.post(f"/console/reports/{planned['id']}/remove")
    assert "Nothing is planned." in await officer.get("/console/reports")


async def test_what_was_written_on_a_plan_is_taken_away_from_its_page_with_an_entry(house: House) -> None:
    officer, here = await at_work(house, "nimal", "compliance_officer"), house.services
    assert "None yet." in await officer.get("/console/reports")
    await officer.post("/console/reports", report="usage", every="day")
    await review_now(here, here.people.clock() + timedelta(days=1))
    files = re.findall(r'href="(/console/reports/files/usage-[^"]*)"', await officer.get("/console/reports"))
    assert sorted(each[-4:] for each in files) == [".csv", ".jws", ".pdf"]
    for each in files:
        assert (await officer.http.get(each)).headers["content-disposition"].startswith("attachment")
    await officer.get("/console/reports/files/usage-2026-01-01-2026-01-01.csv", 404)
    assert len([each for each in await house.kinds("evidence.read") if each["how"] == "report"]) == 3


async def test_a_sample_is_checked_by_one_and_signed_off_by_another(house: House) -> None:
    await house.played(5, datetime(2026, 10, 5, 9, tzinfo=UTC))
    selvam, ishara = await at_work(house, "selvam", "external_auditor"), await at_work(house, "i", "compliance_officer")
    await selvam.post("/console/samples", 400, since="2026-10-05", until="2026-10-05", size="many")
    made = await selvam.post("/console/samples", since="2026-10-05", until="2026-10-05", size="1")
    at = made.headers["location"].partition("?")[0]
    await selvam.post(f"{at}/draw")
    (drawn,) = (await selvam.http.get(f"/v1/audit{at.removeprefix('/console')}")).json()["exchanges"]
    check = f"{at}/{drawn['exchange_id']}"
    await selvam.post(check, 400, case="yes", remark=NAUGHTY)
    await selvam.post(check, **dict.fromkeys(CHECKLIST, "yes"), remark=NAUGHTY)
    assert "<script>alert" not in await selvam.get(at)
    await selvam.post(f"{at}/sign-off", 400, remark="my own work")
    await ishara.post(f"{at}/sign-off", remark="all well")
    assert "Signed off by" in await ishara.get(at)


async def test_an_emergency_is_reviewed_once(house: House) -> None:
    await house.agreed(legal_bases=[{"kind": "vital_interest", "reference": "Act 7, section 3", "emergency": True}])
    exchange = await house.asked(emergency="The person lies unconscious. " + NAUGHTY[:30])
    officer = await at_work(house, "nimal", "compliance_officer")
    text = await officer.get("/console/emergencies")
    assert "lies unconscious" in text
    assert "<script>alert" not in text
    await officer.post(f"/console/emergencies/{exchange}", 400, verdict="perhaps", remark="x")
    await officer.post(f"/console/emergencies/{exchange}", verdict="justified", remark=NAUGHTY.replace("\u202e", ""))
    assert "No emergency waits for a review." in await officer.get("/console/emergencies")
    told = await officer.get("/console/emergencies?all=yes")
    assert "Justified" in told
    assert "<script>alert" not in told
    again = await officer.post(f"/console/emergencies/{exchange}", 400, verdict="justified", remark="x")
    assert "reviewed it already" in again.text


async def test_statements_of_a_month_are_issued_by_hand_and_listed(house: House) -> None:
    await house.played(1, datetime(2026, 10, 5, 9, tzinfo=UTC))
    officer = await at_work(house, "nimal", "compliance_officer")
    await officer.post("/console/statements", 400, month="2026-13")
    await officer.post("/console/statements", month="2026-10")
    text = await officer.get("/console/statements")
    assert CONSUMER in text
    assert "Issued" in text


async def test_what_is_in_trouble_stands_first_and_everything_has_a_name(house: House) -> None:
    _, desk = await house.officer("ruwan", "operator")
    page = (await desk.browser.http.get("/console/operation/health")).text
    states = re.findall(r'govuk-tag--\w+">([^<]+)', page)
    assert states == sorted(states, key=["Well", "Untried", "No link"].index)
    assert "LK/GOV/DMT/LICENCES" not in page  # no system of that name is registered: it is called what it answers
    assert "Entitlement to drive" in page


async def test_of_two_ways_out_one_warns(house: House) -> None:
    _, desk = await house.officer("ruwan", "operator")
    page = (await desk.browser.http.get(f"/console/operation/members/{EPF.replace('/', '.')}")).text
    assert page.count("govuk-button--warning") == 1


async def test_a_period_that_ends_before_it_begins_is_refused_and_not_found_empty(house: House) -> None:
    desk = await at_work(house, "selvam", "external_auditor")
    inverted = "since=2026-11-30&until=2026-11-01"
    for path in (f"/console/exchanges?{inverted}", f"/console/reports/file?report=usage&{inverted}&format=csv"):
        answer = await desk.http.get(path)
        assert answer.status_code == 400, path
        assert 'href="#until"' in answer.text, path
