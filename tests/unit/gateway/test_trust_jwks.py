"""Which keys may be registered, and which never."""

from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gateway.trust import jwks
from gateway.trust.errors import KeysRefused
from tests.trusting import Pair, b64

EC = Pair("ES256", "ec").jwk
ED = Pair("EdDSA", "ed").jwk
RSA = Pair("PS256", "rsa").jwk


X25519 = {
    "kty": "OKP",
    "crv": "X25519",
    "x": b64(X25519PrivateKey.generate().public_key().public_bytes_raw()),
    "kid": "x",
    "alg": "ECDH-ES+A256KW",
    "use": "enc",
}


def small_rsa() -> dict[str, str]:
    numbers = rsa.generate_private_key(65537, 1024).public_key().public_numbers()
    return RSA | {"n": b64(numbers.n.to_bytes(128, "big"))}


def test_the_three_kinds_are_taken_and_cut_to_what_is_needed() -> None:
    found = jwks.checked({"keys": [EC | {"x5u": "https://evil.example", "key_ops": ["verify"]}, ED, RSA]})
    assert [dict(key.jwk) for key in found] == [EC, ED, RSA]


@pytest.mark.parametrize("alg", ["ECDH-ES", "ECDH-ES+A256KW", "RSA-OAEP-256"])
def test_keys_to_encrypt_to_their_owner_are_taken_in_every_kind(alg: str) -> None:
    kinds = [RSA] if alg.startswith("RSA") else [EC, X25519]
    for member in kinds:
        (key,) = jwks.checked({"keys": [member | {"use": "enc", "alg": alg}]})
        assert (key.use, key.alg) == ("enc", alg)


def test_rs256_is_taken_only_where_the_policy_names_it() -> None:
    document = {"keys": [RSA | {"alg": "RS256"}]}
    assert jwks.checked(document, also=("RS256",))[0].alg == "RS256"
    with pytest.raises(KeysRefused, match="needs alg ECDH-ES"):
        jwks.checked({"keys": [RSA | {"alg": "RS256", "use": "enc"}]}, also=("RS256",))


def test_exp_ends_a_key_and_is_no_part_of_it() -> None:
    (key,) = jwks.checked({"keys": [EC | {"exp": 1_800_000_000}]})
    assert key.not_after == datetime(2027, 1, 15, 8, 0, tzinfo=UTC)
    assert dict(key.jwk) == EC


def test_of_a_published_set_what_fits_is_used_and_a_private_key_spoils_it() -> None:
    other = {"kty": "oct", "kid": "s", "alg": "HS256", "use": "sig"}
    assert [key.kid for key in jwks.usable({"keys": [other, EC, "junk", ED]})] == ["ec", "ed"]
    for bad in ({"keys": [other]}, {"keys": [EC, RSA | {"d": "AAAA"}]}, {"keys": {}}, []):
        with pytest.raises(KeysRefused):
            jwks.usable(bad)


def test_the_thumbprint_is_rfc_7638s() -> None:
    pair = Pair()
    assert jwks.public_key(pair.jwk).thumbprint == pair.thumbprint()


HOSTILE: dict[str, Any] = {
    "not an object": [],
    "no keys member": {},
    "no keys": {"keys": []},
    "nine keys": {"keys": [EC | {"kid": f"k{n}"} for n in range(9)]},
    "a kid twice": {"keys": [EC, EC]},
    "a key that is no object": {"keys": ["ec"]},
    "private EC": {"keys": [EC | {"d": "AAAA"}]},
    "private RSA, one prime only": {"keys": [RSA | {"p": "AAAA"}]},
    "symmetric": {"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "s", "alg": "HS256", "use": "sig"}]},
    "no kid": {"keys": [{name: value for name, value in EC.items() if name != "kid"}]},
    "kid empty": {"keys": [EC | {"kid": ""}]},
    "kid with a line break": {"keys": [EC | {"kid": "a\nb"}]},
    "kid too long": {"keys": [EC | {"kid": "k" * 129}]},
    "kid not a text": {"keys": [EC | {"kid": 7}]},
    "no alg": {"keys": [{name: value for name, value in EC.items() if name != "alg"}]},
    "RS256": {"keys": [RSA | {"alg": "RS256"}]},
    "alg none": {"keys": [EC | {"alg": "none"}]},
    "alg a list": {"keys": [EC | {"alg": ["ES256"]}]},
    "alg of another kind": {"keys": [EC | {"alg": "EdDSA"}]},
    "use enc with an algorithm that signs": {"keys": [EC | {"use": "enc"}]},
    "use sig with an algorithm that encrypts": {"keys": [EC | {"alg": "ECDH-ES"}]},
    "use something else": {"keys": [EC | {"use": "both"}]},
    "use a list": {"keys": [EC | {"use": ["sig"]}]},
    "enc on Ed25519": {"keys": [ED | {"use": "enc", "alg": "ECDH-ES"}]},
    "enc on X25519, a point of small order": {"keys": [X25519 | {"x": b64(bytes(32))}]},
    "enc with RSA-OAEP": {"keys": [RSA | {"use": "enc", "alg": "RSA-OAEP"}]},
    "enc with RSA1_5": {"keys": [RSA | {"use": "enc", "alg": "RSA1_5"}]},
    "enc with a shared secret": {"keys": [{"kty": "oct", "kid": "s", "alg": "dir", "use": "enc"}]},
    "exp a text": {"keys": [EC | {"exp": "1800000000"}]},
    "exp true": {"keys": [EC | {"exp": True}]},
    "exp before time": {"keys": [EC | {"exp": 0}]},
    "exp beyond the calendar": {"keys": [EC | {"exp": 1 << 60}]},
    "no use": {"keys": [{name: value for name, value in EC.items() if name != "use"}]},
    "P-384": {"keys": [EC | {"crv": "P-384"}]},
    "X25519 that signs": {"keys": [ED | {"crv": "X25519"}]},
    "RSA with a curve": {"keys": [RSA | {"crv": "P-256"}]},
    "point not on the curve": {"keys": [EC | {"y": EC["x"]}]},
    "coordinate missing": {"keys": [{name: value for name, value in EC.items() if name != "y"}]},
    "coordinate padded": {"keys": [EC | {"x": EC["x"] + "="}]},
    "Ed25519 of 31 bytes": {"keys": [ED | {"x": b64(b"x" * 31)}]},
    "RSA of 1024 bits": {"keys": [small_rsa()]},
    "RSA with exponent 3": {"keys": [RSA | {"e": "Aw"}]},
}


@pytest.mark.parametrize("document", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_bad_key_set_is_refused_with_what_to_do(document: object) -> None:
    with pytest.raises(KeysRefused) as refused:
        jwks.checked(document)
    assert len(refused.value.detail) > 20
