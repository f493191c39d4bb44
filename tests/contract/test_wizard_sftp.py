"""A clerk begins with a file that is fetched by SFTP: Debian's OpenSSH server answers, a pinned key says which one."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from lxml.html import HtmlElement, fromstring

from gateway.app import build_app
from gateway.settings import Settings
from gateway.wiring import Services
from tests.contract.test_officers_speak import ORIGIN, WBB, House
from tests.contract.test_sftp_openssh import CSV, OpenSsh, key, openssh
from tests.contract.test_wizard_begun import ABOUT, AT, begun, faults, form_at, nodes, sent
from tests.migrated import services_on_tables
from tests.people_place import Browser

__all__ = ["openssh"]
CONNECTION, SIGN_IN, SCHEMA, LATENCY = range(4)


@dataclass
class Night:
    """An agency's clerk, the server that writes its file, and the gateway between them."""

    clerk: Browser
    server: OpenSsh
    services: Services

    async def kept(self, path: str) -> None:
        """The adapter `night`, as a clerk begins it, with the file's place."""
        page = await begun(self.clerk, "sftp", adapter="night")
        typed = ABOUT | {"service.path": path}
        tested = await sent(self.clerk, page, f"{AT}/check", typed)
        assert faults(tested) == {}
        answer = await self.clerk.submit(AT, form_at(tested, f"{AT}/check"))
        assert answer.status_code == 303, answer.text

    async def given(self, **other: str) -> HtmlElement:
        """The values for the test, as a browser sends a text of several lines."""
        login = self.server.login()
        values = {"HOST": login.host, "PORT": str(login.port), "USER": login.user}
        values |= {"CLIENT_KEY": login.client_key, "HOST_KEY": login.host_key} | other
        return await self.stepped("inputs", {f"value:NIGHT_{name}": text for name, text in values.items()})

    async def stepped(self, step: str, typed: Mapping[str, str]) -> HtmlElement:
        page = fromstring((await self.clerk.get(f"{AT}/night")).text)
        sent_ = form_at(page, f"{AT}/night/{step}") | {name: text.replace("\n", "\r\n") for name, text in typed.items()}
        answer = await self.clerk.submit(f"{AT}/night/{step}", sent_)
        assert answer.status_code in {200, 303}, answer.text
        return fromstring((await self.clerk.get(f"{AT}/night")).text)

    async def verdicts(self) -> list[str]:
        """What the page says of connection, sign-in, schema and latency."""
        page = await self.stepped("test", {})
        (row,) = nodes(page, "//table[caption[contains(., 'What the test endpoint answered')]]/tbody/tr")
        return [" ".join(each.text_content().split()) for each in row][1:]


@pytest.fixture
async def night(tmp_path: Path, openssh: OpenSsh) -> AsyncIterator[Night]:
    values = {"SANDHI_DATA_DIR": str(tmp_path / "data"), "SANDHI_PUBLIC_URL": ORIGIN}
    values |= {"SANDHI_ALLOWED_HOSTS": f"127.0.0.1:{openssh.port}"}
    (openssh.root / "members.csv").write_bytes(CSV)
    async with services_on_tables(Settings.read(values)) as services:
        house = House(services, build_app(services))
        await house.member(WBB)
        yield Night(await house.officer("amara", "agency_administrator"), openssh, services)


async def test_a_file_over_sftp_is_begun_tested_and_asked_in_the_browser(night: Night) -> None:
    await night.kept(f"{night.server.root}/members.csv")
    page = await night.given()
    assert night.server.login().client_key.splitlines()[1] not in page.text_content()
    told = await night.verdicts()
    assert told[:LATENCY] == ["Good", "Good", "Good"]


async def test_keys_are_typed_into_fields_of_several_lines_and_never_shown_again(night: Night) -> None:
    await night.kept(f"{night.server.root}/members.csv")
    page = await night.given()
    kinds = {each.get("name"): each.tag for each in nodes(page, "//*[starts-with(@name, 'value:')]")}
    assert kinds == {
        "value:NIGHT_CLIENT_KEY": "textarea",
        "value:NIGHT_HOST": "input",
        "value:NIGHT_HOST_KEY": "textarea",
        "value:NIGHT_PORT": "input",
        "value:NIGHT_USER": "input",
    }
    assert {each.text_content().strip() for each in nodes(page, "//textarea[starts-with(@name, 'value:')]")} == {""}
    assert {each.get("value") for each in nodes(page, "//input[starts-with(@name, 'value:')]")} == {""}


async def test_each_thing_that_is_wrong_has_a_name(night: Night) -> None:
    await night.kept(f"{night.server.root}/members.csv")
    await night.given(HOST_KEY=key().export_public_key().decode())
    assert (await night.verdicts())[CONNECTION] == "It is not the server whose key you gave"
    await night.given(CLIENT_KEY=key().export_private_key().decode())
    assert (await night.verdicts())[SIGN_IN] == "Your system does not accept us"
    await night.given(CLIENT_KEY="SECRET")
    told = await night.verdicts()
    assert told[CONNECTION] == "A value is missing or cannot be used"
    assert "SECRET" not in " ".join(told)


async def test_an_address_that_is_not_listed_is_never_dialled(night: Night) -> None:
    await night.kept(f"{night.server.root}/members.csv")
    for place in ({"PORT": "1"}, {"HOST": "169.254.169.254", "PORT": "22"}, {"HOST": "localhost", "PORT": "22"}):
        await night.given(**place)
        assert (await night.verdicts())[CONNECTION] == "This gateway may not ask this address", place


async def test_a_file_that_is_not_there_is_told_apart_from_a_server_that_is_not(night: Night) -> None:
    await night.kept(f"{night.server.root}/none.csv")
    await night.given()
    assert (await night.verdicts())[:LATENCY] == ["Good", "Good", "Nothing is found there"]
