"""An agreement from the proposal until it is in force, both sides at the browser: with keys of their own making, by
pasted signatures without scripts, by keyboard alone; what each side reads; and what is refused.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from browser.agreeing_sides import AT, SIDES, chosen, opened, own_key, proposed, registered, sits
from browser.typist import Typist
from browser.visitor import Visitor
from joserfc import jws
from joserfc.jwk import RSAKey

from consent import sign_agreement
from consent.canonical import canonical
from gateway.trust.keys import new_key, private_jwk

NARROWER = {"purposes": ["employment-support.eligibility"], "valid_until": "2027-06-30T00:00:00Z"}
WAITS = "It becomes an agreement when the other side has signed, too."


def shown(visitor: Visitor) -> str:
    """What the page says."""
    return visitor.page.locator("main").inner_text()


def key_made(visitor: Visitor, login: str, folder: Path) -> dict[str, Any]:
    """In the browser; the operator registers its public half."""
    sits(visitor, login, AT)
    visitor.page.get_by_role("button", name="Make a key here").click()
    with visitor.page.expect_download() as saved:
        visitor.page.get_by_role("link", name="Save the private half").click()
    saved.value.save_as(folder / "key.json")
    private: dict[str, Any] = json.loads((folder / "key.json").read_text("utf-8"))
    public = json.loads(visitor.page.get_by_label("Public half, for the operator").input_value())
    assert public == {name: value for name, value in private.items() if name != "d"}
    registered(visitor, login, public)
    return private


def signed(visitor: Visitor, login: str, document: dict[str, Any], key: dict[str, Any], folder: Path) -> None:
    """Here where scripts run; else taken away, signed elsewhere, and pasted."""
    opened(visitor, login, document)
    if visitor.scripts:
        chosen(visitor, json.dumps(key))
        visitor.page.get_by_text("Signed with your key").wait_for()
    else:
        with visitor.page.expect_download() as taken:
            visitor.page.get_by_role("link", name="Download the document").click()
        taken.value.save_as(folder / "taken.json")
        text = (folder / "taken.json").read_text("utf-8")
        visitor.page.get_by_label("Signature", exact=True).fill(sign_agreement(json.loads(text), key))
    visitor.page.get_by_role("button", name="Sign", exact=True).click()


def test_both_sides_sign_until_it_is_in_force_and_so_they_change_it(either: Visitor, tmp_path: Path) -> None:
    keys = {login: key_made(either, login, tmp_path) if either.scripts else own_key(either, login) for login in SIDES}
    document = proposed(either, f"DSA-2028-{int(either.scripts)}")
    signed(either, "wbb-admin", document, keys["wbb-admin"], tmp_path)
    assert WAITS in shown(either)
    signed(either, "dme-admin", document, keys["dme-admin"], tmp_path)
    assert "Both sides have signed. It is an agreement now." in shown(either)
    assert "In force" in either.page.locator("dl").first.inner_text()
    changed = proposed(either, document["id"], version=2, **NARROWER)
    opened(either, "wbb-admin", changed)
    rows = [" | ".join(row.locator("th, td").all_inner_texts()) for row in either.page.locator("tbody tr").all()]
    assert [row for row in rows if "Narrowed" in row] == rows
    assert any("Refer a person to employment support" in row for row in rows), rows
    assert any("29 June 2027" in row for row in rows), rows
    either.looked_at("proposal-changed")
    signed(either, "wbb-admin", changed, keys["wbb-admin"], tmp_path)
    signed(either, "dme-admin", changed, keys["dme-admin"], tmp_path)
    assert either.page.locator("dl dd").first.inner_text() == "In force"
    assert "It may be used for: Find out who may benefit from employment support." in shown(either)
    either.looked_at("agreement-signed")
    sits(either, "wbb-admin", AT)
    either.page.get_by_role("table", name="Your agreements").get_by_role("link", name=document["id"]).click()
    assert "version 2" in either.page.locator(".govuk-caption-l").inner_text()


def test_what_widens_takes_over_when_an_officer_of_the_other_side_approves(scripted: Visitor, tmp_path: Path) -> None:
    keys = {login: own_key(scripted, login) for login in SIDES}
    first = proposed(scripted, "DSA-2028-7", **NARROWER)
    wider = first | {"version": 2, "valid_until": "2027-12-31T00:00:00Z"}
    for document in (first, wider):
        if document is wider:
            proposed(scripted, "DSA-2028-7", **NARROWER | {"version": 2, "valid_until": wider["valid_until"]})
        for login in SIDES:
            signed(scripted, login, document, keys[login], tmp_path)
    assert "It waits for one more step" in shown(scripted)
    scripted.looked_at("agreement-widens")
    scripted.page.get_by_label("Why").fill("The programme goes on until December")
    scripted.page.get_by_role("button", name="Propose that it takes over").click()
    proposal = scripted.page.get_by_role("link", name="The proposal").get_attribute("href")
    sits(scripted, "dme-admin", str(proposal))
    scripted.page.get_by_role("button", name="Approve").click()
    scripted.go(f"{AT}/signed/DSA-2028-7")
    assert scripted.page.locator("dl dd").first.inner_text() == "In force"


def test_an_agreement_is_signed_by_keyboard_alone(scripted: Visitor, tmp_path: Path) -> None:
    document = proposed(scripted, "DSA-2028-5")
    (tmp_path / "key.json").write_text(json.dumps(own_key(scripted, "wbb-admin")), "utf-8")
    scripted.page.on("filechooser", lambda _: None)  # asked for in time: a wish told just before the key may come late
    scripted.go("/console")
    typist = Typist(scripted)
    typist.signs_in("wbb-admin", str(scripted.world.officers["wbb-admin"]["password"]))
    typist.follow("Agency")
    typist.follow("Agreements to sign")
    typist.follow(f"{document['title']} {document['id']}")
    typist.to("File with the private key", "input")
    with scripted.page.expect_file_chooser() as choosing:
        scripted.page.keyboard.press("Space")
    choosing.value.set_files(tmp_path / "key.json")
    typist.to("Make the signature", "button")
    scripted.page.keyboard.press("Enter")
    scripted.page.get_by_text("Signed with your key").wait_for()
    with scripted.page.expect_navigation():  # the focus has gone on to the button that signs
        scripted.page.keyboard.press("Enter")
    assert WAITS in shown(scripted)


@pytest.mark.parametrize("alg", ["ES256", "EdDSA", "PS256"])
def test_a_key_of_each_kind_is_pasted_and_signs_in_the_browser(scripted: Visitor, tmp_path: Path, alg: str) -> None:
    key = new_key(alg)
    registered(scripted, "wbb-admin", key.jwk)
    document = proposed(scripted, f"DSA-2029-{len(alg)}{alg[:2]}")
    signed(scripted, "wbb-admin", document, dict(private_jwk(key)), tmp_path)
    assert WAITS in shown(scripted)
    sits(scripted, "wbb-admin", "/console/agency/systems")
    scripted.page.locator("tbody th a").first.click()
    system_key = new_key(alg)
    scripted.page.get_by_label("Public key").fill(json.dumps(dict(system_key.jwk)))
    scripted.page.get_by_role("button", name="Add the key").click()
    scripted.page.get_by_role("button", name=f"Retire key {system_key.jwk['kid']}").click()
    scripted.page.get_by_label("Why").fill("a key of a test only")
    scripted.page.get_by_role("button", name="Retire it").click()
    assert "Saved." in shown(scripted)


def test_what_is_no_signature_of_this_document_is_refused_at_its_field_in_a_plain_sentence(scripted: Visitor) -> None:
    document, key = proposed(scripted, "DSA-2028-6"), own_key(scripted, "wbb-admin")
    opened(scripted, "wbb-admin", document)
    other = sign_agreement(document | {"title": "Another"}, key)
    foreign = sign_agreement(document, private_jwk(new_key("ES256")))
    for text, told in (
        ("", "Make the signature with your key, or paste it."),
        ("not.a.signature", "This is no signature of an agreement."),
        (other, "This signs another document"),
        (foreign, "No key that your agency has registered made this signature."),
        (by_another_digest(document), "This kind of signature is not taken."),
    ):
        scripted.page.get_by_label("Signature", exact=True).fill(text)
        scripted.page.get_by_role("button", name="Sign", exact=True).click()
        scripted.page.get_by_role("alert").get_by_role("link", name=told).click()
        assert scripted.page.evaluate("document.activeElement.id") == "signature"
        assert told in scripted.page.locator("#signature-error").inner_text()
    scripted.looked_at("proposal-signature-refused")
    chosen(scripted, json.dumps(key | {"kid": "another"}))
    scripted.page.get_by_text("Signed with your key").wait_for()
    scripted.page.keyboard.press("Enter")
    scripted.page.get_by_role("alert").get_by_role("link", name="No key that your agency").click()
    assert scripted.page.evaluate("document.activeElement.id") == "key-file"


def by_another_digest(document: dict[str, Any]) -> str:
    """An RSA signature over SHA-512 (PS512) of the right document."""
    header = {"alg": "PS512", "kid": "k", "typ": "agreement+jws"}
    return jws.serialize_compact(header, canonical(document), RSAKey.generate_key(2048), algorithms=["PS512"])
