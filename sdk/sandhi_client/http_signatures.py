"""HTTP Message Signatures as the gateway's profile has them: what we send, what it answers, what it calls us with.

Only the profile is spoken: one label, known components, plain values. Anything else is refused, not interpreted.
Source: RFC 9421 sections 2 and 3; RFC 9530 section 2; the gateway's docs/profiles/signatures.md.
"""

import base64
import hashlib
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from .keys import OwnKey, PublicKeys

REQUEST_TAG, RESPONSE_TAG = "fapi-2-request", "fapi-2-response"
LABEL = "sandhi"
WINDOW = 300  # seconds
_INPUT = re.compile(
    r'sandhi=(?P<params>\((?P<components>[^()]{0,600})\);created=(?P<created>[0-9]{1,12});keyid="(?P<kid>[^"\\]{1,128})"'
    r';nonce="(?P<nonce>[^"\\]{16,128})";tag="(?P<tag>[a-z0-9-]{1,40})")',
    re.ASCII,
)
_SIGNATURE = re.compile(r"sandhi=:(?P<bytes>[A-Za-z0-9+/]{1,1400}={0,2}):", re.ASCII)
_COMPONENT = re.compile(r'"(?P<name>@?[a-z0-9-]{1,40})"(?P<req>;req)?', re.ASCII)


@dataclass(frozen=True, slots=True)
class Exchanged:
    """One HTTP message. Header names are in lower case; `status` and `request` are those of an answer."""

    method: str = ""
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    status: int = 0
    request: "Exchanged | None" = None


def signed(message: Exchanged, key: OwnKey) -> dict[str, str]:
    """The request's headers with `content-digest`, `signature-input` and `signature` added."""
    headers = dict(message.headers)
    if message.body:
        headers["content-digest"] = content_digest(message.body)
    full = Exchanged(message.method, message.url, headers, message.body)
    params = (
        f'({" ".join(_required(full))});created={int(time.time())};keyid="{key.kid}"'
        f';nonce="{secrets.token_urlsafe(16)}";tag="{REQUEST_TAG}"'
    )
    raw = key.signature(_base(full, list(_required(full)), params))
    headers["signature-input"] = f"{LABEL}={params}"
    headers["signature"] = f"{LABEL}=:{base64.b64encode(raw).decode()}:"
    return headers


def kid_of(message: Exchanged) -> str:
    """Which key the message names; empty where it has no signature of this profile."""
    found = _INPUT.fullmatch(message.headers.get("signature-input", ""))
    return found["kid"] if found else ""


def check(message: Exchanged, keys: PublicKeys, *, window: float = WINDOW) -> str:
    """The nonce of a message that the gateway signed: whole, now, and, where it is an answer, for its request.

    Raises:
        ValueError: it did not; the text says which rule was broken.
    """
    stated = _INPUT.fullmatch(message.headers.get("signature-input", ""))
    made = _SIGNATURE.fullmatch(message.headers.get("signature", ""))
    if stated is None or made is None or stated["tag"] != (RESPONSE_TAG if message.status else REQUEST_TAG):
        raise ValueError("no signature of the gateway's profile")
    if abs(time.time() - int(stated["created"])) > window:
        raise ValueError("made too far from now")
    components = stated["components"].split(" ")
    if not set(_required(message)) <= set(components) or len(set(components)) != len(components):
        raise ValueError("a required part is not covered")
    digest = message.headers.get("content-digest")
    if (message.body or digest is not None) and digest != content_digest(message.body):
        raise ValueError("the body is not the one that was signed")
    content = _base(message, components, stated["params"])
    if not keys.made(stated["kid"], content, base64.b64decode(made["bytes"])):
        raise ValueError("not the gateway's signature")
    return stated["nonce"]


def content_digest(body: bytes) -> str:
    """RFC 9530."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def _required(message: Exchanged) -> Iterator[str]:
    if message.status:
        yield '"@status"'
    else:
        yield from ('"@method"', '"@target-uri"')
        yield from _present(message, "authorization", "dpop", "idempotency-key")
    yield from _present(message, "content-type", "content-digest")
    if message.request is not None:
        yield from ('"@method";req', '"@target-uri";req')
        asked = _present(message.request, "content-digest", "signature", "signature-input")
        yield from (f"{name};req" for name in asked)


def _present(message: Exchanged, *names: str) -> Iterator[str]:
    return (f'"{name}"' for name in names if name in message.headers)


def _base(message: Exchanged, components: list[str], params: str) -> bytes:
    lines = [f"{component}: {_value(message, component)}" for component in components]
    return "\n".join([*lines, f'"@signature-params": {params}']).encode("ascii")


def _value(message: Exchanged, component: str) -> str:
    found = _COMPONENT.fullmatch(component)
    source = message.request if found and found["req"] else message
    if found is None or source is None:
        raise ValueError("an unknown part is covered")
    derived = {"@method": source.method, "@target-uri": source.url, "@status": str(source.status)}
    name = found["name"]
    value = derived.get(name) if name.startswith("@") else source.headers.get(name)
    if value is None:
        raise ValueError("a part that is not there is covered")
    return value.strip(" \t")
