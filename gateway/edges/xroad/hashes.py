"""The request hash: what binds an answer to the question that it answers.

Over the serialised head: method, path with query, then each header that X-Road keeps as `name:value`, every line ended
by CRLF, in the order they came, our request id last; and over the body where there is one. Header names are hashed in
lower case: HTTP does not tell cases apart, and servers hand them on that way.

Source: PR-REST section 4.3 (`X-Road-Request-Hash`); PR-MESS section 2.2 (`requestHash`).
"""

import base64
import hashlib
from collections.abc import Iterable

DROPPED = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "server",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "x-road-request-hash",
        "x-road-request-id",
    }
)
"""Of a connection rather than of a message, or not the client's to say."""
SHA_512 = "http://www.w3.org/2001/04/xmlenc#sha512"


def request_hash(
    method: str, target: str, headers: Iterable[tuple[str, str]], request_id: str, body: bytes = b""
) -> str:
    """Base64 of the SHA-512.

    Args:
        target: the raw path, with `?` and the query where there is one.
        headers: as they came, names in lower case.
    """
    lines = [method, target, *(f"{name}:{value}" for name, value in headers if name not in DROPPED)]
    lines.append(f"x-road-request-id:{request_id}")
    head = "".join(f"{line}\r\n" for line in lines).encode("latin-1", "replace")
    if not body:
        return _base64(hashlib.sha512(head))
    return _base64(hashlib.sha512(hashlib.sha512(head).digest() + hashlib.sha512(body).digest()))


def soap_hash(message: bytes) -> str:
    """Base64 of the SHA-512 of a SOAP message's bytes."""
    return _base64(hashlib.sha512(message))


def _base64(made: "hashlib._Hash") -> str:
    return base64.b64encode(made.digest()).decode()
