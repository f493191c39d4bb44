"""The log's key where a security module holds it, in the form that signing code expects."""

from typing import Any, Never

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from .errors import KeyFileBroken
from .jose import Key, unb64


class ModuleLogKey(Ed25519PrivateKey):
    """Signs in the module; nothing of the private half can be asked for."""

    def __init__(self, key: Key) -> None:
        if key.alg != "EdDSA":
            raise KeyFileBroken("the log's key is an Ed25519 key")
        self._key = key

    def sign(self, data: Any) -> bytes:
        """64 bytes over the data."""
        return self._key.signature(bytes(data))

    def public_key(self) -> Ed25519PublicKey:
        """What auditors check with."""
        return Ed25519PublicKey.from_public_bytes(unb64(self._key.jwk["x"]))

    def private_bytes(self, *_: object, **__: object) -> Never:
        """Refused: it stays in the module."""
        raise KeyFileBroken("the log's key stays in the security module")

    def private_bytes_raw(self) -> Never:
        """Refused: it stays in the module."""
        raise KeyFileBroken("the log's key stays in the security module")

    def __copy__(self) -> "ModuleLogKey":
        return self

    def __deepcopy__(self, _: object) -> "ModuleLogKey":
        return self
