"""`POST /v1/adapters/draft`: the first files of an adapter, suggested from one answer of the agency.

Nothing is kept.
"""

import asyncio
from collections.abc import Mapping
from functools import cache
from typing import Annotated

from fastapi import APIRouter
from pydantic import StringConstraints

import schemas
from adapters.kit.drafts import KINDS, DraftRefused, drafted, from_sample, from_wsdl, template

from ...people import Right
from ..body import StrictRoute
from .approvals import Who
from .problems import ProblemError
from .shapes import Shape

router = APIRouter(tags=["adapters"], route_class=StrictRoute)
Kind = Annotated[str, StringConstraints(pattern=rf"^({'|'.join(KINDS)})$")]
READ = frozenset({"rest", "soap"})
"""The kinds that can begin with what an agency shows; the others begin with an example."""
Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,39}$")]


class DraftIn(Shape):
    """`kind`: as `sandhi adapter new` has them. `source`: an answer in JSON about an invented person (rest), or the
    agency's WSDL (soap); empty: an example, which other kinds always begin with. `unknown`: its answer about somebody
    whom it does not know (rest), so that the schema of its answers knows what may be left out."""

    adapter: Word
    kind: Kind
    service: Word = "records"
    record: Annotated[str, StringConstraints(pattern=r"^(?:canonical/[a-z0-9.-]{1,80}\.json)?$")] = ""
    source: Annotated[str, StringConstraints(max_length=256 * 1024)] = ""
    unknown: Annotated[str, StringConstraints(max_length=256 * 1024)] = ""


@cache
def records() -> Mapping[str, str]:
    """The canonical records that an answer can become, by their schema's path: what each is called."""
    names = [f"canonical/{path.name}" for path in sorted((schemas.FOLDER / "canonical").glob("*.json"))]
    return {name: str(schemas.load(name)["title"]) for name in names}


@router.post("/adapters/draft", responses={400: {}, 403: {}})
async def post_draft(body: DraftIn, who: Who) -> dict[str, object]:
    """Files to finish by hand; what is a guess says so. Check them at `/v1/adapters/check`."""
    who.need(Right.APPROVALS_PROPOSE)
    try:
        files = await asyncio.to_thread(_drafted, body)
    except DraftRefused as error:
        raise ProblemError("bad_request.adapter", f"{str(error)[:1].upper()}{str(error)[1:]}.") from None
    return {"files": {name: content.decode() for name, content in files.items()}}


def _drafted(body: DraftIn) -> dict[str, bytes]:
    if not body.source.strip():
        return template(body.kind, body.adapter)
    if body.kind not in READ:
        raise DraftRefused("of this kind you begin with an example: leave the answer empty")
    text, unknown = (each.encode("utf-8", "replace") for each in (body.source, body.unknown))
    source = from_sample(text, unknown) if body.kind == "rest" else from_wsdl(text, f"{body.adapter}.wsdl")
    return dict(drafted(source, body.adapter, service=body.service, record=body.record).files)
