"""`jws-body`: the body's `signature` is a compact JWS that carries the whole envelope but itself.

What is in the JWS must be what is beside it, value for value: both are compared in their RFC 8785 form, so that the
order of members does not matter while `1` and `true` stay two things. OpenCRVS (RS256) does this.

Source: github opencrvs/dci-crvs-api, packages/http-api/src/crypto; RFC 7515 section 7.1.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from ..errors import CredentialRefused, NotCanonical
from ..jcs import canonical
from ..jose import Key, json_object, sign, unb64
from ..policy import SignaturePolicy
from .dci_jws import COVERAGE, signed_envelope
from .jws import COERCIONS, checked, refused, segments
from .message import Message, Verified, digest_of

LONGEST = 2 * 1024 * 1024  # it holds the message once more, in base64


class JwsBody:
    """See the module."""

    name = "jws-body"
    coercions: Mapping[str, str] = COERCIONS

    def presented(self, message: Message) -> bool:
        """`x.y.z` in the body's `signature`."""
        text = message.signature
        return isinstance(text, str) and text.count(".") == 2 and ".." not in text and '"' not in text

    def sign(self, message: Message, key: Key, _now: datetime) -> Message:
        """The envelope with `signature`."""
        return signed_envelope(message, sign(orjson.dumps(_beside(message.envelope or {})), key))

    def verify(self, message: Message, keys: Sequence[Key], policy: SignaturePolicy, _now: datetime) -> Verified:
        """See `Dialect.verify`."""
        protected, payload, signature = segments(message.signature, LONGEST)
        try:
            content = unb64(payload)
        except CredentialRefused as error:
            raise refused(error.reason) from None
        key, tolerated = checked(protected, content, signature, keys, policy)
        try:
            same = canonical(json_object(content)) == canonical(_beside(message.envelope or {}))
        except (CredentialRefused, NotCanonical):
            raise refused("payload") from None
        if not same:
            raise refused("payload_is_another_message")
        return Verified(self.name, key.kid, digest_of(content), COVERAGE, tolerated)


def _beside(envelope: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in envelope.items() if name != "signature"}
