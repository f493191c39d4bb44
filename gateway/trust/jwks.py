"""Which public keys may be registered.

At most eight; each with `kid`, `alg` and `use`. To check signatures (`sig`): EdDSA on Ed25519, ES256 on P-256 or PS256
with RSA of 2048 to 4096 bits. To encrypt to its owner (`enc`): ECDH-ES or ECDH-ES+A256KW on P-256 or X25519, or
RSA-OAEP-256. RS256 only for a system whose policy names it. A private member is refused, loudly: that key is burnt.
Unknown members are dropped, so that no `x5u` or `x5c` is ever stored, let alone followed; `exp` ends the key.

Source: RFC 7517, RFC 7518 sections 3, 4 and 6, RFC 8037; FAPI 2.0 Security Profile section 5.4.
"""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from joserfc import jwk
from joserfc.errors import JoseError

from .errors import CredentialRefused, KeysRefused
from .jose import Key, unb64

MOST_KEYS = 8
MEMBERS = {"OKP": ("crv", "x"), "EC": ("crv", "x", "y"), "RSA": ("n", "e")}
ED25519, X25519, P256, RSA = ("OKP", "Ed25519"), ("OKP", "X25519"), ("EC", "P-256"), ("RSA", None)
KINDS: dict[str, dict[str, tuple[tuple[str, str | None], ...]]] = {  # use -> alg -> (kty, crv)
    "sig": {"EdDSA": (ED25519,), "ES256": (P256,), "PS256": (RSA,)},
    "enc": {"ECDH-ES": (P256, X25519), "ECDH-ES+A256KW": (P256, X25519), "RSA-OAEP-256": (RSA,)},
}
LEGACY: dict[str, tuple[tuple[str, str | None], ...]] = {"RS256": (RSA,)}  # to check a partner's dialect only
PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})
KID = re.compile(r"[A-Za-z0-9._:~/|-]{1,128}", re.ASCII)
LATEST = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())


def checked(document: object, also: Collection[str] = ()) -> tuple[Key, ...]:
    """The keys of a JWK set that obeys the rules above.

    Args:
        document: `{"keys": [{...}, ...]}` as strictly read JSON.
        also: algorithms of `LEGACY` that the owner's policy allows.

    Raises:
        KeysRefused: a rule is broken; the text says which key and which rule.
    """
    listed = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST_KEYS:
        raise KeysRefused(f'send {{"keys": [...]}} with 1 to {MOST_KEYS} public keys')
    keys = tuple(public_key(each, also) for each in listed)
    if len({key.kid for key in keys}) != len(keys):
        raise KeysRefused("two keys have the same kid; give each its own")
    return keys


def usable(document: object, also: Collection[str] = ()) -> tuple[Key, ...]:
    """Those keys of a published JWK set that may be used here. A set that others read too may hold other kinds, which
    are passed over; what may never be published at all spoils the whole set.

    Raises:
        KeysRefused: no usable key, more than eight, one kid twice, or a private member.
    """
    listed = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(listed, list):
        raise KeysRefused('the published key set is not {"keys": [...]}')
    if any(isinstance(each, Mapping) and PRIVATE & each.keys() for each in listed):
        raise KeysRefused("the published key set holds private members: those keys are burnt, make new ones")
    good = [each for each in listed if _is_usable(each, also)]
    if not good:
        raise KeysRefused("the published key set holds no key that may be used here")
    return checked({"keys": good}, also)


def _is_usable(member: object, also: Collection[str]) -> bool:
    try:
        public_key(member, also)
    except KeysRefused:
        return False
    return True


def public_key(member: object, also: Collection[str] = ()) -> Key:
    """One JWK, checked and cut to its public members.

    Raises:
        KeysRefused: see `checked`.
    """
    if not isinstance(member, Mapping):
        raise KeysRefused("a key is a JSON object")
    if PRIVATE & member.keys():
        raise KeysRefused("a key holds private members: keep them, make a new key, send only its public half")
    kid, alg, use = member.get("kid"), member.get("alg"), member.get("use")
    if not isinstance(kid, str) or not KID.fullmatch(kid):
        raise KeysRefused("every key needs a kid of 1 to 128 letters, digits or ._:~/|-")
    if not isinstance(use, str) or use not in KINDS:
        raise KeysRefused("every key needs use: sig, or use: enc")
    kinds = KINDS[use] | ({name: LEGACY[name] for name in also if name in LEGACY} if use == "sig" else {})
    if not isinstance(alg, str) or alg not in kinds:
        raise KeysRefused(f"a key with use: {use} needs alg {', '.join(sorted(kinds))}")
    found = (member.get("kty"), member.get("crv"))
    if found not in kinds[alg]:
        raise KeysRefused(f"alg {alg} needs {' or '.join(map(_told, kinds[alg]))}")
    return _imported({"kid": kid, "alg": alg, "use": use}, member)


def _told(kind: tuple[str, str | None]) -> str:
    kty, crv = kind
    return f"kty {kty} with crv {crv}" if crv else f"kty {kty} without crv"


def _imported(named: dict[str, str], member: Mapping[str, object]) -> Key:
    kty = str(member["kty"])
    public = {"kty": kty} | {name: str(member.get(name, "")) for name in MEMBERS[kty]}
    try:
        _check_numbers(public)
        material = jwk.import_key({**public, "kid": named["kid"]})
        material.get_op_key("verify" if named["use"] == "sig" else "deriveKey" if kty != "RSA" else "wrapKey")
        _check_point(material.public_key if isinstance(material, jwk.OKPKey) else None)
    except (JoseError, CredentialRefused, ValueError, TypeError):
        raise KeysRefused(f"the key values do not form a {named['alg']} key; export the public key again") from None
    return Key(named["kid"], named["alg"], {**named, **public}, material, _end(member))


def _end(member: Mapping[str, object]) -> datetime | None:
    """Its `exp`: not in RFC 7517, but written by many tools, and always meant as the end."""
    if "exp" not in member:
        return None
    seconds = member["exp"]
    if type(seconds) is not int or not 0 < seconds <= LATEST:
        raise KeysRefused("exp of a key is a whole number of seconds since 1970")
    return datetime.fromtimestamp(seconds, UTC)


def _check_point(public: object) -> None:
    if isinstance(public, X25519PublicKey):  # a point of small order gives everyone the same secret
        X25519PrivateKey.generate().exchange(public)


def _check_numbers(public: Mapping[str, str]) -> None:
    for name in public.keys() - {"kty", "crv"}:
        unb64(public[name])
    if public["kty"] != "RSA":
        return
    modulus = int.from_bytes(unb64(public["n"]), "big")
    if not 2048 <= modulus.bit_length() <= 4096 or public["e"] != "AQAB":
        raise KeysRefused("an RSA key has 2048 to 4096 bits and the exponent 65537")
