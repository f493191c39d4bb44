"""A person takes home a receipt that anybody can check, and that says nothing of who the person is."""

import base64
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from agreeing import PROFILE, SR, STRANGER, Here, line, nic, opened, ref
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.consent_receipts import MOST_IN_A_CODE, Issued, page, policy
from gateway.edges.v1 import receipts
from gateway.trust import Trust, tables
from tests.trusting import ORIGIN


@pytest.fixture
async def here(database_url: str, tmp_path: Path) -> AsyncIterator[Here]:
    async with opened(database_url, tmp_path) as made:
        made.app.state.trust = Trust(made.db, tmp_path / "keys", ORIGIN)
        async with made.db.write() as connection:
            await connection.run_sync(tables.metadata.create_all)
        made.app.include_router(receipts.router, prefix="/v1")
        await made.call(SR, "POST", "/consents", json=line(1, data_life_days=30))
        yield made


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


async def taken(here: Here) -> dict[str, Any]:
    found: dict[str, Any] = (await here.call(SR, "GET", "/consents/C1/receipt")).json()
    return found


async def test_a_receipt_is_signed_with_a_published_key_and_checked_by_a_foreign_library(here: Here) -> None:
    found = await taken(here)
    header, payload, signature = found["jws"].split(".")
    kid = json.loads(decoded(header))["kid"]
    (published,) = [each for each in here.app.state.trust.jwks()["keys"] if each["kid"] == kid]
    key = Ed25519PublicKey.from_public_bytes(decoded(published["x"]))
    key.verify(decoded(signature), f"{header}.{payload}".encode())
    assert json.loads(decoded(payload)) == found["receipt"]
    assert found["receipt"]["schema_version"] == "ISO/IEC TS 27560:2023"
    assert found["receipt"]["purposes"][0]["purpose_type"] == "dpv:Verification"
    assert found["receipt"]["withdrawal_method"] == f"{ORIGIN}/my-data"


async def test_a_receipt_names_no_person_and_each_one_of_a_person_another_pseudonym(here: Here) -> None:
    await here.call(SR, "POST", "/consents", json=line(2, subject=line(1)["subject"]))
    first = await taken(here)
    second = (await here.call(SR, "GET", "/consents/C2/receipt")).json()
    for each in (first, second):
        assert nic(1) not in str(each)
        assert ref(here, 1) not in str(each)
    assert first["receipt"]["pii_principal_id"] != second["receipt"]["pii_principal_id"]


async def test_the_check_says_whose_it_is_and_the_controller_learns_how_it_stands_now(here: Here) -> None:
    found = await taken(here)
    await here.call(SR, "POST", "/consents/C1/withdraw")
    own = (await here.call(SR, "POST", "/receipts/verify", json={"jws": found["jws"]})).json()
    assert (own["valid"], own["receipt"]["event_state"], own["standing"]) == (True, "in force", "withdrawn")
    other = (await here.call(STRANGER, "POST", "/receipts/verify", json={"jws": found["jws"]})).json()
    assert (other["valid"], "standing" in other) == (True, False)
    assert (await taken(here))["receipt"]["event_state"] == "withdrawn"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda text: text[:-8] + "AAAAAAAA", "wrong_signer"),
        (lambda _: "nonsense", "signature_malformed"),
        (lambda text: "e30." + text.partition(".")[2], "signature_malformed"),
        (lambda text: text.replace(text.split(".")[1], "e30"), "wrong_signer"),
    ],
)
async def test_what_is_altered_or_no_receipt_is_not_valid(here: Here, change: Any, reason: str) -> None:
    text = (await taken(here))["jws"]
    reply = await here.call(SR, "POST", "/receipts/verify", json={"jws": change(text)})
    assert reply.json() == {"valid": False, "reason": reason}


async def test_another_message_of_ours_is_no_receipt(here: Here) -> None:
    text = here.app.state.trust.sign_compact(b"{}", "something-else")
    reply = await here.call(SR, "POST", "/receipts/verify", json={"jws": text})
    assert reply.json() == {"valid": False, "reason": "signature_malformed"}


async def test_the_page_stands_alone_and_its_policy_lets_in_its_own_style_only(here: Here) -> None:
    reply = await here.call(SR, "GET", "/consents/C1/receipt", headers={"accept": "text/html"})
    html = reply.text
    assert reply.headers["content-type"].startswith("text/html")
    assert reply.headers["content-security-policy"] == policy(html)
    assert re.findall(r"<(?:script|link|img|iframe)|(?:src|href|style)=|@import|url\(", html) == []
    assert "<svg" in html
    assert PROFILE.purposes["employment-support.eligibility"] in html
    assert "30 days" in html
    assert nic(1) not in html


async def test_a_receipt_too_long_for_a_code_prints_its_digest_in_the_code(here: Here) -> None:
    found = await taken(here)
    long = page(Issued(found["receipt"], "x" * (MOST_IN_A_CODE + 1)), PROFILE)
    assert "<svg" in long
    assert "holds the digest of the text below" in long


async def test_others_receipts_do_not_exist(here: Here) -> None:
    theirs = await here.call(STRANGER, "GET", "/consents/C1/receipt")
    nowhere = await here.call(STRANGER, "GET", "/consents/C9/receipt")
    assert (theirs.status_code, theirs.content) == (404, nowhere.content)
