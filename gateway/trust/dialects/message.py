"""What a dialect signs and what it says about a signature: plain values, no network, no framework."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import orjson

from ..jose import Key
from ..policy import SignaturePolicy

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Message:
    """One HTTP message, as far as a signature may cover it.

    Attributes:
        body: the bytes on the wire.
        envelope: the body as strictly read JSON, where it is a DCI envelope: `{"signature"?, "header", "message"}`.
        headers: field lines in the order received; names in lower case.
        method, url: of a request; the target is rebuilt from the configured origin, never from Host.
        status, request: of a response, and what it answers.
    """

    body: bytes = b""
    envelope: Mapping[str, Any] | None = field(default=None, repr=False)
    headers: Fields = field(default=(), repr=False)
    method: str = "POST"
    url: str = ""
    status: int = 0
    request: "Message | None" = None

    @classmethod
    def of(cls, envelope: Mapping[str, Any], **more: Any) -> "Message":
        """An envelope about to leave; the body is its JSON."""
        return cls(body=orjson.dumps(envelope), envelope=envelope, **more)

    @property
    def signature(self) -> object:
        """The envelope's `signature` member; None without one."""
        return self.envelope.get("signature") if self.envelope is not None else None

    def field(self, name: str) -> str | None:
        """A header's value, its lines joined; None without one."""
        lines = [value for each, value in self.headers if each == name]
        return ", ".join(lines) if lines else None


@dataclass(frozen=True, slots=True)
class Verified:
    """A message that is proved to be its sender's.

    Attributes:
        kid: of the registered key; empty for an unsigned message that may be unsigned.
        digest: SHA-256 of the signed bytes, in hex: whoever kept them can show what was signed.
        coverage: the parts of the message that the signature covers.
        coercions: what had to be tolerated, by its name in the dialect; empty for a strict message.
        nonce, expires: where the dialect has them: the nonce may be used once, and is of no use after `expires`.
    """

    dialect: str
    kid: str = ""
    digest: str = ""
    coverage: tuple[str, ...] = ()
    coercions: tuple[str, ...] = ()
    nonce: str = ""
    expires: datetime | None = None

    def facts(self) -> dict[str, object]:
        """For the intent entry: nothing of a person."""
        said: dict[str, object] = {"dialect": self.dialect, "kid": self.kid, "digest": self.digest}
        return said | ({"coercions": list(self.coercions)} if self.coercions else {})


class Dialect(Protocol):
    """One way to sign."""

    name: str
    coercions: Mapping[str, str]
    """What `policy.tolerant` lets through, by name: never emitted, always recorded."""

    def presented(self, message: Message, /) -> bool:
        """Whether the message carries a signature that looks like this dialect's; nothing is believed yet."""

    def sign(self, message: Message, key: Key, now: datetime, /) -> Message:
        """The message with our signature, ready to send.

        Raises:
            NotCanonical: the message has no form that could be signed.
        """

    def verify(self, message: Message, keys: Sequence[Key], policy: SignaturePolicy, now: datetime, /) -> Verified:
        """The proof that a holder of one of `keys` signed this message.

        Args:
            keys: the registered keys of the system that claims to have sent it, and no others.

        Raises:
            SignatureRefused: `reason` says which rule was broken.
        """


def digest_of(signed: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(signed).hexdigest()


def with_fields(headers: Iterable[tuple[str, str]], *added: tuple[str, str]) -> Fields:
    """Header lines with others in the place of those of the same name."""
    names = {name for name, _ in added}
    return (*((name, value) for name, value in headers if name not in names), *added)
