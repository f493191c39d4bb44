"""The sandbox's own signing agrees with everybody else's: canonical bytes, detached signatures, key sets."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.trust import jcs as ours
from gateway.trust import signatures
from gateway.trust.jwks import public_key
from gateway.trust.keys import new_key, private_jwk
from sandbox.jcs import NotCanonical, canonical
from sandbox.jose import KeySet, KeyUnusable, OwnKey

TEXT = st.text(st.characters(codec="utf-8"))
EXACT = st.integers(-(2**53) + 1, 2**53 - 1)
SCALAR = st.none() | st.booleans() | EXACT | st.floats(allow_nan=False, allow_infinity=False) | TEXT
JSON = st.recursive(SCALAR, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20)
CONTENT = canonical({"header": {"a": 1}, "message": {"name": "කමලා"}})


@given(JSON)
def test_canonical_bytes_are_those_of_an_independent_writer(value: Any) -> None:
    assert canonical(value) == ours.canonical(value)


@given(JSON)
def test_canonical_bytes_read_back_as_the_same_value(value: Any) -> None:
    assert json.loads(canonical(value), parse_int=float) == value  # JSON knows doubles only


# Source: RFC 8785, appendix B.
@pytest.mark.parametrize(
    ("number", "text"),
    [
        (-0.0, "0"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (9007199254740992.0, "9007199254740992"),
        (295147905179352830000.0, "295147905179352830000"),
        (9.999999999999997e22, "9.999999999999997e+22"),
        (1e21, "1e+21"),
        (0.000001, "0.000001"),
        (9.999999999999997e-7, "9.999999999999997e-7"),
        (333333333.3333333, "333333333.3333333"),
    ],
)
def test_numbers_are_written_as_the_standard_has_them(number: float, text: str) -> None:
    assert canonical(number) == text.encode()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53, "\ud800", object()])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(NotCanonical):
        canonical(value)


@pytest.mark.parametrize("alg", ["EdDSA", "ES256"])
def test_signature_of_the_gateway_verifies_and_nothing_else_does(alg: str) -> None:
    key, other = new_key(alg), new_key(alg)
    keys = KeySet({"keys": [dict(key.jwk), {"kty": "RSA", "kid": "r"}, {"kty": "OKP"}]})
    signature = signatures.detached(CONTENT, key)
    assert keys.signed(CONTENT, signature)
    assert not keys.signed(CONTENT + b" ", signature)
    assert not keys.signed(CONTENT, signatures.detached(CONTENT, other))
    assert not KeySet({"keys": [{**other.jwk, "kid": key.kid}]}).signed(CONTENT, signature)
    header, _, value = signature.split(".")
    for broken in (
        "",
        "..",
        f"{header}.{value}",
        f"{header}.x.{value}",
        f"{header}..",
        f"{header}..!!",
        f"e30..{value}",
    ):
        assert not keys.signed(CONTENT, broken)


def test_own_signature_verifies_with_the_gateways_code() -> None:
    key = new_key("EdDSA")
    envelope = {"header": {"a": 1}, "message": {"name": "කමලා"}}
    own = OwnKey(private_jwk(key))
    signed = envelope | {"signature": own.detached(canonical(envelope))}
    assert signatures.verify(signed, [public_key(dict(key.jwk))]).kid == own.kid


def test_key_of_another_kind_is_refused_with_what_is_wanted() -> None:
    with pytest.raises(KeyUnusable, match="Ed25519"):
        OwnKey(private_jwk(new_key("ES256")))
