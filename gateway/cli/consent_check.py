"""`sandhi consent receipt --check`: whether a receipt is the gateway's, and what the signature covers, in words.

Takes what a person may hold: the text of the printed code (or the one below it), the page that was saved, or the JSON
of the API. What stands on the paper beside it is not looked at: what is told here is what was signed.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pages
from consent.errors import SignatureMalformed
from pages.moments import begins, ends, moment

from ..profile import Profile

LARGEST = 1024 * 1024
PAGE = re.compile(r"<pre>([^<]*)</pre>")
DIGEST = re.compile(r"\S+ sha-256:[0-9a-f]{64}", re.ASCII)
NO_RECEIPT = "this is no receipt: give the text of its code, the page as it was saved, or the JSON with its `jws`"
HOW: Mapping[str, str] = {
    "self": "by the person",
    "assisted": "by the person, with the help of an officer",
    "guardian": "for the person, by somebody who may",
}


def jws_in(file: Path) -> str:
    """The signed text in a file; `-` is standard input. Lines may be broken, as they are on paper.

    Raises:
        SignatureMalformed: there is none; the text says what to give.
        FileNotFoundError.
    """
    with nullcontext(sys.stdin.buffer) if str(file) == "-" else file.open("rb") as source:
        text = source.read(LARGEST).decode("utf-8", "replace").strip()
    if DIGEST.fullmatch(text):
        raise SignatureMalformed("this is the digest in the code of a long receipt: give the text below the code")
    if text.startswith("{"):
        text = _member(text)
    elif text.startswith("<"):
        text = next(iter(PAGE.findall(text)), "")
    found = "".join(text.split())
    if found.count(".") != 2:
        raise SignatureMalformed(NO_RECEIPT)
    return found


def told(receipt: Mapping[str, Any], profile: Profile, known: Mapping[str, str]) -> Iterator[str]:
    """What a receipt says, a line each.

    Args:
        known: what members, systems and services are called, by id.
    """
    names = {**pages.FIELDS, **profile.purposes, **known}

    def called(ids: list[str]) -> str:
        return ", ".join(names.get(each, each) for each in ids)

    def when(text: str) -> str:
        return moment(text, str, profile.zone)

    given, *later = receipt["events"]
    valid = given["validity"]
    yield f"The signature is right: {receipt['issuer']} signed this receipt on {when(receipt['receipt_created'])}."
    yield _row("consent", f"{receipt['record_id']}, {receipt['event_state']} on that day")
    yield _row("who asked", called(receipt["pii_controllers"]))
    yield _row("who may receive", called(receipt["recipients"]))
    yield _row("valid", f"{begins(valid['from'], str, profile.zone)} until {ends(valid['until'], str, profile.zone)}")
    yield from (_row("taken back", when(each["event_time"])) for each in later)
    for purpose in receipt["purposes"]:
        yield _row("for", called([purpose["purpose"]]))
        for each in purpose["pii_information"]:
            fields = each["attributes"]
            what = "every item" if fields == "all" else called(fields)
            yield _row("", f"- {called([each['service']]).rstrip('.')}: {what}")
    yield _row("given", HOW[receipt["collection_method"]])
    yield _row("evidence", receipt["evidence"])
    yield _row("taken back at", receipt["withdrawal_method"])


def published(file: Path) -> list[Mapping[str, str]]:
    """The keys of a JWK set (RFC 7517), as the gateway publishes it.

    Raises:
        SignatureMalformed: it is none.
        FileNotFoundError.
    """
    try:
        keys = json.loads(file.read_bytes())["keys"]
        return [each for each in keys if isinstance(each, dict)]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise SignatureMalformed("these are no published keys: save the gateway's /.well-known/jwks.json") from None


def _row(name: str, value: object) -> str:
    return f"{name:<17}{value}"


def _member(text: str) -> str:
    try:
        return str(json.loads(text)["jws"])
    except (ValueError, KeyError, RecursionError):
        raise SignatureMalformed(NO_RECEIPT) from None
