"""An agreement that one side has proposed, for the other side to read and sign."""

from typing import Any

from browser.visitor import Visitor

from gateway.cli.demo.parties import agreements
from gateway.profile import load_profile


def proposed(visitor: Visitor, name: str) -> dict[str, Any]:
    """Just proposed by the ministry's administrator, over the API with the session of the console, and left."""
    known = agreements(load_profile("lk"), "2026-01-01T00:00:00Z", "2028-01-01T00:00:00Z")
    document = next(each for each in known if each["id"] == "DSA-2026-06")
    document |= {"id": name, "title": "Enrolment, <i>once more</i>"}
    visitor.sign_in("dme-admin")
    token = visitor.page.request.get(f"{visitor.world.gateway}/v1/officers/me").json()["csrf_token"]
    headers = {"origin": visitor.world.gateway, "x-csrf-token": token}
    made = visitor.page.request.post(
        f"{visitor.world.gateway}/v1/proposals", data={"document": document}, headers=headers
    )
    assert made.status == 201, made.text()
    visitor.page.get_by_role("button", name="Sign out").click()
    return document
