"""How the suite signs its messages and checks replies: the dialects that servers are known to speak.

`dci-jws`   detached JWS over the canonical JSON (RFC 8785) of `{"header", "message"}`
`jws-body`  compact JWS whose payload is the envelope without its signature
`jws-header` detached JWS over the body, in the HTTP header `Signature`
`none`      no signature

Written against RFC 7515 and RFC 8785, sharing no code with any server it tests.
"""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from joserfc import jwk
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry

NONE = "none"


class Signed(NamedTuple):
    """A body and the headers it goes with."""

    body: bytes
    headers: dict[str, str]


def sign(dialect: str, envelope: Mapping[str, Any], key: Mapping[str, str] | None) -> Signed:
    """The envelope as it goes out.

    Raises:
        ValueError: no such dialect.
    """
    plain = Signed(written(envelope), {})
    if dialect not in WAYS:
        raise ValueError(f"the dialect is one of {', '.join(WAYS)}")
    if dialect == NONE or key is None:
        return plain
    if dialect == "jws-header":
        return Signed(plain.body, {"signature": _detached(plain.body, key)})
    made = _detached(canonical(envelope), key) if dialect == "dci-jws" else _compact(plain.body, key)
    return Signed(written({"signature": made, **envelope}), {})


def holds(dialect: str, body: bytes, headers: Mapping[str, str], keys: Mapping[str, Any]) -> bool:
    """Whether a reply is signed in this dialect by a key of the set."""
    try:
        return WAYS[dialect](body, headers, keys)
    except (ValueError, LookupError, TypeError, AttributeError, JoseError):
        return False


def written(value: object) -> bytes:
    """JSON with sorted members and raw UTF-8."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def canonical(value: object) -> bytes:
    """RFC 8785 for what the suite meets: objects with ASCII names, strings, integers, booleans, null."""
    return written(value)


def _dci_jws(body: bytes, _headers: Mapping[str, str], keys: Mapping[str, Any]) -> bool:
    envelope = json.loads(body)
    head, empty, signature = envelope["signature"].split(".")
    covered = canonical({"header": envelope["header"], "message": envelope["message"]})
    return not empty and _made(head, _b64(covered), signature, keys)


def _jws_body(body: bytes, _headers: Mapping[str, str], keys: Mapping[str, Any]) -> bool:
    envelope = json.loads(body)
    head, payload, signature = envelope.pop("signature").split(".")
    return bool(json.loads(_unb64(payload)) == envelope) and _made(head, payload, signature, keys)


def _jws_header(body: bytes, headers: Mapping[str, str], keys: Mapping[str, Any]) -> bool:
    head, empty, signature = headers["signature"].split(".")
    return not empty and _made(head, _b64(body), signature, keys)


def _unsigned(_body: bytes, _headers: Mapping[str, str], _keys: Mapping[str, Any]) -> bool:
    return True


def _made(head: str, payload: str, signature: str, keys: Mapping[str, Any]) -> bool:
    stated = json.loads(_unb64(head))
    (member, *_) = [each for each in keys["keys"] if each.get("kid") == stated["kid"]]
    algorithm = JWSRegistry.algorithms[stated["alg"]]
    return bool(algorithm.verify(f"{head}.{payload}".encode(), _unb64(signature), jwk.import_key(member)))


def _detached(content: bytes, key: Mapping[str, str]) -> str:
    head, _, signature = _compact(content, key).split(".")
    return f"{head}..{signature}"


def _compact(content: bytes, key: Mapping[str, str]) -> str:
    head = _b64(json.dumps({"alg": key["alg"], "kid": key["kid"]}, separators=(",", ":")).encode())
    own = jwk.import_key({name: value for name, value in key.items() if name not in {"alg", "use"}})
    text = f"{head}.{_b64(content)}"
    return f"{text}.{_b64(JWSRegistry.algorithms[key['alg']].sign(text.encode(), own))}"


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


WAYS: Mapping[str, Callable[[bytes, Mapping[str, str], Mapping[str, Any]], bool]] = {
    "dci-jws": _dci_jws,
    "jws-body": _jws_body,
    "jws-header": _jws_header,
    NONE: _unsigned,
}
