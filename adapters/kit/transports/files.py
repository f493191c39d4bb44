"""A folder without `adapter.py` whose agency puts files somewhere: `rows` and `find` of a service (`declared_rows`).

Over HTTPS (`kind = "rest"`, signed in as `declared_auth` says) or SFTP (`kind = "sftp"`, with `user`, `client_key` and
`host_key` in `[auth]`). Nothing is ever written there.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from adapters.kit.base import BaseAdapter, Kit, NotConfigured, as_of
from adapters.kit.contract import Question, RawAnswer, Service
from adapters.kit.declared_auth import signed_in
from adapters.kit.declared_request import sent
from adapters.kit.declared_rows import ByPerson, Fresh, Row, by_person, of_person, read_rows, rows_with, wanted_of
from adapters.kit.meanings import meant
from adapters.kit.transports.rest import error_of
from adapters.kit.transports.sftp import Login, Sftp

Download = Callable[[Service], Awaitable[bytes]]


class DeclaredFiles(BaseAdapter):
    """Rows of one person out of a file of many."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        download = _by_sftp(kit) if kit.manifest.transport.kind == "sftp" else _by_http(kit)
        self._files = {each.id: Fresh(_reading(each, download)) for each in kit.manifest.services.values()}

    async def ask(self, question: Question) -> RawAnswer:
        """The rows of one person; see `contract.Adapter.ask`."""
        service = self.service(question.service)
        wanted = wanted_of(service, question)
        payload = rows_with(await self._files[service.id].rows(), wanted)
        told = meant(service, payload)
        return RawAnswer(payload, as_of(service, question.as_at), told.code, empty=told.empty)

    def parse(self, service: str, body: bytes) -> object:
        """The whole of a small file, as one person's; see `BaseAdapter.parse`."""
        offered = self.service(service)
        payload = of_person(_rows(offered, body), {})
        meant(offered, payload)
        return payload


def _rows(service: Service, content: bytes) -> list[Row]:
    find: Any = service.extra["find"]
    return read_rows(content, str(service.extra["rows"]), find)


def _people(service: Service, content: bytes) -> ByPerson:
    find: Any = service.extra["find"]
    return by_person(_rows(service, content), find)


def _reading(service: Service, download: Download) -> Callable[[], Awaitable[ByPerson]]:
    async def read() -> ByPerson:
        return await asyncio.to_thread(_people, service, await download(service))  # seconds for a large file

    return read


def _by_http(kit: Kit) -> Download:
    http, called = kit.http(), signed_in(kit)

    async def download(service: Service) -> bytes:
        made = sent(replace(service, extra={**service.extra, "method": "GET"}), {})
        answer = await called(
            lambda headers: http.request("GET", made.target, headers={**made.headers, "accept": "*/*", **headers})
        )
        if answer.status != 200:
            raise error_of(answer)
        return answer.body

    return download


def _by_sftp(kit: Kit) -> Download:
    try:
        login = Login(
            host=kit.setting("host"),
            port=int(kit.setting("port")),
            user=kit.setting("user"),
            client_key=kit.setting("client_key"),
            host_key=kit.setting("host_key"),
        )
        sftp = Sftp(kit.dialler, login, kit.limits())
    except ValueError:
        told = "set the port as a number, client_key as a private key, host_key as the server's public one"
        raise NotConfigured(f"{kit.manifest.id}: {told}") from None
    kit.breakers.append(sftp.breaker)

    async def download(service: Service) -> bytes:
        async with sftp.session() as session:
            return await session.download(str(service.extra["path"]))

    return download
