"""Private keys of our own: made, read, written to a file that only its owner may read."""

import os
from collections.abc import Mapping
from pathlib import Path

from joserfc import jwk
from joserfc.errors import JoseError

from .errors import KeyFileBroken
from .jose import Key
from .jwks import KINDS, LEGACY, MEMBERS


def new_key(alg: str) -> Key:
    """A fresh private key of an algorithm of `jwks.KINDS` or `jwks.LEGACY`; its `kid` is its thumbprint."""
    use = "enc" if alg in KINDS["enc"] else "sig"
    material: jwk.Key
    if alg == "EdDSA":
        material = jwk.OKPKey.generate_key("Ed25519")
    elif alg in {"PS256", "RS256", "RSA-OAEP-256"}:
        material = jwk.RSAKey.generate_key(2048)
    else:
        material = jwk.ECKey.generate_key("P-256")
    return private_key({**material.as_dict(private=True), "alg": alg, "use": use, "kid": material.thumbprint()})


def private_key(member: Mapping[str, object]) -> Key:
    """A key of our own from its private JWK with `alg` and `kid`; `use` is `sig` where it is left out.

    Raises:
        KeyFileBroken: not a private key of an algorithm we use.
    """
    alg, kid, use = str(member.get("alg")), str(member.get("kid")), str(member.get("use", "sig"))
    try:
        kty = str(member["kty"])
        material = jwk.import_key({name: str(value) for name, value in member.items() if name not in {"use", "alg"}})
        if not material.is_private or (kty, member.get("crv")) not in (KINDS[use] | LEGACY)[alg]:
            raise KeyFileBroken("the key is not a private key of its algorithm")
        public = {"kid": kid, "alg": alg, "use": use, "kty": kty} | {name: str(member[name]) for name in MEMBERS[kty]}
    except (KeyError, JoseError, ValueError):
        raise KeyFileBroken("the key is not a private JWK with alg, kid and its values") from None
    return Key(kid, alg, public, material)


def private_jwk(key: Key) -> dict[str, str]:
    """The private JWK of `new_key`, to be written to its owner's file only."""
    return dict(key.jwk) | {name: str(value) for name, value in key.material.as_dict(private=True).items()}


def write_new(path: Path, text: str) -> bool:
    """Write a secret file that only its owner may read, whole or not at all; False if it was there already."""
    draft = _draft(path, text)
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True


def write_over(path: Path, text: str) -> None:
    """Replace such a file, whole or not at all."""
    _draft(path, text).replace(path)


def _draft(path: Path, text: str) -> Path:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return draft
