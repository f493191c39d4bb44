"""An X-Road provider behind its security server: headers, access and faults of SOAP 4.0; registers bring operations."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lxml import etree
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .faults import Faults, Faulty, WrongAnswers
from .soap import Message, SoapFault, answer, fault, opened
from .strict import BodyTooLarge, bounded
from .strict_xml import MOST_BYTES, BadXml, read


class BadQuestion(Exception):
    """The body fits the schema and still asks nothing that can be answered."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One service.

    Attributes:
        element: what the body of a request must be.
        serve: the body of the answer; raises BadQuestion.
        schema: of its bodies, where a provider's services have WSDLs of their own; None: the provider's.
    """

    element: str
    serve: Callable[[etree._Element], etree._Element]
    schema: etree.XMLSchema | None = None


@dataclass(frozen=True, slots=True)
class Provider:
    """Attributes:
    client: the only system served, in path spelling.
    service: the provider itself.
    operations: by service code and version.
    schema: of the bodies, both ways.
    wrong_schema: the body of an answer that breaks it, for the fault of that name.
    """

    client: str
    service: str
    operations: Mapping[tuple[str, str], Operation]
    schema: etree.XMLSchema
    wrong_schema: bytes

    def app(self, faults: Faults) -> Starlette:
        """The endpoint: one POST to the root."""

        async def soap(request: Request) -> Response:
            try:
                raw = await _body(request)
                return _xml(await asyncio.to_thread(self._served, raw), 200)
            except SoapFault as error:
                return _xml(fault(error), 500)

        wrong = WrongAnswers("text/xml", _enveloped(self.wrong_schema), lambda _path: _xml(fault(_denied()), 500))
        return Starlette(
            routes=[Route("/", soap, methods=["POST"])],
            middleware=[Middleware(Faulty, faults=faults, answers=wrong)],
        )

    def _served(self, raw: bytes) -> bytes:
        try:
            message = opened(read(raw))
        except BadXml as error:
            raise SoapFault("Client.InvalidXml", str(error)) from None
        operation = self._checked(message)
        try:
            body = operation.serve(message.body)
        except BadQuestion as error:
            raise SoapFault("Client.InvalidBody", str(error)) from None
        if not (operation.schema or self.schema).validate(body):
            raise SoapFault("Server.ServerProxy.ServiceFailed", "the register's own answer does not fit its schema")
        return answer(message, body, raw)

    def _checked(self, message: Message) -> Operation:
        """Who asks, for what, and whether the body is what the service takes."""
        if message.client != self.client:
            raise _denied()
        operation = self.operations.get(message.operation)
        if message.service != self.service or operation is None:
            raise SoapFault("Server.ServerProxy.UnknownService", "no such service here")
        if message.body.tag != operation.element:
            raise SoapFault("Client.InvalidBody", "the body is not that of the service in the header")
        if not (operation.schema or self.schema).validate(message.body):
            raise SoapFault("Client.InvalidBody", "the body does not fit the schema of the service")
        return operation


async def _body(request: Request) -> bytes:
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if media_type.strip().lower() != "text/xml" or charset not in {"", "charset=utf-8"}:
        raise SoapFault("Client.InvalidContentType", "send text/xml in UTF-8")
    try:
        return await bounded(request.stream(), MOST_BYTES)
    except BodyTooLarge:
        raise SoapFault("Client.InvalidSoap", f"a message has at most {MOST_BYTES} bytes") from None


def _enveloped(body: bytes) -> bytes:
    soap = b"http://schemas.xmlsoap.org/soap/envelope/"
    return b'<s:Envelope xmlns:s="%b"><s:Body>%b</s:Body></s:Envelope>' % (soap, body)


def _denied() -> SoapFault:
    return SoapFault("Server.ServerProxy.AccessDenied", "the client may not use this service")


def _xml(content: bytes, status: int) -> Response:
    return Response(content, status, media_type="text/xml")
