"""A SOAP Fault of X-Road: what each code means, and which of its words are kept."""

import pytest
from lxml import etree

from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyError,
    AgencyRefused,
    AgencyRejectedMessage,
    AgencyUnavailable,
)
from adapters.kit.egress import HttpAnswer
from adapters.kit.transports.xroad import fault_of, is_outage, opened

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
FAULT_ID = "dd5edb08-a2b1-4c3d-8e9f-0123456789ab"


def fault(code: str, detail: str = "") -> etree._Element:
    told = f'<x:faultDetail xmlns:x="http://x-road.eu/xsd/xroad.xsd">{detail}</x:faultDetail>'
    inside = f"<faultcode>{code}</faultcode><faultstring>about 199012304567</faultstring><detail>{told}</detail>"
    return etree.fromstring(f'<s:Fault xmlns:s="{SOAP}">{inside}</s:Fault>')


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("Client.UnknownService", AgencyRejectedMessage),
        ("SOAP-ENV:Client", AgencyRejectedMessage),
        ("Server.ClientProxy.NetworkError", AgencyUnavailable),
        ("Server.ServerProxy.ServiceFailed", AgencyUnavailable),
        ("Server.ServerProxy.AccessDenied", AgencyRefused),
        ("VersionMismatch", AgencyAnswerMalformed),
    ],
)
def test_a_code_says_on_which_side_it_broke(code: str, kind: type[AgencyError]) -> None:
    found = fault_of(fault(code))
    assert (type(found), found.code) == (kind, code.rpartition(":")[2])


def test_the_fault_id_is_kept_and_nothing_else_of_the_fault() -> None:
    assert fault_of(fault("Server.ServerProxy.IOError", FAULT_ID)).code == f"Server.ServerProxy.IOError {FAULT_ID}"
    about_somebody = fault_of(fault("Server.ServerProxy.IOError", "199012304567"))
    assert about_somebody.code == "Server.ServerProxy.IOError"
    assert "199012304567" not in str(about_somebody)


def answered(inside: str, *, status: int = 200, kind: str = "text/xml; charset=utf-8") -> HttpAnswer:
    return HttpAnswer(status, {"content-type": kind}, f'<s:Envelope xmlns:s="{SOAP}">{inside}</s:Envelope>'.encode())


ENVELOPES = {
    "two bodies": "<s:Body><a/></s:Body><s:Body><b/></s:Body>",
    "two headers": "<s:Header/><s:Header/><s:Body><a/></s:Body>",
    "a header after the body": "<s:Body><a/></s:Body><s:Header/>",
    "something after the body": "<s:Body><a/></s:Body><a/>",
    "no body": "<s:Header/>",
    "a body of another namespace": '<s:Body xmlns:s="http://www.w3.org/2003/05/soap-envelope"><a/></s:Body>',
    "two things in the body": "<s:Body><a/><b/></s:Body>",
}


@pytest.mark.parametrize("inside", ENVELOPES.values(), ids=ENVELOPES)
def test_an_envelope_that_can_be_read_in_two_ways_is_not_read_at_all(inside: str) -> None:
    with pytest.raises(AgencyAnswerMalformed):
        opened(answered(inside))


def test_a_charset_of_the_content_type_is_believed_though_the_document_says_nothing() -> None:
    assert opened(answered("<s:Body><a/></s:Body>", kind='text/xml; charset="UTF-8"'))[1].tag == "a"
    with pytest.raises(AgencyAnswerMalformed, match="not UTF-8"):
        opened(answered("<s:Body><a>\u00e9</a></s:Body>", kind="text/xml; charset=iso-8859-1"))


@pytest.mark.parametrize(
    ("code", "outage"),
    [("Client.UnknownService", False), ("Server.ServerProxy.AccessDenied", False), ("Server.ServerProxy", True)],
)
def test_a_fault_is_an_outage_only_where_it_says_so_though_each_comes_with_500(code: str, outage: bool) -> None:
    body = f"<s:Body>{etree.tostring(fault(code)).decode()}</s:Body>"
    assert is_outage(answered(body, status=500)) is outage


def test_a_500_that_is_no_fault_is_an_outage() -> None:
    assert is_outage(HttpAnswer(500, {"content-type": "text/html"}, b"<html>sorry</html>"))
    assert is_outage(answered("<s:Body><a/></s:Body>", status=500))
