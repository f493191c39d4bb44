"""Both members sign the same bytes, or there is no agreement.

Each signature is a compact JWS (RFC 7515) whose payload is the canonical form (RFC 8785) of the
document. Protected header: `alg`, `kid` and `typ`, nothing else; `typ` keeps a signature made for
something else from being taken for an agreement. Where one member is on both sides (a ministry and its
own offices) its one signature is all there is.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from .canonical import canonical
from .document import agreement_of
from .errors import (
    AlgorithmRefused,
    DocumentAltered,
    SignatureMalformed,
    SignatureMissing,
    SignatureUnexpected,
    WrongSigner,
)
from .model import Agreement

TYPE = "agreement+jws"
HEADER = frozenset({"alg", "kid", "typ"})

Jwk = Mapping[str, object]


_MODELS = {
    "EdDSA": jws.JWSRegistry.algorithms["Ed25519"],  # the older name (RFC 9864); never Ed448 here
    "Ed25519": jws.JWSRegistry.algorithms["Ed25519"],
    "ES256": jws.JWSRegistry.algorithms["ES256"],
    "PS256": jws.JWSRegistry.algorithms["PS256"],
}
ALGORITHMS = frozenset(_MODELS)


class _Registry(jws.JWSRegistry):
    """The library's registry with nothing in it but what we take."""

    algorithms = _MODELS


REGISTRY = _Registry(algorithms=ALGORITHMS)
_BY_KEY_TYPE = {("OKP", "Ed25519"): "EdDSA", ("EC", "P-256"): "ES256", ("RSA", None): "PS256"}


@dataclass(frozen=True, slots=True)
class SignedAgreement:
    """A verified agreement with its evidence. Only `verify_agreement` makes one, and the store takes nothing else.

    `document` is the canonical form, `signatures` a compact JWS per signing member.
    """

    agreement: Agreement
    document: bytes
    signatures: Mapping[str, str]


def sign_agreement(document: object, private_jwk: Jwk) -> str:
    """One member's signature: a compact JWS over the canonical document, `kid` taken from the key.

    Raises:
        DocumentInvalid: the document does not fit the format; nothing is signed that would be refused.
        AlgorithmRefused: the key is not Ed25519, P-256 or RSA.
        SignatureMalformed: the key has no `kid`.
    """
    agreement_of(document)
    curve = private_jwk.get("crv")
    algorithm = _BY_KEY_TYPE.get((str(private_jwk.get("kty")), str(curve) if curve else None))
    if algorithm is None:
        raise AlgorithmRefused("sign with an Ed25519, P-256 or RSA key")
    kid = private_jwk.get("kid")
    if not isinstance(kid, str):
        raise SignatureMalformed("the key needs a kid, the one it is registered under")
    header = {"alg": algorithm, "kid": kid, "typ": TYPE}
    return jws.serialize_compact(header, canonical(document), key_of(private_jwk), registry=REGISTRY)


def verify_agreement(
    document: object, signatures: Mapping[str, str], keys: Mapping[str, Sequence[Jwk]]
) -> SignedAgreement:
    """The agreement, if each member that is a party signed exactly this document with a key of its own.

    Args:
        document: parsed JSON. Parse it with a reader that refuses duplicate members.
        signatures: member -> compact JWS.
        keys: member -> its public keys as registered here, never as sent along.

    Raises:
        DocumentInvalid: the document does not fit the format.
        SignatureRefused: see the tree in `errors`.
    """
    agreement = agreement_of(document)
    parties = {agreement.provider.member, agreement.consumer.member}
    if missing := parties - signatures.keys():
        raise SignatureMissing(f"the signature of {', '.join(sorted(missing))} is missing")
    if signatures.keys() - parties:
        raise SignatureUnexpected("only the parties sign")
    payload = canonical(document)
    for member in sorted(parties):
        _verify(member, signatures[member], payload, keys.get(member, ()))
    return SignedAgreement(agreement, payload, dict(signatures))


def check_signature(member: str, signature: str, document: object, keys: Sequence[Jwk]) -> None:
    """Whether this member signed exactly this document with one of these registered keys.

    Raises:
        SignatureRefused: see the tree in `errors`.
    """
    _verify(member, signature, canonical(document), keys)


def _verify(member: str, signature: str, payload: bytes, keys: Sequence[Jwk]) -> None:
    header, signed = _opened(member, signature)
    if header["alg"] not in ALGORITHMS:
        raise AlgorithmRefused(f"the signature of {member} must use {', '.join(sorted(ALGORITHMS))}")
    if signed != payload:
        raise DocumentAltered(f"{member} signed another document: sign the canonical form of this one")
    candidates = [key for key in keys if key.get("kid") == header["kid"]]
    if not any(_made(signature, key) for key in candidates):
        raise WrongSigner(f"no registered key of {member} made this signature")


def _opened(member: str, signature: str) -> tuple[dict[str, str], bytes]:
    """Protected header and payload, not yet verified."""
    malformed = SignatureMalformed(f"the signature of {member} must be a compact JWS with alg, kid and typ {TYPE}")
    parts = signature.split(".")
    if len(parts) != 3:
        raise malformed
    try:
        header = json.loads(_decoded(parts[0]))
        payload = _decoded(parts[1])
    except (ValueError, RecursionError):
        raise malformed from None
    if not isinstance(header, dict) or header.keys() != HEADER or header["typ"] != TYPE:
        raise malformed
    if not all(isinstance(each, str) for each in header.values()):
        raise malformed
    return header, payload


def _decoded(part: str) -> bytes:
    """Base64url without padding, and only in its canonical spelling."""
    data = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    if base64.urlsafe_b64encode(data).rstrip(b"=") != part.encode():
        raise binascii.Error("not canonical")
    return data


def _made(signature: str, key: Jwk) -> bool:
    try:
        jws.deserialize_compact(signature, key_of(key), registry=REGISTRY)
    except (JoseError, ValueError):
        return False
    return True


def key_of(jwk: Jwk) -> Key:
    """The library's key of a JWK, public or private.

    Raises:
        AlgorithmRefused: of no kind that we sign with.
    """
    kinds: dict[object, type[OKPKey | ECKey | RSAKey]] = {"OKP": OKPKey, "EC": ECKey, "RSA": RSAKey}
    kind = kinds.get(jwk.get("kty"))
    if kind is None:
        raise AlgorithmRefused("sign with an Ed25519, P-256 or RSA key")
    return kind.import_key({name: str(value) for name, value in jwk.items() if name in _KEY_MEMBERS})


_KEY_MEMBERS = frozenset({"kty", "crv", "x", "y", "d", "n", "e", "p", "q", "dp", "dq", "qi", "kid"})
