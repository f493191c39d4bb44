"""A data directory remembers whose it is."""

from pathlib import Path

import pytest

from gateway.settings import SettingError, Settings

URL = "http://127.0.0.1:9000"


def read(data: Path, **variables: str) -> Settings:
    return Settings.read({"SANDHI_DATA_DIR": str(data), **{f"SANDHI_{name}": each for name, each in variables.items()}})


def test_a_later_command_need_not_be_told_the_address(tmp_path: Path) -> None:
    read(tmp_path, PUBLIC_URL=URL).claim_data_dir()
    later = read(tmp_path)
    later.claim_data_dir()
    assert (later["PUBLIC_URL"], later.log_origin) == (URL, "127.0.0.1:9000/log")


def test_another_address_is_refused_and_nothing_changes(tmp_path: Path) -> None:
    read(tmp_path, PUBLIC_URL=URL).claim_data_dir()
    with pytest.raises(SettingError, match=f"was opened with SANDHI_PUBLIC_URL={URL}"):
        read(tmp_path, PUBLIC_URL="http://127.0.0.1:9001").claim_data_dir()
    assert read(tmp_path)["PUBLIC_URL"] == URL


def test_another_log_is_refused_while_the_signer_remembers_the_old_one(tmp_path: Path) -> None:
    read(tmp_path, LOG_ORIGIN="gw.example/log").claim_data_dir()
    memory = tmp_path / "keys" / "log.signed"
    memory.parent.mkdir()
    memory.write_text("kept")
    with pytest.raises(SettingError, match=r"SANDHI_LOG_ORIGIN=gw\.example/log"):
        read(tmp_path, LOG_ORIGIN="gw.example/log/2").claim_data_dir()
    memory.rename(memory.with_suffix(".until-2026-11-22"))
    read(tmp_path, LOG_ORIGIN="gw.example/log/2").claim_data_dir()
    assert read(tmp_path).log_origin == "gw.example/log/2"


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "origin.json").write_text("{}")
    with pytest.raises(SettingError, match=r"origin\.json cannot be read"):
        read(tmp_path)
