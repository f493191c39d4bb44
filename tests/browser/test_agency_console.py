"""An agency administrator's journey: systems and keys, agreements to sign, and nothing of another agency."""

import json
from datetime import UTC, datetime, timedelta

from browser.agreeing_sides import proposed
from browser.visitor import Visitor

from consent import sign_agreement
from gateway.trust.keys import new_key


def test_the_next_key_is_added_and_the_last_one_retired(visitor: Visitor) -> None:
    visitor.sign_in("wbb-admin")
    visitor.page.get_by_role("link", name="Agency").click()
    visitor.looked_at("agency")
    visitor.page.get_by_role("link", name="Systems and keys").click()
    visitor.looked_at("systems")
    visitor.page.locator("tbody th a").first.click()
    jwk = dict(new_key("ES256").jwk)
    visitor.page.get_by_label("Public key").fill(json.dumps(jwk))
    visitor.page.get_by_role("button", name="Add the key").click()
    assert str(jwk["kid"]) in visitor.page.locator("main").inner_text()
    visitor.looked_at("system")
    visitor.page.get_by_role("button", name=f"Retire key {jwk['kid']}").click()
    assert "goes on with its other keys" in visitor.page.locator("main").inner_text()
    visitor.looked_at("system-key-retiring")
    visitor.page.get_by_role("link", name="No, go back").first.click()
    assert str(jwk["kid"]) in visitor.page.locator("main").inner_text()
    visitor.page.get_by_role("button", name=f"Retire key {jwk['kid']}").click()
    visitor.page.get_by_label("Why").fill("the next key is in use")
    visitor.page.get_by_role("button", name="Retire it").click()
    assert str(jwk["kid"]) not in visitor.page.locator("main").inner_text()


def test_a_key_that_ends_soon_is_a_task_with_a_link_to_the_form_that_replaces_it(visitor: Visitor) -> None:
    visitor.sign_in("wbb-admin", "/console/agency/systems")
    link = visitor.page.locator("tbody th a").first
    name = link.inner_text().splitlines()[0]
    link.click()
    jwk = dict(new_key("ES256").jwk) | {"exp": int((datetime.now(UTC) + timedelta(days=30)).timestamp())}
    visitor.page.get_by_label("Public key").fill(json.dumps(jwk))
    visitor.page.get_by_role("button", name="Add the key").click()
    visitor.go("/console/agency")
    task = visitor.page.locator("#waits li", has_text=str(jwk["kid"]))
    assert f"A key of {name} ends on " in task.inner_text()
    visitor.looked_at("agency-key-ends")
    task.get_by_role("link", name="Add the next key").click()
    assert visitor.page.url.endswith("#next-key")
    assert visitor.page.get_by_label("Public key").is_visible()
    visitor.page.get_by_role("button", name=f"Retire key {jwk['kid']}").click()
    visitor.page.get_by_label("Why").fill("the next key is in use")
    visitor.page.get_by_role("button", name="Retire it").click()
    visitor.go("/console/agency")
    assert str(jwk["kid"]) not in visitor.page.locator("main").inner_text()


def test_a_private_key_that_is_pasted_is_refused_and_not_shown_again(scripted: Visitor) -> None:
    scripted.sign_in("wbb-admin", "/console/agency/systems")
    scripted.page.locator("tbody th a").first.click()
    private = {"kty": "EC", "crv": "P-256", "kid": "k", "x": "AA", "y": "AA", "d": "c2VjcmV0"}
    scripted.page.get_by_label("Public key").fill(json.dumps(private))
    scripted.page.get_by_role("button", name="Add the key").click()
    assert "There is a problem" in scripted.page.locator("main").inner_text()
    assert "c2VjcmV0" not in scripted.page.content()
    scripted.looked_at("system-fault")


def test_a_consumer_is_stopped_at_once_and_let_go_on(visitor: Visitor) -> None:
    visitor.sign_in("dme-admin", "/console/agency/uses")
    visitor.looked_at("uses")
    visitor.page.get_by_label("Why").first.fill("We look into a complaint")
    visitor.page.get_by_role("button", name="Stop it now").click()
    assert "is stopped: We look into a complaint" in visitor.page.locator("main").inner_text()
    visitor.page.get_by_role("button", name="go on").first.click()
    assert "is stopped" not in visitor.page.locator("main").inner_text()
    visitor.page.get_by_label("Reason").fill("The board decided so")
    visitor.page.get_by_role("button", name="Approve each from now on").click()
    assert "waits for your approval" in visitor.page.locator("main").inner_text()
    visitor.looked_at("uses-each")
    visitor.page.get_by_role("button", name="Stop approving each").click()
    assert "waits for your approval" not in visitor.page.locator("main").inner_text()


def test_traffic_unmapped_codes_and_health_of_the_own_agency(scripted: Visitor) -> None:
    scripted.sign_in("wbb-admin", "/console/agency/traffic")
    scripted.looked_at("traffic")
    scripted.go("/console/agency/unmapped")
    scripted.looked_at("unmapped")
    scripted.go("/console/agency/health")
    scripted.looked_at("health")
    cut = "[...document.querySelectorAll('.app-scroll')].filter(each => each.scrollWidth > each.clientWidth).length"
    assert scripted.page.evaluate(cut) == 0  # at 1280 px nobody scrolls a table to its end


def test_an_agreement_is_read_in_plain_sentences_and_signed(either: Visitor) -> None:
    document = proposed(either, f"DSA-2027-{int(either.scripts)}")
    either.sign_in("wbb-admin", "/console/agency/agreements")
    either.looked_at("proposals")
    either.page.locator("tbody tr", has_text=document["id"]).get_by_role("link").click()
    assert either.heading() == "Enrolment, <i>once more</i>"
    assert either.page.locator("main ul.govuk-list--bullet > li").count() > 5
    either.looked_at("proposal")
    either.page.get_by_label("Signature").fill("not.a.signature")
    either.page.get_by_role("button", name="Sign", exact=True).click()
    assert "There is a problem" in either.page.locator("main").inner_text()
    key = json.loads((either.world.data / "members" / "LK.GOV.WBB.json").read_text("utf-8"))
    either.page.get_by_label("Signature").fill(sign_agreement(document, key))
    either.page.get_by_role("button", name="Sign", exact=True).click()
    assert "It becomes an agreement when the other side" in either.page.locator("main").inner_text()
    signed = either.page.locator("tbody tr", has_text=document["id"])
    assert "waits for the other side" in signed.inner_text()
