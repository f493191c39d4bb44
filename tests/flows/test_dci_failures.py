"""Every failure at the DCI edge fits every shape that its path publishes, whoever found it: edge, door or framework."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from gateway.db import DatabaseBusy
from gateway.edges.dci.failure import ACK_CODES, HEADER_CODES
from gateway.edges.dci.operations import INTERFACES, OPERATIONS
from tests.dci_house import ORIGIN, Client, House, dci_house
from tests.dci_played import local

pytestmark = pytest.mark.asyncio(loop_scope="module")
PATHS = [  # an interface that has each path
    (next(name for name in INTERFACES if each.interface in {"", name}), path) for path, each in OPERATIONS.items()
]
JSON = {"content-type": "application/json"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with dci_house(tmp_path_factory.mktemp("failures")) as opened:
        yield opened
        assert opened.recorder.faults == []


def told(body: dict[str, Any]) -> str:
    """The code, from a body that has every shape."""
    (error,) = body["errors"]
    ack = body["message"]
    assert ack["ack_status"] == "ERR"
    assert ack["error"]["code"] in ACK_CODES
    if "header" in body:
        assert body["header"]["status"] == "rjct"
        assert body["header"].get("status_reason_code", error["code"]) == error["code"]
    code: str = error["code"]
    return code


@pytest.mark.parametrize(("name", "path"), PATHS, ids=[path for _, path in PATHS])
async def test_a_message_that_cannot_be_read_is_refused_on_every_path(house: House, name: str, path: str) -> None:
    client = house.clients[name]
    for body in (
        b"",
        b"{",
        b"[]",
        b'{"header": {}}',
        b'{"header": NaN}',
        b'{"header": {}, "message": {"a": "\\ud800"}}',
    ):
        status, answer = await client.post(path, body, JSON)
        assert (status, told(answer)) == (400, "err.request.bad")
    status, answer = await client.post(path, b"x", {"content-type": "text/csv"})
    assert (status, told(answer)) == (415, "err.request.bad")
    status, answer = await client.post(path, b" " * (1024 * 1024 + 1), JSON)
    assert (status, told(answer)) == (413, "err.request.bad")


@pytest.mark.parametrize(("name", "path"), PATHS, ids=[path for _, path in PATHS])
async def test_who_is_not_known_or_may_not_is_refused_on_every_path(house: House, name: str, path: str) -> None:
    async with local(house.app, ORIGIN) as http:
        answer = await http.post(f"/dci/registry/{path}", content=b"{}", headers=JSON)
    assert (answer.status_code, told(answer.json())) == (401, "err.request.unauthorized")
    house.recorder.answered(name, path, 401, answer.json())
    client = house.clients[name]
    operation = OPERATIONS[path]
    head = client.header(operation.action, sender_id="LK.GOV.SOMEBODY.ELSE", status="succ")
    message = {"transaction_id": str(uuid4())}
    answered = await client.post(path, client.signed(head, message)[0], JSON)
    assert told(answered[1]) in {"err.sender_id.invalid", "err.request.bad"}


@pytest.mark.parametrize("path", ["registry/sync/search", "registry/search", "LK.GOV.REG.SR/registry/search"])
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
async def test_another_method_is_405_and_says_which(house: House, method: str, path: str) -> None:
    client = house.clients["SR"]
    async with local(house.app, ORIGIN) as http:
        headers = {"authorization": f"Bearer {await client.token(http)}"}
        answer = await http.request(method, f"/dci/{path}", headers=headers)
    assert (answer.status_code, answer.headers["allow"], told(answer.json())) == (405, "POST", "err.request.bad")


@pytest.mark.parametrize("path", ["/dci/", "/dci/registry", "/dci/registry/nothing", "/dci/a/b/c/sync/search"])
async def test_a_path_that_is_none_is_404(house: House, path: str) -> None:
    client = house.clients["SR"]
    async with local(house.app, ORIGIN) as http:
        headers = JSON | {"authorization": f"Bearer {await client.token(http)}"}
        answer = await http.post(path, content=b"{}", headers=headers)
    assert (answer.status_code, told(answer.json())) == (404, "err.request.not_found")


@pytest.mark.parametrize(
    ("changes", "code", "status"),
    [
        ({"version": "2.0.0"}, "err.version.not_supported", 400),
        ({"total_count": 7}, "rjct.total_count.invalid", 400),
        ({"message_ts": "2020-01-01T00:00:00Z"}, "rjct.message_ts.invalid", 400),
        ({"sender_uri": "http://127.0.0.1:9/steal"}, "err.sender_uri.invalid", 403),
        ({"is_msg_encrypted": True}, "err.encryption.invalid", 400),
    ],
    ids=["version", "count", "time", "address", "encryption"],
)
@pytest.mark.parametrize("path", ["search", "sync/search"])
async def test_a_header_is_refused_by_its_own_code(
    house: House, path: str, changes: dict[str, Any], code: str, status: int
) -> None:
    client = house.clients["SR"]
    message = {"transaction_id": "t-17", "search_request": [client.item()]}
    answer = await client.call(path, client.header("search", **changes), message)
    assert (answer[0], told(answer[1])) == (status, code)
    if path == "sync/search":
        assert answer[1]["header"].get("status_reason_code", "") == (code if code in HEADER_CODES else "")


async def test_too_many_calls_are_429_with_the_time_to_wait(house: House) -> None:
    client = house.clients["FR"]
    await client.agree(limits={"per_second": 0.1, "burst": 1})
    async with local(house.app, ORIGIN) as http:
        headers = JSON | {"authorization": f"Bearer {await client.token(http)}"}
        answers = [await http.post("/dci/registry/sync/search", content=b"{}", headers=headers) for _ in range(3)]
    assert (answers[-1].status_code, told(answers[-1].json())) == (429, "err.request.too_many_requests")
    assert int(answers[-1].headers["retry-after"]) > 0
    house.recorder.answered("FR", "sync/search", 429, answers[-1].json())
    await client.agree()


@pytest.mark.parametrize(
    ("error", "status"), [(DatabaseBusy("busy"), 503), (RuntimeError("a bug"), 500)], ids=["outage", "bug"]
)
@pytest.mark.parametrize("path", ["search", "sync/search"])
async def test_an_outage_is_503_and_a_bug_500_and_neither_says_more(
    house: House, monkeypatch: pytest.MonkeyPatch, path: str, error: Exception, status: int
) -> None:
    client: Client = house.clients["SR"]
    monkeypatch.setattr("gateway.edges.dci.envelope.claim", _raising(error))
    message = {"transaction_id": "t", "search_request": [client.item()]}
    answer = await client.call(path, client.header("search"), message)
    assert (answer[0], told(answer[1])) == (status, "err.service.unavailable")
    assert "a bug" not in str(answer[1])


def _raising(error: Exception) -> Any:
    async def claim(*_: object, **__: object) -> None:
        raise error

    return claim
