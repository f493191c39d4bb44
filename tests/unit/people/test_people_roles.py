"""Roles, territories and identity providers: the tables and rules without a database."""

from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.people.errors import OfficerRefused
from gateway.people.providers import providers
from gateway.people.roles import CONFLICTS, ROLES, Reach, Right, check_compatible, role_named
from gateway.people.territory import Territory, level_of
from gateway.profile import load_profile
from gateway.secret import Secret
from gateway.settings import SettingError, Settings

PROFILE = load_profile("lk").raw
CODES = st.from_regex(r"LK(-[0-9]{1,7})?", fullmatch=True)
REAL = {"OIDC_ISSUER": "https://id.example", "OIDC_CLIENT_ID": "gw", "OIDC_CLIENT_SECRET": "hush"}


def of(**settings: str) -> dict[str, str]:
    read = Settings.read({f"SANDHI_{name}": value for name, value in settings.items()})
    return {key: each.issuer for key, each in providers(read, Secret("own")).items()}


def test_a_right_that_no_row_names_nobody_has() -> None:
    assert ROLES["data_manager"].rights == frozenset()
    assert ROLES["citizen"].rights == frozenset()
    assert {right for role in ROLES.values() for right in role.rights} == set(Right)


def test_who_watches_is_not_who_is_watched() -> None:
    watching = {"compliance_officer", "data_protection_officer", "external_auditor"}
    for watcher in watching:
        for changer in ("operator", "agency_administrator"):
            assert frozenset((watcher, changer)) in CONFLICTS
    assert all(ROLES[name].controls for name in watching)
    for one, other in combinations(ROLES, 2):
        if frozenset((one, other)) in CONFLICTS:
            with pytest.raises(OfficerRefused, match="at once"):
                check_compatible(one, [other])
        else:
            check_compatible(one, [other])


def test_an_auditor_changes_and_decides_nothing() -> None:
    reads = {Right.OFFICERS_READ, Right.APPROVALS_READ, Right.EVIDENCE_READ}
    assert ROLES["external_auditor"].rights == reads | {Right.SAMPLES_CHECK}


@pytest.mark.parametrize("name", ["citizen", "root", ""])
def test_only_a_role_of_the_table_is_granted(name: str) -> None:
    with pytest.raises(OfficerRefused, match="a role is one of"):
        role_named(name)


def test_a_role_s_levels_are_the_country_s() -> None:
    named = {level for role in ROLES.values() if role.reach is Reach.TERRITORY for level in role.levels}
    assert named <= set(PROFILE["territory"]["levels"])


@given(CODES, CODES)
def test_a_territory_holds_itself_and_what_begins_with_it(outer: str, inner: str) -> None:
    held = inner in Territory(outer)
    assert held == (inner == outer or (inner.startswith(outer) and (outer != "LK" or inner.startswith("LK-"))))


@pytest.mark.parametrize(
    ("code", "level"),
    [
        ("LK", "country"),
        ("LK-1", "province"),
        ("LK-11", "district"),
        ("LK-1103", "ds_division"),
        ("LK-1103005", "gn_division"),
    ],
)
def test_a_code_has_the_level_of_its_length(code: str, level: str) -> None:
    assert level_of(code, PROFILE) == level


@pytest.mark.parametrize("code", ["", "LK-", "LK-110", "IN-11", "LK-11%", "lk-11", "LK-11030051"])
def test_anything_else_is_no_territory(code: str) -> None:
    with pytest.raises(OfficerRefused, match="territory"):
        level_of(code, PROFILE)


def test_a_laptop_has_accounts_of_its_own_and_a_gateway_in_service_none() -> None:
    assert of() == dict.fromkeys(("officers", "citizens"), "http://127.0.0.1:8080/idp")
    assert of(PRODUCTION="1") == {}
    with pytest.raises(SettingError, match="for laptops"):
        of(PRODUCTION="1", OIDC_ISSUER="built-in")


def test_a_named_provider_takes_the_place_of_the_built_in_one() -> None:
    assert of(**REAL) == {"officers": "https://id.example"}
    assert of(**REAL, OIDC_CITIZEN_CLAIM="individual_id").keys() == {"officers", "citizens"}
    assert of(**REAL, PRODUCTION="1") == {"officers": "https://id.example"}


def test_a_gateway_in_service_wants_https_and_a_secret() -> None:
    with pytest.raises(SettingError, match="https"):
        of(**REAL | {"OIDC_ISSUER": "http://id.example"}, PRODUCTION="1")
    with pytest.raises(SettingError, match="OIDC_CLIENT_SECRET"):
        of(OIDC_ISSUER="https://id.example", OIDC_CLIENT_ID="gw")


def test_each_agency_may_bring_its_own_provider(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hush\n")
    row = (
        f'name = "Board"\nissuer = "https://wbb.example"\nclient_id = "gw"\nclient_secret_file = "{tmp_path}/secret"\n'
    )
    listed = tmp_path / "providers.toml"
    listed.write_text(f"[wbb]\n{row}[people]\n{row}citizen_claim = 'uin'\n")
    found = providers(Settings.read({"SANDHI_OIDC_PROVIDERS": str(listed)}), Secret("own"))
    assert found.keys() == {"wbb", "people"}
    assert (found["people"].citizen_claim, found["wbb"].citizen_claim) == ("uin", "")
    assert "hush" not in repr(found)
    assert found["wbb"].client_secret.reveal() == "hush"


@pytest.mark.parametrize("text", ["[Wbb]\nname = 'x'", "[wbb]\nname = 1", "wbb = 1", "[wbb", "[wbb]\nnmae = 'x'"])
def test_a_list_of_providers_that_cannot_be_meant_so_is_named(tmp_path: Path, text: str) -> None:
    listed = tmp_path / "providers.toml"
    listed.write_text(text)
    with pytest.raises(SettingError, match="SANDHI_OIDC_PROVIDERS"):
        of(OIDC_PROVIDERS=str(listed))
