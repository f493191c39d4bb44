"""The SOAP endpoint: one POST, checked from the outside in."""

import asyncio
from collections.abc import Callable
from typing import Final

from lxml import etree
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.faults import Faults, Faulty, WrongAnswers
from sandbox.strict import BodyTooLarge, bounded

from .envelope import Message, SoapFault, answer, fault, opened
from .register import EHIS, BadQuestion, Records, Register
from .settings import EducationSettings
from .xml import MOST_BYTES, BadXml, read, schema

OPERATIONS: Final[dict[tuple[str, str], Callable[[Register, etree._Element], etree._Element]]] = {
    ("tootukassaleKehtivadV2", "v1"): Register.studies,
    ("kmaLopetanud", "v1"): Register.completions,
}
_BODIES = schema("estonia-xtee/ehis.xsd")
_WRONG = f"""<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>\
<e:tootukassaleKehtivadV2Response xmlns:e="{EHIS.strip("{}")}"><isik><nimi/></isik></e:tootukassaleKehtivadV2Response>\
</soapenv:Body></soapenv:Envelope>""".encode()


def build(records: Records, settings: EducationSettings, faults: Faults) -> Starlette:
    """The agency as an ASGI app, to be mounted where `settings.url` points."""
    register = Register(records, settings.locked)

    async def soap(request: Request) -> Response:
        try:
            raw = await _body(request)
            return _xml(await asyncio.to_thread(_served, raw, register, settings), 200)
        except SoapFault as error:
            return _xml(fault(error), 500)

    wrong = WrongAnswers("text/xml", _WRONG, lambda _path: _xml(fault(_denied()), 500))
    return Starlette(
        routes=[Route("/", soap, methods=["POST"])],
        middleware=[Middleware(Faulty, faults=faults, answers=wrong)],
    )


async def _body(request: Request) -> bytes:
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if media_type.strip().lower() != "text/xml" or charset not in {"", "charset=utf-8"}:
        raise SoapFault("Client.InvalidContentType", "send text/xml in UTF-8")
    try:
        return await bounded(request.stream(), MOST_BYTES)
    except BodyTooLarge:
        raise SoapFault("Client.InvalidSoap", f"a message has at most {MOST_BYTES} bytes") from None


def _served(raw: bytes, register: Register, settings: EducationSettings) -> bytes:
    try:
        message = opened(read(raw))
    except BadXml as error:
        raise SoapFault("Client.InvalidXml", str(error)) from None
    _check(message, settings)
    try:
        body = OPERATIONS[message.operation](register, message.body)
    except BadQuestion as error:
        raise SoapFault("Client.InvalidBody", str(error)) from None
    if not _BODIES.validate(body):
        raise SoapFault("Server.ServerProxy.ServiceFailed", "the register's own answer does not fit its schema")
    return answer(message, body, raw)


def _check(message: Message, settings: EducationSettings) -> None:
    """Who asks, for what, and whether the body is what the service takes."""
    if message.client != settings.client:
        raise _denied()
    if message.service != settings.service or message.operation not in OPERATIONS:
        raise SoapFault("Server.ServerProxy.UnknownService", "no such service here")
    if message.body.tag != f"{EHIS}{message.operation[0]}":
        raise SoapFault("Client.InvalidBody", "the body is not that of the service in the header")
    if not _BODIES.validate(message.body):
        raise SoapFault("Client.InvalidBody", "the body does not fit the schema of the service")


def _denied() -> SoapFault:
    return SoapFault("Server.ServerProxy.AccessDenied", "the client may not use this service")


def _xml(content: bytes, status: int) -> Response:
    return Response(content, status, media_type="text/xml")
