"""Keys in a security module (SoftHSM): made there, never leaving it, and everything works as with files."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pkcs11 import Attribute
from pkcs11.exceptions import AttributeSensitive

from audit.note import verifier_of
from gateway.secret import Secret
from gateway.trust import Trust, jose, signatures
from gateway.trust.errors import KeyFileBroken, KeyStoreFailed
from gateway.trust.jwks import checked
from gateway.trust.keys import GatewayKeys
from gateway.trust.keystore import Care
from gateway.trust.module_keys import ModuleKeys
from gateway.trust.rotation import rotate
from tests.small_gateway import a_gateway
from tests.trusting import NOW, ORIGIN

LIBRARY = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN = "8317-secret"
Opened = Callable[[], ModuleKeys]


@pytest.fixture(scope="module")
def token_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A SoftHSM of this module's own: it reads its configuration once a process, when it is first loaded."""
    if not LIBRARY.exists() or not shutil.which("softhsm2-util"):
        pytest.fail("SoftHSM is missing; install it: sudo apt-get install -y --no-install-recommends softhsm2")
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    config = folder / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(config)
    for number in range(8):
        made = [
            "softhsm2-util",
            "--init-token",
            "--free",
            "--label",
            f"t{number}",
            "--so-pin",
            "12345678",
            "--pin",
            PIN,
        ]
        subprocess.run(made, check=True, capture_output=True, timeout=30)
    yield folder
    if before is None:
        del os.environ["SOFTHSM2_CONF"]
    else:
        os.environ["SOFTHSM2_CONF"] = before


NUMBERS = count()


@pytest.fixture
def opened(token_folder: Path) -> Opened:
    """Opens this test's own token; may be called again, as a second process would."""
    label = f"t{next(NUMBERS)}"
    return lambda: ModuleKeys(LIBRARY, label, Secret(PIN))


@pytest.mark.parametrize("alg", ["ES256", "EdDSA"])
def test_a_key_made_in_the_module_signs_and_the_public_half_verifies(opened: Opened, alg: str) -> None:
    module = opened()
    key = module.made(alg)
    (public,) = checked({"keys": [dict(key.jwk)]})
    compact = jose.sign(b"payload", key)
    parts = jose.taken_apart(compact, limit=4096, members=frozenset({"alg", "kid"}))
    jose.check(parts.signed, parts.signature, public, alg)
    again = module.opened(module.document(key))
    assert module.kids() == (key.kid,)
    assert (again.kid, again.alg, len(again.signature(b"x"))) == (key.kid, alg, 64)
    assert not key.material.is_private
    private = module._found[key.kid]
    assert (private[Attribute.EXTRACTABLE], private[Attribute.SENSITIVE]) == (False, True)
    with pytest.raises(AttributeSensitive):
        private[Attribute.VALUE]
    assert "d" not in module.document(key)["jwk"]


def test_a_gateway_holds_its_signing_keys_in_the_module_and_a_second_process_finds_them(
    opened: Opened, tmp_path: Path
) -> None:
    care = Care(module=opened())
    keys = GatewayKeys.open(tmp_path, NOW, care)
    again = GatewayKeys.open(tmp_path, NOW, Care(module=opened()))
    assert keys.jwks(NOW) == again.jwks(NOW)
    assert [bool(ring.signing(NOW).held) for ring in keys.rings] == [True, True, False]
    assert verifier_of("log.example", keys.log_key).vkey == verifier_of("log.example", again.log_key).vkey
    keys.log_key.public_key().verify(keys.log_key.sign(b"tree head"), b"tree head")
    with pytest.raises(InvalidSignature):
        keys.log_key.public_key().verify(keys.log_key.sign(b"another"), b"tree head")
    for asked in (
        keys.log_key.private_bytes_raw,
        lambda: keys.log_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    ):
        with pytest.raises(KeyFileBroken, match="stays in the security module"):
            asked()
    with pytest.raises(KeyFileBroken, match="SANDHI_PKCS11_MODULE"):
        GatewayKeys.open(tmp_path, NOW)


async def test_moving_from_files_into_the_module_is_a_rotation(opened: Opened, tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as place:
        before = place.trust.keys.token.signing(NOW).kid
        trust = Trust(place.db, tmp_path / "keys", ORIGIN, clock=place.clock, care=Care(module=opened()))
        for use in ("token", "message"):
            use_from = NOW + timedelta(seconds=3)
            await rotate(place.db, place.log, tmp_path / "keys", use, now=NOW, use_from=use_from, care=trust.keys.care)
        place.clock.pass_by(4)
        trust.forget()
        published = checked(trust.jwks())
        assert before in {key.kid for key in published}
        envelope = {"header": {"sender_id": "ස"}, "message": {"name": "கமலா"}}
        proof = trust.sign_envelope(envelope)
        assert (
            signatures.verify(envelope | {"signature": proof}, published).kid
            == trust.keys.message.signing(place.clock()).kid
        )
        assert {dict(entry.facts)["held"] for entry in place.log.entries} == {"pkcs11"}


async def test_without_a_log_entry_no_key_stays_in_the_module(opened: Opened, tmp_path: Path) -> None:
    module = opened()
    async with a_gateway(tmp_path) as place:
        place.log.broken = True
        with pytest.raises(OSError, match="full"):
            await rotate(
                place.db, place.log, tmp_path / "keys", "token", now=NOW, use_from=NOW, care=Care(module=module)
            )
    assert module.kids() == ()


def test_what_does_not_open_is_said_without_the_pin(opened: Opened, token_folder: Path, tmp_path: Path) -> None:
    wrong: list[tuple[Path, str, str]] = [
        (LIBRARY, "t7", "wrong-pin"),
        (LIBRARY, "no such token", PIN),
        (tmp_path / "nothing.so", "t7", PIN),
    ]
    for library, label, pin in wrong:
        with pytest.raises(KeyFileBroken, match="SANDHI_PKCS11_MODULE") as refused:
            ModuleKeys(library, label, Secret(pin))
        assert pin not in refused.value.detail
    with pytest.raises(KeyFileBroken, match="makes no PS256 keys"):
        opened().made("PS256")


def test_a_session_that_was_lost_is_opened_again_and_a_key_that_is_gone_is_an_outage(opened: Opened) -> None:
    module = opened()
    key = module.made("ES256")
    module.close()
    assert len(key.signature(b"after a restart of the module")) == 64
    module.erased(key.kid)
    with pytest.raises(KeyStoreFailed, match="has no key"):
        key.signature(b"x")
    with pytest.raises(KeyFileBroken, match="initialised anew"):
        module.opened(module.document(key))
