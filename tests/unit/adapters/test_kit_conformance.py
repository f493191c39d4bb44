"""The conformance suite itself: a good folder passes, and each kind of broken folder is caught."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from adapters.kit import conformance
from adapters.kit.base import NotConfigured
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyHasNoSuchPerson,
    AgencyRefused,
    AgencyRejectedMessage,
    Identifier,
    Item,
    Question,
    RawAnswer,
    Subject,
)
from adapters.kit.egress import Dialler
from adapters.kit.opening import open_adapter

Agency = Callable[[object], Awaitable[object]]
QUESTION = Question("levy.status", Subject((Identifier("NIC", "198534000123"),)), frozenset(), date(2026, 10, 31))
MANIFEST = """
contract = 1
id = "levy"
name = "National Levy Fund"
owner = "integration@levy.example"
summary = "An agency that needs no Python."
[transport]
kind = "rest"
base_url = "setting:LEVY_URL"
[auth]
kind = "bearer"
token = "secret:LEVY_KEY"
[service.status]
actions = ["read"]
id_types = ["NIC"]
sends = ["NIC"]
fields = ["enrolled", "status"]
path = "/status/search"
request = { memberNo = "identifier:NIC", at = "as_at" }
record_schema = "canonical/enrolment.v1.json"
sensitivity = "personal"
summary = "Is the person enrolled."
"""
FILES = {
    "manifest.toml": MANIFEST,
    "mapping.toml": """
[status]
enrolled = { from = "/active", with = "boolean" }
status   = { from = "/word", optional = "yes" }
""",
    "samples/conformance.toml": """
[settings]
LEVY_URL = "{url}"
LEVY_KEY = "conformance"
[subject]
identifiers = { NIC = "198534000123" }
""",
    "samples/active.golden": """An active member.
---------- agency
{"active": true, "word": "Active"}
---------- record
{"enrolled": true, "status": "Active"}
""",
    "samples/other_word.golden": """A word that the code list does not have.
---------- agency
{"active": true, "word": "Sleeping"}
---------- error
the record breaks canonical/enrolment.v1.json at /status: enum
""",
}
ADAPTER = """
from adapters.kit.contract import {errors}
from adapters.kit.transports.rest import DeclaredRest
class Levy(DeclaredRest):
    async def ask(self, question):
        {body}
def build(kit):
    return Levy(kit)
"""


def folder(tmp_path: Path, **changes: str | None) -> Path:
    path = tmp_path / "levy"
    for name, text in {**FILES, **{key.replace("__", "/"): value for key, value in changes.items()}}.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        if text is not None:
            (path / name).write_text(text)
    return path


async def broken(path: Path, only: str = "") -> dict[str, str]:
    found = {}
    for check in conformance.checks(path):
        try:
            if only in {"", check.name}:
                await check.run()
        except conformance.NotConforming as error:
            found[check.name] = str(error)
    return found


async def test_a_folder_without_python_conforms(tmp_path: Path) -> None:
    path = folder(tmp_path)
    assert await broken(path) == {}
    names = [check.name for check in conformance.checks(path)]
    assert names[:7] == [
        "manifest",
        "mapping",
        "settings",
        "a_golden_sample_fails",
        "answered_status",
        "golden_active",
        "golden_other_word",
    ]
    assert names[7:] == ["down_status", "slow_status", "error_status", "garbled_status", "wrong_schema_status"]


async def test_a_folder_that_never_gives_a_record_does_not_conform(tmp_path: Path) -> None:
    path = folder(tmp_path, **{"samples/active.golden": None})
    (path / "samples/active.golden").unlink(missing_ok=True)
    assert "add an answer as the agency sends it" in (await broken(path, "answered_status"))["answered_status"]


NOTHING = """A person of whom the agency has nothing.
---------- agency
{"word": "NONE"}
---------- no_data
"""


async def test_who_has_nothing_needs_no_record_and_a_sample_says_so(tmp_path: Path) -> None:
    path = folder(tmp_path, **{"samples/nothing.golden": NOTHING})
    assert "got error" in (await broken(path, "golden_nothing"))["golden_nothing"]
    manifest = path / "manifest.toml"
    manifest.write_text(manifest.read_text() + 'means = { "/word=NONE" = "no_data" }\n')
    assert await broken(path, "golden_nothing") == {}
    settings = {"LEVY_URL": "http://127.0.0.1:1", "LEVY_KEY": "k"}
    adapter = open_adapter(path, settings.__getitem__, Dialler({"127.0.0.1:1"}))
    raw = RawAnswer({"word": "NONE"}, date(2026, 10, 31), empty=True)
    assert adapter.normalise("levy.status", raw) == {}
    with pytest.raises(AgencyAnswerMalformed):
        adapter.normalise("levy.status", replace(raw, empty=False))


async def test_a_mapping_that_cannot_be_read_is_told_once(tmp_path: Path) -> None:
    path = folder(tmp_path, mapping__toml=None)
    (path / "mapping.toml").write_text('[status]\nenrolled = { from = "/active", notation = "x" }\n')
    assert [check.name for check in conformance.checks(path)] == ["manifest", "mapping"]


def test_a_test_file_is_one_line(tmp_path: Path) -> None:
    suite = conformance.suite(folder(tmp_path))
    assert suite.__name__ == "TestLevy"
    assert {"test_manifest", "test_golden_active", "test_slow_status"} <= set(dir(suite))


async def test_a_declared_service_posts_its_request_and_maps_the_answer(
    tmp_path: Path, agency: Agency, reply: type
) -> None:
    server = await agency(lambda _: reply(body={"active": False}))
    settings = {"LEVY_URL": f"{server.url}/base", "LEVY_KEY": "k"}
    adapter = open_adapter(folder(tmp_path), settings.__getitem__, server.dialler())
    raw = await adapter.ask(QUESTION)
    (request,) = server.requests
    assert adapter.normalise("levy.status", raw) == {"enrolled": False}
    assert (request.method, request.path) == ("POST", "/base/status/search")
    assert request.json() == {"memberNo": "198534000123", "at": "2026-10-31"}
    assert request.headers["authorization"] == "Bearer k"


@pytest.mark.parametrize(
    ("status", "error"), [(404, AgencyHasNoSuchPerson), (403, AgencyRefused), (422, AgencyRejectedMessage)]
)
async def test_a_declared_service_reads_the_usual_statuses(
    tmp_path: Path, agency: Agency, reply: type, status: int, error: type[Exception]
) -> None:
    server = await agency(lambda _: reply(status))
    settings = {"LEVY_URL": server.url, "LEVY_KEY": "k"}
    adapter = open_adapter(folder(tmp_path), settings.__getitem__, server.dialler())
    with pytest.raises(error):
        await adapter.ask(QUESTION)


async def test_a_batch_has_one_line_for_each_person_and_stays_within_the_limit(
    tmp_path: Path, agency: Agency, reply: type
) -> None:
    def handler(request: Any) -> object:
        number = int(request.json()["memberNo"])
        return reply(404) if number % 5 == 0 else reply(body={"active": number % 2 == 0})

    server = await agency(handler)
    settings = {"LEVY_URL": server.url, "LEVY_KEY": "k"}
    limited = MANIFEST.replace('kind = "rest"', 'kind = "rest"\nconcurrent = 3')
    adapter = open_adapter(folder(tmp_path, **{"manifest.toml": limited}), settings.__getitem__, server.dialler())
    questions = [
        Question("levy.status", Subject((Identifier("NIC", str(number)),)), frozenset(), date(2026, 10, 31))
        for number in range(40)
    ]
    lines = [line async for line in adapter.ask_many(questions)]
    assert sorted(place for place, _ in lines) == list(range(40))
    assert {place for place, line in lines if isinstance(line, AgencyHasNoSuchPerson)} == set(range(0, 40, 5))
    assert server.connections <= 3
    assert [line async for line in adapter.ask_many([])] == []


async def test_what_a_read_only_adapter_does_not_do_is_said_by_code(
    tmp_path: Path, agency: Agency, reply: type
) -> None:
    server = await agency(lambda _: reply())
    settings = {"LEVY_URL": server.url, "LEVY_KEY": "k"}
    adapter = open_adapter(folder(tmp_path), settings.__getitem__, server.dialler())
    for call, code in (
        (adapter.deliver(Item("1", "levy.status", {})), "read_only"),
        (adapter.deliver(Item("1", "levy.other", {})), "no_such_service"),
        (adapter.ask(Question("tax.status", Subject(), frozenset(), date(2026, 10, 31))), "no_such_service"),
        (adapter.ask(Question("levy.status", Subject(), frozenset(), date(2026, 10, 31))), "incomplete"),
    ):
        with pytest.raises(AgencyRejectedMessage) as caught:
            await call
        assert caught.value.code == code


def test_a_missing_setting_means_no_link_and_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match="only https"):
        open_adapter(folder(tmp_path), {"LEVY_URL": "http://levy.example", "LEVY_KEY": "k"}.__getitem__, Dialler())
    with pytest.raises(NotConfigured, match="LEVY_KEY"):
        open_adapter(folder(tmp_path), {"LEVY_URL": "https://levy.example"}.__getitem__, Dialler())


@pytest.mark.parametrize(
    ("name", "text", "check", "message"),
    [
        ("mapping.toml", '[other]\na = { from = "/a" }', "mapping", "does not offer"),
        ("samples__conformance.toml", '[settings]\nLEVY_URL = "{url}"', "settings", "LEVY_KEY"),
        ("samples__conformance.toml", None, "settings", "conformance.toml is missing"),
        ("samples__other_word.golden", None, "a_golden_sample_fails", "add one answer that must be refused"),
        (
            "samples__active.golden",
            'Wrong.\n---------- agency\n{"active": true}\n---------- record\n{"enrolled": false}',
            "golden_active",
            "expected record, got record",
        ),
        (
            "samples__active.golden",
            'Wrong.\n---------- agency\n{"active": 7}\n---------- record\n{"enrolled": false}',
            "golden_active",
            "expected record, got error:\nenrolled: not true or false at /active",
        ),
        (
            "adapter.py",
            ADAPTER.format(errors="RawAnswer", body="return RawAnswer({'active': True}, question.as_at)"),
            "error_status",
            "took the answer of a broken agency for a good one",
        ),
        (
            "adapter.py",
            ADAPTER.format(errors="AgencyRefused", body="raise AgencyRefused('no')"),
            "down_status",
            "gives AgencyRefused, not AgencyUnavailable",
        ),
        (
            "adapter.py",
            ADAPTER.format(
                errors="AgencyUnavailable",
                body="raise AgencyUnavailable('down for ' + question.subject.identifiers[0].value)",
            ),
            "down_status",
            "shows a value of the person",
        ),
    ],
)
async def test_each_broken_promise_is_caught(
    tmp_path: Path, name: str, text: str | None, check: str, message: str
) -> None:
    found = await broken(folder(tmp_path, **{name: text}), only=check)
    assert message in found[check]


async def test_a_folder_without_a_manifest_fails_its_first_check(tmp_path: Path) -> None:
    (check,) = conformance.checks(tmp_path)
    with pytest.raises(Exception, match="there is no manifest"):
        await check.run()
