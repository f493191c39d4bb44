"""Both members sign the same bytes with keys of their own, or there is no agreement."""

import base64
import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from consent import canonical, sign_agreement, verify_agreement
from consent.errors import (
    AlgorithmRefused,
    DocumentAltered,
    DocumentInvalid,
    SignatureMalformed,
    SignatureMissing,
    SignatureRefused,
    SignatureUnexpected,
    WrongSigner,
)

Made = Callable[..., Any]
WBB, EPF = "LK/GOV/WBB", "LK/GOV/EPF"


@cache
def key(name: str, kind: str = "Ed25519") -> dict[str, Any]:
    """A private JWK with its name as `kid`; the same name is the same key."""
    made = {
        "Ed25519": lambda: OKPKey.generate_key("Ed25519"),
        "Ed448": lambda: OKPKey.generate_key("Ed448"),
        "P-256": lambda: ECKey.generate_key("P-256"),
        "P-384": lambda: ECKey.generate_key("P-384"),
        "RSA": lambda: RSAKey.generate_key(2048),
    }[kind]()
    return {**made.as_dict(private=True), "kid": name}


def public(private: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in private.items() if name in {"kty", "crv", "x", "y", "n", "e", "kid"}}


KEYS = {WBB: [public(key("wbb-1"))], EPF: [public(key("epf-1"))]}


def both(document: object) -> dict[str, str]:
    return {WBB: sign_agreement(document, key("wbb-1")), EPF: sign_agreement(document, key("epf-1"))}


def signed_with(header: dict[str, Any], payload: bytes, private: Any) -> str:
    registry = jws.JWSRegistry(algorithms=["HS256", "RS256", "ES384", "Ed448", "Ed25519", "ES256", "PS256"])
    registry.strict_check_header = False
    return jws.serialize_compact(header, payload, private, registry=registry)


def test_signed_by_both_it_is_an_agreement_with_its_evidence(document: Made) -> None:
    signatures = both(document())
    signed = verify_agreement(document(), signatures, KEYS)
    assert (signed.agreement.id, signed.agreement.version) == ("A1", 1)
    assert signed.document == canonical(document())
    assert signed.signatures == signatures


@pytest.mark.parametrize("kind", ["Ed25519", "P-256", "RSA"])
def test_each_allowed_kind_of_key_works(document: Made, kind: str) -> None:
    private = key(f"wbb-{kind}", kind)
    signatures = both(document()) | {WBB: sign_agreement(document(), private)}
    assert verify_agreement(document(), signatures, KEYS | {WBB: [public(private)]})


def test_the_newer_name_of_ed25519_works(document: Made) -> None:
    header = {"alg": "Ed25519", "kid": "wbb-1", "typ": "agreement+jws"}
    jwk = OKPKey.import_key({name: value for name, value in key("wbb-1").items() if name != "kid"})
    signatures = both(document()) | {WBB: signed_with(header, canonical(document()), jwk)}
    assert verify_agreement(document(), signatures, KEYS)


def test_the_order_of_members_in_the_text_does_not_matter(document: Made) -> None:
    shuffled = dict(reversed(document().items()))
    assert verify_agreement(shuffled, both(document()), KEYS)


def test_within_one_member_its_one_signature_is_enough(document: Made) -> None:
    own = document(provider={"member": WBB, "systems": [f"{WBB}/PAY"]})
    assert verify_agreement(own, {WBB: sign_agreement(own, key("wbb-1"))}, KEYS)


def test_unsigned_is_refused(document: Made) -> None:
    with pytest.raises(SignatureMissing, match="LK/GOV/EPF, LK/GOV/WBB"):
        verify_agreement(document(), {}, KEYS)


@pytest.mark.parametrize("side", [WBB, EPF])
def test_one_sided_is_refused(document: Made, side: str) -> None:
    with pytest.raises(SignatureMissing):
        verify_agreement(document(), {side: both(document())[side]}, KEYS)


def test_a_signature_of_somebody_else_beside_is_refused(document: Made) -> None:
    with pytest.raises(SignatureUnexpected):
        verify_agreement(document(), both(document()) | {"LK/COM/NOONE": "x.y.z"}, KEYS)


@pytest.mark.parametrize(
    "change", [{"version": 2}, {"may_know_existence": False}, {"purposes": ["employment-support.outreach"]}]
)
def test_altered_after_signing_is_refused(document: Made, change: dict[str, Any]) -> None:
    with pytest.raises(DocumentAltered):
        verify_agreement(document(**change), both(document()), KEYS)


def test_a_flipped_bit_of_the_signature_is_refused(document: Made) -> None:
    signatures = both(document())
    head, body, tail = signatures[WBB].split(".")
    raw = bytearray(base64.urlsafe_b64decode(tail + "=="))
    raw[0] ^= 1
    broken = f"{head}.{body}.{base64.urlsafe_b64encode(raw).rstrip(b'=').decode()}"
    with pytest.raises(WrongSigner):
        verify_agreement(document(), signatures | {WBB: broken}, KEYS)


def test_one_member_cannot_sign_for_the_other(document: Made) -> None:
    signatures = both(document())
    with pytest.raises(WrongSigner, match=EPF):
        verify_agreement(document(), signatures | {EPF: signatures[WBB]}, KEYS)


def test_the_other_members_key_id_does_not_help(document: Made) -> None:
    posing = {**key("wbb-1"), "kid": "epf-1"}
    with pytest.raises(WrongSigner):
        verify_agreement(document(), both(document()) | {EPF: sign_agreement(document(), posing)}, KEYS)


def test_a_member_without_registered_keys_cannot_sign(document: Made) -> None:
    with pytest.raises(WrongSigner):
        verify_agreement(document(), both(document()), {WBB: KEYS[WBB]})


@pytest.mark.parametrize(
    ("alg", "private"),
    [
        ("HS256", OctKey.import_key("0123456789abcdef0123456789abcdef")),
        ("RS256", RSAKey.import_key(public(key("rsa", "RSA")) | key("rsa", "RSA"))),
        ("ES384", ECKey.import_key(key("p384", "P-384"))),
        ("Ed448", OKPKey.import_key(key("ed448", "Ed448"))),
    ],
)
def test_other_algorithms_are_refused_before_any_key_is_tried(document: Made, alg: str, private: Any) -> None:
    header = {"alg": alg, "kid": "wbb-1", "typ": "agreement+jws"}
    with pytest.raises(AlgorithmRefused):
        verify_agreement(
            document(), both(document()) | {WBB: signed_with(header, canonical(document()), private)}, KEYS
        )


def test_alg_none_is_refused(document: Made) -> None:
    head = base64.urlsafe_b64encode(
        json.dumps({"alg": "none", "kid": "wbb-1", "typ": "agreement+jws"}).encode()
    ).rstrip(b"=")
    body = base64.urlsafe_b64encode(canonical(document())).rstrip(b"=")
    with pytest.raises(AlgorithmRefused):
        verify_agreement(document(), both(document()) | {WBB: f"{head.decode()}.{body.decode()}."}, KEYS)


def test_an_algorithm_that_does_not_fit_the_registered_key_is_refused(document: Made) -> None:
    private = key("wbb-1", "P-256")
    with pytest.raises(WrongSigner):
        verify_agreement(document(), both(document()) | {WBB: sign_agreement(document(), private)}, KEYS)


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "Ed25519", "kid": "wbb-1"},
        {"alg": "Ed25519", "kid": "wbb-1", "typ": "at+jwt"},
        {"alg": "Ed25519", "typ": "agreement+jws"},
        {"alg": "Ed25519", "kid": "wbb-1", "typ": "agreement+jws", "jku": "https://keys.example"},
        {"alg": "Ed25519", "kid": "wbb-1", "typ": "agreement+jws", "cty": "x"},
    ],
)
def test_a_signature_made_for_something_else_is_refused(document: Made, header: dict[str, Any]) -> None:
    jwk = OKPKey.import_key({name: value for name, value in key("wbb-1").items() if name != "kid"})
    with pytest.raises(SignatureMalformed):
        verify_agreement(document(), both(document()) | {WBB: signed_with(header, canonical(document()), jwk)}, KEYS)


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c.d", "!.!.!", "e30.e30.e30", "W10.e30.e30", "e31.e30.e30"])
def test_garbage_is_refused(document: Made, text: str) -> None:
    with pytest.raises(SignatureRefused):
        verify_agreement(document(), both(document()) | {WBB: text}, KEYS)


def test_nothing_is_signed_that_would_be_refused(document: Made) -> None:
    with pytest.raises(DocumentInvalid):
        sign_agreement(document(version=0), key("wbb-1"))
    with pytest.raises(AlgorithmRefused):
        sign_agreement(document(), key("p384", "P-384"))
    with pytest.raises(SignatureMalformed):
        sign_agreement(document(), {name: value for name, value in key("wbb-1").items() if name != "kid"})
