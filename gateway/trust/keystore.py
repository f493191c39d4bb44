"""Where the private halves of the gateway's keys are made and stay: in files, or in a security module (PKCS#11).

The rings (which key from when) are files in every case; a file either holds the private key, or says which store holds
it. So one ring may hold keys of both kinds, and moving into a module is a rotation, without a failed call.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from .errors import KeyFileBroken
from .jose import Key
from .private_keys import new_key, private_jwk, private_key
from .vault import Vault

FILES = "files"


class KeyStore(Protocol):
    """Makes signing keys, lists them, opens them again; what is opened signs by `Key.signature`."""

    name: str

    def made(self, alg: str) -> Key:
        """A new private key of an algorithm of `jwks.KINDS`; KeyFileBroken where the store cannot make it."""

    def document(self, key: Key) -> dict[str, Any]:
        """What the ring's file says of a key that was made here."""

    def opened(self, document: Mapping[str, Any]) -> Key:
        """The key again. Raises KeyFileBroken."""

    def kids(self) -> tuple[str, ...]:
        """Every key in the store."""

    def erased(self, kid: str) -> None:
        """Forget a key that nothing was signed with."""


class FileKeys:
    """Private keys in the ring's own files, which the vault encrypts."""

    name = FILES

    def made(self, alg: str) -> Key:
        """See `KeyStore`."""
        return new_key(alg)

    def document(self, key: Key) -> dict[str, Any]:
        """See `KeyStore`."""
        return {"jwk": private_jwk(key)}

    def opened(self, document: Mapping[str, Any]) -> Key:
        """See `KeyStore`."""
        return private_key(document["jwk"])

    def kids(self) -> tuple[str, ...]:
        """None beside those of the rings."""
        return ()

    def erased(self, kid: str) -> None:
        """The ring's file is the key; there is nothing beside it."""


@dataclass(frozen=True, slots=True)
class Care:
    """How this gateway keeps its keys. `module` holds the keys that sign (token, message, log), if there is one."""

    vault: Vault = field(default_factory=Vault)
    module: KeyStore | None = None

    def store(self, use: str) -> KeyStore:
        """Where the next key of a use is made."""
        return self.module if self.module and use in {"token", "message", "log"} else FileKeys()

    def opened(self, document: Mapping[str, Any]) -> Key:
        """A key from what its file says.

        Raises:
            KeyFileBroken: it cannot be used, or is in a store that is not there.
        """
        held = document.get("held", FILES)
        if held == FILES:
            return FileKeys().opened(document)
        if self.module is None or self.module.name != held:
            raise KeyFileBroken(f"the key is in {held}; set SANDHI_PKCS11_MODULE and what belongs to it")
        return self.module.opened(document)
