"""XSDs of this repository, each compiled once: what comes from an agency and what goes to it must fit."""

from functools import cache
from typing import Any

from lxml import etree

import schemas
from adapters.kit import strict_xml
from adapters.kit.contract import AgencyAnswerMalformed, AgencyRejectedMessage
from adapters.kit.untrusted.sealed_xsd import compiled


@cache
def stored(name: str) -> etree.XMLSchema:
    """An XSD without imports by its path below `schemas/` (`agency/iso20022/pain.001.001.09.xsd`)."""
    return compiled((schemas.FOLDER / name).read_text("utf-8"), {})


def read(content: bytes, name: str, *, limit: int) -> etree._Element:
    """The root of an agency's document that fits the XSD.

    Raises:
        AgencyAnswerMalformed: not XML as we read it, or not what the XSD says; the text holds no value.
    """
    try:
        root = strict_xml.parse(content, limit=limit)
    except strict_xml.StrictError as error:
        raise AgencyAnswerMalformed(f"the file is {error}", code="xml") from None
    xsd = stored(name)
    if not xsd.validate(root):
        raise AgencyAnswerMalformed(f"the file breaks {name} {_where(xsd)}", code="xsd")
    return root


def written(root: etree._Element, name: str) -> bytes:
    """Our own document as bytes, once it fits.

    Raises:
        AgencyRejectedMessage: it does not; nothing is sent.
    """
    xsd = stored(name)
    if not xsd.validate(root):
        raise AgencyRejectedMessage(f"our message breaks {name} {_where(xsd)}", code="xsd")
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _where(xsd: etree.XMLSchema) -> str:
    log: Any = xsd.error_log
    return f"at line {log.last_error.line}: {log.last_error.type_name}" if log.last_error is not None else ""
