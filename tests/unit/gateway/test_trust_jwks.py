"""Which keys may be registered, and which never."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from gateway.trust import jwks
from gateway.trust.errors import KeysRefused
from tests.trusting import Pair, b64

EC = Pair("ES256", "ec").jwk
ED = Pair("EdDSA", "ed").jwk
RSA = Pair("PS256", "rsa").jwk


def small_rsa() -> dict[str, str]:
    numbers = rsa.generate_private_key(65537, 1024).public_key().public_numbers()
    return RSA | {"n": b64(numbers.n.to_bytes(128, "big"))}


def test_the_three_kinds_are_taken_and_cut_to_what_is_needed() -> None:
    found = jwks.checked({"keys": [EC | {"x5u": "https://evil.example", "key_ops": ["verify"]}, ED, RSA]})
    assert [dict(key.jwk) for key in found] == [EC, ED, RSA]


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
    "use enc": {"keys": [EC | {"use": "enc"}]},
    "no use": {"keys": [{name: value for name, value in EC.items() if name != "use"}]},
    "P-384": {"keys": [EC | {"crv": "P-384"}]},
    "X25519": {"keys": [ED | {"crv": "X25519"}]},
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
