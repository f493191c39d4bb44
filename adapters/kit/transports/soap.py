"""SOAP services that need no Python: a WSDL in the folder, the operation, and what its request carries.

```toml
[transport]
kind     = "soap"
base_url = "setting:STAR_URL"

[settings]                                  # over X-Road; without them it is SOAP 1.1 as it is
client  = "setting:STAR_CLIENT"             # who asks: LK/GOV/SANDHI/GATEWAY
service = "setting:STAR_SERVICE"            # who is asked: EE/GOV/70001952/star
user_id = "setting:STAR_USER"               # only where the agency wants a userId

[service.benefit]
wsdl      = "./star.wsdl"
operation = "KontrolliToimetulekuToetuseSaamist"
request   = { isikukood = "identifier:NIC", algus = "period_from", lopp = "period_to" }
```
Our message and the answer are both judged by the schema of the WSDL; the mapping reads what `xml_values` makes of it.

Source: WSDL 1.1; SOAP 1.1, sections 4 and 6.1.1; X-Road PR-MESS 4.0.
"""

from collections.abc import Awaitable, Callable, Mapping

from lxml import etree

from adapters.kit import xml_values
from adapters.kit.base import BaseAdapter, Kit, NotConfigured, as_of
from adapters.kit.contract import AgencyRejectedMessage, Question, RawAnswer
from adapters.kit.declared_auth import SignedIn, signed_in
from adapters.kit.declared_value import declared_value
from adapters.kit.egress import HttpAnswer, HttpClient
from adapters.kit.fitting import xml_answer
from adapters.kit.manifest import operation_of
from adapters.kit.meanings import meant
from adapters.kit.transports import xroad
from adapters.kit.untrusted.wsdl import Operation, Wsdl

Call = Callable[[etree._Element], Awaitable[etree._Element]]


class DeclaredSoap(BaseAdapter):
    """A folder without `adapter.py` whose services are operations of a WSDL.

    Where it is not X-Road, `[auth]` is one of `declared_auth`.
    """

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._http = kit.http()
        services = kit.manifest.services.values()
        self._named = {each.id: operation_of(kit.folder, each) for each in services}
        self._calls = {
            each.id: self._calling(*self._named[each.id], str(each.extra.get("path", ""))) for each in services
        }

    async def ask(self, question: Question) -> RawAnswer:
        """Ask by the declared request; see `contract.Adapter.ask`."""
        service = self.service(question.service)
        wsdl, operation = self._named[service.id]
        request = service.extra.get("request")
        lines = request if isinstance(request, Mapping) else {}
        texts = {
            path: declared_value(question.subject, what, question.as_at, question.period)
            for path, what in lines.items()
        }
        try:
            message = xml_values.built(operation.request, texts, wsdl.shapes)
        except ValueError:
            raise AgencyRejectedMessage("a value of the question cannot be written in XML", code="own_schema") from None
        payload = _payload(await self._calls[service.id](message), wsdl)
        told = meant(service, payload)
        return RawAnswer(payload, as_of(service, question.as_at), told.code, empty=told.empty)

    def parse(self, service: str, body: bytes) -> object:
        """The payload of the element that answers.

        Raises:
            AgencyAnswerMalformed: not XML, or not what the WSDL allows.
            AgencyError: what the answer says in place of a record, by the service's `means`.
        """
        offered = self.service(service)
        wsdl, operation = self._named[service]
        root = xml_answer(body)
        payload = _payload(xroad.checked(root, operation.answer, wsdl.schema), wsdl)
        meant(offered, payload)
        return payload

    def _calling(self, wsdl: Wsdl, operation: Operation, path: str) -> Call:
        kit = self.kit
        if "client" not in kit.manifest.references:
            return _plain(self._http, wsdl, operation, path, signed_in(kit))
        user = kit.setting("user_id") if "user_id" in kit.manifest.references else ""
        try:
            client, provider = (xroad.System.of(kit.setting(key)) for key in ("client", "service"))
        except xroad.NotASystem as error:
            raise NotConfigured(f"{kit.manifest.id}: {error}") from None
        through = xroad.XRoad(self._http, client, provider, wsdl.schema)

        async def call(message: etree._Element) -> etree._Element:
            return await through.call(
                message,
                code=operation.name,
                version=operation.version or "v1",
                answer=operation.answer,
                user=user,
            )

        return call


def _plain(http: HttpClient, wsdl: Wsdl, operation: Operation, path: str, called: SignedIn) -> Call:
    """SOAP 1.1 without headers of its own, posted to the base URL as it is written, or to a path below it."""
    usual = {"content-type": "text/xml; charset=utf-8", "soapaction": f'"{operation.action}"'}

    async def call(message: etree._Element) -> etree._Element:
        if not wsdl.schema.validate(message):
            told = f"our message breaks the schema{xroad.where(wsdl.schema)}"
            raise AgencyRejectedMessage(told, code="own_schema")
        root = etree.Element(f"{{{xroad.SOAP}}}Envelope", nsmap={"soap": xroad.SOAP})
        etree.SubElement(root, f"{{{xroad.SOAP}}}Body").append(message)
        content = etree.tostring(root, xml_declaration=True, encoding="UTF-8")

        async def posted(headers: Mapping[str, str]) -> HttpAnswer:
            return await http.request(
                "POST", path, headers=usual | dict(headers), content=content, faults=xroad.is_outage
            )

        answer = await called(posted)
        return xroad.checked(xroad.opened(answer)[1], operation.answer, wsdl.schema)

    return call


def _payload(answer: etree._Element, wsdl: Wsdl) -> object:
    part = wsdl.shapes.element(str(answer.tag))
    return {} if part is None else xml_values.values(answer, part, wsdl.shapes)
