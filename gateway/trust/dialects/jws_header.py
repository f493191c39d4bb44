"""`jws-header`: the HTTP header `Signature` is a detached JWS over the body.

We send the body as JSON with sorted members, no spaces and raw UTF-8, and sign those bytes: then a receiver that
checks the bytes (MOSIP) and one that parses, sorts and writes again (OpenG2P) read the same. What comes in is checked
over the bytes as received; the sorted reading is a coercion.

Source: github OpenG2P/openg2p-fastapi-common, crypto/pyjwt.py; MOSIP IDA `signature` header; RFC 7515 appendix F.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import orjson

from ..errors import SignatureRefused
from ..jose import Key
from ..policy import SignaturePolicy
from .dci_jws import LONGEST, detached
from .jws import COERCIONS, checked, refused, segments
from .message import Message, Verified, digest_of, with_fields

HEADER = "signature"
SORTED = "sorted-members"


class JwsHeader:
    """See the module."""

    name = "jws-header"
    coercions: Mapping[str, str] = {
        **COERCIONS,
        SORTED: "the signature is over the body parsed and written again with sorted members",
    }

    def presented(self, message: Message) -> bool:
        """A `Signature` header without RFC 9421's `Signature-Input`."""
        return message.field(HEADER) is not None and message.field("signature-input") is None

    def sign(self, message: Message, key: Key, _now: datetime) -> Message:
        """The message with the header, its body written anew where it is an envelope."""
        body = message.body if message.envelope is None else _sorted(message)
        return replace(message, body=body, headers=with_fields(message.headers, (HEADER, detached(body, key))))

    def verify(self, message: Message, keys: Sequence[Key], policy: SignaturePolicy, _now: datetime) -> Verified:
        """See `Dialect.verify`."""
        protected, payload, signature = segments(message.field(HEADER), LONGEST)
        if payload:
            raise refused("not_detached")
        try:
            key, tolerated = checked(protected, message.body, signature, keys, policy)
            return Verified(self.name, key.kid, digest_of(message.body), ("body",), tolerated)
        except SignatureRefused as error:
            if error.reason != "signature" or not policy.tolerant or message.envelope is None:
                raise
        content = _sorted(message)
        key, tolerated = checked(protected, content, signature, keys, policy)
        return Verified(self.name, key.kid, digest_of(content), ("body",), (*tolerated, SORTED))


def _sorted(message: Message) -> bytes:
    try:
        return orjson.dumps(message.envelope, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:  # an integer beyond 64 bits
        raise refused("not_canonical") from None
