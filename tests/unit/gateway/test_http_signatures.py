"""RFC 9421 as the gateway holds callers to it: what must be covered, by whose key, when, and how often it is there."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sandhi_client.http_signatures import Exchanged, check
from sandhi_client.http_signatures import signed as sdk_signed
from sandhi_client.keys import OwnKey, PublicKeys

from gateway.trust.dialects import DIALECTS, Message
from gateway.trust.dialects.message import with_fields
from gateway.trust.errors import NotCanonical, SignatureRefused
from gateway.trust.jwks import public_key
from gateway.trust.keys import new_key, private_jwk
from gateway.trust.policy import SignaturePolicy
from tests.trusting import NOW

RFC9421 = DIALECTS["rfc9421"]
POLICY = SignaturePolicy(dialect="rfc9421", window_s=60)
KEY, OTHER = new_key("EdDSA"), new_key("EdDSA")
PUBLIC = [public_key(dict(KEY.jwk))]
URL = "https://gateway.example/v1/exchanges?case=1"
HEADERS = (("authorization", "DPoP token"), ("dpop", "proof"), ("content-type", "application/json"))
PLAIN = Message(b'{"name": "\xe0\xb6\x9a"}', headers=HEADERS, method="POST", url=URL)
SIGNED = RFC9421.sign(PLAIN, KEY, NOW)


def verify(message: Message, **more: Any) -> Any:
    return RFC9421.verify(message, more.get("keys", PUBLIC), more.get("policy", POLICY), more.get("now", NOW))


def reason(message: Message, **more: Any) -> str:
    with pytest.raises(SignatureRefused) as refused:
        verify(message, **more)
    return refused.value.reason


def changed(old: str, new: str, field: str = "signature-input", message: Message = SIGNED) -> Message:
    value = message.field(field) or ""
    assert old in value
    return replace(message, headers=with_fields(message.headers, (field, value.replace(old, new, 1))))


def without(name: str, message: Message = PLAIN) -> Message:
    return replace(message, headers=tuple(each for each in message.headers if each[0] != name))


def test_a_good_signature_says_what_it_covers() -> None:
    proof = verify(SIGNED)
    assert (proof.kid, proof.dialect, len(proof.nonce) >= 16) == (KEY.kid, "rfc9421", True)
    parts = ("@method", "@target-uri", "authorization", "dpop", "content-type", "content-digest")
    assert proof.coverage == tuple(f'"{each}"' for each in parts)
    assert proof.expires == NOW + timedelta(seconds=120)


@pytest.mark.parametrize("alg", ["EdDSA", "ES256", "PS256"])
def test_every_algorithm_of_ours_signs(alg: str) -> None:
    key = new_key(alg)
    assert verify(RFC9421.sign(PLAIN, key, NOW), keys=[public_key(dict(key.jwk))]).kid == key.kid


@pytest.mark.parametrize("name", ["@method", "@target-uri", "authorization", "dpop", "content-type", "content-digest"])
def test_each_required_part_must_be_covered(name: str) -> None:
    bare = without(name) if not name.startswith("@") else PLAIN
    signed = RFC9421.sign(replace(bare, body=b"") if name == "content-digest" else bare, KEY, NOW)
    if name.startswith("@"):
        signed = changed(f'"{name}" ', "", message=signed)
    there = [each for each in SIGNED.headers if each[0] == name]
    assert reason(replace(signed, headers=(*signed.headers, *there), body=PLAIN.body)) in {
        "signature",
        "content_digest",
    }


def test_an_idempotency_key_must_be_covered_where_there_is_one() -> None:
    assert reason(replace(SIGNED, headers=(*SIGNED.headers, ("idempotency-key", "k")))) == "signature"
    keyed = replace(PLAIN, headers=(*PLAIN.headers, ("idempotency-key", "k")))
    assert '"idempotency-key"' in verify(RFC9421.sign(keyed, KEY, NOW)).coverage


HOSTILE: dict[str, tuple[Callable[[], Message], str]] = {
    "another method": (lambda: replace(SIGNED, method="PUT"), "signature"),
    "another query": (lambda: replace(SIGNED, url=URL.replace("1", "2")), "signature"),
    "another host": (lambda: replace(SIGNED, url=URL.replace("gateway", "evil")), "signature"),
    "another body": (lambda: replace(SIGNED, body=b"{}"), "content_digest"),
    "a body added": (
        lambda: replace(RFC9421.sign(replace(without("content-type"), body=b""), KEY, NOW), body=b"{}"),
        "signature",
    ),
    "another token": (lambda: changed("token", "other", "authorization"), "signature"),
    "another key's name": (lambda: changed(KEY.kid, OTHER.kid), "unknown_kid"),
    "no nonce": (lambda: changed(";nonce=", ";tagg="), "signature"),
    "made in another minute": (lambda: changed("created=", "created=1"), "signature"),
    "another label's signature": (lambda: changed("sandhi=:", "other=:", "signature"), "signature"),
    "no tag": (lambda: changed(';tag="fapi-2-request"', ""), "not_one_signature_with_our_tag"),
    "the answer's tag": (lambda: changed("fapi-2-request", "fapi-2-response"), "not_one_signature_with_our_tag"),
    "an algorithm that is not the key's": (lambda: changed(";created", ';alg="hmac-sha256";created'), "algorithm"),
    "the right algorithm, unsigned": (lambda: changed(";created", ';alg="ed25519";created'), "signature"),
    "an empty field": (lambda: changed(SIGNED.field("signature-input") or "", ""), "not_one_signature_with_our_tag"),
    "not a structured field": (lambda: changed("(", "(("), "signature_input"),
    "longer than is read": (lambda: changed("sandhi=", f"x{'y' * 5000}=1, sandhi="), "form"),
    "no signature field": (lambda: without("signature", SIGNED), "signature"),
    "a part twice": (lambda: changed('("@method"', '("@method" "@method"'), "signature"),
    "a part of a request that is none": (lambda: changed('"@method"', '"@method";req'), "signature"),
    "a part that is not there": (lambda: changed('("@method"', '("x-nothing" "@method"'), "signature"),
}


@pytest.mark.parametrize(("made", "told"), HOSTILE.values(), ids=HOSTILE.keys())
def test_anything_else_is_refused(made: Callable[[], Message], told: str) -> None:
    assert reason(made()) == told


def test_two_signatures_with_our_tag_are_refused_and_one_with_another_is_passed_over() -> None:
    again = RFC9421.sign(PLAIN, KEY, NOW)
    pairs = [
        (name, (SIGNED.field(name) or "", (again.field(name) or "").replace("sandhi=", "two=", 1)))
        for name in ("signature-input", "signature")
    ]
    both = replace(SIGNED, headers=with_fields(SIGNED.headers, *((name, ", ".join(two)) for name, two in pairs)))
    assert reason(both) == "not_one_signature_with_our_tag"
    other = changed('two=("@method"', 'two=("@method"', message=both)
    inputs = (other.field("signature-input") or "").split(", two=")
    foreign = f"{inputs[0]}, two={inputs[1].replace('fapi-2-request', 'a-proxy')}"
    assert verify(replace(both, headers=with_fields(both.headers, ("signature-input", foreign)))).kid == KEY.kid


@pytest.mark.parametrize(("seconds", "good"), [(-61, False), (-60, True), (60, True), (61, False)])
def test_it_counts_within_the_window_only(seconds: int, good: bool) -> None:
    now = NOW + timedelta(seconds=seconds)
    if good:
        assert verify(SIGNED, now=now)
    else:
        assert reason(SIGNED, now=now) == "created"


def test_an_older_algorithm_counts_only_where_the_policy_names_it() -> None:
    key = replace(new_key("PS256"), alg="RS256")
    signed = RFC9421.sign(PLAIN, key, NOW)
    with pytest.raises(SignatureRefused) as refused:
        verify(signed, keys=[key])
    assert (refused.value.reason, refused.value.presented) == ("algorithm", "another algorithm")
    assert verify(signed, keys=[key], policy=replace(POLICY, algorithms=("RS256",))).kid == key.kid


def test_what_http_does_not_allow_is_not_signed() -> None:
    with pytest.raises(NotCanonical):
        RFC9421.sign(replace(PLAIN, headers=(("content-type", "a\nb"),)), KEY, NOW)
    with pytest.raises(NotCanonical):
        RFC9421.sign(replace(PLAIN, url="not a url"), KEY, NOW)


def answer(request: Message = SIGNED, **more: Any) -> Message:
    plain = Message(b'{"a": 1}', headers=(("content-type", "application/json"),), status=200, request=request)
    return replace(RFC9421.sign(plain, KEY, NOW), **more)


def test_an_answer_belongs_to_its_request() -> None:
    assert '"signature";req' in verify(answer()).coverage
    for other in (replace(SIGNED, method="PUT"), RFC9421.sign(PLAIN, KEY, NOW), changed("sandhi", "other")):
        assert reason(replace(answer(), request=other)) == "signature"
    assert reason(answer(status=201)) == "signature"
    assert reason(answer(body=b"{}")) == "content_digest"
    assert verify(answer(RFC9421.sign(replace(PLAIN, body=b""), KEY, NOW))).kid == KEY.kid


async def test_the_client_library_and_the_gateway_read_each_other() -> None:
    own = OwnKey(private_jwk(KEY))
    headers = sdk_signed(Exchanged("POST", URL, dict(HEADERS), PLAIN.body), own)
    from_sdk = Message(PLAIN.body, headers=tuple(headers.items()), method="POST", url=URL)
    proof = RFC9421.verify(from_sdk, PUBLIC, replace(POLICY, window_s=10**9), NOW)
    assert proof.kid == KEY.kid
    response = answer(from_sdk)
    asked = Exchanged("POST", URL, headers, PLAIN.body)
    received = Exchanged("", "", dict(response.headers), response.body, 200, asked)
    keys = PublicKeys({"keys": [dict(KEY.jwk)]})
    assert check(received, keys, window=10**9) != proof.nonce
    with pytest.raises(ValueError, match="not the gateway's"):
        check(replace(received, status=201), keys, window=10**9)
    with pytest.raises(ValueError, match="not the gateway's"):
        check(received, PublicKeys({"keys": [dict(OTHER.jwk)]}), window=10**9)
