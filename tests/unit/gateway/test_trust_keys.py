"""The gateway's keys are made once, kept private, kept apart, and rotate with overlap."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.trust.errors import KeyFileBroken
from gateway.trust.keys import GatewayKeys, add_to_ring, new_key, private_jwk, private_key
from tests.trusting import NOW


def test_the_first_start_makes_them_and_the_second_finds_them(tmp_path: Path) -> None:
    first, second = GatewayKeys.open(tmp_path, NOW), GatewayKeys.open(tmp_path, NOW)
    assert first.jwks(NOW) == second.jwks(NOW)
    assert first.log_key.private_bytes_raw() == second.log_key.private_bytes_raw()
    assert (first.seal, first.pepper) == (second.seal, second.pepper)


def test_files_are_their_owners_alone(tmp_path: Path) -> None:
    GatewayKeys.open(tmp_path / "keys", NOW)
    files = [path for path in (tmp_path / "keys").rglob("*") if path.is_file()]
    assert len(files) == 6
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_each_use_has_a_key_of_its_own_and_no_private_half_is_published(tmp_path: Path) -> None:
    keys = GatewayKeys.open(tmp_path, NOW)
    published = keys.jwks(NOW)["keys"]
    assert [(key["alg"], key["use"]) for key in published] == [
        ("ES256", "sig"),
        ("EdDSA", "sig"),
        ("ECDH-ES+A256KW", "enc"),
    ]
    assert all("d" not in key for key in published)
    assert len({keys.log_key.private_bytes_raw(), *keys.seal, keys.pepper}) == 3


def test_rotation_announces_the_next_key_and_keeps_the_last_one_while_it_matters(tmp_path: Path) -> None:
    before = GatewayKeys.open(tmp_path, NOW)
    old, stamp = before.token.signing(NOW).kid, before.stamp()
    add_to_ring(tmp_path, "token", new_key("ES256"), NOW + timedelta(hours=24))
    after = GatewayKeys.open(tmp_path, NOW)
    assert after.stamp() != stamp
    new = after.token.keys[-1].key.kid
    at_first, at_use, at_last = (NOW + timedelta(hours=24, seconds=off) for off in (-1, 1, 331))
    assert (after.token.signing(at_first).kid, [key.kid for key in after.token.published(at_first)]) == (
        old,
        [old, new],
    )
    assert (after.token.signing(at_use).kid, [key.kid for key in after.token.published(at_use)]) == (new, [old, new])
    assert [key.kid for key in after.token.published(at_last)] == [new]


def test_a_private_key_survives_its_file() -> None:
    for alg in ("ES256", "EdDSA", "PS256"):
        key = new_key(alg)
        again = private_key(json.loads(json.dumps(private_jwk(key))))
        assert (again.kid, again.alg, again.jwk) == (key.kid, key.alg, key.jwk)


@pytest.mark.parametrize("content", ["", "{}", '{"use_from": "2026-11-02T09:00:00+00:00", "jwk": {"alg": "ES256"}}'])
def test_a_broken_key_file_is_named_and_never_replaced(tmp_path: Path, content: str) -> None:
    GatewayKeys.open(tmp_path, NOW)
    (tmp_path / "token" / "0001.json").write_text(content)
    with pytest.raises(KeyFileBroken, match=r"0001\.json"):
        GatewayKeys.open(tmp_path, NOW)


@pytest.mark.parametrize("content", ["", "c2hvcnQ=", "***"])
def test_a_broken_secret_is_named_and_never_replaced(tmp_path: Path, content: str) -> None:
    GatewayKeys.open(tmp_path, NOW)
    (tmp_path / "pepper.key").write_text(content)
    with pytest.raises(KeyFileBroken, match=r"pepper\.key"):
        GatewayKeys.open(tmp_path, NOW)
