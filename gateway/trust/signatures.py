"""Whether a message is proved to be its sender's: the one dialect that is agreed with the sender, and no other.

No second dialect is tried when the first fails, and what is weaker than agreed (unsigned, another dialect, an older
algorithm) is refused as a downgrade, also where it would be good by itself.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from .dialects import DIALECTS, Message, Verified
from .dialects.dci_jws import detached
from .dialects.dci_jws import signed as _signed
from .dialects.unsigned import STUB
from .errors import SignatureRefused
from .jose import Key
from .policy import SignaturePolicy

__all__ = ["detached", "proved", "signed", "verify"]

MISSING = "The message is not signed."
ANOTHER = "The message is not signed in the way agreed with this system."
UNSIGNED = DIALECTS["none"]
DEFAULT = SignaturePolicy()


def proved(message: Message, keys: Sequence[Key], policy: SignaturePolicy, now: datetime) -> Verified:
    """The proof that the message is the sender's, by the sender's policy.

    Args:
        keys: the registered keys of the sender, and no others.

    Raises:
        SignatureRefused: `presented` names what came instead, where it was a downgrade.
    """
    dialect = DIALECTS[policy.dialect]
    if dialect is UNSIGNED:
        return _unsigned(message, policy, now)
    if dialect.presented(message):
        return dialect.verify(message, keys, policy, now)
    if UNSIGNED.presented(message):
        return _unsigned(message, policy, now)
    found = next((name for name, each in DIALECTS.items() if each.presented(message)), "unknown")
    raise SignatureRefused(ANOTHER, reason="dialect", presented=found)


def _unsigned(message: Message, policy: SignaturePolicy, now: datetime) -> Verified:
    if policy.required or (message.signature == STUB and not policy.tolerant):
        raise SignatureRefused(MISSING, reason="unsigned", missing=True, presented="none")
    return UNSIGNED.verify(message, (), policy, now)


def signed(header: object, message: object, key: Key) -> str:
    """The `signature` member of an envelope in the default dialect. Raises NotCanonical."""
    return _signed({"header": header, "message": message}, key)


def verify(envelope: Mapping[str, object], keys: Sequence[Key]) -> Key:
    """The key that signed this envelope in the default dialect.

    Raises:
        SignatureRefused: absent, malformed, by a key not in `keys`, or not over this content.
    """
    kid = proved(Message(envelope=envelope), keys, DEFAULT, datetime.now(UTC)).kid
    return next(each for each in keys if each.kid == kid)
