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
from adapters.kit.transports.xroad import fault_of

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
