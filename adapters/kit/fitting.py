"""What an agency sent can be read strictly and fits its schema, or nothing of it is used."""

from lxml import etree

import schemas
from adapters.kit import strict_json, strict_xml
from adapters.kit.contract import AgencyAnswerMalformed


def json_answer(body: bytes, *, code: str = "") -> object:
    """The JSON value of an answer's bytes.

    Args:
        code: the agency's own, for the log.

    Raises:
        AgencyAnswerMalformed: see `strict_json.loads`.
    """
    try:
        return strict_json.loads(body)
    except strict_json.StrictError as error:
        raise AgencyAnswerMalformed(f"the answer is {error}", code=code) from None


def xml_answer(body: bytes, *, code: str = "", limit: int = strict_xml.LIMIT) -> etree._Element:
    """The root element of an answer's bytes, at most `limit` of them.

    Args:
        code: the agency's own, for the log.

    Raises:
        AgencyAnswerMalformed: see `strict_xml.parse`.
    """
    try:
        return strict_xml.parse(body, limit=limit)
    except strict_xml.StrictError as error:
        raise AgencyAnswerMalformed(f"the answer is {error}", code=code) from None


def check_fits(value: object, checker: schemas.Validator, told: str, *, code: str = "") -> None:
    """Say no to a value that breaks its schema.

    Args:
        told: how the refusal begins, before ` at ` and the place: `the reply breaks its DCI schema`.
        code: the agency's own, for the log.

    Raises:
        AgencyAnswerMalformed: it does; the text names the place and the broken keyword, never the value.
    """
    if (fault := schemas.first_fault(checker, value)) is not None:
        raise AgencyAnswerMalformed(f"{told} at {fault}", code=code)
