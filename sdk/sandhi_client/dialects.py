"""The ways to sign DCI messages, both directions: which one was agreed when our system was registered.

`signed` makes the message that we send. `prove` raises ValueError unless the gateway signed exactly this; no dialect
falls back to another. Source: the gateway's docs/profiles/signatures.md.
"""

import base64
import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from . import http_signatures
from .http_signatures import Exchanged, check
from .jcs import canonical
from .keys import OwnKey, PublicKeys, read_header, unb64

NONE = "none"
LIFETIME = 300  # seconds
_PARAMETERS = re.compile(
    r'namespace="dci", kidId="(?P<sender>[^"|]+)\|(?P<kid>[^"]+)\|ed25519", algorithm="ed25519", '
    r'created="(?P<created>[0-9]{1,11})", expires="(?P<expires>[0-9]{1,11})", '
    r'headers="\(created\) \(expires\) digest", signature="(?P<signature>[A-Za-z0-9+/=]+)"',
    re.ASCII,
)


def envelope_signature(header: Mapping[str, Any], message: Mapping[str, Any], key: OwnKey) -> str:
    """The `signature` member of a DCI envelope that we send (`dci-jws`)."""
    return key.detached(canonical({"header": dict(header), "message": dict(message)}))


def signed(
    dialect: str, header: Mapping[str, Any], message: Mapping[str, Any], key: OwnKey
) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a message of ours. `rfc9421` is the session's to sign (`sign_messages`).

    Raises:
        ValueError: no such dialect, or not with a key of this algorithm.
    """
    if dialect not in CHECKS:
        raise ValueError(f"the dialect is one of {', '.join(CHECKS)}")
    envelope: dict[str, Any] = {"header": dict(header), "message": dict(message)}
    headers = {"content-type": "application/json"}
    if dialect == "dci-jws":
        envelope = {"signature": envelope_signature(header, message, key), **envelope}
    elif dialect == "dci-params":
        envelope = {"signature": _with_parameters(envelope, key), **envelope}
    elif dialect == "jws-body":
        envelope = {"signature": key.compact(_sorted(envelope)), **envelope}
    body = _sorted(envelope)
    return body, headers | ({"signature": key.detached(body)} if dialect == "jws-header" else {})


def _with_parameters(envelope: Mapping[str, Any], key: OwnKey) -> str:
    if key.alg != "EdDSA":
        raise ValueError("dci-params needs an EdDSA key")
    created = int(time.time())
    lines = _parameter_lines(envelope, created, created + LIFETIME)
    signature = base64.b64encode(key.signature(lines)).decode()
    return (
        f'namespace="dci", kidId="{envelope["header"]["sender_id"]}|{key.kid}|ed25519", algorithm="ed25519", '
        f'created="{created}", expires="{created + LIFETIME}", headers="(created) (expires) digest", '
        f'signature="{signature}"'
    )


def _parameter_lines(envelope: Mapping[str, Any], created: object, expires: object) -> bytes:
    text = json.dumps(envelope, sort_keys=True, separators=(",", ":"))
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"(created): {created}\n(expires): {expires}\ndigest: {digest}".encode()


def _sorted(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def kid_of(dialect: str, received: Exchanged, envelope: Mapping[str, Any]) -> str:
    """Which of the gateway's keys the message names; empty where it names none."""
    if dialect == "rfc9421":
        return http_signatures.kid_of(received)
    text = received.headers.get("signature") if dialect == "jws-header" else envelope.get("signature")
    if dialect == "dci-params":
        found = _PARAMETERS.fullmatch(str(text))
        return found["kid"] if found else ""
    return str(read_header(str(text).partition(".")[0]).get("kid", ""))


def prove(dialect: str, received: Exchanged, envelope: Mapping[str, Any], keys: PublicKeys) -> None:
    """Raise unless the gateway signed this message in the agreed way.

    Raises:
        ValueError: it did not; the text says why.
    """
    if dialect not in CHECKS:
        raise ValueError(f"the dialect is one of {', '.join(CHECKS)}")
    CHECKS[dialect](received, envelope, keys)


def _dci_jws(_received: Exchanged, envelope: Mapping[str, Any], keys: PublicKeys) -> None:
    content = canonical({"header": envelope.get("header"), "message": envelope.get("message")})
    _agree(keys.signed(content, str(envelope.get("signature"))))


def _jws_body(_received: Exchanged, envelope: Mapping[str, Any], keys: PublicKeys) -> None:
    protected, payload, signature = _three(envelope.get("signature"))
    content = unb64(payload)
    _agree(keys.signed(content, f"{protected}..{signature}"))
    beside = {name: value for name, value in envelope.items() if name != "signature"}
    _agree(canonical(json.loads(content)) == canonical(beside))


def _jws_header(received: Exchanged, _envelope: Mapping[str, Any], keys: PublicKeys) -> None:
    _agree(keys.signed(received.body, received.headers.get("signature", "")))


def _dci_params(_received: Exchanged, envelope: Mapping[str, Any], keys: PublicKeys) -> None:
    found = _PARAMETERS.fullmatch(str(envelope.get("signature")))
    if found is None or envelope["header"].get("sender_id") != found["sender"]:
        raise ValueError("not the parameters of this sender")
    if not int(found["created"]) - 60 <= time.time() <= int(found["expires"]):
        raise ValueError("made too far from now")
    covered = {"header": envelope["header"], "message": envelope.get("message")}
    lines = _parameter_lines(covered, found["created"], found["expires"])
    _agree(keys.made(found["kid"], lines, base64.b64decode(found["signature"], validate=True)))


def _rfc9421(received: Exchanged, _envelope: Mapping[str, Any], keys: PublicKeys) -> None:
    check(received, keys)


def _none(_received: Exchanged, _envelope: Mapping[str, Any], _keys: PublicKeys) -> None:
    return None


def _three(text: object) -> tuple[str, str, str]:
    parts = str(text).split(".")
    if len(parts) != 3 or not parts[1]:
        raise ValueError("not a compact JWS")
    return parts[0], parts[1], parts[2]


def _agree(good: bool) -> None:
    if not good:
        raise ValueError("not the gateway's signature over this message")


CHECKS: Mapping[str, Callable[[Exchanged, Mapping[str, Any], PublicKeys], None]] = {
    "dci-jws": _dci_jws,
    "dci-params": _dci_params,
    "jws-body": _jws_body,
    "jws-header": _jws_header,
    "rfc9421": _rfc9421,
    NONE: _none,
}
