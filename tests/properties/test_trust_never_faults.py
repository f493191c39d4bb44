"""Whatever arrives as a credential or signature is refused or believed; it never becomes another exception."""

from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlencode

from authlib.oauth2.base import OAuth2Error
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.tls.client_cert import ClientCertRefused, presented
from gateway.trust import assertion, dpop, jwks, reach, signatures, tokens
from gateway.trust.binding import Confirmation
from gateway.trust.errors import CredentialRefused, KeysRefused, SignatureRefused
from gateway.trust.form import method_of, read_form
from gateway.trust.keys import new_key
from tests.trusting import NOW, ORIGIN, Pair

PAIR = Pair()
PUBLIC = jwks.checked({"keys": [PAIR.jwk]})
TOKEN_KEY = new_key("ES256")
GRANT = tokens.Grant("LK.GOV.WBB.SRIS", frozenset(), Confirmation("jkt", PAIR.thumbprint()), "id", ORIGIN)
GOOD = [
    PAIR.assertion(),
    PAIR.proof(),
    tokens.issue(TOKEN_KEY, GRANT, issuer=ORIGIN, now=NOW),
    signatures.signed({}, {}, TOKEN_KEY),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def disturbed(draw: Callable[..., object]) -> str:
    """A good one with a piece cut out, replaced or doubled."""
    text = str(draw(st.sampled_from(GOOD)))
    begin = int(str(draw(st.integers(0, len(text)))))
    end = int(str(draw(st.integers(begin, min(len(text), begin + 40)))))
    return text[:begin] + str(draw(st.text(max_size=8))) + text[end:]


@st.composite
def well_signed(draw: Callable[..., object]) -> str:
    """Any header members and claims at all, properly signed by a registered key."""
    members = st.dictionaries(st.sampled_from(["typ", "kid", "jwk", "crit"]), JSON, max_size=2)
    names = st.sampled_from(
        ["iss", "sub", "aud", "iat", "exp", "nbf", "jti", "htm", "htu", "ath", "cnf", "scope", "client_id"]
    )
    names |= st.just("authorization_details")
    header = {"alg": "ES256", "kid": "k1", **dict(draw(members))}
    return PAIR.jws(header, draw(st.dictionaries(names, JSON, max_size=6)))


def everything(text: str) -> None:
    with suppress(CredentialRefused):
        assertion.verified(assertion.read(text), PUBLIC, issuer=ORIGIN, now=NOW)
    with suppress(CredentialRefused):
        tokens.verify(text, [TOKEN_KEY, *PUBLIC], issuer=ORIGIN, now=NOW)
    with suppress(CredentialRefused):
        dpop.Proofs(ORIGIN).verified(text, method="POST", path="/oauth2/token", now=NOW)
    with suppress(SignatureRefused):
        signatures.verify({"signature": text, "header": {}, "message": {}}, PUBLIC)


@given(st.text(max_size=200) | disturbed() | well_signed())
@settings(max_examples=300)
def test_any_text_is_refused_or_believed(text: str) -> None:
    everything(text)


@given(JSON | st.fixed_dictionaries({"keys": st.lists(st.dictionaries(st.text(max_size=4), JSON), max_size=9)}))
def test_any_document_is_a_key_set_or_refused(document: object) -> None:
    with suppress(KeysRefused):
        jwks.checked(document)


@given(st.dictionaries(st.sampled_from([*PAIR.jwk, "d", "x5u"]), JSON, max_size=3))
def test_any_member_of_a_key_may_be_wrong(changed: dict[str, object]) -> None:
    with suppress(KeysRefused):
        jwks.checked({"keys": [PAIR.jwk | changed]})


@given(
    st.binary(max_size=300) | st.dictionaries(st.text(max_size=8), st.text(max_size=20)).map(urlencode).map(str.encode)
)
def test_any_body_is_a_form_or_refused(body: bytes) -> None:
    with suppress(OAuth2Error):
        method_of(read_form(body), [])


@given(JSON)
def test_any_details_are_details_or_refused(value: object) -> None:
    with suppress(CredentialRefused):
        reach.read_details(value)


DETAIL = {"type": "sp_data_exchange", "service": "tax.employment", "purpose": "p"}


@given(st.dictionaries(st.sampled_from(sorted(reach.MEMBERS)), JSON, max_size=3))
def test_any_member_of_a_detail_may_be_wrong(changed: dict[str, object]) -> None:
    with suppress(CredentialRefused):
        (found,) = reach.read_details([DETAIL | changed])
        assert reach.read_details([found.document()]) == (found,)


@given(st.lists(st.binary(max_size=60) | st.from_regex(rb":[A-Za-z0-9+/=]*:", fullmatch=True), max_size=3))
def test_any_client_cert_header_is_a_certificate_or_refused(values: list[bytes]) -> None:
    with suppress(ClientCertRefused):
        assert presented([(b"client-cert", value) for value in values]) is None
