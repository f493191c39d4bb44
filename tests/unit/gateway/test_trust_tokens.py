"""Our own access tokens: issued tightly, read just as tightly."""

import json
from dataclasses import replace

import pytest
from joserfc.jws import JWSRegistry

from gateway.trust import jose, tokens
from gateway.trust.binding import Confirmation
from gateway.trust.errors import CredentialRefused
from gateway.trust.keys import new_key
from tests.trusting import NOW, ORIGIN, SR, Pair, b64

KEY = new_key("ES256")
GRANT = tokens.Grant(SR.client_id, frozenset({"exchange", "audit"}), Confirmation("jkt", "t" * 43), "token-id", ORIGIN)
T = int(NOW.timestamp())
CLAIMS = {
    "iss": ORIGIN,
    "sub": SR.client_id,
    "client_id": SR.client_id,
    "aud": ORIGIN,
    "iat": T,
    "nbf": T,
    "exp": T + 300,
    "jti": "token-id",
    "scope": "audit exchange",
    "cnf": {"jkt": "t" * 43},
}


def verified(text: str) -> tokens.Token:
    return tokens.verify(text, [KEY], issuer=ORIGIN, now=NOW)


def token(header: dict[str, object] | None = None, **claims: object) -> str:
    """Signed with our real key, but for what is overridden; None takes a member away."""
    top = {"alg": "ES256", "kid": KEY.kid, "typ": "at+jwt"} | (header or {})
    parts = [{name: value for name, value in part.items() if value is not None} for part in (top, CLAIMS | claims)]
    signed = ".".join(b64(json.dumps(part).encode()) for part in parts)
    return f"{signed}.{b64(JWSRegistry.algorithms['ES256'].sign(signed.encode(), KEY.material))}"


def test_a_token_says_what_was_granted() -> None:
    text = tokens.issue(KEY, GRANT, issuer=ORIGIN, now=NOW)
    assert verified(text) == tokens.Token(GRANT, T, T + 300)
    header = json.loads(jose.unb64(text.split(".")[0]))
    assert header == {"alg": "ES256", "kid": KEY.kid, "typ": "at+jwt"}


def test_a_token_without_scopes_is_a_token() -> None:
    grant = replace(GRANT, scopes=frozenset())
    assert verified(tokens.issue(KEY, grant, issuer=ORIGIN, now=NOW)).grant == grant


HOSTILE = {
    "type missing": token({"typ": None}),
    "type JWT": token({"typ": "JWT"}),
    "type of a proof": token({"typ": "dpop+jwt"}),
    "algorithm none": token({"alg": "none"}).rpartition(".")[0] + ".",
    "kid of nobody": token({"kid": "other"}),
    "kid missing": token({"kid": None}),
    "header with jku": token({"jku": "https://evil.example"}),
    "header with jwk": token({"jwk": {}}),
    "signed by a client's key": Pair(kid=KEY.kid).jws({"alg": "ES256", "kid": KEY.kid, "typ": "at+jwt"}, CLAIMS),
    "signature of another token": token().rpartition(".")[0] + "." + token(jti="x").rpartition(".")[2],
    "issuer another": token(iss="https://other.example"),
    "audience another": token(aud="https://other.example"),
    "audience a list": token(aud=[ORIGIN]),
    "audience missing": token(aud=None),
    "expired this second": token(iat=T - 300, nbf=T - 300, exp=T),
    "no end": token(exp=None),
    "ten days": token(exp=T + 864_000),
    "not yet": token(nbf=T + 31),
    "from the future": token(iat=T + 31),
    "subject of another": token(sub="LK.GOV.DME.ESS"),
    "client missing": token(client_id=None),
    "client a list": token(client_id=[SR.client_id], sub=[SR.client_id]),
    "not bound": token(cnf=None),
    "bound to nothing": token(cnf={}),
    "bound to a number": token(cnf={"jkt": 1}),
    "bound in two ways": token(cnf={"jkt": "t" * 43, "x5t#S256": "x"}),
    "bound in another way": token(cnf={"x5t#S256": "x"}),
    "scope missing": token(scope=None),
    "scope a list": token(scope=["audit"]),
    "jti missing": token(jti=None),
    "too long": token(note="x" * 4096),
    "empty": "",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_token_is_refused(text: str) -> None:
    with pytest.raises(CredentialRefused):
        verified(text)
