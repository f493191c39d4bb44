"""An administrator signs an agreement and makes the next key in the browser; the private key never leaves it."""

import json
from pathlib import Path

from browser.agreeing_sides import chosen, proposed
from browser.visitor import Visitor
from playwright.sync_api import Request

from gateway.trust.keys import new_key


def _heard(visitor: Visitor) -> list[str]:
    """All that is sent from now on: addresses and bodies."""
    sent: list[str] = []

    def listen(request: Request) -> None:
        sent.append(request.url + (request.post_data or ""))

    visitor.page.on("request", listen)
    return sent


def test_an_agreement_is_signed_in_the_browser_and_the_key_is_never_sent(scripted: Visitor) -> None:
    document = proposed(scripted, "DSA-2027-8")
    scripted.sign_in("wbb-admin", "/console/agency/agreements")
    scripted.page.locator("tbody tr", has_text=document["id"]).get_by_role("link").click()
    own = json.loads((scripted.world.data / "members" / "LK.GOV.WBB.json").read_text("utf-8"))
    wrong = scripted.page.locator("#key-file-error")
    public = {name: value for name, value in own.items() if name != "d"}
    secret = {"kty": "EC", "crv": "P-384", "kid": "k", "d": "AA"}
    for content, told in (
        ("garbage", "no key that can be read"),
        ("null", "no key that can be read"),
        (json.dumps(secret), "does not sign agreements"),
        (json.dumps(public), "public half"),
        (json.dumps({name: value for name, value in own.items() if name != "kid"}), "no name (kid)"),
    ):
        chosen(scripted, content)
        wrong.filter(has_text=told).wait_for()
        assert wrong.get_attribute("role") == "alert"
        assert scripted.page.get_by_label("Signature", exact=True).input_value() == ""
    scripted.looked_at("proposal-key-refused")
    sent = _heard(scripted)
    chosen(scripted, json.dumps(own | {"kid": "another"}))
    scripted.page.get_by_text("Signed with your key").wait_for()
    scripted.page.keyboard.press("Enter")
    scripted.page.get_by_text("There is a problem").wait_for()
    chosen(scripted, json.dumps(own))
    scripted.page.get_by_text("Signed with your key").wait_for()
    scripted.looked_at("proposal-signed-here")
    scripted.page.get_by_role("button", name="Sign", exact=True).press("Enter")
    scripted.page.get_by_text("It becomes an agreement when the other side").wait_for()
    assert any("/sign" in each for each in sent)
    assert not any(str(own["d"]) in each for each in sent)


def test_the_next_key_is_made_in_the_browser_and_its_private_half_is_only_saved(
    scripted: Visitor, tmp_path: Path
) -> None:
    scripted.sign_in("wbb-admin", "/console/agency/systems")
    scripted.page.locator("tbody th a").first.click()
    sent = _heard(scripted)
    scripted.page.get_by_role("button", name="Make a key here").press("Enter")
    with scripted.page.expect_download() as saved:
        scripted.page.get_by_role("link", name="Save the private half").press("Enter")
    saved.value.save_as(tmp_path / "key.json")
    private = json.loads((tmp_path / "key.json").read_text("utf-8"))
    public = json.loads(scripted.page.get_by_label("Public key").input_value())
    assert public == {name: value for name, value in private.items() if name != "d"}
    assert public.keys() == new_key("ES256").jwk.keys()
    scripted.looked_at("system-key-made")
    scripted.page.get_by_role("button", name="Add the key").click()
    assert public["kid"] in scripted.page.locator("main").inner_text()
    assert any("/keys" in each for each in sent)
    assert not any(private["d"] in each for each in sent)
    scripted.page.get_by_role("button", name=f"Retire key {public['kid']}").click()
    scripted.page.get_by_label("Why").fill("a key of a test only")
    scripted.page.get_by_role("button", name="Retire it").click()


def test_without_scripts_nothing_of_the_browser_s_keys_is_shown(either: Visitor) -> None:
    document = proposed(either, f"DSA-2027-9{int(either.scripts)}")
    either.sign_in("wbb-admin", "/console/agency/agreements")
    either.page.locator("tbody tr", has_text=document["id"]).get_by_role("link").click()
    assert either.page.get_by_label("File with the private key").is_visible() is either.scripts
    assert either.page.get_by_label("Signature", exact=True).is_visible()
