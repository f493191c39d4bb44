"""Signing keys in a security module, through PKCS#11: made there, never to leave it.

Keys are found by their CKA_ID, which is the kid, so the label may be anything. One session with one lock: sessions of
most modules are not for several threads. A module that was restarted loses its sessions; the next signature logs in
anew, once.

Source: PKCS#11 3.0 sections 2.3.1 (EC key objects), 2.3.15 (EDDSA), 2.3.6 (ECDSA); RFC 7518 section 3.4.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import pkcs11
from joserfc import jwk
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.exceptions import PKCS11Error, UserAlreadyLoggedIn

from ..secret import Secret
from .errors import KeyFileBroken, KeyStoreFailed
from .jose import Key, b64
from .jwks import public_key

Done = TypeVar("Done")
LABEL = "sandhi"
NEVER_LEAVES = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}


@dataclass(frozen=True, slots=True)
class Kind:
    """How a module calls an algorithm of ours. `curve` is DER, `point` the length of a public point."""

    family: KeyType
    curve: bytes
    generate: Mechanism
    sign: Mechanism
    point: int


KINDS = {
    "ES256": Kind(KeyType.EC, bytes.fromhex("06082a8648ce3d030107"), Mechanism.EC_KEY_PAIR_GEN, Mechanism.ECDSA, 65),
    "EdDSA": Kind(
        KeyType.EC_EDWARDS, bytes.fromhex("06032b6570"), Mechanism.EC_EDWARDS_KEY_PAIR_GEN, Mechanism.EDDSA, 32
    ),
}


class ModuleKeys:
    """A `keystore.KeyStore` on one token of one module."""

    name = "pkcs11"

    def __init__(self, library: Path, token: str, pin: Secret) -> None:
        """
        Args:
            library: of the module's maker, e.g. `/usr/lib/softhsm/libsofthsm2.so`.
            token: label of the token in it.
            pin: of its user.

        Raises:
            KeyFileBroken: the module, the token or the PIN is not right; the text says which.
        """
        self._place = library, token, pin
        self._lock = Lock()
        self._found: dict[str, Any] = {}  # kid -> the module's handle of the private key, while the session lasts
        self._session = self._opened()

    def made(self, alg: str) -> Key:
        """A new key pair in the module.

        Raises:
            KeyFileBroken: the module does not make keys of this algorithm.
        """
        kind = KINDS.get(alg)
        if kind is None or not {kind.generate, kind.sign} <= set(self._mechanisms):
            raise KeyFileBroken(f"the security module makes no {alg} keys; keep them in files")
        return self._safely(lambda session: self._generated(session, alg, kind))

    def document(self, key: Key) -> dict[str, Any]:
        """What the ring's file says: the public half, and where the other one is."""
        return {"held": self.name, "jwk": dict(key.jwk)}

    def opened(self, document: Mapping[str, Any]) -> Key:
        """A key that is in the module.

        Raises:
            KeyFileBroken: it is not there.
        """
        key = public_key(document["jwk"])
        try:
            self._safely(lambda session: self._private(session, key.kid))
        except KeyStoreFailed:
            raise KeyFileBroken(f"the security module has no key {key.kid}; was it initialised anew?") from None
        return replace(key, held=lambda content: self._signature(key, content))

    def kids(self) -> tuple[str, ...]:
        """Every key of ours in the token."""
        wanted = {Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.LABEL: LABEL}
        return self._safely(lambda session: tuple(sorted(each.id.decode() for each in session.get_objects(wanted))))

    def erased(self, kid: str) -> None:
        """Destroy a key pair that was just made and never used."""

        def destroyed(session: Any) -> None:
            self._found.pop(kid, None)
            for each in list(session.get_objects({Attribute.ID: kid.encode()})):
                each.destroy()

        self._safely(destroyed)

    def close(self) -> None:
        """Log out."""
        with self._lock:
            self._session.close()

    def _generated(self, session: Any, alg: str, kind: Kind) -> Key:
        curve = session.create_domain_parameters(kind.family, {Attribute.EC_PARAMS: kind.curve}, local=True)
        public, private = curve.generate_keypair(
            mechanism=kind.generate, store=True, label=LABEL, id=b"new", private_template=NEVER_LEAVES
        )
        point = bytes(public[Attribute.EC_POINT])[-kind.point :]  # DER OCTET STRING around it, or not
        member = _jwk(alg, point)
        kid = jwk.import_key({**member}).thumbprint()
        for each in (public, private):
            each[Attribute.ID] = kid.encode()
        self._found[kid] = private
        key = public_key({**member, "kid": kid, "alg": alg, "use": "sig"})
        return replace(key, held=lambda content: self._signature(key, content))

    def _signature(self, key: Key, content: bytes) -> bytes:
        kind = KINDS[key.alg]
        signed = content if key.alg == "EdDSA" else hashlib.sha256(content).digest()

        def signature(session: Any) -> bytes:
            return bytes(self._private(session, key.kid).sign(signed, mechanism=kind.sign))

        return self._safely(signature)

    def _safely(self, work: Callable[[Any], Done]) -> Done:
        """Run it, once more in a new session if the first has gone."""
        with self._lock:
            try:
                return work(self._session)
            except PKCS11Error:
                self._found.clear()
            try:
                self._session = self._opened()
                return work(self._session)
            except (PKCS11Error, KeyFileBroken) as error:
                raise KeyStoreFailed(f"the security module refused: {type(error).__name__}") from None

    def _private(self, session: Any, kid: str) -> Any:
        if kid not in self._found:
            wanted = {Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.ID: kid.encode()}
            handles = list(session.get_objects(wanted))
            if not handles:
                raise KeyStoreFailed(f"the security module has no key {kid}")
            self._found[kid] = handles[0]
        return self._found[kid]

    def _opened(self) -> Any:
        library, label, pin = self._place
        try:
            token = pkcs11.lib(str(library)).get_token(token_label=label)
            self._mechanisms = frozenset(token.slot.get_mechanisms())
            return _logged_in(token, pin)
        except (PKCS11Error, RuntimeError, OSError) as error:
            told = f"the token {label} of {library} does not open: {type(error).__name__}"
            raise KeyFileBroken(f"{told}; check SANDHI_PKCS11_MODULE, _TOKEN_LABEL and _PIN") from None


def _logged_in(token: Any, pin: Secret) -> Any:
    try:
        return token.open(rw=True, user_pin=pin.reveal())
    except UserAlreadyLoggedIn:  # logging in counts for all sessions of a process
        return token.open(rw=True)


def _jwk(alg: str, point: bytes) -> dict[str, str]:
    if alg == "EdDSA":
        return {"kty": "OKP", "crv": "Ed25519", "x": b64(point)}
    return {"kty": "EC", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:65])}
