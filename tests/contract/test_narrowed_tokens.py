"""A token can be asked for less than the system may do: it then is for that, and never for more."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata

from gateway.trust.reach import Detail, Reach, Wish, reach_of
from tests.small_gateway import Place, a_gateway
from tests.token_calls import asked, credentials, status, token, with_whoami
from tests.trusting import ORIGIN, SR, Pair

PAIR = Pair()
DETAIL = {"type": "sp_data_exchange", "service": "tax.employment", "purpose": "employment-support.eligibility"}
AGREED = Detail(
    "tax.employment", "employment-support.eligibility", attributes=frozenset({"closed_month", "employments"})
)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with a_gateway(tmp_path) as built:
        await built.register(SR, PAIR)
        built.trust.endpoint.agreed = agreed
        yield with_whoami(built)


async def agreed(consumer: str, detail: Detail, _now: datetime) -> bool:
    """One agreement of the social registry's."""
    same = (detail.service, detail.purpose) == (AGREED.service, AGREED.purpose)
    return consumer == SR.id and same and detail.attributes <= AGREED.attributes and detail.actions <= {"read"}


@pytest.mark.parametrize(
    ("resource", "status_there"), [(ORIGIN, 200), (f"{ORIGIN}/v1", 200), (f"{ORIGIN}/dci", 401), (f"{ORIGIN}/im", 401)]
)
async def test_a_token_for_one_surface_is_for_no_other(place: Place, resource: str, status_there: int) -> None:
    access = await token(place, PAIR, resource=resource)
    assert await status(place, credentials(place, access, PAIR)) == status_there


@pytest.mark.parametrize(
    "resource",
    ["", "x", f"{ORIGIN}/", f"{ORIGIN}/v1/", f"{ORIGIN}/v2", f"{ORIGIN}.evil.example", "urn:sandhi:LK:GOV:X:Y",
     f"{ORIGIN}/services/", f"{ORIGIN}/services/a b", "https://other.example/v1"],
)  # fmt: skip
async def test_an_unknown_resource_is_refused(place: Place, resource: str) -> None:
    response = await asked(place, PAIR, resource=resource)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_target")


@pytest.mark.parametrize(
    "more",
    [
        {"resource": f"{ORIGIN}/services/tax.employment"},
        {"scope": "exchange:tax.employment"},
        {"authorization_details": json.dumps([DETAIL])},
    ],
    ids=["resource", "scope", "details"],
)
async def test_a_narrowed_token_is_refused_where_nobody_holds_the_question_against_it(
    place: Place, more: dict[str, str]
) -> None:
    access = await token(place, PAIR, **more)
    assert await status(place, credentials(place, access, PAIR)) == 403


async def test_details_within_an_agreement_are_granted_and_told_back(place: Place) -> None:
    wanted = [DETAIL | {"attributes": ["closed_month"], "case_ref": "C-1", "actions": ["read"]}]
    answer = await asked(place, PAIR, authorization_details=json.dumps(wanted))
    assert answer.json()["authorization_details"] == wanted


BAD: dict[str, Any] = {
    "another service": [DETAIL | {"service": "pension.contributions"}],
    "another purpose": [DETAIL | {"purpose": "curiosity"}],
    "a field too many": [DETAIL | {"attributes": ["closed_month", "salary"]}],
    "another action": [DETAIL | {"actions": ["read", "push"]}],
    "one good, one not": [DETAIL, DETAIL | {"purpose": "curiosity"}],
    "everything": [DETAIL | {"service": "*"}],
    "every field": [DETAIL | {"attributes": ["*"]}],
    "another type": [DETAIL | {"type": "payment_initiation"}],
    "no type": [{"service": "tax.employment", "purpose": "employment-support.eligibility"}],
    "an unknown member": [DETAIL | {"national_id": "199012345678"}],
    "no purpose": [{"type": "sp_data_exchange", "service": "tax.employment"}],
    "an object": DETAIL,
    "empty": [],
    "nine": [DETAIL] * 9,
    "long": [DETAIL | {"attributes": [f"field_{n}" * 8 for n in range(40)]}],
}


@pytest.mark.parametrize("wanted", BAD.values(), ids=BAD.keys())
async def test_other_details_are_refused_with_what_to_send(place: Place, wanted: object) -> None:
    response = await asked(place, PAIR, authorization_details=json.dumps(wanted))
    assert (response.status_code, response.json()["error"]) == (400, "invalid_authorization_details")
    assert "199012345678" not in response.text


async def test_agreements_are_not_read_for_a_stranger(place: Place) -> None:
    async def never(_consumer: str, _detail: Detail, _now: datetime) -> bool:
        raise AssertionError("agreements were read")

    place.trust.endpoint.agreed = never
    assert (await asked(place, Pair(), authorization_details=json.dumps([DETAIL]))).status_code == 401


async def test_without_anybody_to_ask_about_agreements_no_details_are_granted(place: Place) -> None:
    place.trust.endpoint.agreed = None
    response = await asked(place, PAIR, authorization_details=json.dumps([DETAIL]))
    assert response.json()["error"] == "invalid_authorization_details"


@pytest.mark.parametrize("scope", ["admin", "admin:x", "audit exchange:", "exchange:tax.employment admin"])
async def test_a_scope_that_is_not_held_is_refused(place: Place, scope: str) -> None:
    response = await asked(place, PAIR, scope=scope)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_scope")


async def test_a_system_with_one_services_scope_has_no_other(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as place:
        await place.register(replace(SR, scopes=frozenset({"exchange:tax.employment"})), PAIR)
        assert (await asked(place, PAIR, scope="exchange")).json()["error"] == "invalid_scope"
        assert (await asked(place, PAIR, scope="exchange:pension.contributions")).json()["error"] == "invalid_scope"
        assert (await asked(place, PAIR)).json()["scope"] == "exchange:tax.employment"


WISH = Wish("tax.employment", "employment-support.eligibility", "read", frozenset({"closed_month"}), "C-1")


@pytest.mark.parametrize(
    ("detail", "covered"),
    [
        (AGREED, True),
        (replace(AGREED, attributes=frozenset()), True),
        (replace(AGREED, attributes=frozenset({"employments"})), False),
        (replace(AGREED, service="tax.other"), False),
        (replace(AGREED, purpose="other"), False),
        (replace(AGREED, actions=frozenset({"push"})), False),
        (replace(AGREED, case="C-1"), True),
        (replace(AGREED, case="C-2"), False),
    ],
)
def test_a_question_lies_within_a_detail_or_not(detail: Detail, covered: bool) -> None:
    assert Reach(details=(detail,)).covers(WISH) is covered
    assert Reach(details=(replace(AGREED, purpose="other"), detail)).covers(WISH) is covered
    assert Reach(services=frozenset({"tax.other"}), details=(detail,)).covers(WISH) is False


def test_scope_and_audience_narrow_together() -> None:
    service = f"{ORIGIN}/services/tax.employment"
    both = reach_of(service, ORIGIN, {"exchange:tax.employment", "exchange:b"}, ())
    neither = reach_of(service, ORIGIN, {"exchange:b"}, ())
    assert (both.services, neither.services) == (frozenset({"tax.employment"}), frozenset())
    assert not neither.covers(WISH)
    assert reach_of(ORIGIN, ORIGIN, {"exchange", "exchange:b"}, ()) == Reach()


async def test_metadata_names_every_way(place: Place) -> None:
    async with place.client() as client:
        found = (await client.get("/.well-known/oauth-authorization-server")).json()
    AuthorizationServerMetadata(found | {"issuer": "https://g.example"}).validate_token_endpoint()
    assert found["tls_client_certificate_bound_access_tokens"] is True
    assert found["authorization_details_types_supported"] == ["sp_data_exchange"]
    assert found["introspection_endpoint"] == f"{ORIGIN}/oauth2/introspect"
    assert found["revocation_endpoint_auth_methods_supported"] == ["private_key_jwt"]
