"""A person's name stands in the script of the page where the record has it, else it says which language it is in."""

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from pages.desk import Account
from pages.languages import LANGUAGES
from pages.rendering import worded
from registry import planning
from registry.cli import STEPS
from registry.lines import WORDS
from registry.server import app
from registry.stage import Stage
from registry.store import packed, unpacked

ORIGIN = "http://registry"
TO_LIST = ("load", "extract", "identity", "civil", "pension", "tax", "education", "enrolled", "list")
TAMIL = {"language": "tam", "script": "Taml", "value": "ஒரு பெயர்", "given": "ஒரு", "family": "பெயர்"}


@pytest.fixture
async def http(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    """Signed in; the first member has a Tamil name as well."""
    stage = replace(stage, settings=replace(stage.settings, public_url=ORIGIN))
    for step in TO_LIST:
        await STEPS[step](stage)
    (row,) = stage.store.rows("SELECT record FROM member WHERE id = 'SR0000'")
    record = unpacked(row["record"])
    record["names"].append(TAMIL)
    stage.store.put("UPDATE member SET record = ? WHERE id = 'SR0000'", [(packed(record),)])
    password = planning.accounts(stage.settings.folder).add(Account("kavitha", "Kavitha"))
    transport = httpx.ASGITransport(app(stage))
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers={"origin": ORIGIN}) as found:
        await found.post("/desk/sign-in", data={"login": "kavitha", "password": password})
        yield found


@pytest.mark.parametrize("path", ["/desk/lines", "/desk/lines/1/household"])
async def test_a_name_is_in_the_script_of_the_page_or_says_its_language(http: httpx.AsyncClient, path: str) -> None:
    tamil, sinhala, english = [(await http.get(path, params={"lang": each})).text for each in ("ta", "si", "en")]
    assert "<bdi>ஒரு பெயர்</bdi>" in tamil
    assert ('<bdi lang="en">A Name</bdi>' in sinhala, "ஒரு பெயர்" in sinhala) == (True, False)
    assert "<bdi>A Name</bdi>" in english
    for page in (tamil, sinhala, english):
        assert "SR0000" in page  # what is said on the telephone


async def test_several_lines_to_confirm_say_whose_they_are(http: httpx.AsyncClient) -> None:
    page = (await http.get("/desk/lines", params={"lang": "ta"})).text
    token = page.partition('name="csrf" value="')[2].partition('"')[0]
    asked = (await http.post("/desk/lines/approve", data={"csrf": token, "line-1": "yes"})).text
    assert "<bdi>ஒரு பெயர்</bdi> (SR0000)" in asked


@pytest.mark.parametrize("code", ["si", "ta"])
def test_every_word_of_a_filter_is_said_in_each_language(code: str) -> None:
    words = {word for each in WORDS.values() for word in each} | WORDS.keys() - {"since", "standing"}
    plain, there = worded(LANGUAGES["en"]), worded(LANGUAGES[code])
    assert {word for word in words if plain(word) == there(word)} == set()
