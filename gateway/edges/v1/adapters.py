"""`/v1/adapters`: an agency brings its own adapter as files, has it judged and tried, and proposes to put it on line.

For officers who are signed in: the agency's administrator for the agency's adapters, an operator for all. What others
registered does not exist for them. Putting a version on line takes a second person, at `/v1/approvals`.
"""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import Field, StringConstraints, model_validator

from ...people import Right, SignedIn
from ...people.errors import NO_ROLE, NotAllowed
from ...registration import folder, releasing
from ...registration.errors import AdapterUnknown
from ...registration.store import Registered
from ...wiring import Services
from ..body import StrictRoute
from .approvals import Here, Reason, Who
from .deps import services
from .shapes import Reference, Shape

router = APIRouter(tags=["adapters"], route_class=StrictRoute)

Inside = Annotated[Services, Depends(services)]
FileName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
FileText = Annotated[str, StringConstraints(max_length=folder.LARGEST_FILE)]
InputName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,59}$")]
InputValue = Annotated[str, StringConstraints(min_length=1, max_length=16 * 1024)]
Number = Annotated[int, Field(ge=1, le=1_000_000)]
REFUSED: dict[int | str, dict[str, Any]] = {400: {}, 403: {}, 404: {}, 409: {}}


class FilesIn(Shape):
    """A folder: `files` (path -> text) or `zip` (base64), one of them."""

    files: Annotated[dict[FileName, FileText], Field(max_length=folder.MOST_FILES)] | None = None
    zip: Annotated[str, StringConstraints(max_length=1024 * 1024)] | None = None

    @model_validator(mode="after")
    def _one(self) -> "FilesIn":
        if (self.files is None) == (self.zip is None):
            raise ValueError("send `files` or `zip`, one of them")
        return self

    def read(self) -> folder.Files:
        """The files. Raises AdapterRefused."""
        return folder.of_zip(self.zip) if self.zip is not None else folder.of_texts(self.files or {})


class AdapterIn(FilesIn):
    """`POST /v1/adapters`. `member` is whose it is, `system` the registered system of that member it speaks for."""

    member: Reference
    system: Reference


class InputsIn(Shape):
    """`POST /v1/adapters/{adapter}/inputs`: addresses and secrets by the names that the manifest uses."""

    stage: Literal["test", "production"]
    values: Annotated[dict[InputName, InputValue], Field(min_length=1, max_length=50)]


class ReleaseIn(Shape):
    """`POST .../release`. `way` is how it runs; a canary answers `share` per cent of the exchanges."""

    way: Literal["active", "canary", "shadow"]
    share: Annotated[int, Field(ge=0, le=99)] = 0
    reason: Reason


@router.get("/adapters", responses={403: {}})
async def get_adapters(who: Who, here: Inside) -> dict[str, object]:
    """The registered adapters one may see, with the state of each version."""
    who.need(Right.APPROVALS_READ)
    seen = [each for each in await here.registration.listed() if _may_see(who, each[0])]
    return {"adapters": [_line(found, versions) for found, versions in seen]}


@router.post("/adapters", status_code=201, responses=REFUSED)
async def post_adapter(body: AdapterIn, who: Who, here: Inside) -> dict[str, object]:
    """Bring a folder: it becomes the newest version of the adapter that its manifest names. Nothing runs yet."""
    who.need(Right.APPROVALS_PROPOSE, body.member)
    made = await here.registration.propose(body.read(), member=body.member, system=body.system, by=who.id)
    return {"adapter": made.adapter, "version": made.number, "digest": made.digest, "state": made.state} | {
        "needed": sorted(made.needed)
    }


@router.post("/adapters/check", responses={400: {}, 403: {}})
async def post_check(body: FilesIn, who: Who, here: Inside) -> dict[str, object]:
    """Judge a folder and run its samples without keeping anything: what an editor shows beside the text."""
    who.need(Right.APPROVALS_PROPOSE)
    return await here.registration.check(body.read())


@router.get("/adapters/{adapter}", responses={403: {}, 404: {}})
async def get_adapter(adapter: Reference, who: Who, here: Inside) -> dict[str, object]:
    """One adapter: its versions with their reports and counts, the names of its inputs, its planned outages."""
    await seen(here, who, adapter)
    return await here.registration.shown(adapter)


@router.get("/adapters/{adapter}/versions/{number}/files", responses={403: {}, 404: {}})
async def get_files(adapter: Reference, number: Number, who: Who, here: Inside) -> dict[str, object]:
    """The files of a version: to read before approving, or to edit and bring again."""
    await seen(here, who, adapter)
    files = await here.registration.files(adapter, number)
    return {"files": {name: content.decode() for name, content in files.items()}, "digest": folder.digest(files)}


@router.post("/adapters/{adapter}/inputs", status_code=201, responses=REFUSED)
async def post_inputs(adapter: Reference, body: InputsIn, who: Who, here: Inside) -> dict[str, object]:
    """Give addresses and secrets; they are never shown again. In production they count from the next release on."""
    await changeable(here, who, adapter)
    return await here.registration.set_inputs(adapter, body.stage, body.values, by=who.id)


@router.post("/adapters/{adapter}/versions/{number}/test", responses=REFUSED)
async def post_test(adapter: Reference, number: Number, who: Who, here: Inside) -> dict[str, object]:
    """Dry run, then a probe of the agency's test endpoint about the invented person of the samples; gives the grade."""
    await changeable(here, who, adapter)
    return await here.registration.test(adapter, number, by=who.id)


@router.post("/adapters/{adapter}/versions/{number}/release", status_code=201, responses=REFUSED)
async def post_release(
    adapter: Reference, number: Number, body: ReleaseIn, who: Who, inside: Inside, here: Here
) -> dict[str, object]:
    """Propose to put a version on line in production; it happens when a second person approves at `/v1/approvals`."""
    found = await changeable(inside, who, adapter)
    wanted = await inside.registration.release_of(adapter, number, body.way, body.share)
    async with here.db.write() as connection:
        made = await here.approvals.propose(
            connection,
            who,
            releasing.KIND,
            adapter,
            wanted.document(),
            member=found.member,
            reason=body.reason,
            now=here.clock(),
        )
    return {"approval": made.id, "document": wanted.document(), "state": made.state}


async def seen(here: Services, who: SignedIn, adapter: str) -> Registered:
    """An adapter that the officer may see; others do not exist. Raises NotAllowed, AdapterUnknown."""
    who.need(Right.APPROVALS_READ)
    found = await here.registration.of(adapter)
    if not _may_see(who, found):
        raise AdapterUnknown
    return found


async def changeable(here: Services, who: SignedIn, adapter: str) -> Registered:
    """An adapter that the officer may change. Raises NotAllowed, AdapterUnknown."""
    if not who.giving(Right.APPROVALS_PROPOSE):
        raise NotAllowed(f"{NO_ROLE} gives the right {Right.APPROVALS_PROPOSE} here.")
    found = await seen(here, who, adapter)
    who.need(Right.APPROVALS_PROPOSE, found.member)
    return found


def _may_see(who: SignedIn, found: Registered) -> bool:
    return who.for_member(Right.APPROVALS_READ, found.member)


def _line(found: Registered, versions: Any) -> dict[str, object]:
    about = [
        {"version": each.number, "state": each.state, "share": each.share, "grade": each.grade} for each in versions
    ]
    return {"id": found.id, "member": found.member, "system": found.system, "versions": about}
