"""Calls of an agency that `[webhook]` of a manifest declares: who called, when, what is told, and what is answered.

```toml
[webhook]
signature   = "X-Fund-Signature"         # the header that carries the HMAC of each call
secret      = "secret:FUND_HOOK_SECRET"  # the key, 16 characters or more
prefix      = "sha256="                  # what stands before the HMAC; nothing unless said
encoding    = "hex"                      # or base64
algorithm   = "sha256"                   # or sha512
time        = "X-Fund-Time"              # header with the seconds since 1970; or `at`, a place in it
signed      = "{time}.{body}"            # what the HMAC covers; "{body}" without time
tolerance_s = 300                        # between the call's time and now; a week for `at`
challenge   = "challenge"                # parameter of a GET that is answered as it is
each        = "/events"                  # where the list is; without it one call tells one thing
id          = "/id"                      # what stays the same when it is told again; else the digest of what is told

[webhook.event.left]                     # mapping.toml has the lines of [left]
when  = "/type=MEMBER_LEFT"
tells = "enrolment"
about = { NIC = "/member/nic" }

[webhook.answer.contributions]           # of a service with immediate = false: mapped as its answers are
when      = "/type=ANSWER"
reference = "/ref"                       # what the request carried as "reference"
```
Nothing is believed before the HMAC holds over the very bytes. A call is taken whole or not at all.

Source: RFC 2104; RFC 6901.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from adapters.kit import strict_json
from adapters.kit.contract import Hook, HookRefused, Identifier, Service, Subject
from adapters.kit.mapping import found_at

SHORTEST_SECRET = 16
MOST_TOLD = 100  # in one call
LONGEST = 200  # of an id, a reference, a number or a challenge
USUAL_S, WEEK_S = 300, 7 * 86400


@dataclass(frozen=True, slots=True)
class DeclaredEvent:
    """One kind of event: our name of it, when it is told, and identifier type -> where the person's number is."""

    tells: str
    when: str
    about: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DeclaredAnswer:
    """The answers of one service that answers later."""

    when: str
    reference: str


@dataclass(frozen=True, slots=True)
class Webhook:
    """`[webhook]`, read. `events` are keyed by their table of the mapping, `answers` by the service."""

    signature: str
    prefix: str
    encoding: str
    algorithm: str
    time: str
    at: str
    signed: str
    tolerance_s: int
    challenge: str
    each: str
    id: str
    events: Mapping[str, DeclaredEvent]
    answers: Mapping[str, DeclaredAnswer]


def webhook(table: Mapping[str, Any]) -> Webhook:
    """A table that has the manifest's shape."""
    time = table.get("time", "")
    return Webhook(
        signature=table["signature"].lower(),
        prefix=table.get("prefix", ""),
        encoding=table.get("encoding", "hex"),
        algorithm=table.get("algorithm", "sha256"),
        time=time.lower(),
        at=table.get("at", ""),
        signed=table.get("signed", "{time}.{body}" if time else "{body}"),
        tolerance_s=table.get("tolerance_s", USUAL_S if time else WEEK_S),
        challenge=table.get("challenge", ""),
        each=table.get("each", ""),
        id=table.get("id", ""),
        events=_frozen({name: _event(each) for name, each in table.get("event", {}).items()}),
        answers=_frozen({name: _answer(each) for name, each in table.get("answer", {}).items()}),
    )


def hook_faults(
    declared: Webhook, services: Mapping[str, Service], kind: str, *, connector: bool, signed_in: str
) -> Iterator[str]:
    """What is wrong with a declared webhook, in words for the officer.

    Args:
        kind: of the transport.
        signed_in: the header that a sign-in by key takes; it shall not be the signature's.
    """
    if kind != "rest" or connector or any("rows" in each.extra for each in services.values()):
        yield "a webhook goes with a rest service that the gateway dials itself: no connector, rows or other transport"
    if bool(declared.time) == bool(declared.at):
        yield "webhook: say when a call was made by time (a header) or at (a place), or it can be played again"
    if ("{time}" in declared.signed) != bool(declared.time):
        yield "webhook: signed has {time} in it if there is a header for it, or it could be changed on the way"
    if not declared.events and not declared.answers:
        yield "webhook: nothing is told by it; declare [webhook.event.x] or [webhook.answer.x]"
    if both := sorted(declared.events.keys() & services.keys()):
        yield f"webhook: {both[0]} names a service and an event, which mapping.toml cannot tell apart"
    if declared.signature == signed_in.lower():
        yield f"webhook: {declared.signature} is the header that we sign in by; a signature has its own"
    for name in sorted(declared.answers):
        if name not in services or services[name].immediate:
            yield f"webhook.answer.{name}: a service of this folder with immediate = false is meant"
    whens = [when for _, when in _whens(declared)]
    if len(whens) > 1 and ("" in whens or len(set(whens)) < len(whens)):
        yield "webhook: several kinds of calls, so each says by when which it is"


def later_faults(services: Mapping[str, Service], declared: Webhook | None) -> Iterator[str]:
    """What is wrong with services of REST that answer later: where the answer comes, and what it will name."""
    for name, service in services.items():
        request: Any = service.extra.get("request", {})
        named = "reference" in request.values()
        if service.immediate and named:
            yield f"{service.id}: only a service with immediate = false carries a reference"
        if declared is None or service.immediate or "request" not in service.extra:
            continue
        if name not in declared.answers:
            yield f"{service.id} answers later, so say in [webhook.answer.{name}] how its answer comes"
        if not named or service.extra.get("method") == "GET":
            yield f'{service.id} answers later: POST, and let one member of request carry "reference"'


def checked(declared: Webhook, secret: str, hook: Hook) -> list[object]:
    """What a call tells, each thing as it stands in the body, once its signature and its time hold.

    Raises:
        HookRefused: `method`, `unsigned`, `signature`, `stale` or `malformed`.
    """
    if hook.method != "POST":
        raise HookRefused("method", "events come by POST")
    if declared.time:
        _check_age(declared, _seconds(hook.headers.get(declared.time, "")), hook.at)
    _check_signature(declared, secret, hook)
    if hook.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HookRefused("malformed", "the call is not application/json")
    try:
        body = strict_json.loads(hook.body)
    except strict_json.StrictError as error:
        raise HookRefused("malformed", f"the call is {error}") from None
    told = found_at(body, declared.each) if declared.each else [body]
    if not isinstance(told, list) or len(told) > MOST_TOLD or not all(isinstance(each, dict) for each in told):
        raise HookRefused("malformed", f"at {declared.each or '/'} is no list of at most {MOST_TOLD} objects")
    for each in told if declared.at else ():
        _check_age(declared, _instant(found_at(each, declared.at)), hook.at)
    return told


def challenge_answer(declared: Webhook, query: Mapping[str, str]) -> dict[str, str]:
    """The answer to a GET that asks whether we are there.

    Raises:
        HookRefused: none is declared, or it is no word that is safe to repeat.
    """
    said = query.get(declared.challenge, "") if declared.challenge else ""
    if not 1 <= len(said) <= LONGEST or not said.isascii() or not said.replace("-", "").replace("_", "").isalnum():
        raise HookRefused("challenge", "not a challenge as the manifest declares it")
    return {declared.challenge: said}


def met(declared: Webhook, told: object) -> str:
    """Which event or answer this is, by its name; empty for none of them."""
    for name, when in _whens(declared):
        place, by_value, wanted = when.partition("=")
        value = found_at(told, place) if place else True
        if value not in (None, "", [], {}) and (not by_value or _text(value) == wanted):
            return name
    return ""


def identity(declared: Webhook, told: object) -> str:
    """What tells one event from another: what the agency calls it, or the digest of all that was told.

    Raises:
        HookRefused: there is no such id in it.
    """
    if declared.id:
        return word_at(told, declared.id)
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def subject_of(event: DeclaredEvent, told: object) -> Subject:
    """Whom an event is about: by each number that is there.

    Raises:
        HookRefused: none is.
    """
    places = {kind: place for kind, place in event.about.items() if found_at(told, place) not in (None, "")}
    if not places:
        raise HookRefused("malformed", f"no number of the person at {', '.join(event.about.values())}")
    return Subject(tuple(Identifier(kind, word_at(told, place)) for kind, place in places.items()))


def word_at(told: object, place: str) -> str:
    """A word or a whole number at this place. Raises HookRefused: there is none; the text has no value in it."""
    value = found_at(told, place)
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not 1 <= len(text) <= LONGEST or not text.isprintable():
        raise HookRefused("malformed", f"no word at {place}")
    return text


def signature_of(declared: Webhook, secret: str, time: str, body: bytes) -> str:
    """The value of the signature's header for this body, as the agency makes it."""
    covered = declared.signed.partition("{body}")[0].replace("{time}", time).encode() + body
    made = hmac.new(secret.encode(), covered, declared.algorithm).digest()
    return declared.prefix + (base64.b64encode(made).decode() if declared.encoding == "base64" else made.hex())


def _whens(declared: Webhook) -> Iterator[tuple[str, str]]:
    yield from ((name, each.when) for name, each in declared.events.items())
    yield from ((name, each.when) for name, each in declared.answers.items())


def _check_signature(declared: Webhook, secret: str, hook: Hook) -> None:
    claimed = hook.headers.get(declared.signature, "")
    if not claimed or not claimed.isascii():
        raise HookRefused("unsigned", "the call carries no signature")
    if not hmac.compare_digest(claimed, signature_of(declared, secret, hook.headers.get(declared.time, ""), hook.body)):
        raise HookRefused("signature", "the signature does not match")


def _check_age(declared: Webhook, made: datetime | None, now: datetime) -> None:
    if made is None:
        raise HookRefused("stale", f"the call does not say when it was made at {declared.time or declared.at}")
    if not -timedelta(seconds=declared.tolerance_s) <= now - made <= timedelta(seconds=declared.tolerance_s):
        raise HookRefused("stale", "the call is too old, or from the future")


def _seconds(text: str) -> datetime | None:
    return datetime.fromtimestamp(int(text), UTC) if text.isascii() and text.isdecimal() and len(text) <= 11 else None


def _instant(value: object) -> datetime | None:
    """Seconds since 1970, or ISO 8601 with a zone."""
    if isinstance(value, int) and not isinstance(value, bool):
        return _seconds(str(value))
    try:
        made = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return made if made.tzinfo else None


def _text(value: object) -> str:
    """As JSON writes it: `true`, not `True`."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _event(table: Mapping[str, Any]) -> DeclaredEvent:
    return DeclaredEvent(table["tells"], table.get("when", ""), _frozen(table["about"]))


def _answer(table: Mapping[str, Any]) -> DeclaredAnswer:
    return DeclaredAnswer(table.get("when", ""), table["reference"])


def _frozen(table: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(table))
