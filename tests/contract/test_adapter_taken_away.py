"""An adapter's folder leaves by its page, without address or secret, and comes in again by the command: the same."""

import asyncio
import io
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.adapter import app
from gateway.registration import folder
from tests.offices_house import ADAPTER, offices, texts
from tests.reviewing import PROVIDER

SECRET = "secret-of-the-agency"


async def test_a_downloaded_adapter_comes_in_again_by_the_command_as_the_same(
    tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with offices(tmp_path / "first", sqlite_url) as place:
        number = await place.proposed()
        await place.given("test")
        kept, address = await place.version(number), place.agency.url
        answer = await place.first.browser.http.get(f"/console/agency/adapters/{ADAPTER}/versions/{number}/folder.zip")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    taken = tmp_path / "taken.zip"
    taken.write_bytes(answer.content)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert {each.filename for each in archive.infolist()} == {f"{ADAPTER}/{name}" for name in texts()}
        content = b"".join(archive.read(each) for each in archive.infolist()).decode()
    assert (address in content, SECRET in content) == (False, False)
    url = f"sqlite+aiosqlite:///{tmp_path / 'second.db'}"
    async with offices(tmp_path / "second", url):
        pass  # another gateway, which knows the member and its system, and is stopped
    monkeypatch.setenv("SANDHI_DATA_DIR", str(tmp_path / "second" / "data"))
    monkeypatch.setenv("SANDHI_DATABASE_URL", url)
    asked = ["propose", str(taken), "--member", PROVIDER.rpartition("/")[0], "--system", PROVIDER]
    told = await asyncio.to_thread(CliRunner().invoke, app, asked)
    assert told.exit_code == 0, told.output
    assert f"{ADAPTER} version 1 is kept ({kept['digest'][:12]})" in told.output


def test_a_folder_is_packed_the_same_way_each_time_and_unpacked_as_it_was() -> None:
    files = folder.of_texts(texts())
    assert folder.zipped(files, "x") == folder.zipped(dict(sorted(files.items(), reverse=True)), "x")


async def test_nothing_is_taken_from_an_agency_by_another(tmp_path: Path, sqlite_url: str) -> None:
    async with offices(tmp_path, sqlite_url) as place:
        number = await place.proposed()
        _, stranger = await place.house.officer("noone", "agency_administrator", member="LK/GOV/DME")
        address = f"/console/agency/adapters/{ADAPTER}/versions/{number}/folder.zip"
        assert (await stranger.browser.http.get(address)).status_code == 404


def test_a_file_that_is_no_zip_is_refused_with_what_to_do(tmp_path: Path) -> None:
    asked = ["propose", str(tmp_path / "nothing.zip"), "--member", "A", "--system", "A/B"]
    told = CliRunner().invoke(app, asked)
    assert (told.exit_code, "check the path" in told.output) == (1, True)
