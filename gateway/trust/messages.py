"""Messages from and to registered systems, protected as each system's policy says: signed, encrypted, fresh."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from ..db import Database
from . import encryption, replay
from .dialects import DIALECTS, Message, Verified
from .directory import Directory
from .errors import EncryptionRefused, SignatureRefused
from .jose import Key
from .key_sets import KeySets
from .policy import EncryptionPolicy, Policy, SignaturePolicy
from .signatures import proved

HTTP = "rfc9421"


class Messages:
    """Lives at `Trust.messages`; safe for concurrent use."""

    def __init__(
        self,
        db: Database,
        directory: Directory,
        *,
        signing: Callable[[SignaturePolicy], Key],
        opening: Callable[[str], Sequence[Key]],
        clock: Callable[[], datetime],
    ) -> None:
        """
        Args:
            signing: our key for messages to a partner with this policy.
            opening: our decryption keys in force with a kid.
        """
        self._db, self._directory = db, directory
        self._signing, self._opening, self._clock = signing, opening, clock
        self.key_sets: KeySets | None = None  # set by the wiring

    def policy(self, system: str) -> Policy:
        """What is agreed with the system of this id; the strict default for one that is not registered."""
        known = self._directory.snapshot.systems.get(system)
        return known.policy if known else Policy()

    async def verified(self, system: str, message: Message) -> Verified:
        """The proof that the system of this id sent the message, now and for the first time.

        Raises:
            SignatureRefused: by the system's policy; `presented` names a weaker form that came instead.
        """
        return await self._proved(system, message, self.policy(system).signature)

    async def verified_http(self, system: str, message: Message) -> Verified:
        """The same for RFC 9421, also where the system need not sign so: a signature that is there must be good."""
        policy = replace(self.policy(system).signature, dialect=HTTP, required=True)
        return await self._proved(system, message, policy)

    async def _proved(self, system: str, message: Message, policy: SignaturePolicy) -> Verified:
        try:
            proof = await self._proved_now(system, message, policy)
        except SignatureRefused as refused:
            if refused.reason != "unknown_kid" or not await self._keys_fetched(system):
                raise
            proof = await self._proved_now(system, message, policy)
        if proof.nonce and proof.expires:
            await replay.use_up(self._db, system, proof.nonce, proof.expires)
        return proof

    async def _proved_now(self, system: str, message: Message, policy: SignaturePolicy) -> Verified:
        keys = (await self._directory.fresh()).keys.get(system, ())
        return proved(message, keys, policy, self._clock())

    async def _keys_fetched(self, system: str) -> bool:
        """Whether the system publishes its keys itself, and they were just looked at again."""
        known = self._directory.snapshot.systems.get(system)
        return bool(known and self.key_sets and await self.key_sets.met(known, self._clock()))

    def signed(self, system: str, message: Message, *, dialect: str = "") -> Message:
        """A message to this system, ready to send.

        Args:
            dialect: another than the agreed one, for an answer to what was signed so.

        Raises:
            NotCanonical: the message has no form that could be signed.
        """
        policy = self.policy(system).signature
        return DIALECTS[dialect or policy.dialect].sign(message, self._signing(policy), self._clock())

    def opened(self, system: str, envelope: Mapping[str, Any]) -> Mapping[str, Any]:
        """The envelope in clear; it is checked for its signature before.

        Raises:
            EncryptionRefused: it cannot be opened, or came in clear where encryption is agreed.
        """
        header, message = envelope["header"], envelope.get("message") or {}
        said, found = header.get("is_msg_encrypted") is True, encryption.is_encrypted(message)
        if said != found:
            raise EncryptionRefused("is_msg_encrypted does not say what the message is.", reason="flag")
        if found:
            return {**envelope, "message": encryption.decrypted(message, self._opening)}
        if self._encryption(system).required:
            raise EncryptionRefused("Encrypt the message: that is agreed with this system.", reason="in_clear")
        return envelope

    def closed(self, system: str, envelope: Mapping[str, Any], *, asked: bool = False) -> Mapping[str, Any]:
        """The envelope as it goes to this system: encrypted if that is agreed, or if it asked in that way.

        Raises:
            EncryptionRefused: the system has no key to encrypt to; nothing leaves in clear instead.
        """
        key = self.closing_key(system, asked=asked)
        if key is None:
            return envelope
        sealed = encryption.encrypted(envelope.get("message") or {}, key)
        return {**envelope, "header": {**envelope["header"], "is_msg_encrypted": True}, "message": sealed}

    def closing_key(self, system: str, *, asked: bool = False) -> Key | None:
        """The system's newest key to encrypt to; None where nothing is to be encrypted. Raises as `closed`."""
        if not (asked or self._encryption(system).outgoing):
            return None
        keys = self._directory.snapshot.enc_keys.get(system, ())
        if not keys:
            raise EncryptionRefused("Register a key with use: enc: messages to you are encrypted.", reason="no_key")
        return keys[-1]

    async def forget_expired(self) -> None:
        """Drop nonces whose time is over."""
        await replay.forget_expired(self._db, self._clock())

    def _encryption(self, system: str) -> EncryptionPolicy:
        return self.policy(system).encryption
