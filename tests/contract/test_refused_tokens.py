"""A token that should not be good is not: each kind of bad token has its own test, at the door of the real application.

Whatever is wrong, the answer is the same 401; why is in the operator's log, and each test looks there, so that none
passes for another reason.
"""

import hashlib
import hmac
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.trust import register
from gateway.trust.keys import new_key
from gateway.trust.policy import Policy
from tests.small_gateway import Place, a_gateway
from tests.token_calls import asked, credentials, forged, status, token, with_whoami
from tests.trusting import ESS, NOW, SR, Pair, b64, compact

PAIR = Pair()


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with a_gateway(tmp_path) as built:
        await built.register(SR, PAIR)
        yield with_whoami(built)


async def refused(
    place: Place, caplog: pytest.LogCaptureFixture, headers: dict[str, str], reason: str, client: str = SR.client_id
) -> None:
    caplog.clear()
    assert await status(place, headers) == 401
    assert [each for each in caplog.messages if each.startswith("not authenticated")] == [
        f"not authenticated: {reason} client={client}"
    ]


async def test_the_token_that_the_others_are_made_from_is_good(place: Place) -> None:
    assert await status(place, credentials(place, forged(place, PAIR), PAIR)) == 200
    assert await status(place, credentials(place, await token(place, PAIR), PAIR)) == 200


async def test_an_unregistered_clients_token_is_refused(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    stranger = forged(place, PAIR, sub=ESS.client_id, client_id=ESS.client_id)
    await refused(place, caplog, credentials(place, stranger, PAIR), "not_in_force", ESS.client_id)


@pytest.mark.parametrize("owner", [SR.id, SR.member_id])
async def test_a_suspended_systems_token_is_refused(place: Place, caplog: pytest.LogCaptureFixture, owner: str) -> None:
    access = await token(place, PAIR)
    assert await status(place, credentials(place, access, PAIR)) == 200
    async with place.db.write() as connection:
        await register.set_state(connection, place.log, owner, "suspended", NOW)
    place.trust.forget()
    await refused(place, caplog, credentials(place, access, PAIR), "not_in_force")


async def test_an_expired_token_is_refused(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    access = await token(place, PAIR)
    place.clock.pass_by(299)
    assert await status(place, credentials(place, access, PAIR)) == 200
    place.clock.pass_by(1)
    await refused(place, caplog, credentials(place, access, PAIR), "token_expired")


async def test_a_replayed_proof_is_refused(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    headers = credentials(place, await token(place, PAIR), PAIR)
    assert await status(place, headers) == 200
    await refused(place, caplog, headers, "proof_replayed")


@pytest.mark.parametrize("audience", ["https://other.example", "urn:sandhi:LK:GOV:DME:ESS", "http://127.0.0.1:8080/"])
async def test_a_token_for_another_audience_is_refused(
    place: Place, caplog: pytest.LogCaptureFixture, audience: str
) -> None:
    await refused(
        place, caplog, credentials(place, forged(place, PAIR, aud=audience), PAIR), "token_audience", "unknown"
    )


async def test_a_token_for_another_surface_is_refused(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    access = await token(place, PAIR, resource="http://127.0.0.1:8080/dci")
    await refused(place, caplog, credentials(place, access, PAIR), "token_for_another_path")


async def test_a_token_by_the_wrong_key_is_refused(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    kid = place.trust.keys.token.signing(NOW).kid
    head, payload, _ = forged(place, PAIR).split(".")
    signature = Pair(kid=kid).sign(f"{head}.{payload}")
    await refused(place, caplog, credentials(place, f"{head}.{payload}.{signature}", PAIR), "signature", "unknown")


async def test_an_algorithm_confused_token_is_refused(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """The classic: HMAC, with our public key as the secret."""
    key = place.trust.keys.token.signing(NOW)
    for secret in (key.material.as_pem(private=False), compact(key.jwk), key.jwk["x"].encode()):
        _, payload, _ = forged(place, PAIR).split(".")
        signed = f"{b64(compact({'alg': 'HS256', 'kid': key.kid, 'typ': 'at+jwt'}))}.{payload}"
        mac = b64(hmac.new(secret, signed.encode(), hashlib.sha256).digest())
        await refused(place, caplog, credentials(place, f"{signed}.{mac}", PAIR), "algorithm", "unknown")


async def test_a_token_that_names_another_of_our_algorithms_is_refused(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    confused = forged(place, PAIR, {"alg": "EdDSA"})
    await refused(place, caplog, credentials(place, confused, PAIR), "algorithm_of_key", "unknown")


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", ""])
async def test_an_unsigned_none_token_is_refused(place: Place, caplog: pytest.LogCaptureFixture, alg: str) -> None:
    for signature in ("", forged(place, PAIR).rpartition(".")[2]):
        unsigned = forged(place, PAIR, {"alg": alg}).rpartition(".")[0] + f".{signature}"
        await refused(place, caplog, credentials(place, unsigned, PAIR), "algorithm", "unknown")


@pytest.mark.parametrize(
    "kid", ["../../../dev/null", "' OR 1=1 --", "k1", "\x00", "http://evil.example/k", 1, None, ["a"]]
)
async def test_a_kid_injected_token_is_refused(place: Place, caplog: pytest.LogCaptureFixture, kid: object) -> None:
    await refused(place, caplog, credentials(place, forged(place, PAIR, {"kid": kid}), PAIR), "token_kid", "unknown")


@pytest.mark.parametrize("member", ["jku", "x5u", "jwk", "x5c", "crit", "b64", "cty"])
async def test_a_token_that_points_elsewhere_for_its_key_by_jku_and_the_like_is_refused(
    place: Place, caplog: pytest.LogCaptureFixture, member: str
) -> None:
    pointing = forged(place, PAIR, {member: "https://evil.example/jwks.json"})
    await refused(place, caplog, credentials(place, pointing, PAIR), "header_member", "unknown")


async def test_a_future_dated_token_is_refused(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    later = int(NOW.timestamp()) + 31
    dated = forged(place, PAIR, iat=later, exp=later + 300)
    await refused(place, caplog, credentials(place, dated, PAIR), "token_expired", "unknown")
    await refused(place, caplog, credentials(place, forged(place, PAIR, nbf=later), PAIR), "token_times", "unknown")


async def test_a_token_that_lives_too_long_is_refused(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    long = forged(place, PAIR, exp=int(NOW.timestamp()) + 301)
    await refused(place, caplog, credentials(place, long, PAIR), "token_times", "unknown")


async def test_an_unbound_token_is_refused(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    bare = forged(place, PAIR, cnf=None)
    await refused(place, caplog, {"authorization": f"Bearer {bare}"}, "token_unbound")
    await refused(place, caplog, credentials(place, bare, PAIR), "token_unbound")


async def test_an_unbound_token_is_refused_as_soon_as_the_exception_is_taken_back(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    async def agree(policy: Policy) -> None:
        async with place.db.write() as connection:
            await register.change_policy(connection, place.log, SR.id, policy, NOW)
        place.trust.forget()

    await agree(Policy(bearer=True))
    bearer = {"authorization": f"Bearer {forged(place, PAIR, cnf=None)}"}
    assert await status(place, bearer) == 200
    await agree(Policy())
    await refused(place, caplog, bearer, "token_unbound")


@pytest.mark.parametrize(
    "cnf", [{}, {"jkt": "x"}, {"x5t": "a" * 43}, {"jkt": "a" * 43, "x5t#S256": "a" * 43}, {"jwk": {}}, "jkt", []]
)
async def test_a_token_bound_in_no_known_way_or_in_two_is_refused(
    place: Place, caplog: pytest.LogCaptureFixture, cnf: object
) -> None:
    await refused(place, caplog, credentials(place, forged(place, PAIR, cnf=cnf), PAIR), "token_binding", "unknown")


async def test_a_stolen_token_is_refused(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """The thief has the token, and a key of its own; over another certificate: see test_tls_direct."""
    access, thief = await token(place, PAIR), Pair()
    await refused(place, caplog, credentials(place, access, thief), "proof_by_another_key")
    await refused(place, caplog, {"authorization": f"DPoP {access}"}, "not_one_proof")
    await refused(place, caplog, {"authorization": f"Bearer {access}"}, "scheme_of_another_binding")


async def test_a_certificate_bound_token_is_refused_without_its_certificate(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    bound = forged(place, PAIR, cnf={"x5t#S256": "A" * 43})
    await refused(place, caplog, {"authorization": f"Bearer {bound}"}, "another_certificate")
    await refused(place, caplog, credentials(place, bound, PAIR), "scheme_of_another_binding")


async def test_a_revoked_token_is_refused(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    access = await token(place, PAIR)
    assert await status(place, credentials(place, access, PAIR)) == 200
    assert (await asked(place, PAIR, "/oauth2/revoke", token=access)).status_code == 200
    await refused(place, caplog, credentials(place, access, PAIR), "token_revoked")


async def test_a_token_of_another_gateway_is_refused(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    foreign = forged(place, PAIR, iss="https://other.example")
    await refused(place, caplog, credentials(place, foreign, PAIR), "token_issuer", "unknown")


async def test_a_token_by_a_key_that_we_never_published_is_refused(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    unknown = new_key("ES256").kid
    await refused(
        place, caplog, credentials(place, forged(place, PAIR, {"kid": unknown}), PAIR), "token_kid", "unknown"
    )
