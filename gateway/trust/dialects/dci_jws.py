"""`dci-jws`, our own profile of DCI's `signature` member, and the default.

A compact detached JWS (`header..signature`, RFC 7515 appendix F) over the RFC 8785 bytes of
`{"header": ..., "message": ...}`. A receiver that re-serialises the envelope, reorders members or escapes Sinhala
differently still verifies it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from ..errors import NotCanonical
from ..jcs import canonical
from ..jose import Key, sign
from ..policy import SignaturePolicy
from .jws import COERCIONS, checked, refused, segments
from .message import Message, Verified, digest_of

LONGEST = 2048  # PS256 with 4096 bits is 683 characters and a header
COVERAGE = ("header", "message")


class DciJws:
    """See the module."""

    name = "dci-jws"
    coercions: Mapping[str, str] = COERCIONS

    def presented(self, message: Message) -> bool:
        """`x..y` in the body's `signature`."""
        return isinstance(message.signature, str) and ".." in message.signature

    def sign(self, message: Message, key: Key, _now: datetime) -> Message:
        """The envelope with `signature`. Raises NotCanonical."""
        return signed_envelope(message, signed(message.envelope or {}, key))

    def verify(self, message: Message, keys: Sequence[Key], policy: SignaturePolicy, _now: datetime) -> Verified:
        """See `Dialect.verify`."""
        protected, payload, signature = segments(message.signature, LONGEST)
        if payload:
            raise refused("not_detached")
        try:
            content = covered(message.envelope or {})
        except NotCanonical:
            raise refused("not_canonical") from None
        key, tolerated = checked(protected, content, signature, keys, policy)
        return Verified(self.name, key.kid, digest_of(content), COVERAGE, tolerated)


def signed(envelope: Mapping[str, object], key: Key) -> str:
    """The `signature` member for `{"header", "message"}`. Raises NotCanonical."""
    return detached(covered(envelope), key)


def detached(content: bytes, key: Key) -> str:
    """A compact JWS without its payload. Source: RFC 7515 appendix F."""
    protected, _, signature = sign(content, key).split(".")
    return f"{protected}..{signature}"


def covered(envelope: Mapping[str, object]) -> bytes:
    """The signed bytes. Raises NotCanonical."""
    return canonical({"header": envelope.get("header"), "message": envelope.get("message")})


def signed_envelope(message: Message, signature: str) -> Message:
    """The message with its envelope's `signature` set."""
    rest = {name: value for name, value in (message.envelope or {}).items() if name != "signature"}
    return Message.of(
        {"signature": signature, **rest},
        headers=message.headers,
        method=message.method,
        url=message.url,
        status=message.status,
        request=message.request,
    )
