"""The signer: a witness of ourselves. It remembers what it signed and never signs a contradiction.

A restored backup, a promoted lagging standby or a copied machine would go on from an older state and fork the
log; the memory stops that at the first checkpoint. So keep it apart from the log's database where possible
(`FileMemory`); several processes on several machines share `TableMemory`.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .errors import Forked, ProofInvalid, WentBack
from .merkle import EMPTY_ROOT, verify_consistency
from .note import Checkpoint, Verifier, signed, verifier_of


class Head(NamedTuple):
    """The size and root (32 bytes) of a tree."""

    size: int
    root: bytes


class Memory(Protocol):
    """Where a signer remembers; durable before `replace` returns."""

    async def last(self, name: str) -> Head | None:
        """What was signed last under this name; None: nothing yet."""

    async def replace(self, name: str, old: Head | None, new: Head) -> bool:
        """Remember `new` if `old` is still the last one; False if another process was faster."""


class Signer:
    """A key with a name (the log's origin) and a memory; while keys change, the outgoing ones sign as well."""

    def __init__(
        self, name: str, key: Ed25519PrivateKey, memory: Memory, outgoing: Sequence[Ed25519PrivateKey] = ()
    ) -> None:
        self.verifier: Verifier = verifier_of(name, key)
        self.vkeys = [verifier_of(name, each).vkey for each in (key, *outgoing)]
        self._keys = (key, *outgoing)
        self._memory = memory

    @property
    def name(self) -> str:
        """The key's name, which is the origin of the log."""
        return self.verifier.name

    @property
    def vkey(self) -> str:
        """The verifier key to publish."""
        return self.verifier.vkey

    async def last(self) -> Head | None:
        """What was signed last."""
        return await self._memory.last(self.name)

    async def sign(self, last: Head | None, new: Head, proof: Sequence[bytes]) -> bytes | None:
        """Sign `new` as the successor of `last`, remembering it first.

        Args:
            last: what `last()` said.
            new: the head to sign.
            proof: consistency proof from `last` to `new`.

        Returns:
            The signed checkpoint, or None if another process signed meanwhile: ask `last()` again.

        Raises:
            WentBack: `new` is smaller than what was signed.
            Forked: `new` does not contain what was signed.
        """
        before = last or Head(0, EMPTY_ROOT)
        if new.size < before.size:
            raise WentBack(
                f"the log has {new.size} entries, but {before.size} were signed: the database is older than the "
                "signer's memory. Recover the missing entries, or open a new log under a new origin."
            )
        try:
            verify_consistency(before.size, before.root, new.size, new.root, proof)
        except ProofInvalid:
            raise Forked(
                f"the log of size {new.size} does not contain the one of size {before.size} that was signed: "
                "its history was changed. Stop, keep both, and run fsck."
            ) from None
        if not await self._memory.replace(self.name, last, new):
            return None
        return signed(Checkpoint(self.name, new.size, new.root).text(), self.name, *self._keys)
