"""Which public keys may be registered.

At most eight; each with `kid`, `alg` and `use: sig`; EdDSA on Ed25519, ES256 on P-256 or PS256 with RSA of 2048
to 4096 bits. A private member is refused, loudly: that key is burnt. Unknown members are dropped, so that no
`x5u` or `x5c` is ever stored, let alone followed.

Source: RFC 7517, RFC 7518 section 6, RFC 8037; FAPI 2.0 Security Profile section 5.4.
"""

import re
from collections.abc import Mapping

from joserfc import jwk
from joserfc.errors import JoseError

from .errors import CredentialRefused, KeysRefused
from .jose import Key, unb64

MOST_KEYS = 8
MEMBERS = {"EdDSA": ("OKP", ("crv", "x")), "ES256": ("EC", ("crv", "x", "y")), "PS256": ("RSA", ("n", "e"))}
CURVES = {"EdDSA": "Ed25519", "ES256": "P-256"}
PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})
KID = re.compile(r"[A-Za-z0-9._:~/|-]{1,128}", re.ASCII)


def checked(document: object) -> tuple[Key, ...]:
    """The keys of a JWK set that obeys the rules above.

    Args:
        document: `{"keys": [{...}, ...]}` as strictly read JSON.

    Raises:
        KeysRefused: a rule is broken; the text says which key and which rule.
    """
    listed = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST_KEYS:
        raise KeysRefused(f'send {{"keys": [...]}} with 1 to {MOST_KEYS} public keys')
    keys = tuple(public_key(each) for each in listed)
    if len({key.kid for key in keys}) != len(keys):
        raise KeysRefused("two keys have the same kid; give each its own")
    return keys


def public_key(member: object) -> Key:
    """One JWK, checked and cut to its public members.

    Raises:
        KeysRefused: see `checked`.
    """
    if not isinstance(member, Mapping):
        raise KeysRefused("a key is a JSON object")
    if PRIVATE & member.keys():
        raise KeysRefused("a key holds private members: keep them, make a new key, send only its public half")
    kid, alg = member.get("kid"), member.get("alg")
    if not isinstance(kid, str) or not KID.fullmatch(kid):
        raise KeysRefused("every key needs a kid of 1 to 128 letters, digits or ._:~/|-")
    if not isinstance(alg, str) or alg not in MEMBERS:
        raise KeysRefused("every key needs alg EdDSA, ES256 or PS256")
    if member.get("use") != "sig":
        raise KeysRefused("every key needs use: sig")
    return _imported(kid, alg, member)


def _imported(kid: str, alg: str, member: Mapping[str, object]) -> Key:
    kty, names = MEMBERS[alg]
    if member.get("kty") != kty or member.get("crv") != CURVES.get(alg):
        raise KeysRefused(f"alg {alg} needs kty {kty}{f' and crv {CURVES[alg]}' if alg in CURVES else ''}")
    public = {"kty": kty} | {name: str(member.get(name, "")) for name in names}
    try:
        _check_numbers(public)
        material = jwk.import_key({**public, "kid": kid})
        material.get_op_key("verify")
    except (JoseError, CredentialRefused, ValueError, TypeError):
        raise KeysRefused(f"the key values do not form a {alg} key; export the public key again") from None
    return Key(kid, alg, {"kid": kid, "alg": alg, "use": "sig"} | public, material)


def _check_numbers(public: Mapping[str, str]) -> None:
    for name in public.keys() - {"kty", "crv"}:
        unb64(public[name])
    if public["kty"] != "RSA":
        return
    modulus = int.from_bytes(unb64(public["n"]), "big")
    if not 2048 <= modulus.bit_length() <= 4096 or public["e"] != "AQAB":
        raise KeysRefused("an RSA key has 2048 to 4096 bits and the exponent 65537")
