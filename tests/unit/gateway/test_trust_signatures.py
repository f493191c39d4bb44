"""Envelope signatures survive re-serialising and nothing else."""

import json

import pytest

from gateway.trust import jwks, signatures
from gateway.trust.errors import SignatureRefused
from gateway.trust.keys import new_key
from tests.trusting import Pair, b64

KEY = new_key("EdDSA")
PUBLIC = jwks.checked({"keys": [dict(KEY.jwk), Pair(kid="other").jwk]})
HEADER = {"message_id": "m1", "sender_id": "LK.GOV.DME.ESS", "action": "notify", "total_count": 1}
MESSAGE = {"transaction_id": "t1", "names": [{"si": "කමලා", "ta": "கமலா"}], "amount": "10.50"}


def envelope(**changed: object) -> dict[str, object]:
    return {"signature": signatures.signed(HEADER, MESSAGE, KEY), "header": HEADER, "message": MESSAGE} | changed


def test_a_signed_envelope_names_its_key() -> None:
    assert signatures.verify(envelope(), PUBLIC).kid == KEY.kid


def test_order_escaping_and_spaces_do_not_matter() -> None:
    turned = {name: dict(reversed(list(part.items()))) for name, part in (("message", MESSAGE), ("header", HEADER))}
    again = json.loads(json.dumps(envelope(**turned), ensure_ascii=True, indent=3))
    assert signatures.verify(again, PUBLIC)


@pytest.mark.parametrize("alg", ["ES256", "PS256"])
def test_systems_may_sign_with_each_algorithm(alg: str) -> None:
    key = new_key(alg)
    signed = envelope(signature=signatures.signed(HEADER, MESSAGE, key))
    assert signatures.verify(signed, jwks.checked({"keys": [dict(key.jwk)]}))


def attached() -> str:
    first, _, last = signatures.signed(HEADER, MESSAGE, KEY).split(".")
    return f"{first}.{b64(b'{}')}.{last}"


HOSTILE: dict[str, dict[str, object]] = {
    "absent": {"signature": ""},
    "a number": {"signature": 1},
    "the compliance suite's stub": {"signature": "unsigned-stub"},
    "a cavage style header": {"signature": 'Signature: namespace="spdci", algorithm="ed25519"'},
    "payload attached": {"signature": attached()},
    "two segments": {"signature": "a.b"},
    "not base64": {"signature": "*..*"},
    "longer than 2 kB": {"signature": "a" * 3000},
    "header changed": {"header": HEADER | {"sender_id": "LK.COM.EVIL.APP"}},
    "message changed": {"message": MESSAGE | {"amount": "1050"}},
    "a member added": {"message": MESSAGE | {"more": None}},
    "number for text": {"header": HEADER | {"total_count": "1"}},
    "message without canonical form": {"message": {"x": float("nan")}},
    "key of nobody": {"signature": signatures.signed(HEADER, MESSAGE, new_key("EdDSA"))},
    "key id of another key": {"signature": Pair(kid=KEY.kid).jws({"alg": "ES256", "kid": KEY.kid}, b"")},
}


@pytest.mark.parametrize("changed", HOSTILE.values(), ids=HOSTILE.keys())
def test_anything_else_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(SignatureRefused):
        signatures.verify(envelope(**changed), PUBLIC)
