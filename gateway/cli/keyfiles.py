"""Keys that commands make, or are given: the private half goes into one file of its owner's, never to the database."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from adapters.kit import strict_json

from ..trust.errors import KeysRefused
from ..trust.jose import Key
from ..trust.jwks import checked
from ..trust.keys import new_key, private_jwk, write_new

ALG = "ES256"  # verifies faster than EdDSA, and every call is a proof


@dataclass(frozen=True, slots=True)
class Made:
    """A key made here. `keep` writes the private half once; it never replaces a file."""

    key: Key

    def keep(self, path: Path, more: Mapping[str, str] | None = None) -> None:
        """Write the private JWK, or a document with it as `private_jwk` when there is more to say.

        Raises:
            KeysRefused: the file is there already, and may be somebody's only copy.
        """
        jwk = private_jwk(self.key)
        content = {**more, "private_jwk": jwk} if more else jwk
        if not write_new(path, json.dumps(content, indent=2) + "\n"):
            raise KeysRefused(f"{path} is there already; move it away, or send its public half with --jwks")


def made_or_given(path: Path | None, also: Collection[str] = ()) -> tuple[tuple[Key, ...], Made | None]:
    """The public keys to register: those of a JWK set, or one made here.

    Args:
        also: what the owner's policy allows beyond our own algorithms.

    Raises:
        KeysRefused: the file is no key set that may be registered.
    """
    if path is None:
        made = Made(new_key(ALG))
        return checked({"keys": [dict(made.key.jwk)]}), made
    try:
        return checked(strict_json.loads(path.read_bytes()), also), None
    except strict_json.StrictError as error:
        raise KeysRefused(f"{path} was not read: {error}") from None
