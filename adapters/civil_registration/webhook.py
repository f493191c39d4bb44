"""OpenCRVS 1's webhook: births and deaths as they are registered, in a FHIR bundle that a strict reader rejects.

The HMAC covers `payload.event.context[0]` only, as JSON with non-ASCII escaped, so it is computed from the bytes
received. Everything else in the body can be altered by whoever forwards it: only what is inside the bundle counts, and
a replay is known by the digest of the signed bytes. Source: `schemas/agency/opencrvs/format.yaml`.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from adapters.kit import strict_json
from adapters.kit.contract import HookRefused, Identifier, Name, Subject

from . import fhir

WINDOW = timedelta(days=7)
"""OpenCRVS repeats until it gets a 200, so an event may be days late; older ones are refused as replays."""
SKEW = timedelta(minutes=5)
TOPICS = {"BIRTH_REGISTERED": "birth", "DEATH_REGISTERED": "death"}
_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True, slots=True)
class VitalEvent:
    """One registered birth or death.

    Attributes:
        event: `birth` or `death`.
        on: day of the event.
        subject: the person, with `NIC` if the register knows it.
        registration: number of the registration; empty if the bundle has none.
        delivery: the sender's id of this delivery; not covered by the signature.
        digest: SHA-256 of the signed bytes in hex: keep it for WINDOW and drop what was seen before.
    """

    event: str
    on: date
    subject: Subject
    registration: str
    delivery: str
    digest: str

    def record(self) -> dict[str, object]:
        """The canonical `vital-event` record."""
        record: dict[str, object] = {"event": self.event, "date": self.on.isoformat()}
        return {**record, "registration": self.registration} if self.registration else record


def parse_event(headers: Mapping[str, str], body: bytes, secret: str, now: datetime) -> VitalEvent:
    """Verify and read one delivery.

    Args:
        headers: names in lower case; only the content type is looked at.
        body: exactly as received.
        now: UTC.

    Raises:
        HookRefused: code `malformed`, `unsigned`, `signature`, `stale` or `topic`.
    """
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HookRefused("malformed", "the delivery is not application/json")
    try:
        delivery: Any = strict_json.loads(body)
    except strict_json.StrictError as error:
        raise HookRefused("malformed", f"the delivery is {error}") from None
    signed = _signed_bytes(body)
    _check_signature(delivery.get("hmac"), signed, secret)
    payload = delivery["payload"]
    event, bundle = payload["event"], payload["event"]["context"][0]
    kind = TOPICS.get(_topic(event))
    if kind is None:
        raise HookRefused("topic", "only births and deaths are taken")
    _check_age(bundle, payload.get("timestamp"), now)
    return _event(kind, bundle, str(payload.get("id", "")), hashlib.sha256(signed).hexdigest())


def challenge_answer(query: Mapping[str, str]) -> dict[str, str]:
    """The answer to the subscription challenge (`GET callback?mode=subscribe&challenge=..&topic=..`).

    Raises:
        HookRefused: not a challenge for a topic we take.
    """
    if query.get("mode") != "subscribe" or query.get("topic") not in TOPICS or not query.get("challenge"):
        raise HookRefused("topic", "not a subscription challenge for births or deaths")
    return {"challenge": query["challenge"]}


def signature_of(signed: bytes, secret: str) -> str:
    """The `hmac` member for the signed bytes."""
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def _check_signature(claimed: object, signed: bytes, secret: str) -> None:
    if not isinstance(claimed, str) or not claimed.isascii():
        raise HookRefused("unsigned", "the delivery carries no hmac")
    if not secret or not hmac.compare_digest(claimed, signature_of(signed, secret)):
        raise HookRefused("signature", "the hmac does not match")


def _signed_bytes(body: bytes) -> bytes:
    """`payload.event.context[0]` as it stands in the body, non-ASCII escaped as the sender signs it."""
    text = body.decode("utf-8")
    start = _member(text, 0, "payload", "event", "context")
    first = _skipped(text, start + 1)
    if text[start] != "[" or text[first] != "{":
        raise HookRefused("malformed", "the delivery holds no event context")
    end = _DECODER.raw_decode(text, first)[1]
    return "".join(_escaped(letter) for letter in text[first:end]).encode("ascii")


def _member(text: str, start: int, *names: str) -> int:
    """Where the value of a nested member begins. The text is known to be valid JSON without duplicate keys."""
    if not names:
        return start
    at = _skipped(text, start)
    if text[at] != "{":
        raise HookRefused("malformed", "the delivery holds no event context")
    at = _skipped(text, at + 1)
    while text[at] != "}":
        name, at = _DECODER.raw_decode(text, at)
        at = _skipped(text, _skipped(text, at) + 1)  # past the colon
        if name == names[0]:
            return _member(text, at, *names[1:])
        at = _skipped(text, _DECODER.raw_decode(text, at)[1])
        if text[at] == ",":
            at = _skipped(text, at + 1)
    raise HookRefused("malformed", "the delivery holds no event context")


def _skipped(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    assert space is not None  # it matches nothing at all, too
    return space.end()


def _escaped(letter: str) -> str:
    return letter if letter.isascii() else json.dumps(letter)[1:-1]  # \uXXXX in lower-case hex, pairs above U+FFFF


def _topic(event: Mapping[str, Any]) -> str:
    hub = event.get("hub")
    return str(hub.get("topic")) if isinstance(hub, dict) else ""


def _check_age(bundle: Mapping[str, Any], sent: object, now: datetime) -> None:
    """The signed time where the bundle has one; the unsigned one can only make a delivery older."""
    times = [time for time in (fhir.last_modified(bundle), _epoch_ms(sent)) if time is not None]
    if not times:
        raise HookRefused("stale", "the delivery says nowhere when it was made")
    if min(times) < now - WINDOW or max(times) > now + SKEW:
        raise HookRefused("stale", "the delivery is too old, or from the future")


def _epoch_ms(value: object) -> datetime | None:
    """Epoch milliseconds as a string or number, or an ISO time."""
    text = str(value)
    if text.isascii() and text.isdecimal() and len(text) <= 14:  # up to the year 5138
        return datetime.fromtimestamp(int(text) / 1000, UTC)
    return fhir.instant(value)


def _event(kind: str, bundle: Mapping[str, Any], delivery: str, digest: str) -> VitalEvent:
    person = fhir.patient_of(bundle, kind)
    on = fhir.day(person.get("birthDate" if kind == "birth" else "deceasedDateTime"))
    if on is None:
        raise HookRefused("malformed", f"the bundle names no day of {kind}")
    numbers = fhir.identifiers(person)
    nic = numbers.get("NATIONAL_ID")
    subject = Subject(
        identifiers=(Identifier("NIC", nic),) if nic else (),
        names=tuple(Name(*name) for name in fhir.names(person)),
        birth_date=fhir.day(person.get("birthDate")),
    )
    return VitalEvent(kind, on, subject, numbers.get(f"{kind.upper()}_REGISTRATION_NUMBER", ""), delivery, digest)
