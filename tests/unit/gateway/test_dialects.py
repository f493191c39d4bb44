"""What each dialect tolerates has a name, is taken only by agreement, and is never sent."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.trust.dialects import DIALECTS, Message
from gateway.trust.dialects.dci_params import parameters
from gateway.trust.dialects.message import with_fields
from gateway.trust.dialects.unsigned import STUB
from gateway.trust.errors import RegistrationRefused, SignatureRefused
from gateway.trust.jose import Key, b64, sign
from gateway.trust.jwks import public_key
from gateway.trust.keys import new_key
from gateway.trust.policy import DIALECTS as AGREEABLE
from gateway.trust.policy import Policy, SignaturePolicy
from gateway.trust.signatures import proved
from tests.trusting import NOW

KEY = new_key("ES256")
ED = new_key("EdDSA")
PUBLIC = [public_key(dict(KEY.jwk)), public_key(dict(ED.jwk))]
ENVELOPE = {"header": {"sender_id": "LK.GOV.DME.ESS"}, "message": {"name": "கமலா"}}
PLAIN = Message.of(ENVELOPE)
JWS = ("dci-jws", "jws-body", "jws-header")


def named(kid: str) -> list[Key]:
    """The keys, registered under other names than those in the messages."""
    return [replace(each, kid=f"{kid}{n}") for n, each in enumerate(PUBLIC)]


def header_of(dialect: str, message: Message) -> str:
    found = message.field("signature") if dialect == "jws-header" else message.signature
    return str(found).partition(".")[0]


def with_header(dialect: str, change: Callable[[dict[str, str]], object], key: Key = KEY) -> Message:
    """A message whose signature has another protected header, properly signed."""
    good = DIALECTS[dialect].sign(PLAIN, key, NOW)
    text = str(good.field("signature") if dialect == "jws-header" else good.signature)
    members = json.loads(base64.urlsafe_b64decode(header_of(dialect, good) + "=="))
    change(members)
    content = content_of(dialect, good)
    protected = b64(json.dumps(members).encode())
    signature = b64(key.signature(f"{protected}.{b64(content)}".encode()))
    made = f"{protected}.{text.split('.')[1]}.{signature}"
    if dialect == "jws-header":
        return replace(good, headers=with_fields(good.headers, ("signature", made)))
    return Message.of({**ENVELOPE, "signature": made})


def content_of(dialect: str, good: Message) -> bytes:
    if dialect == "jws-header":
        return good.body
    if dialect == "jws-body":
        return base64.urlsafe_b64decode(str(good.signature).split(".")[1] + "==")
    return json.dumps(ENVELOPE, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def judged(dialect: str, message: Message, keys: list[Key] | None = None, **policy: Any) -> tuple[str, ...]:
    agreed = replace(SignaturePolicy(dialect=dialect), **policy)
    return proved(message, keys or PUBLIC, agreed, NOW).coercions


@pytest.mark.parametrize("dialect", JWS)
@pytest.mark.parametrize(
    ("coercion", "change", "keys"),
    [
        ("typ", lambda members: members.update(typ="JWT"), PUBLIC),
        ("kid-thumbprint", lambda members: None, named("other")),
        ("kid-absent", lambda members: members.pop("kid"), named("other")),
    ],
)
def test_a_coercion_is_taken_by_agreement_and_named(
    dialect: str, coercion: str, change: Callable[[dict[str, str]], object], keys: list[Key]
) -> None:
    message = with_header(dialect, change)
    with pytest.raises(SignatureRefused) as refused:
        judged(dialect, message, keys)
    assert refused.value.reason == coercion
    assert judged(dialect, message, keys, tolerant=True) == (coercion,)
    assert coercion in DIALECTS[dialect].coercions


@pytest.mark.parametrize("dialect", JWS)
@pytest.mark.parametrize("member", ["jku", "x5u", "x5c", "jwk", "crit", "b64", "zip"])
def test_no_tolerance_lets_a_message_bring_its_own_key(dialect: str, member: str) -> None:
    message = with_header(dialect, lambda members: members.update({member: "https://evil.example"}))
    with pytest.raises(SignatureRefused):
        judged(dialect, message, tolerant=True)


@pytest.mark.parametrize("dialect", JWS)
@pytest.mark.parametrize("alg", ["none", "HS256", "RS256", "ES384", ""])
def test_an_algorithm_that_is_not_agreed_is_a_downgrade(dialect: str, alg: str) -> None:
    message = with_header(dialect, lambda members: members.update(alg=alg))
    with pytest.raises(SignatureRefused) as refused:
        judged(dialect, message, tolerant=True)
    assert refused.value.presented == "another algorithm"


@pytest.mark.parametrize("dialect", JWS)
def test_a_key_is_used_with_its_own_algorithm_only(dialect: str) -> None:
    with pytest.raises(SignatureRefused):
        judged(dialect, with_header(dialect, lambda members: members.update(alg="EdDSA")), tolerant=True)


@pytest.mark.parametrize("dialect", JWS)
def test_two_keys_of_an_algorithm_make_a_message_without_kid_nobodys(dialect: str) -> None:
    message = with_header(dialect, lambda members: members.pop("kid"))
    with pytest.raises(SignatureRefused):
        judged(dialect, message, [*named("other"), public_key(dict(new_key("ES256").jwk))], tolerant=True)


def test_true_beside_a_signed_one_is_another_message() -> None:
    message = Message.of({"signature": sign(b'{"header":{},"message":{"alive":1}}', KEY), "header": {}, "message": {}})
    for value, good in ((1, True), (1.0, True), (True, False), ("1", False)):
        beside = replace(message, envelope={**(message.envelope or {}), "message": {"alive": value}})
        if good:
            assert judged("jws-body", beside) == ()
        else:
            with pytest.raises(SignatureRefused):
                judged("jws-body", beside)


GOOD = str(DIALECTS["dci-params"].sign(PLAIN, ED, NOW).signature)
BROKEN = {
    "another sender": GOOD.replace("LK.GOV.DME.ESS", "LK.GOV.DME.XXX"),
    "another key": GOOD.replace(ED.kid, KEY.kid),
    "two algorithms": GOOD.replace('algorithm="ed25519"', 'algorithm="rsa-sha256"'),
    "an older algorithm": GOOD.replace("ed25519", "rsa-sha256"),
    "hs2019": GOOD.replace("ed25519", "hs2019"),
    "a parameter twice": GOOD + ', created="1"',
    "a parameter more": GOOD + ', opaque="1"',
    "a parameter less": GOOD.replace('namespace="dci", ', ""),
    "another namespace": GOOD.replace('"dci"', '"x"'),
    "fewer headers": GOOD.replace("(created) (expires) digest", "digest"),
    "not quoted": GOOD.replace('"', ""),
    "a quote inside": GOOD.replace('"dci"', '"d"ci"'),
    "base64url": GOOD.replace('signature="', 'signature="-_'),
    "not a number": GOOD.replace('created="1', 'created="x'),
    "from long ago": GOOD.replace('created="1', 'created="'),
    "good for ever": GOOD.replace('expires="1', 'expires="9'),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_broken_parameters_are_refused(text: str) -> None:
    with pytest.raises(SignatureRefused):
        judged("dci-params", Message.of({**ENVELOPE, "signature": text}), tolerant=True)


@pytest.mark.parametrize(("seconds", "good"), [(-61, False), (-59, True), (299, True), (301, False)])
def test_parameters_count_from_their_making_to_their_end(seconds: int, good: bool) -> None:
    message, now = Message.of({**ENVELOPE, "signature": GOOD}), NOW + timedelta(seconds=seconds)
    if good:
        assert proved(message, PUBLIC, SignaturePolicy("dci-params"), now).kid == ED.kid
    else:
        with pytest.raises(SignatureRefused):
            proved(message, PUBLIC, SignaturePolicy("dci-params"), now)


def test_parameters_come_in_any_order() -> None:
    turned = ", ".join(reversed(GOOD.split(", ")))
    assert parameters(turned) == parameters(GOOD)
    assert judged("dci-params", Message.of({**ENVELOPE, "signature": turned})) == ()


def test_the_stub_counts_as_nothing_where_that_is_agreed() -> None:
    stub = Message.of({**ENVELOPE, "signature": STUB})
    for required, tolerant in ((True, True), (False, False)):
        with pytest.raises(SignatureRefused) as refused:
            judged("dci-jws", stub, required=required, tolerant=tolerant)
        assert refused.value.missing
    assert judged("dci-jws", stub, required=False, tolerant=True) == ("unsigned-stub",)


def test_unsigned_is_said_twice() -> None:
    with pytest.raises(RegistrationRefused, match="said twice"):
        Policy.read({"signature": {"dialect": "none"}})
    with pytest.raises(SignatureRefused):
        judged("none", PLAIN)
    assert Policy.read({"signature": {"dialect": "none", "required": False}}).signature.dialect == "none"


def test_every_dialect_that_may_be_agreed_is_there() -> None:
    assert DIALECTS.keys() == AGREEABLE
    assert {name: each.name for name, each in DIALECTS.items()} == {name: name for name in DIALECTS}
