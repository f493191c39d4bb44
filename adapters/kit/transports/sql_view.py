"""A view in the agency's database, asked by one declared statement: no Python, and nothing but reading.

```toml
[transport]
kind = "sql"                                # PostgreSQL; host and port are settings
[auth]
kind = "password"                           # of a role that may read this view alone
[service.membership]
query   = "select since, grade from sandhi_members where nic = :nic"
request = { nic = "identifier:NIC" }
```
The answer is `{"rows": [{"since": "2020-01-01", "grade": null}]}`, every value as text, and is mapped as JSON is. No
row: the agency does not know the person; what else a row may mean says `means`. Values are bound, never written into
the statement, and a number stands in no log of ours.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from adapters.kit.base import BaseAdapter, Kit, NotConfigured, as_of
from adapters.kit.breaker import Breaker
from adapters.kit.contract import (
    AgencyError,
    AgencyHasNoSuchPerson,
    AgencyTimeout,
    AgencyUnavailable,
    Question,
    RawAnswer,
    Service,
)
from adapters.kit.declared_query import bound
from adapters.kit.declared_value import declared_value
from adapters.kit.fitting import check_fits
from adapters.kit.manifest import answer_validator
from adapters.kit.meanings import meant
from adapters.kit.transports.postgres import Account, Row, Session

_PAUSE = wait_exponential_jitter(multiplier=0.1, max=1.0, jitter=0.1)


class DeclaredSql(BaseAdapter):
    """A folder without `adapter.py`: each service's `query` is asked with what its `request` carries."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._account = _account(kit)
        limits = kit.limits()
        self._slots = asyncio.Semaphore(limits.concurrent)
        self._idle: list[Session] = []
        self._breaker = Breaker()
        kit.breakers.append(self._breaker)
        again = retry_if_exception(self._worth_repeating)
        self._retrying = AsyncRetrying(retry=again, wait=_PAUSE, stop=stop_after_attempt(limits.attempts), reraise=True)

    async def ask(self, question: Question) -> RawAnswer:
        """One person; see `contract.Adapter.ask`."""
        service = self.service(question.service)
        request: Any = service.extra.get("request", {})
        if "query" not in service.extra:
            return await super().ask(question)
        statement, places = bound(str(service.extra["query"]))
        values = [declared_value(question.subject, request[each], question.as_at, question.period) for each in places]
        payload: dict[str, object] = {"rows": await self._rows(statement, values)}
        self._check(service, payload)
        told = meant(service, payload)
        if not payload["rows"]:
            raise AgencyHasNoSuchPerson("the agency's view has no row of the person", code="no_row")
        return RawAnswer(payload, as_of(service, question.as_at), told.code, empty=told.empty)

    def parse(self, service: str, body: bytes) -> object:
        """JSON as `ask` gives it; what it says in place of a record is raised; see `BaseAdapter.parse`."""
        payload, offered = super().parse(service, body), self.service(service)
        self._check(offered, payload)
        meant(offered, payload)
        return payload

    async def close(self) -> None:
        """Hang up."""
        while self._idle:
            self._idle.pop().close()

    def _check(self, service: Service, payload: object) -> None:
        if schema := service.answer_schema:
            check_fits(payload, answer_validator(self.kit.folder, schema), f"the rows break {schema}", code="rows")

    async def _rows(self, statement: str, values: Sequence[str]) -> list[Row]:
        clock = asyncio.get_running_loop().time
        begun = clock()
        try:
            async with asyncio.timeout(self.kit.limits().timeout_s), self._slots:
                return await self._retrying(self._asked, statement, values)
        except asyncio.CancelledError:
            self._breaker.given_up(clock() - begun)
            raise
        except TimeoutError:
            self._breaker.record(ok=False)
            raise AgencyTimeout("no answer of the database in time") from None

    async def _asked(self, statement: str, values: Sequence[str]) -> list[Row]:
        async with self._session() as session:
            return await session.rows(statement, values)

    def _worth_repeating(self, error: BaseException) -> bool:
        """A question changes nothing, so it may be asked again where a connection broke off."""
        repeatable = isinstance(error, AgencyUnavailable) and error.code != "breaker_open"
        return repeatable and self._breaker.may_retry()

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[Session]:
        """A connection that is kept for the next question, unless something broke."""
        self._breaker.check()
        session: Session | None = None
        try:
            session = await self._kept() or await self._opened()
            yield session
        except BaseException as error:
            if session is not None:
                session.close()
            if isinstance(error, AgencyError):
                self._breaker.record(ok=not isinstance(error, AgencyUnavailable))
            raise
        self._breaker.record(ok=True)
        self._idle.append(session)

    async def _kept(self) -> Session | None:
        while self._idle:
            session = self._idle.pop()
            if await session.quiet():
                return session
            session.close()
        return None

    async def _opened(self) -> Session:
        return await Session.opened(self.kit.dialler, self._account, self.kit.limits().max_bytes)


def _account(kit: Kit) -> Account:
    port = kit.setting("port")
    if not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        raise NotConfigured(f"{kit.manifest.id}: the port is a number")
    account = Account(kit.setting("host"), int(port), *(kit.setting(each) for each in ("database", "user", "password")))
    if "\0" in f"{account.database}{account.user}":  # would end the text, and begin another option of the session
        raise NotConfigured(f"{kit.manifest.id}: database and user have no NUL in them")
    return account
