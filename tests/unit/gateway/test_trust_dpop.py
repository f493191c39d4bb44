"""A proof is for one request, one token, one moment, one use, by the key the token is bound to."""

import pytest

from gateway.trust.dpop import WINDOW, Bound, Proofs, Replays
from gateway.trust.errors import CredentialRefused, ReplaysFull
from tests.trusting import NOW, ORIGIN, Pair, ath, compact

OWN = Pair()
RSA = Pair("PS256")
ED = Pair("EdDSA")
OTHER = Pair()
T = int(NOW.timestamp())
TOKEN = "header.payload.signature"
BOUND = Bound(OWN.thumbprint(), ath(TOKEN))
SECRET = {"d": "AAAA"}


def verified(text: str, bound: Bound | None = BOUND, proofs: Proofs | None = None) -> str:
    proofs = proofs or Proofs(ORIGIN)
    return proofs.verified(text, method="POST", path="/oauth2/token", now=NOW, bound=bound).thumbprint


def proof(**changed: object) -> str:
    return OWN.proof(**{"ath": ath(TOKEN)} | changed)


def with_jwk(**changed: object) -> str:
    public = {name: value for name, value in OWN.jwk.items() if name not in {"kid", "alg", "use"}}
    return OWN.proof(header={"jwk": public | changed}, ath=ath(TOKEN))


@pytest.mark.parametrize("pair", [OWN, RSA, ED], ids=lambda pair: pair.alg)
def test_a_good_proof_gives_the_thumbprint_of_its_key(pair: Pair) -> None:
    assert verified(pair.proof(), None) == pair.thumbprint()


@pytest.mark.parametrize(
    "target",
    [f"{ORIGIN}/oauth2/token?x=1", f"{ORIGIN}/oauth2/token#f", "HTTP://127.0.0.1:8080/oauth2/token"],
)
def test_query_fragment_and_the_spelling_of_the_origin_do_not_matter(target: str) -> None:
    assert verified(proof(htu=target)) == OWN.thumbprint()


@pytest.mark.parametrize("off", [-60, 60])
def test_a_clock_may_be_a_minute_off(off: int) -> None:
    assert verified(proof(iat=T + off))


HOSTILE = {
    "no type": proof(header={"typ": None}),
    "type JWT": proof(header={"typ": "JWT"}),
    "type of an access token": proof(header={"typ": "at+jwt"}),
    "algorithm none": proof(header={"alg": "none"}).rpartition(".")[0] + ".",
    "HMAC": proof(header={"alg": "HS256", "jwk": {"kty": "oct", "k": "c2VjcmV0"}}),
    "RS256": RSA.proof(header={"alg": "RS256"}, ath=ath(TOKEN)),
    "no key": proof(header={"jwk": None}),
    "key a string": proof(header={"jwk": "k1"}),
    "key with its private half": with_jwk(**SECRET),
    "key of another curve": with_jwk(crv="P-384"),
    "key not on the curve": with_jwk(y=OWN.jwk["x"]),
    "key that names another algorithm": with_jwk(alg="PS256"),
    "key for encryption": with_jwk(use="enc"),
    "header names a kid beside": proof(header={"kid": "k1"}),
    "header names a jku beside": proof(header={"jku": "https://evil.example/jwks"}),
    "header with crit": proof(header={"crit": ["x"]}),
    "by another key than the token's": OTHER.proof(ath=ath(TOKEN)),
    "another key's signature under our key": OTHER.proof(header={"jwk": OWN.jwk | {"kid": "x"}}, ath=ath(TOKEN)),
    "signature cut": proof().rpartition(".")[0] + ".",
    "for another method": proof(htm="GET"),
    "for the method in small letters": proof(htm="post"),
    "without a method": proof(htm=None),
    "for another path": proof(htu=f"{ORIGIN}/oauth2/other"),
    "for a longer path": proof(htu=f"{ORIGIN}/oauth2/token/"),
    "for another host": proof(htu="http://evil.example:8080/oauth2/token"),
    "for another port": proof(htu="http://127.0.0.1:8081/oauth2/token"),
    "for another scheme": proof(htu="https://127.0.0.1:8080/oauth2/token"),
    "for a host with credentials before it": proof(htu="http://user@127.0.0.1:8080/oauth2/token"),
    "for an origin that is a prefix": proof(htu=f"{ORIGIN}.evil.example/oauth2/token"),
    "for a path alone": proof(htu="/oauth2/token"),
    "target not a text": proof(htu=["x"]),
    "without a target": proof(htu=None),
    "for another token": proof(ath=ath("another.token.here")),
    "without the token's hash": proof(ath=None),
    "hash of the token, hexadecimal": proof(ath="00" * 32),
    "too old": proof(iat=T - 61),
    "from the future": proof(iat=T + 61),
    "without a time": proof(iat=None),
    "time a string": proof(iat=str(T)),
    "time a fraction": proof(iat=T + 0.5),
    "without a jti": proof(jti=None),
    "jti too short": proof(jti="x"),
    "jti too long": proof(jti="x" * 129),
    "two members of one name": OWN.jws(
        {"typ": "dpop+jwt", "alg": "ES256", "jwk": {k: OWN.jwk[k] for k in ("kty", "crv", "x", "y")}},
        compact({"htm": "POST"})[:-1] + b',"htm":"GET"}',
    ),
    "longer than 4 kB": proof(note="x" * 4000),
    "two segments": "a.b",
    "empty": "",
    "two proofs in one header": f"{proof()},{proof()}",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_proof_is_refused(text: str) -> None:
    with pytest.raises(CredentialRefused):
        verified(text)


def test_a_proof_is_good_once() -> None:
    proofs, text = Proofs(ORIGIN), proof()
    verified(text, proofs=proofs)
    with pytest.raises(CredentialRefused) as refused:
        verified(text, proofs=proofs)
    assert refused.value.reason == "proof_replayed"


def test_a_refused_proof_does_not_use_up_the_jti_of_a_good_one() -> None:
    proofs, good = Proofs(ORIGIN), proof(jti="0123456789abcdef")
    with pytest.raises(CredentialRefused):
        verified(OTHER.proof(jti="0123456789abcdef", ath=ath(TOKEN)), proofs=proofs)
    assert verified(good, proofs=proofs)


def test_the_same_jti_by_another_key_is_another_proof() -> None:
    proofs = Proofs(ORIGIN)
    assert verified(OWN.proof(jti="0123456789abcdef"), None, proofs)
    assert verified(OTHER.proof(jti="0123456789abcdef"), None, proofs)


def test_a_full_replay_store_refuses_instead_of_forgetting() -> None:
    proofs = Proofs(ORIGIN, replays=Replays(most=2))
    verified(proof(), proofs=proofs)
    verified(proof(), proofs=proofs)
    with pytest.raises(ReplaysFull):
        verified(proof(), proofs=proofs)


def test_a_mark_is_remembered_for_as_long_as_its_proof_could_be_replayed_and_no_longer() -> None:
    replays = Replays()
    replays.once("a proof from a fast clock", T + WINDOW, T)
    for later in (0, 60, 119, 120):
        with pytest.raises(CredentialRefused):
            replays.once("a proof from a fast clock", T + WINDOW, T + later)
    replays.once("another", T + 200, T + 200)
    assert replays.held == 1


def test_a_jti_used_again_with_another_time_is_refused_as_well() -> None:
    replays = Replays()
    replays.once("mark", T - 50, T)
    with pytest.raises(CredentialRefused):
        replays.once("mark", T + 50, T)


def test_remembered_keys_are_bounded() -> None:
    proofs = Proofs(ORIGIN, remembered_keys=2)
    for pair in (Pair(), Pair(), Pair(), Pair()):
        verified(pair.proof(), None, proofs)
    assert len(proofs._keys) == 2
