"""`none`: the partner signs nothing. Off by default, per partner, and shown on the posture page."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from ..jose import Key
from ..policy import SignaturePolicy
from .message import Message, Verified

STUB = "unsigned-stub"
"""What DCI's compliance suite sends as a signature by default."""


class Unsigned:
    """See the module."""

    name = "none"
    coercions: Mapping[str, str] = {
        "unsigned-stub": f"`signature` is the literal `{STUB}` where a signature is optional"
    }

    def presented(self, message: Message) -> bool:
        """Nothing, or the compliance suite's stub, in the place of a body signature, and none in the headers."""
        bare = message.signature is None or (isinstance(message.signature, str) and message.signature in {"", STUB})
        return bare and message.field("signature") is None

    def sign(self, message: Message, _key: Key, _now: datetime) -> Message:
        """The message as it is."""
        return message

    def verify(self, message: Message, _keys: Sequence[Key], _policy: SignaturePolicy, _now: datetime) -> Verified:
        """Nothing is proved; the facts say so."""
        return Verified(self.name, coercions=("unsigned-stub",) if message.signature == STUB else ())
