"""The two sides of an agreement: what one has proposed, which keys they sign with, and who sits at the browser."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from browser.visitor import Visitor
from playwright.sync_api import FilePayload

from consent import sign_agreement
from gateway.cli.demo.parties import agreements
from gateway.profile import load_profile

SIDES = {"dme-admin": "LK/GOV/DME", "wbb-admin": "LK/GOV/WBB"}
AT = "/console/agency/agreements"


def proposed(visitor: Visitor, name: str, **changes: Any) -> dict[str, Any]:
    """Just proposed by the ministry's administrator, over the API with the session of the console, and left."""
    known = agreements(load_profile("lk"), "2026-01-01T00:00:00Z", "2028-01-01T00:00:00Z")
    document = next(each for each in known if each["id"] == "DSA-2026-06")
    document |= {"id": name, "title": "Enrolment, <i>once more</i>"} | changes
    sits(visitor, "dme-admin", "/console")
    posted(visitor, "proposals", {"document": document})
    visitor.page.context.clear_cookies()
    visitor.go("/console")
    return document


def posted(visitor: Visitor, what: str, body: Mapping[str, object], status: int = 201) -> dict[str, Any]:
    """To the API, with the session of whoever sits at the browser; gives what was answered."""
    token = visitor.page.request.get(f"{visitor.world.gateway}/v1/officers/me").json()["csrf_token"]
    headers = {"origin": visitor.world.gateway, "x-csrf-token": token}
    made = visitor.page.request.post(f"{visitor.world.gateway}/v1/{what}", data=dict(body), headers=headers)
    assert made.status == status, made.text()
    told: dict[str, Any] = made.json()
    return told


def sits(visitor: Visitor, login: str, then: str) -> None:
    """Somebody else takes the chair."""
    visitor.page.context.clear_cookies()
    visitor.go(then)
    visitor.sign_in(login, then)


def registered(visitor: Visitor, login: str, public: Mapping[str, object]) -> None:
    """The operator registers the public half of a key to sign with."""
    sits(visitor, "operator", "/console")
    posted(visitor, f"members/{SIDES[login].replace('/', '.')}/keys", {"jwks": {"keys": [dict(public)]}})


def opened(visitor: Visitor, login: str, document: Mapping[str, Any]) -> None:
    """The proposal, as this side sees it."""
    sits(visitor, login, AT)
    visitor.page.locator("tbody tr", has_text=f"{document['id']}, version {document['version']}").get_by_role(
        "link"
    ).first.click()


def agreed(visitor: Visitor, document: Mapping[str, Any]) -> None:
    """Proposed and signed by both over the API, each with its own session and the key that the demo registered."""
    number = 0
    for login in SIDES:
        sits(visitor, login, "/console")
        number = number or posted(visitor, "proposals", {"document": document})["number"]
        signature = sign_agreement(document, own_key(visitor, login))
        posted(visitor, f"proposals/{number}/sign", {"signature": signature}, 200)


def chosen(visitor: Visitor, content: str) -> None:
    """A file with a key, and the signature made with it."""
    file = FilePayload(name="key.json", mimeType="application/json", buffer=content.encode())
    visitor.page.get_by_label("File with the private key").set_input_files(file)
    visitor.page.get_by_role("button", name="Make the signature").press("Enter")


def own_key(visitor: Visitor, login: str) -> dict[str, Any]:
    """The private key that the demo registered for the member."""
    path: Path = visitor.world.data / "members" / f"{SIDES[login].replace('/', '.')}.json"
    kept: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return kept
