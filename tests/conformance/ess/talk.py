"""One conversation with the server: messages made, sent and read; everything heard is kept for the last check."""

import asyncio
import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Protocol
from uuid import uuid4

import httpx

from .signing import NONE, Signed, holds, sign
from .target import Number, Target

JSON = "application/json"
EXPRESSION = "ns:org:QueryType:expression"
ABSENT = frozenset({404, 405, 501})


class Failed(Exception):
    """The server does something else than the protocol says. The text says what, and never a person's number."""


class Callbacks(Protocol):
    """Where what the server sends later arrives."""

    async def wait(self, action: str, transaction_id: str) -> Mapping[str, Any]:
        """The envelope of this action in this transaction.

        Raises:
            Failed: none came in time.
        """


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer. `document` is None where the body is no JSON object."""

    path: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    document: Mapping[str, Any] | None

    def part(self, *names: str) -> Any:
        """A member of the document, None where there is none."""
        found: Any = self.document
        for name in names:
            found = found.get(name) if isinstance(found, Mapping) else None
        return found

    @property
    def code(self) -> str:
        """The error's code, in whichever of the published places it stands."""
        listed = self.part("errors")
        first = (
            listed[0].get("code") if isinstance(listed, list) and listed and isinstance(listed[0], Mapping) else None
        )
        found = self.part("message", "error", "code") or first or self.part("header", "status_reason_code")
        return str(found or "")

    @property
    def refused(self) -> bool:
        """Whether the whole message was refused, in any of the published ways; a reply whose items are all rejected
        has `rjct` in its header as well, but no code there."""
        header = self.part("header") or {}
        coded = header.get("status") == "rjct" and "status_reason_code" in header
        return self.status >= 400 or self.part("message", "ack_status") in {"ERR", "NACK"} or coded


@dataclass(slots=True)
class Talk:
    """The partner's side. `absent` are the operations that the server does not have."""

    target: Target
    http: httpx.AsyncClient
    callbacks: Callbacks | None = None
    heard: list[Heard] = field(default_factory=list)
    absent: set[str] = field(default_factory=set)
    keys: Mapping[str, Any] | None = None
    _token: str = ""

    async def begin(self) -> None:
        """Get a token and the server's keys, and find out which operations there are.

        Raises:
            Failed: no token, or no keys at the address that was named.
        """
        self._token = self.target.token or (await self.token() if self.target.token_url else "")
        if self.target.jwks_url:
            answer = await self.http.get(self.target.jwks_url)
            if answer.status_code != 200 or not answer.json().get("keys"):
                raise Failed(f"no keys at {self.target.jwks_url}: {answer.status_code}")
            self.keys = answer.json()
        for path in self.target.operations:
            answer = await self.http.post(self._url(short(path)), json={}, headers=self._bearer(None))
            if answer.status_code in ABSENT:
                self.absent.add(short(path))

    async def token(self, **changes: str) -> str:
        """A token by client credentials. Source: authz_core_api_v1.0.0.yaml."""
        answer = await self.asked_for_token(**changes)
        token = answer.json().get("access_token") if answer.status_code == 200 else None
        if not isinstance(token, str):
            raise Failed(f"no token: {answer.status_code} from {self.target.token_url}")
        return token

    async def asked_for_token(self, **changes: str) -> httpx.Response:
        """Whatever the token endpoint says."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self.target.client_id,
            "client_secret": self.target.client_secret,
        }
        headers = {"timestamp": format_datetime(datetime.now(UTC), usegmt=True)}
        return await self.http.post(self.target.token_url, data=form | changes, headers=headers)

    def header(self, action: str, count: int, /, **changes: object) -> dict[str, Any]:
        """A header as the protocol has it; a change to None leaves the member out."""
        made: dict[str, Any] = {
            "version": "1.0.0",
            "message_id": str(uuid4()),
            "message_ts": stamp(),
            "action": action,
            "sender_id": self.target.sender_id,
            "receiver_id": self.target.receiver_id,
            "total_count": count,
            "is_msg_encrypted": False,
            **changes,
        }
        return {name: value for name, value in made.items() if value is not None}

    def search(self, *queries: Any) -> dict[str, Any]:
        """A search by these: a number, or criteria of its own."""
        return {"transaction_id": str(uuid4()), "search_request": [self._item(each) for each in queries]}

    def _item(self, query: Any) -> dict[str, Any]:
        criteria = copy.deepcopy({"version": "1.0.0", "reg_type": self.target.reg_type, **self.target.criteria})
        criteria["reg_record_type"] = self.target.record_type
        if isinstance(query, Number):
            query = {"query_type": "idtype-value", "query": {"type": query.kind, "value": query.value}}
        return {
            "reference_id": str(uuid4()),
            "timestamp": stamp(),
            "search_criteria": {**criteria, **query},
            "locale": "eng",
        }

    def wish(self) -> dict[str, Any]:
        """A subscription."""
        criteria = {
            "version": "1.0.0",
            "reg_type": self.target.reg_type,
            "reg_event_type": self.target.event_type,
            "frequency": {"start_time": stamp(), "end_time": "9999-12-31T23:59:59Z", "frequency": "real-time"},
            "filter_type": "expression",
            "filter": {"type": EXPRESSION, "value": {"expression": {"query": {}}}},
            "notify_record_type": self.target.record_type,
            **copy.deepcopy(dict(self.target.criteria)),
        }
        item = {"reference_id": str(uuid4()), "timestamp": stamp(), "subscribe_criteria": criteria, "locale": "eng"}
        return {"transaction_id": str(uuid4()), "subscribe_request": [item]}

    async def say(
        self,
        path: str,
        header: Mapping[str, Any],
        message: Mapping[str, Any],
        *,
        key: Mapping[str, str] | None = None,
        signed: bool = True,
    ) -> Heard:
        """One message, signed by the partner (or by another `key`)."""
        dialect = self.target.dialect if signed else NONE
        made = sign(dialect, {"header": header, "message": message}, key or self.target.key)
        return await self.send(path, made)

    async def send(
        self, path: str, made: Signed, *, token: str | None = None, media: str = JSON, note: bool = True
    ) -> Heard:
        """Bytes as they are. `token` is another one than ours, or none where it is empty."""
        headers = {"content-type": media, **made.headers, **self._bearer(token)}
        answer = await self.http.post(self._url(path), content=made.body, headers=headers)
        heard = Heard(path, answer.status_code, dict(answer.headers), answer.content, _object(answer.content))
        if note:
            self.heard.append(heard)
        return heard

    def is_signed(self, heard: Heard) -> bool:
        """Whether a reply carries the server's signature."""
        return holds(self.target.dialect, heard.body, heard.headers, self.keys or {})

    def _url(self, path: str) -> str:
        return f"{self.target.url.rstrip('/')}/{path}"

    def _bearer(self, token: str | None) -> dict[str, str]:
        found = self._token if token is None else token
        return {"authorization": f"Bearer {found}"} if found else {}


class Waiting:
    """Callbacks that are put in as they arrive; for `Callbacks`."""

    def __init__(self, patience_s: float = 10.0) -> None:
        self._patience_s = patience_s
        self._came: list[Mapping[str, Any]] = []
        self._more = asyncio.Condition()

    async def put(self, envelope: Mapping[str, Any]) -> None:
        """An envelope arrived."""
        async with self._more:
            self._came.append(envelope)
            self._more.notify_all()

    async def wait(self, action: str, transaction_id: str) -> Mapping[str, Any]:
        """See `Callbacks`."""
        try:
            async with asyncio.timeout(self._patience_s), self._more:
                while (found := self._find(action, transaction_id)) is None:
                    await self._more.wait()
                return found
        except TimeoutError:
            raise Failed(f"no {action} of the transaction came within {self._patience_s:g} s") from None

    def _find(self, action: str, transaction_id: str) -> Mapping[str, Any] | None:
        for each in self._came:
            said = each.get("message") or {}
            if (each.get("header") or {}).get("action") == action and said.get("transaction_id") == transaction_id:
                return each
        return None


def short(path: str) -> str:
    """`/registry/sync/search` -> `sync/search`."""
    return path.removeprefix("/registry/")


def stamp(before: timedelta = timedelta()) -> str:
    """Now, or that long ago; UTC with milliseconds."""
    return (datetime.now(UTC) - before).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _object(body: bytes) -> Mapping[str, Any] | None:
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, Mapping) else None
