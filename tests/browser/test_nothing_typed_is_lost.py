"""A sign-in that is too old costs nobody what was typed: the form comes back, with and without scripts."""

import hashlib
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

from browser.visitor import Visitor

from gateway.trust.keys import new_key

AGED = {
    "authenticated_at": "UPDATE people_session SET authenticated_at = ? WHERE id_hash = ?",
    "seen_at": "UPDATE people_session SET seen_at = ? WHERE id_hash = ?",
}


def _aged(visitor: Visitor, column: str, minutes: float) -> None:
    """Let this browser's session have signed in, or been seen, longer ago."""
    (secret,) = (each["value"] for each in visitor.page.context.cookies() if each["name"] == "sandhi-console")
    then = (datetime.now(UTC) - timedelta(minutes=minutes)).strftime("%Y-%m-%d %H:%M:%S.%f")
    wanted = (then, hashlib.sha256(secret.encode()).hexdigest())
    with closing(sqlite3.connect(visitor.world.data / "sandhi.db", timeout=10)) as database, database:
        database.execute(AGED[column], wanted)


def _signed_in_again(visitor: Visitor, login: str) -> None:
    visitor.page.get_by_label("Login", exact=True).fill(login)
    visitor.page.locator("input[name=password]").fill(str(visitor.world.officers[login]["password"]))
    visitor.page.locator("main button[type=submit]").click()
    visitor.page.get_by_text("Look once more").wait_for()


def test_a_key_that_was_pasted_is_there_again_after_the_sign_in(either: Visitor) -> None:
    either.world.sessions.pop("wbb-admin", None)
    either.sign_in("wbb-admin", "/console/agency/systems")
    either.page.locator("tbody th a").first.click()
    jwk = json.dumps(dict(new_key("ES256").jwk))
    _aged(either, "authenticated_at", 6)
    either.page.get_by_label("Public key").fill(jwk)
    either.page.get_by_role("button", name="Add the key").click()
    assert "except for secrets" in either.page.locator("main").inner_text()
    either.looked_at("confirm-kept")
    either.page.locator("main a.govuk-button").click()
    _signed_in_again(either, "wbb-admin")
    assert either.page.get_by_label("Public key").input_value() == jwk
    either.looked_at("form-come-back")
    either.page.get_by_role("button", name="Add the key").click()
    kid = json.loads(jwk)["kid"]
    assert kid in either.page.locator("main").inner_text()
    either.page.get_by_role("button", name=f"Retire key {kid}").click()
    either.page.get_by_label("Why").fill("a key of a test only")
    either.page.get_by_role("button", name="Retire it").click()


def test_a_window_that_was_typed_while_the_session_ended_is_there_again(either: Visitor) -> None:
    either.world.sessions.pop("dme-admin", None)
    either.sign_in("dme-admin", "/console/agency/provided")
    either.looked_at("provided")
    either.page.locator("tbody th a").first.click()
    either.looked_at("provided-one")
    begin = datetime.now(UTC) + timedelta(days=2)
    either.page.locator("#starts_at").fill(begin.strftime("%Y-%m-%dT%H:%M"))
    either.page.locator("#ends_at").fill((begin + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M"))
    either.page.locator("#reason").fill("the disks are <b>replaced</b>")
    _aged(either, "seen_at", 16)
    either.page.get_by_role("button", name="Announce it").click()
    either.page.locator("main a.govuk-button").first.click()
    _signed_in_again(either, "dme-admin")
    assert either.page.locator("#reason").input_value() == "the disks are <b>replaced</b>"
    either.page.get_by_role("button", name="Announce it").click()
    assert "None is planned." not in either.page.locator("main").inner_text()
    either.looked_at("provided-window")
    either.page.locator("#reason-1").fill("it was done on the first day")
    either.page.get_by_role("button", name="It is over, or called off").click()
    assert "None is planned." in either.page.locator("main").inner_text()
