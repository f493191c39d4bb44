"""`/xroad/soap`: X-Road SOAP 4.0 for consumers, and its metadata services `listMethods`, `allowedMethods`, `getWsdl`.

Source: PR-MESS 4.0; PR-META 2.15 sections 3 and 4.
"""

from collections.abc import Awaitable, Callable
from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from lxml import etree

from ...errors import ExchangeError
from ...trust.caller import Caller
from ...trust.errors import NoIdentifier
from ...wiring import Services
from ..body import check_type, read
from ..v1.deps import caller, services
from ..v1.problems import place
from .asking import answered, known_offer, offers_of, service_code
from .bodies import answer_of, question_of, refusal_of
from .codes import (
    BAD_REQUEST,
    FAILURES,
    OF_OUTCOMES,
    UNKNOWN_SERVICE,
    XRoadError,
    reads_new_codes,
    spelled,
    xroad_error,
)
from .envelope import IDENTIFIERS, OBJECT_TYPE, XROAD, Soap, answer_to, fault, read_soap, soap, with_attachment
from .identifiers import PARTS, SERVICE_VERSION, segment
from .metadata import allowed_offers, check_known
from .rest import METHODS
from .shapes import wsdl_of


def xroad_soap_routes() -> APIRouter:
    """One route takes every path and method below `/xroad`, so that every failure is a fault."""
    routes = APIRouter(include_in_schema=False)
    routes.add_api_route("/xroad/{path:path}", _soap, methods=METHODS)
    routes.add_api_route("/xroad", _soap, methods=METHODS)
    return routes


async def _soap(request: Request) -> Response:
    who, here = await caller(request), await services(request)
    request_id = str(uuid4())
    try:
        return await _answered(request, who, here, request_id)
    except FAILURES as error:
        return _failed(xroad_error(error), who, here, request_id)


async def _answered(request: Request, who: Caller, here: Services, request_id: str) -> Response:
    if request.url.path != "/xroad/soap" or request.method != "POST":
        raise XRoadError(BAD_REQUEST, "X-Road SOAP is POST /xroad/soap.")
    check_type(request, "text/xml")
    asked = read_soap(await read(request), who, request_id)
    if asked.called.code in METADATA:
        return await METADATA[asked.called.code](asked, here)
    offer = await known_offer(asked.called.provider, asked.called.code, here)
    question = question_of(asked.body, offer.service)
    try:
        content = answer_of(await answered(asked.called, question, here), offer.service)
    except RequestValidationError as error:
        places = ", ".join(sorted({place(each) for each in error.errors()[:20]}))
        raise XRoadError(BAD_REQUEST, f"The body cannot be used at {places}.") from None
    except NoIdentifier as error:
        raise XRoadError(BAD_REQUEST, error.detail) from None
    except ExchangeError as error:
        if error.code in OF_OUTCOMES:
            raise XRoadError.of_outcome(error) from error
        _status, code, detail = error.told
        content = refusal_of(code, detail, offer.service)
    return soap(answer_to(asked, content))


def _failed(error: XRoadError, who: Caller, here: Services, request_id: str) -> Response:
    code = spelled(error.code, new=reads_new_codes(who.system, here.settings.names("XROAD_NEW_CODES")))
    answer = fault(code, error.text, error.detail or request_id)
    if error.after_s:
        answer.headers["retry-after"] = str(error.after_s)
    return answer


async def _list_methods(asked: Soap, here: Services) -> Response:
    _check_empty(asked)
    await check_known(asked.called.provider, here)
    found = list(offers_of(asked.called.provider.id, here).values())
    return _methods(asked, [service_code(each) for each in found])


async def _allowed_methods(asked: Soap, here: Services) -> Response:
    _check_empty(asked)
    await check_known(asked.called.provider, here)
    found = await allowed_offers(asked.called.provider, asked.called.caller, here)
    return _methods(asked, [service_code(each) for each in found])


async def _get_wsdl(asked: Soap, here: Services) -> Response:
    """The WSDL of one service, as an attachment."""
    names = [each.tag for each in asked.body]
    wanted = [f"{{{XROAD}}}serviceCode", f"{{{XROAD}}}serviceVersion"]
    if asked.body.tag != f"{{{XROAD}}}getWsdl" or names not in (wanted[:1], wanted):
        raise XRoadError(BAD_REQUEST, "The body is getWsdl with serviceCode, and serviceVersion if any.")
    code, *version = [(each.text or "").strip() for each in asked.body]
    if version and version != [SERVICE_VERSION]:
        raise XRoadError(UNKNOWN_SERVICE, f"Services have one version here, {SERVICE_VERSION}.")
    offer = await known_offer(asked.called.provider, segment(code.replace("%", "%25")), here)
    content = etree.Element(f"{{{XROAD}}}getWsdlResponse")
    for name, text in (("serviceCode", service_code(offer)), ("serviceVersion", SERVICE_VERSION)):
        etree.SubElement(content, f"{{{XROAD}}}{name}").text = text
    return with_attachment(answer_to(asked, content), wsdl_of(offer.service))


METADATA: dict[str, Callable[[Soap, Services], Awaitable[Response]]] = {
    "listMethods": _list_methods,
    "allowedMethods": _allowed_methods,
    "getWsdl": _get_wsdl,
}


def _check_empty(asked: Soap) -> None:
    if asked.body.tag != f"{{{XROAD}}}{asked.called.code}" or len(asked.body) or (asked.body.text or "").strip():
        raise XRoadError(BAD_REQUEST, "The body of a metadata service is its empty element of X-Road's namespace.")


def _methods(asked: Soap, codes: list[str]) -> Response:
    content = etree.Element(f"{{{XROAD}}}{asked.called.code}Response")
    names = (*PARTS, "serviceCode", "serviceVersion")
    for code in codes:
        service = etree.SubElement(content, f"{{{XROAD}}}service", {OBJECT_TYPE: "SERVICE"})
        for name, text in zip(names, (*asked.called.provider.parts, code, SERVICE_VERSION), strict=True):
            etree.SubElement(service, f"{{{IDENTIFIERS}}}{name}").text = text
    return soap(answer_to(asked, content))
