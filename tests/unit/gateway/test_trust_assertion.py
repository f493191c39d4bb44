"""Only a fresh, well-formed, single-audience assertion by the client's own registered key is believed."""

import base64
import json
from datetime import timedelta

import pytest

from gateway.trust import assertion, jwks
from gateway.trust.errors import CredentialRefused
from tests.trusting import NOW, ORIGIN, SR, Pair, b64, compact

OWN = Pair()
RSA = Pair("PS256", "r1")
ED = Pair("EdDSA", "e1")
OTHER = Pair(kid="k1")  # the same kid, another key
KEYS = jwks.checked({"keys": [OWN.jwk, RSA.jwk, ED.jwk]})
T = int(NOW.timestamp())


def believed(text: str) -> assertion.Assertion:
    return assertion.verified(assertion.read(text), KEYS, issuer=ORIGIN, now=NOW)


@pytest.mark.parametrize("pair", [OWN, RSA, ED], ids=lambda pair: pair.alg)
def test_a_good_assertion_is_believed_until_its_end_and_the_skew(pair: Pair) -> None:
    found = believed(pair.assertion(jti="0123456789abcdef"))
    assert (found.client_id, found.jti) == (SR.client_id, "0123456789abcdef")
    assert found.expires_at == NOW + timedelta(seconds=60 + 30)


@pytest.mark.parametrize("typ", [None, "JWT", "client-authentication+jwt"])
def test_the_three_types_in_use_are_accepted(typ: str | None) -> None:
    assert believed(OWN.assertion(header={"typ": typ}))


def unsigned(text: str) -> str:
    return text.rpartition(".")[0] + "."


def hmac_with_public_key() -> str:
    import hashlib
    import hmac

    signed = ".".join(
        b64(compact(part))
        for part in (
            {"alg": "HS256", "kid": "k1", "typ": "JWT"},
            {"iss": SR.client_id, "sub": SR.client_id, "aud": ORIGIN, "iat": T, "exp": T + 60, "jti": "j" * 20},
        )
    )
    secret = json.dumps(OWN.jwk).encode()
    return f"{signed}.{b64(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


def with_payload(raw: bytes) -> str:
    return OWN.jws({"alg": "ES256", "kid": "k1", "typ": "JWT"}, raw)


def with_header(raw: bytes) -> str:
    return OWN.jws(raw, {"sub": SR.client_id})


def stray_bits(text: str) -> str:
    """The last character of the signature with its unused bits set: other text, same bytes."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text[:-1] + alphabet[alphabet.index(text[-1]) | 0b0001]


CLAIMS = {"iss": SR.client_id, "sub": SR.client_id, "aud": ORIGIN, "iat": T, "exp": T + 60, "jti": "j" * 20}
TEXT = json.dumps(CLAIMS)

HOSTILE = {
    "algorithm none, no signature": unsigned(OWN.assertion(header={"alg": "none"})),
    "algorithm NONE": unsigned(OWN.assertion(header={"alg": "NONE"})),
    "algorithm missing": OWN.assertion(header={"alg": None}),
    "algorithm a list": OWN.assertion(header={"alg": ["ES256"]}),
    "HMAC with the public key as secret": hmac_with_public_key(),
    "RS256": RSA.assertion(header={"alg": "RS256"}),
    "ES384 named for a P-256 key": OWN.assertion(header={"alg": "ES384"}),
    "PS256 named for an EC key": OWN.assertion(header={"alg": "PS256"}),
    "EdDSA named for an EC key": OWN.assertion(header={"alg": "EdDSA"}),
    "signature by another key of the same kid": OTHER.assertion(),
    "signature missing": unsigned(OWN.assertion()),
    "signature of another assertion": OWN.assertion().rpartition(".")[0] + "." + OWN.assertion().rpartition(".")[2],
    "kid unknown": OWN.assertion(header={"kid": "k9"}),
    "kid missing": OWN.assertion(header={"kid": None}),
    "kid a path": OWN.assertion(header={"kid": "../../dev/null"}),
    "kid an injection": OWN.assertion(header={"kid": "k1' OR '1'='1"}),
    "kid a number": OWN.assertion(header={"kid": 1}),
    "jku points elsewhere": OWN.assertion(header={"jku": "https://evil.example/jwks.json"}),
    "x5u points elsewhere": OWN.assertion(header={"x5u": "https://evil.example/cert"}),
    "x5c brings its own certificate": OWN.assertion(header={"x5c": ["MIIB"]}),
    "jwk brings its own key": OTHER.assertion(header={"jwk": OTHER.jwk}),
    "crit names an extension": OWN.assertion(header={"crit": ["exp"]}),
    "b64 false": OWN.assertion(header={"b64": False}),
    "zip": OWN.assertion(header={"zip": "DEF"}),
    "typ at+jwt (an access token)": OWN.assertion(header={"typ": "at+jwt"}),
    "typ dpop+jwt (a proof)": OWN.assertion(header={"typ": "dpop+jwt"}),
    "typ jwt in small letters": OWN.assertion(header={"typ": "jwt"}),
    "typ a list": OWN.assertion(header={"typ": ["JWT"]}),
    "kid an object": OWN.assertion(header={"kid": {"k1": 1}}),
    "header with a double member": with_header(b'{"alg":"ES256","alg":"none","kid":"k1"}'),
    "header is an array": with_header(b'["ES256"]'),
    "issuer missing": OWN.assertion(iss=None),
    "issuer another client": OWN.assertion(iss="LK.GOV.DME.ESS"),
    "subject missing": OWN.assertion(sub=None),
    "subject empty": OWN.assertion(sub="", iss=""),
    "subject a list": OWN.assertion(sub=[SR.client_id]),
    "audience missing": OWN.assertion(aud=None),
    "audience another server": OWN.assertion(aud="https://other.example"),
    "audience the token endpoint's URL": OWN.assertion(aud=f"{ORIGIN}/oauth2/token"),
    "audience with a trailing slash": OWN.assertion(aud=f"{ORIGIN}/"),
    "audience a list of one": OWN.assertion(aud=[ORIGIN]),
    "audience a list naming another server too": OWN.assertion(aud=[ORIGIN, "https://other.example"]),
    "expired": OWN.assertion(iat=T - 300, exp=T - 31),
    "expiry missing": OWN.assertion(exp=None),
    "expiry a string": OWN.assertion(exp=str(T + 60)),
    "expiry a fraction": OWN.assertion(exp=T + 60.5),
    "expiry true": OWN.assertion(exp=True),
    "issue time missing": OWN.assertion(iat=None),
    "issue time negative": OWN.assertion(iat=-5),
    "issued in the future": OWN.assertion(iat=T + 31, exp=T + 60),
    "not before the future": OWN.assertion(nbf=T + 31),
    "lifetime of ten years": OWN.assertion(exp=T + 315_360_000),
    "lifetime of 301 seconds": OWN.assertion(exp=T + 301),
    "lifetime of nothing": OWN.assertion(exp=T),
    "ends before it begins": OWN.assertion(iat=T + 20, exp=T + 10),
    "jti missing": OWN.assertion(jti=None),
    "jti empty": OWN.assertion(jti=""),
    "jti too short": OWN.assertion(jti="a" * 15),
    "jti too long": OWN.assertion(jti="a" * 129),
    "jti a number": OWN.assertion(jti=12345678901234567890),
    "claims with a double member": with_payload((TEXT[:-1] + ', "aud": "https://other.example"}').encode()),
    "claims with NaN": with_payload((TEXT[:-1] + ', "x": NaN}').encode()),
    "claims with a lone surrogate": with_payload((TEXT[:-1] + ', "x": "\\ud800"}').encode()),
    "claims with a byte order mark": with_payload(b"\xef\xbb\xbf" + TEXT.encode()),
    "claims in UTF-16": with_payload(TEXT.encode("utf-16")),
    "claims with a trailing comma": with_payload((TEXT[:-1] + ",}").encode()),
    "claims nested a thousand deep": with_payload(b'{"sub":' + b"[" * 1000 + b"]" * 1000 + b"}"),
    "claims an array": with_payload(b"[]"),
    "claims empty": with_payload(b""),
    "two segments": OWN.assertion().rpartition(".")[0],
    "four segments": OWN.assertion() + ".AAAA",
    "five segments (a JWE)": "a.b.c.d.e",
    "padded base64": OWN.assertion() + "==",
    "stray bits in the last character": stray_bits(OWN.assertion()),
    "plus and slash for minus and underscore": base64.b64encode(b"\xfb\xff\xfe").decode() + ".e30.AA",
    "a line break in a segment": OWN.assertion().replace(".", ".\n", 1),
    "a space before": " " + OWN.assertion(),
    "not ASCII": OWN.assertion() + "é",
    "longer than 8 kB": OWN.assertion(note="x" * 9000),
    "JSON serialisation": json.dumps({"payload": "e30", "signatures": []}),
    "empty": "",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_assertion_is_refused(text: str) -> None:
    with pytest.raises(CredentialRefused):
        believed(text)


def test_there_are_at_least_forty_hostile_cases() -> None:
    assert len(HOSTILE) >= 40


def test_a_refusal_never_shows_what_was_sent() -> None:
    with pytest.raises(CredentialRefused) as refused:
        believed(OWN.assertion(iss="199012345678"))
    assert "199012345678" not in f"{refused.value} {refused.value.reason} {refused.value.detail}"
