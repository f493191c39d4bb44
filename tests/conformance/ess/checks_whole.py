"""Looked at in the end: everything that was heard."""

from . import expect
from .checks_door import OPENAPI
from .suite import check
from .talk import Talk


@check("ALL-1", "no answer of the whole run was a fault or of no published form", f"{OPENAPI} responses")
async def whole_run(talk: Talk) -> None:
    """Looks at everything that was heard before."""
    for heard in talk.heard:
        if heard.status >= 400 or heard.part("message", "ack_status") in {"ERR", "NACK"}:
            expect.error_shape(heard)
        else:
            expect.fitting(talk, heard)
