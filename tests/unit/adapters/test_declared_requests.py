"""Services that need no Python, over HTTP: what is sent where, how we sign in, and what comes of the answers."""

import logging
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from adapters.kit import manifest as manifests
from adapters.kit.base import NotConfigured
from adapters.kit.contract import (
    Adapter,
    AgencyAnswerMalformed,
    AgencyError,
    AgencyHasNoSuchPerson,
    AgencyRefused,
    AgencyRejectedMessage,
    AgencyUnavailable,
    Identifier,
    Name,
    Question,
    Subject,
)
from adapters.kit.opening import open_adapter

Agency = Callable[[Any], Awaitable[Any]]
NIC = "199012304567"
PERSON = Subject((Identifier("NIC", NIC),), (Name("eng", "Latn", "Kamal Perera"),), date(1990, 5, 2))
HEAD = """
contract = 1
id = "board"
name = "Training Board"
owner = "integration@board.example"
summary = "An invented board."
[transport]
kind = "rest"
base_url = "setting:BOARD_URL"
attempts = 1
"""
SERVICE = """
[service.enrolment]
summary = "Enrolled now."
actions = ["read"]
id_types = ["NIC"]
sends = ["NIC", "names", "birth_date"]
fields = ["enrolled"]
record_schema = "canonical/enrolment.v1.json"
sensitivity = "personal"
"""
MAPPING = '[enrolment]\nenrolled = { from = "/active" }\n'


def board(home: Path, service: str, auth: str = "", mapping: str = MAPPING) -> Path:
    """A folder of this service."""
    folder = home / "board"
    folder.mkdir(exist_ok=True)
    (folder / "manifest.toml").write_text(f"{HEAD}{auth}{SERVICE}{service}", "utf-8")
    (folder / "mapping.toml").write_text(mapping, "utf-8")
    return folder


def question(subject: Subject = PERSON) -> Question:
    return Question("board.enrolment", subject, frozenset({"enrolled"}), date(2026, 10, 31))


def opened(folder: Path, scripted: Any, **settings: str) -> Adapter:
    values = {"BOARD_URL": f"{scripted.url}/v2", **settings}
    return open_adapter(folder, values.__getitem__, scripted.dialler())


@pytest.mark.parametrize(
    ("service", "method", "target", "content"),
    [
        (
            'method = "GET"\npath = "/p/{nic}/status"\nrequest = { nic = "identifier:NIC", month = "as_at:YYYY-MM" }',
            "GET",
            f"/v2/p/{NIC}/status?month=2026-10",
            "",
        ),
        (
            'method = "GET"\npath = "/find"\nrequest = { name = "name:Latn", born = "birth_date:DD/MM/YYYY" }',
            "GET",
            "/v2/find?name=Kamal%20Perera&born=02%2F05%2F1990",
            "",
        ),
        (
            'path = "/find"\nrequest = { "q/nic" = "identifier:NIC", "q/kind" = "text:any", on = "as_at:YYYYMM" }',
            "POST",
            "/v2/find",
            f'{{"q":{{"nic":"{NIC}","kind":"any"}},"on":"202610"}}',
        ),
        (
            'path = "/P/_search"\nbody = "form"\nrequest = { identifier = "text:https://i.gov/n|{identifier:NIC}" }',
            "POST",
            "/v2/P/_search",
            f"identifier=https%3A%2F%2Fi.gov%2Fn%7C{NIC}",
        ),
    ],
    ids=["get", "get_query", "nested", "fhir_form"],
)
async def test_a_request_is_what_was_declared(
    tmp_path: Path, agency: Agency, reply: Any, service: str, method: str, target: str, content: str
) -> None:
    scripted = await agency(lambda _: reply(body={"active": True}))
    adapter = opened(board(tmp_path, service), scripted)
    raw = await adapter.ask(question())
    assert adapter.normalise("board.enrolment", raw) == {"enrolled": True}
    (sent,) = scripted.requests
    assert (sent.method, sent.path, sent.body.decode()) == (method, target, content)


@pytest.mark.parametrize("value", ["admin..", "a/b?c=d#e", "%2f", "x y", "é", "a\r\nhost: b"])
async def test_no_value_leads_to_another_path(tmp_path: Path, agency: Agency, reply: Any, value: str) -> None:
    scripted = await agency(lambda _: reply(body={"active": True}))
    service = 'method = "GET"\npath = "/people/{nic}"\nrequest = { nic = "identifier:NIC" }'
    await opened(board(tmp_path, service), scripted).ask(question(Subject((Identifier("NIC", value),))))
    _, version, people, one = scripted.requests[0].path.split("/")
    assert (version, people) == ("v2", "people")
    assert not set(one) & set("?#")


@pytest.mark.parametrize(
    "value", ["", ".", "..", "...", "../admin", "a/./b", "..\\a", "a/..", "%2e%2e", "%2E%2E%2Fa", "a%5c.."]
)
async def test_a_value_that_is_a_step_in_a_path_is_never_sent(tmp_path: Path, agency: Agency, value: str) -> None:
    scripted = await agency(lambda _: b"")
    service = 'method = "GET"\npath = "/people/{nic}"\nrequest = { nic = "identifier:NIC" }'
    with pytest.raises(AgencyRejectedMessage):
        await opened(board(tmp_path, service), scripted).ask(question(Subject((Identifier("NIC", value),))))
    assert scripted.requests == []


@pytest.mark.parametrize("header", ["Host", "Transfer-Encoding", "content-length", "X-Road-Client", "Cookie"])
def test_a_key_goes_in_no_header_that_frames_or_routes_a_request(tmp_path: Path, header: str) -> None:
    auth = f'[auth]\nkind = "api_key"\nheader = "{header}"\nkey = "secret:BOARD_KEY"\n'
    with pytest.raises(manifests.ManifestError, match="does not go in"):
        manifests.load(board(tmp_path, FIND, auth))
    manifests.load(board(tmp_path, FIND, auth.replace(header, "Authorization")))


async def test_a_number_in_a_url_is_in_no_log_and_in_no_error(
    tmp_path: Path, agency: Agency, reply: Any, caplog: pytest.LogCaptureFixture
) -> None:
    scripted = await agency(lambda _: reply(status=503))
    service = 'method = "GET"\npath = "/people/{nic}"\nrequest = { nic = "identifier:NIC" }'
    with caplog.at_level(logging.DEBUG), pytest.raises(AgencyError) as caught:
        await opened(board(tmp_path, service), scripted).ask(question())
    assert NIC in scripted.requests[0].path
    assert NIC not in f"{caplog.text}{caught.value!r}{caught.value.code}"


FIND = 'path = "/find"\nrequest = { nic = "identifier:NIC" }\n'


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ('kind = "bearer"\ntoken = "secret:BOARD_KEY"', "authorization", "Bearer k1"),
        ('kind = "api_key"\nheader = "X-Gov-Key"\nkey = "secret:BOARD_KEY"', "x-gov-key", "k1"),
        (
            'kind = "basic"\nuser = "setting:BOARD_KEY"\npassword = "secret:BOARD_KEY"',
            "authorization",
            "Basic azE6azE=",
        ),
    ],
    ids=["bearer", "api_key", "basic"],
)
async def test_we_sign_in_as_declared(
    tmp_path: Path, agency: Agency, reply: Any, auth: str, header: str, value: str
) -> None:
    scripted = await agency(lambda _: reply(body={"active": True}))
    await opened(board(tmp_path, FIND, f"[auth]\n{auth}\n"), scripted, BOARD_KEY="k1").ask(question())
    assert scripted.requests[0].headers[header] == value


@pytest.mark.parametrize("client", ["form", "basic"])
async def test_client_credentials_fetch_a_token_and_renew_one_that_is_refused(
    tmp_path: Path, agency: Agency, reply: Any, client: str
) -> None:
    tokens = iter(["old", "new"])

    def answer(request: Any) -> Any:
        if request.path == "/login/token":
            return reply(body={"access_token": next(tokens), "token_type": "Bearer", "expires_in": 300})
        return reply(body={"active": True}) if request.headers["authorization"] == "Bearer new" else reply(status=401)

    scripted = await agency(answer)
    auth = (
        '[auth]\nkind = "client_credentials"\ntoken_url = "setting:BOARD_TOKEN_URL"\nclient_id = "setting:BOARD_ID"\n'
        f'client_secret = "secret:BOARD_KEY"\nscope = "members.read"\nclient = "{client}"\n'
    )
    given = {"BOARD_TOKEN_URL": f"{scripted.url}/login/token", "BOARD_ID": "gateway", "BOARD_KEY": "s"}
    raw = await opened(board(tmp_path, FIND, auth), scripted, **given).ask(question())
    assert raw.payload == {"active": True}
    form, headers = parse_qs(scripted.requests[0].body.decode()), scripted.requests[0].headers
    assert form["scope"] == ["members.read"]
    assert ("client_secret" in form, "authorization" in headers) == (
        (True, False) if client == "form" else (False, True)
    )


async def test_a_secret_that_would_end_a_header_is_refused(tmp_path: Path, agency: Agency) -> None:
    folder = board(tmp_path, FIND, '[auth]\nkind = "api_key"\nkey = "secret:BOARD_KEY"\n')
    with pytest.raises(NotConfigured, match="a character that no header carries"):
        opened(folder, await agency(lambda _: b""), BOARD_KEY="a\r\nhost: evil")


MEANS = """
[service.enrolment.means]
"status=410" = "unknown_person"
"status=204" = "no_data"
"/code=E7" = "ambiguous"
"/none=true" = "no_data"
"""


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, {}, AgencyHasNoSuchPerson),
        (410, {}, AgencyHasNoSuchPerson),
        (400, {"code": "E7"}, None),
        (400, {"code": "E8"}, AgencyRejectedMessage),
        (403, {}, AgencyRefused),
        (302, {}, AgencyAnswerMalformed),
        (503, {}, AgencyUnavailable),
    ],
    ids=str,
)
async def test_a_status_means_what_is_usual_unless_the_folder_says_otherwise(
    tmp_path: Path, agency: Agency, reply: Any, status: int, body: dict[str, Any], kind: type[AgencyError] | None
) -> None:
    scripted = await agency(lambda _: reply(status=status, body=body))
    with pytest.raises(AgencyError) as caught:
        await opened(board(tmp_path, FIND + MEANS), scripted).ask(question())
    if kind is None:
        assert (type(caught.value).__name__, caught.value.code) == ("AgencyCannotTell", "E7")
    else:
        assert type(caught.value) is kind or isinstance(caught.value, kind)
    assert len(scripted.requests) == 1  # a redirect is not followed


@pytest.mark.parametrize(("status", "body"), [(204, b""), (200, {"none": True})], ids=["status", "body"])
async def test_nothing_there_is_no_data(tmp_path: Path, agency: Agency, reply: Any, status: int, body: Any) -> None:
    scripted = await agency(lambda _: reply(status=status, body=body))
    raw = await opened(board(tmp_path, FIND + MEANS), scripted).ask(question())
    assert raw.empty


XROAD = '[settings]\nclient = "setting:BOARD_CLIENT"\nservice = "setting:BOARD_SERVICE"\n'
SYSTEMS = {"BOARD_CLIENT": "LK/GOV/SANDHI/GATEWAY", "BOARD_SERVICE": "LK/GOV/B 1/TRAINEES"}


async def test_over_x_road_the_provider_is_in_the_path_and_we_are_in_a_header(
    tmp_path: Path, agency: Agency, reply: Any
) -> None:
    scripted = await agency(lambda _: reply(body={"active": True}))
    service = 'method = "GET"\npath = "/enrolments/{nic}"\nrequest = { nic = "identifier:NIC" }'
    await opened(board(tmp_path, service, XROAD), scripted, **SYSTEMS).ask(question())
    (sent,) = scripted.requests
    assert sent.path == f"/v2/r1/LK/GOV/B%201/TRAINEES/enrolments/{NIC}"
    assert sent.headers["x-road-client"] == "LK/GOV/SANDHI/GATEWAY"
    assert sent.headers["x-road-id"]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("Server.ServerProxy.AccessDenied", AgencyRefused),
        ("Server.ClientProxy.NetworkError", AgencyUnavailable),
        ("Client.InvalidHttpMethod", AgencyRejectedMessage),
        ("", AgencyUnavailable),
    ],
    ids=["denied", "network", "our message", "service"],
)
async def test_an_error_of_x_road_itself_is_told_apart(
    tmp_path: Path, agency: Agency, reply: Any, code: str, kind: type[AgencyError]
) -> None:
    scripted = await agency(lambda _: reply(status=500, headers={"x-road-error": code} if code else {}))
    with pytest.raises(kind) as caught:
        await opened(board(tmp_path, FIND, XROAD), scripted, **SYSTEMS).ask(question())
    assert caught.value.code == (code or "500")


@pytest.mark.parametrize(
    ("detail", "kept"),
    [("dd5edb08-a2b1-4c3d-8e9f-0123456789ab", True), (NIC, False), ("", False)],
    ids=["id", "a number", "none"],
)
async def test_where_x_road_broke_is_stored_with_its_fault_id_and_nothing_else_of_the_answer(
    tmp_path: Path, agency: Agency, reply: Any, detail: str, kept: bool
) -> None:
    kind = "Server.ServerProxy.IOError"
    body = {"type": kind, "message": f"about {NIC}", "detail": detail}
    scripted = await agency(lambda _: reply(status=500, headers={"x-road-error": kind}, body=body))
    with pytest.raises(AgencyUnavailable) as caught:
        await opened(board(tmp_path, FIND, XROAD), scripted, **SYSTEMS).ask(question())
    assert caught.value.code == (f"{kind} {detail}" if kept else kind)


@pytest.mark.parametrize(
    ("service", "words"),
    [
        ('path = "/a/{nic}"\nrequest = { id = "identifier:NIC" }', "say in request what it carries"),
        ('path = "/a/../b"\nrequest = { id = "identifier:NIC" }', "a path has no"),
        ('path = "/a?key=1"\nrequest = { id = "identifier:NIC" }', "a path has no"),
        ('path = "/a/{}"\nrequest = { id = "identifier:NIC" }', "a path has no"),
        ('path = "/a\\u0000b"\nrequest = { id = "identifier:NIC" }', "signs of ASCII"),
        ('path = "/é"\nrequest = { id = "identifier:NIC" }', "signs of ASCII"),
        ('path = "/a"\nrequest = { id = "identifier:NIC", "id/of" = "as_at" }', "a value or holds others"),
        ('path = "/a"\nheaders = { Host = "inside" }\nrequest = { id = "identifier:NIC" }', "not yours to set"),
        ('path = "/a"\nheaders = { x-forwarded-for = "1" }\nrequest = { id = "identifier:NIC" }', "not yours to set"),
        ('path = "/a"\nheaders = { Accept = "a\\r\\nb: c" }\nrequest = { id = "identifier:NIC" }', "/headers"),
        ('path = "/a"\nmethod = "PUT"\nrequest = { id = "identifier:NIC" }', "/method"),
        ('path = "/a"\nmethod = "GET"\nbody = "form"\nrequest = { id = "identifier:NIC" }', "a GET has no body"),
        ('path = "/a"\nrequest = { id = "text:{__class__}" }', "nothing that a request carries"),
        ('path = "/a"\nrequest = { id = "text:{identifier:TIN}" }', "list it in sends"),
        ('path = "/a"\nrequest = { on = "as_at" }', "names nobody"),
        ('path = "/a"\nrequest = {}', "names nobody"),
        ('path = "/a"\nrows = "csv"', "rows and find go together"),
        ('path = "/a"\nrows = "csv"\nmethod = "POST"\nfind = { nic = "identifier:NIC" }', "a file is only read"),
        ('rows = "csv"\nfind = { nic = "identifier:NIC" }', "where the file is"),
    ],
)
def test_a_request_that_cannot_be_meant_is_refused_with_its_reason(tmp_path: Path, service: str, words: str) -> None:
    with pytest.raises(manifests.ManifestError, match=words):
        manifests.load(board(tmp_path, service))
