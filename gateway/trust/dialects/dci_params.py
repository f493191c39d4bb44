"""`dci-params`, the parameters that DCI's example shows: the body's `signature`, modelled on draft-cavage.

    namespace="dci", kidId="{sender_id}|{kid}|ed25519", algorithm="ed25519", created="1606970629",
    expires="1606970929", headers="(created) (expires) digest", signature="{base64}"

Signed are three lines joined by LF: `(created): N`, `(expires): N`, `digest: D`. D is the base64 SHA-256 of
`{"header", "message"}` as JSON with sorted members, no spaces and every non-ASCII character escaped: a Tamil name
written raw has another digest. DCI defines neither the digest nor the lines; this is what its one live implementation
(OpenSPP) does. The specification's example begins with `Signature:`, which is read past.

Source: SPDCI OpenAPI 1.0.0 `MsgSignature`; draft-cavage-http-signatures-12 section 2.3.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from ..errors import CredentialRefused
from ..jose import Key, check
from ..policy import SignaturePolicy
from .dci_jws import COVERAGE, signed_envelope
from .jws import allowed, refused
from .message import Message, Verified, digest_of

LONGEST = 2048
LIFETIME = 300  # seconds
SKEW = timedelta(seconds=60)
NAMES = ("namespace", "kidId", "algorithm", "created", "expires", "headers", "signature")
SPACES = frozenset({"spdci", "dci", "g2p"})
HEADERS = "(created) (expires) digest"
ALGORITHMS = {"ed25519": "EdDSA", "rsa-sha256": "RS256"}
MEMBERS = (  # of a header, as OpenSPP's model writes it out again before it checks
    *("version", "message_id", "message_ts", "action", "sender_id", "sender_uri", "receiver_id"),
    *("total_count", "is_msg_encrypted", "meta"),
)
CALLBACK = ("status", "status_reason_code", "status_reason_message", "completed_count")
Rendering = Callable[[Mapping[str, Any]], str]


class DciParams:
    """See the module."""

    name = "dci-params"
    coercions: Mapping[str, str] = {
        "raw-unicode": "the digest is over JSON with characters as they are, not escaped",
        "full-header": "the digest is over the header as OpenSPP writes it out again: with nulls, times in full",
        "digest-prefix": "the digest line has `SHA-256=` before the value, as in RFC 3230",
    }

    def presented(self, message: Message) -> bool:
        """`signature="` in the body's `signature`."""
        return isinstance(message.signature, str) and 'signature="' in message.signature

    def sign(self, message: Message, key: Key, now: datetime) -> Message:
        """The envelope with `signature`. Raises CredentialRefused: the key has no name in this dialect."""
        named = next((name for name, alg in ALGORITHMS.items() if alg == key.alg), None)
        if named is None:
            raise CredentialRefused("algorithm")
        envelope, created = message.envelope or {}, int(now.timestamp())
        lines = _lines(created, created + LIFETIME, _digest(_escaped(envelope)))
        values = {
            "namespace": "dci",
            "kidId": f"{envelope['header']['sender_id']}|{key.kid}|{named}",
            "algorithm": named,
            "created": str(created),
            "expires": str(created + LIFETIME),
            "headers": HEADERS,
            "signature": base64.b64encode(key.signature(lines)).decode("ascii"),
        }
        return signed_envelope(message, ", ".join(f'{name}="{values[name]}"' for name in NAMES))

    def verify(self, message: Message, keys: Sequence[Key], policy: SignaturePolicy, now: datetime) -> Verified:
        """See `Dialect.verify`."""
        values = parameters(message.signature)
        envelope = message.envelope or {}
        created, expires = _times(values, policy, now)
        key = _key(values, envelope, keys, policy)
        signature = _signature(values["signature"])
        for name, rendering, prefix in READINGS if policy.tolerant else READINGS[:1]:
            lines = _lines(created, expires, prefix + _digest(rendering(envelope)))
            if _made(lines, signature, key):
                return Verified(self.name, key.kid, digest_of(lines), COVERAGE, (name,) if name else ())
        raise refused("signature")


def parameters(text: object) -> dict[str, str]:
    """The seven parameters, each once, in any order.

    Raises:
        SignatureRefused: anything else at all.
    """
    if not isinstance(text, str) or len(text) > LONGEST or not text.isascii():
        raise refused("form")
    found: dict[str, str] = {}
    for part in text.removeprefix("Signature:").split(","):
        name, equals, quoted = part.strip(" ").partition("=")
        value = quoted[1:-1]
        if not equals or quoted != f'"{value}"' or '"' in value or not value.isprintable():
            raise refused("parameter_form")
        if name in found or name not in NAMES:
            raise refused("parameter_twice_or_unknown")
        found[name] = value
    if found.keys() != set(NAMES) or found["namespace"] not in SPACES or found["headers"] != HEADERS:
        raise refused("parameters")
    return found


def _times(values: Mapping[str, str], policy: SignaturePolicy, now: datetime) -> tuple[int, int]:
    if not all(values[name].isdecimal() and len(values[name]) < 12 for name in ("created", "expires")):
        raise refused("time_form")
    created, expires, present = int(values["created"]), int(values["expires"]), now.timestamp()
    window = policy.window_s
    if not present - window <= created <= present + min(window, SKEW.total_seconds()):
        raise refused("created")
    if not created < expires <= created + max(window, LIFETIME) or expires < present:
        raise refused("expires")
    return created, expires


def _key(values: Mapping[str, str], envelope: Mapping[str, Any], keys: Sequence[Key], policy: SignaturePolicy) -> Key:
    sender, kid, algorithm = _parts(values["kidId"])
    header = envelope.get("header")
    if not isinstance(header, Mapping) or header.get("sender_id") != sender:
        raise refused("kid_of_another_sender")
    alg = ALGORITHMS.get(algorithm, "")
    if algorithm != values["algorithm"] or alg not in allowed(policy):
        raise refused("algorithm", presented="another algorithm")
    key = next((each for each in keys if each.kid == kid), None)
    if key is None or key.alg != alg:
        raise refused("unknown_kid")
    return key


def _parts(kid_id: str) -> tuple[str, str, str]:
    """`sender|kid|algorithm`; a kid may itself hold bars."""
    sender, _, rest = kid_id.partition("|")
    kid, _, algorithm = rest.rpartition("|")
    return sender, kid, algorithm


def _signature(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise refused("not_base64") from None
    if base64.b64encode(raw).decode("ascii") != text:
        raise refused("not_canonical_base64")
    return raw


def _made(lines: bytes, signature: bytes, key: Key) -> bool:
    try:
        check(lines, signature, key, key.alg)
    except CredentialRefused:
        return False
    return True


def _lines(created: int, expires: int, digest: str) -> bytes:
    return f"(created): {created}\n(expires): {expires}\ndigest: {digest}".encode("ascii")


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _rendered(header: object, message: object, *, ascii_only: bool) -> str:
    covered = {"header": header, "message": message}
    return json.dumps(covered, sort_keys=True, separators=(",", ":"), ensure_ascii=ascii_only)


def _escaped(envelope: Mapping[str, Any]) -> str:
    return _rendered(envelope.get("header"), envelope.get("message"), ascii_only=True)


def _raw(envelope: Mapping[str, Any]) -> str:
    return _rendered(envelope.get("header"), envelope.get("message"), ascii_only=False)


def _full(envelope: Mapping[str, Any]) -> str:
    """The header with every member that the receiver's model has, times as it renders them."""
    header: Mapping[str, Any] = envelope.get("header") or {}
    names = [*MEMBERS, *(CALLBACK if "status" in header else ())]
    defaults = {"version": "1.0.0", "total_count": 0, "is_msg_encrypted": False, "completed_count": 0}
    full = {name: header.get(name, defaults.get(name)) for name in names}
    return _rendered(full | {"message_ts": _utc(full["message_ts"])}, envelope.get("message"), ascii_only=True)


def _utc(text: object) -> object:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return text
    return moment.isoformat().replace("+00:00", "Z")


READINGS: tuple[tuple[str, Rendering, str], ...] = (  # the first is the dialect, the others its coercions
    ("", _escaped, ""),
    ("raw-unicode", _raw, ""),
    ("full-header", _full, ""),
    ("digest-prefix", _escaped, "SHA-256="),
)
