"""What the settings say about listening: one of three shapes, or a sentence that says what to mend."""

from pathlib import Path

import pytest

from gateway.settings import SettingError, Settings
from gateway.tls.listener import Listener
from tests.listening import listening
from tests.small_ca import SmallCa

SECRET = "0123456789abcdef0123456789abcdef"


def listener(folder: Path, **settings: str) -> Listener:
    named = {"DATA_DIR": str(folder), "PUBLIC_URL": "https://gateway.example"} | settings
    return Listener.of(Settings.read({f"SANDHI_{name}": value for name, value in named.items()}))


def test_without_anything_set_it_listens_in_the_clear_and_believes_no_certificate(tmp_path: Path) -> None:
    found = listener(tmp_path)
    assert (found.rules.shape, found.tls, found.name) == ("plain", None, "http://127.0.0.1:8080")
    assert found.rules.hosts == frozenset()


def test_a_certificate_makes_it_direct(tmp_path: Path) -> None:
    authority = SmallCa(tmp_path / "ca")
    found = listener(tmp_path, TLS_CERT=str(authority.server().path), TLS_CLIENT_CA=str(authority.path))
    assert (found.rules.shape, found.name) == ("direct", "https://127.0.0.1:8080")
    assert found.rules.hosts == {"gateway.example"}
    assert "SSLContext" not in repr(found)


@pytest.mark.parametrize("settings", [{"UDS": "/run/gateway.sock"}, {"EDGE_SECRET": SECRET}])
def test_a_socket_or_a_secret_makes_it_the_one_behind_a_proxy(tmp_path: Path, settings: dict[str, str]) -> None:
    assert listener(tmp_path, **settings).rules.shape == "proxy"


def test_other_names_may_be_given_and_a_star_is_any(tmp_path: Path) -> None:
    assert listener(tmp_path, HOSTS="A.example, b.example").rules.hosts == {"a.example", "b.example"}
    assert listener(tmp_path, HOSTS="*", UDS="/x").rules.hosts == frozenset()


WRONG: dict[str, tuple[dict[str, str], str]] = {
    "two ends of the TLS": ({"UDS": "/x", "TLS_CERT": "/y"}, "not both"),
    "a short secret": ({"EDGE_SECRET": "short"}, "32 characters"),
    "no such file": ({"TLS_CERT": "/nowhere.pem"}, "SANDHI_TLS_CERT"),
    "a parser": ({"HTTP_PARSER": "own"}, "h11 or httptools"),
    "not a number": ({"HEADER_TIMEOUT": "five"}, "SANDHI_HEADER_TIMEOUT is a number"),
    "zero": ({"CONNECTIONS": "0"}, "SANDHI_CONNECTIONS is a number above 0"),
    "infinite": ({"BODY_TIMEOUT": "inf"}, "SANDHI_BODY_TIMEOUT"),
}


@pytest.mark.parametrize(("settings", "told"), WRONG.values(), ids=WRONG.keys())
def test_settings_that_cannot_be_meant_are_told_in_one_sentence(
    tmp_path: Path, settings: dict[str, str], told: str
) -> None:
    with pytest.raises(SettingError, match=told):
        listener(tmp_path, **settings)


def test_a_wish_for_client_certificates_that_does_not_exist_is_told(tmp_path: Path) -> None:
    authority = SmallCa(tmp_path / "ca")
    with pytest.raises(SettingError, match="required or optional"):
        listener(tmp_path, TLS_CERT=str(authority.server().path), TLS_CLIENT_CA=str(authority.path), TLS_CLIENT="no")


def test_a_key_that_is_not_the_certificates_is_told_without_showing_it(tmp_path: Path) -> None:
    authority = SmallCa(tmp_path / "ca")
    with pytest.raises(SettingError, match="cannot be used") as told:
        listener(tmp_path, TLS_CERT=str(authority.server().path), TLS_KEY=str(authority.path))
    assert "BEGIN" not in str(told.value)


async def test_an_address_that_is_taken_is_told_before_anything_starts(tmp_path: Path) -> None:
    async def app(scope: object, receive: object, send: object) -> None:
        raise AssertionError("the application was started")

    async def quiet(scope: dict[str, str], receive: object, send: object) -> None:
        return None

    async with listening(quiet, tmp_path) as port:
        with pytest.raises(SettingError, match="choose another address"):
            async with listening(app, tmp_path, {"PORT": str(port)}):
                pass
