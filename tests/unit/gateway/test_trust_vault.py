"""The gateway's key files are encrypted under a key that is not beside them, each bound to its place."""

import base64
import json
import os
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.secret import Secret
from gateway.trust.errors import KeyFileBroken
from gateway.trust.keys import GatewayKeys, add_to_ring, new_key
from gateway.trust.keystore import Care
from gateway.trust.vault import MARK, Vault, key_files, rewrapped, vault_of
from tests.trusting import NOW

NONE = Secret("")


def fresh() -> str:
    return base64.b64encode(os.urandom(32)).decode()


def opened(folder: Path, vault: Vault) -> GatewayKeys:
    return GatewayKeys.open(folder, NOW, Care(vault))


def with_key(folder: Path, *keys: str, strict: bool = False) -> Vault:
    return vault_of(folder, Secret("\n".join(keys)), NONE, strict=strict)


def same(one: GatewayKeys, other: GatewayKeys) -> bool:
    return (one.jwks(NOW), one.seal, one.pepper, one.log_key.private_bytes_raw()) == (
        other.jwks(NOW),
        other.seal,
        other.pepper,
        other.log_key.private_bytes_raw(),
    )


def test_every_file_is_encrypted_and_opens_with_the_key_only(tmp_path: Path) -> None:
    key = fresh()
    keys = opened(tmp_path, with_key(tmp_path, key))
    texts = {name: (tmp_path / name).read_text() for name in key_files(tmp_path)}
    assert len(texts) == 6
    assert all(text.startswith(MARK) for text in texts.values())
    assert same(keys, opened(tmp_path, with_key(tmp_path, key)))
    for vault in (Vault(), with_key(tmp_path, fresh())):
        with pytest.raises(KeyFileBroken, match=r"encrypted|does not open"):
            opened(tmp_path, vault)


def test_a_passphrase_will_do_and_needs_its_salt(tmp_path: Path) -> None:
    phrase = Secret("correct horse battery staple")
    keys = opened(tmp_path, vault_of(tmp_path, NONE, phrase))
    assert same(keys, opened(tmp_path, vault_of(tmp_path, NONE, phrase)))
    (tmp_path / "keystore.salt").unlink()
    with pytest.raises(KeyFileBroken, match="another one"):
        opened(tmp_path, vault_of(tmp_path, NONE, phrase))


def test_a_file_in_another_ones_place_does_not_open(tmp_path: Path) -> None:
    vault = with_key(tmp_path, fresh())
    opened(tmp_path, vault)
    (tmp_path / "pepper.key").write_text((tmp_path / "log.key").read_text())
    with pytest.raises(KeyFileBroken, match=r"pepper\.key does not open"):
        opened(tmp_path, vault)


@pytest.mark.parametrize("place", [0.3, 0.6, 0.99])
def test_an_altered_file_does_not_open(tmp_path: Path, place: float) -> None:
    vault = with_key(tmp_path, fresh())
    opened(tmp_path, vault)
    path = tmp_path / "token" / "0001.json"
    blob = bytearray(base64.b64decode(path.read_text()[len(MARK) :]))
    blob[int(len(blob) * place)] ^= 1
    path.write_text(MARK + base64.b64encode(blob).decode())
    with pytest.raises(KeyFileBroken, match=r"0001\.json"):
        opened(tmp_path, vault)


def test_the_key_changes_while_both_are_known_and_plain_files_are_taken_in(tmp_path: Path) -> None:
    plain = opened(tmp_path, Vault())
    old, new = fresh(), fresh()
    assert len(rewrapped(tmp_path, with_key(tmp_path, old))) == 6
    assert len(rewrapped(tmp_path, with_key(tmp_path, new, old))) == 6
    assert same(plain, opened(tmp_path, with_key(tmp_path, new)))
    with pytest.raises(KeyFileBroken):
        opened(tmp_path, with_key(tmp_path, old))


def test_a_rewrap_that_cannot_open_everything_changes_nothing(tmp_path: Path) -> None:
    opened(tmp_path, with_key(tmp_path, fresh()))
    before = {name: (tmp_path / name).read_bytes() for name in key_files(tmp_path)}
    for vault in (with_key(tmp_path, fresh()), Vault()):
        with pytest.raises(KeyFileBroken):
            rewrapped(tmp_path, vault)
    assert before == {name: (tmp_path / name).read_bytes() for name in key_files(tmp_path)}


def test_production_refuses_keys_in_clear_old_and_new_ones(tmp_path: Path) -> None:
    with pytest.raises(KeyFileBroken, match="SANDHI_KEYSTORE_KEY_FILE"):
        vault_of(tmp_path, NONE, NONE, strict=True)
    opened(tmp_path, Vault())
    strict = with_key(tmp_path, fresh(), strict=True)
    with pytest.raises(KeyFileBroken, match="sandhi keys rewrap"):
        opened(tmp_path, strict)
    rewrapped(tmp_path, strict)
    assert opened(tmp_path, strict)


def test_the_next_key_of_a_ring_is_encrypted_too(tmp_path: Path) -> None:
    care = Care(with_key(tmp_path, fresh()))
    GatewayKeys.open(tmp_path, NOW, care)
    path = add_to_ring(tmp_path, "token", new_key("ES256"), NOW + timedelta(days=1), care=care)
    assert path.read_text().startswith(MARK)
    assert len(GatewayKeys.open(tmp_path, NOW, care).token.keys) == 2


BAD = {"not base64": ("***", ""), "31 bytes": (base64.b64encode(b"x" * 31).decode(), ""), "a short word": ("", "short")}


@pytest.mark.parametrize(
    ("key", "phrase"), [*BAD.values(), (fresh(), "correct horse battery staple")], ids=[*BAD, "a key and a phrase"]
)
def test_a_key_that_cannot_be_one_is_refused_without_telling_it(tmp_path: Path, key: str, phrase: str) -> None:
    with pytest.raises(KeyFileBroken) as refused:
        vault_of(tmp_path, Secret(key), Secret(phrase))
    for secret in (key, phrase):
        assert not secret or secret not in refused.value.detail


def test_nothing_of_a_key_is_in_a_repr(tmp_path: Path) -> None:
    key = fresh()
    vault = with_key(tmp_path, key)
    keys = opened(tmp_path, vault)
    text = repr((keys, vault, Care(vault), Secret(key), new_key("ES256")))
    private = json.loads(vault.opened("token/0001.json", (tmp_path / "token/0001.json").read_text()))["jwk"]["d"]
    for secret in (key, private, keys.pepper.hex(), repr(keys.pepper), repr(keys.seal[0])):
        assert secret not in text
