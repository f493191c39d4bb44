"""What an agency sent fits its schema, or nothing of it is used."""

import schemas
from adapters.kit.contract import AgencyAnswerMalformed


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
