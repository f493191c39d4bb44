"""What the three JWS dialects share: a closed header, one registered key, one algorithm."""

from collections.abc import Mapping, Sequence

from ..errors import CredentialRefused, SignatureRefused
from ..jose import ALGORITHMS, Key, b64, check, json_object, unb64
from ..policy import SignaturePolicy

HEADER = frozenset({"alg", "kid"})
TYPES = frozenset({"JOSE", "JWT"})
PARTNERS_ONLY = frozenset({"RS256"})  # never our own; a partner's where its policy names it
REFUSED = "The message signature was not accepted."
COERCIONS = {
    "typ": "a `typ` of `JWT` or `JOSE` in the protected header",
    "kid-thumbprint": "`kid` is the RFC 7638 thumbprint of a registered key instead of its registered id",
    "kid-absent": "no `kid`, where exactly one registered key has the algorithm",
}


def refused(reason: str, *, presented: str = "") -> SignatureRefused:
    """A refusal that tells the caller nothing but that."""
    return SignatureRefused(REFUSED, reason=reason, presented=presented)


def allowed(policy: SignaturePolicy) -> frozenset[str]:
    """The algorithms that this partner's messages may be signed with."""
    return ALGORITHMS | (PARTNERS_ONLY & frozenset(policy.algorithms))


def segments(text: object, limit: int) -> tuple[str, str, str]:
    """The three parts of a compact JWS, not believed yet.

    Raises:
        SignatureRefused: not a text of three parts, or longer than `limit` characters.
    """
    if not isinstance(text, str) or len(text) > limit:
        raise refused("form")
    parts = text.split(".")
    if len(parts) != 3:
        raise refused("form")
    return parts[0], parts[1], parts[2]


def checked(
    protected: str, payload: bytes, signature: str, keys: Sequence[Key], policy: SignaturePolicy
) -> tuple[Key, tuple[str, ...]]:
    """The registered key that made this signature over the payload, and what was tolerated for it.

    Raises:
        SignatureRefused: `reason` says why; an algorithm that is not agreed is a downgrade.
    """
    try:
        header = json_object(unb64(protected))
        alg = _algorithm(header, policy)
        key, tolerated = _chosen(header, alg, keys)
        tolerated = (*_members(header), *tolerated)
        if tolerated and not policy.tolerant:
            raise refused(tolerated[0])
        check(f"{protected}.{b64(payload)}".encode("ascii"), unb64(signature), key, alg)
    except CredentialRefused as error:
        raise refused(error.reason) from None
    return key, tolerated


def _algorithm(header: Mapping[str, object], policy: SignaturePolicy) -> str:
    alg = header.get("alg")
    if not isinstance(alg, str) or alg not in allowed(policy):
        raise refused("algorithm", presented="another algorithm")
    return alg


def _members(header: Mapping[str, object]) -> tuple[str, ...]:
    if header.keys() <= HEADER:
        return ()
    if header.keys() - HEADER == {"typ"} and header["typ"] in TYPES:
        return ("typ",)
    raise refused("header_member")


def _chosen(header: Mapping[str, object], alg: str, keys: Sequence[Key]) -> tuple[Key, tuple[str, ...]]:
    kid = header.get("kid")
    for key in keys:
        if key.kid == kid:
            return key, ()
    for key in keys:
        if key.thumbprint == kid:
            return key, ("kid-thumbprint",)
    fitting = [key for key in keys if key.alg == alg]
    if kid is None and len(fitting) == 1:
        return fitting[0], ("kid-absent",)
    raise refused("unknown_kid")
