"""`/console/agency/adapters`: an agency puts its own service on line, from the first answer to the rollback.

As `/v1/adapters`. Until it is kept, the folder travels with the form: nothing half-made is stored anywhere.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

import pages
from adapters.kit.drafts import KINDS
from pages import Refused, Wrong
from pages.drafts import BACK

from ..edges.refusal import ProblemError
from ..edges.v1 import adapter_drafts, adapters, systems
from ..edges.v1.party import Party
from ..people import Right, SignedIn
from ..registration import folder, releasing
from ..registration.errors import AdapterRefused
from ..wiring import Services
from . import manifest_faults, manifest_form
from .doing import party_with
from .drafts import waiting_here
from .forms import FieldsRefused, posted, shaped
from .names import names_of
from .page import done, page
from .proposed import waiting

NOT_YET = "The test does not hold yet: what is missing stands below. You can keep it as a draft meanwhile."

router = APIRouter(prefix="/console/agency/adapters", include_in_schema=False)
AT = "/console/agency/adapters"
LARGEST = 512 * 1024
MANIFEST, SETTINGS = "manifest.toml", "samples/conformance.toml"
FILE = "file:"


@router.get("")
async def listed(request: Request) -> Response:
    """The agency's adapters, with the state and grade of each version."""
    who, party, here = await party_with(request, Right.AGENCY_RUN)
    if waiting_here(request):  # a form that was refused here stands under this address, and so does its draft
        return await again(request)
    found: dict[str, Any] = await adapters.get_adapters(who, here)
    own = [each for each in found["adapters"] if each["member"] == party.member]
    return page(request, who, "console/adapters.html", found=own, names=await names_of(here, who))


@router.get("/new")
async def begin(request: Request) -> Response:
    """Which kind, and one answer of the agency to begin with."""
    return await _begin(request)


@router.post("/draft")
async def draft(request: Request) -> Response:
    """From the answer to a form that is filled in as far as can be guessed."""
    who, _, _ = await party_with(request, Right.AGENCY_RUN)
    form = await _form(request, who)
    try:
        body = shaped(adapter_drafts.DraftIn, {name: form[name] for name in form if name != "system"})
        found: dict[str, Any] = await adapter_drafts.post_draft(body, who)
    except FieldsRefused as error:
        return await _begin(request, form, error.wrong or [Wrong("adapter", error.detail)])
    except ProblemError as error:
        return await _begin(request, form, [Wrong("source", pages.said(error.detail))])
    values = _example(manifest_form.filled(found["files"][MANIFEST]), body.source) | {"system": form.get("system", "")}
    return await _edit(request, values, found["files"])


@router.get("/draft")
@router.get("/check")
async def again(request: Request) -> Response:
    """The form of a folder, filled in, for whom a sign-in interrupted; nothing of it is kept anywhere else."""
    await party_with(request, Right.AGENCY_RUN)
    draft = waiting_here(request)
    if draft is None:
        return RedirectResponse(f"{AT}/new", 303)
    request.state.draft = None  # it is put back here: the manifest is made of the fields anew
    return await _edit(request, draft.fields, _files(draft.fields), come_back=pages.said(BACK))


@router.post("/check")
async def check(request: Request) -> Response:
    """Test before save: the faults by file and line, the grade, and the samples side by side. Nothing is kept."""
    who, _, here = await party_with(request, Right.AGENCY_RUN)
    form = await _form(request, who)
    files = _files(form)
    try:
        found: dict[str, Any] = await adapters.post_check(shaped(adapters.FilesIn, {"files": files}), who, here)
        if form.get("expected") == "as_found":
            files |= _expecting(found)
            found = await adapters.post_check(shaped(adapters.FilesIn, {"files": files}), who, here)
    except (AdapterRefused, ProblemError) as error:
        return await _edit(request, form, files, faults=_wrong(files, error))
    return await _edit(request, form, files, found=found)


@router.post("")
async def keep(request: Request) -> Response:
    """Keep it as the newest version, if the test of exactly this holds, or as a draft. It does not run yet."""
    who, party, here = await party_with(request, Right.AGENCY_RUN)
    form = await _form(request, who)
    files = _files(form)
    try:
        found: dict[str, Any] = {}
        if form.get("draft") != "yes":
            found = await adapters.post_check(shaped(adapters.FilesIn, {"files": files}), who, here)
        if found.get("grade") == "none":
            return await _edit(request, form, files, found=found, faults=[Wrong("folder", pages.said(NOT_YET))])
        body = {"files": files, "member": party.member, "system": form.get("system", "")}
        made = await adapters.post_adapter(shaped(adapters.AdapterIn, body), who, here)
    except (AdapterRefused, ProblemError) as error:
        return await _edit(request, form, files, faults=_wrong(files, error))
    return done(f"{AT}/{made['adapter']}", "saved")


@router.get("/{adapter}")
async def one(adapter: str, request: Request) -> Response:
    """One adapter: its versions, what it still needs, and what may be done now."""
    return await show(adapter, request)


@router.get("/{adapter}/versions/{number}/edit")
async def edit(adapter: str, number: str, request: Request) -> Response:
    """A kept version in the form again: what is kept of it is the next version."""
    who, _, here = await party_with(request, Right.AGENCY_RUN)
    found: dict[str, Any] = await adapters.get_files(adapter, _number(number), who, here)
    registered = await adapters.seen(here, who, adapter)
    values = manifest_form.filled(found["files"][MANIFEST]) | {"system": registered.system}
    return await _edit(request, values, found["files"])


@router.get("/{adapter}/versions/{number}/folder.zip")
async def taken_away(adapter: str, number: str, request: Request) -> Response:
    """The files of a version, as the agency brought them: never an address or a secret."""
    who, _, here = await party_with(request, Right.AGENCY_RUN)
    found: dict[str, Any] = await adapters.get_files(adapter, _number(number), who, here)
    content = folder.zipped({name: text.encode() for name, text in found["files"].items()}, adapter)
    name = f'attachment; filename="{adapter}-{_number(number)}.zip"'
    return Response(content, media_type="application/zip", headers={"content-disposition": name})


async def show(
    adapter: str, request: Request, refused: Refused | None = None, overheard: Sequence[Mapping[str, str]] = ()
) -> Response:
    """The page of one adapter, with what stood in the way of a step beside the forms, or what a test just overheard."""
    who, _, here = await party_with(request, Right.AGENCY_RUN)
    found: dict[str, Any] = await adapters.get_adapter(adapter, who, here)
    needed = sorted({each for version in found["versions"][:1] for each in version["needed"]})
    values: dict[str, Any] = {"found": found, "needed": needed, "overheard": overheard}
    values["names"] = await names_of(here, who)
    values["waiting"] = [each for each in await waiting(who, here, adapter) if each["kind"] == releasing.KIND]
    return page(request, who, "console/adapter.html", refused=refused, **values)


async def _begin(request: Request, form: Mapping[str, str] | None = None, faults: Sequence[Wrong] = ()) -> Response:
    who, party, here = await party_with(request, Right.AGENCY_RUN)
    values: dict[str, Any] = {
        "form": form or {},
        "systems": await _systems(party, here),
        "records": _records(),
        "kinds": {kind: manifest_form.CHOICES[kind] for kind in KINDS},
    }
    refused = Refused(faults) if faults else None
    return page(request, who, "console/adapter-begin.html", refused=refused, **values)


async def _edit(
    request: Request,
    form: Mapping[str, str],
    files: Mapping[str, str],
    *,
    found: Any = None,
    faults: Sequence[Wrong] = (),
    come_back: str = "",
) -> Response:
    who, party, here = await party_with(request, Right.AGENCY_RUN)
    values: dict[str, Any] = {
        "fields": manifest_form.fields(form.get("transport.kind", "")),
        "choice_words": manifest_form.CHOICES,
        "records": _records(),
        "form": form,
        "files": files,
        "systems": await _systems(party, here),
        "found": found,
        "come_back": come_back,
    }
    refused = Refused(faults) if faults else None
    return page(request, who, "console/adapter-edit.html", refused=refused, **values)


def _records() -> list[dict[str, str]]:
    """The choices of a record, by what they are called in the language of the page."""
    named = {path: pages.said(title) for path, title in adapter_drafts.records().items()}
    told = ({"value": path, "text": f"{name} ({_short(path)})"} for path, name in named.items())
    return sorted(told, key=lambda each: each["text"])


def _short(path: str) -> str:
    return path.removeprefix("canonical/").removesuffix(".json")


async def _form(request: Request, who: SignedIn) -> dict[str, str]:
    return dict(await posted(request, who.csrf, largest=LARGEST))


async def _systems(party: Party, here: Services) -> list[dict[str, str]]:
    found: dict[str, Any] = await systems.get_systems(party, here.trust)
    return [{"value": each["id"], "text": f"{each['name']} ({each['id']})"} for each in found["systems"]]


def _files(form: Mapping[str, str]) -> dict[str, str]:
    """The folder as the form carries it; browsers send line ends as CR LF (HTML, form submission)."""
    texts = {name.removeprefix(FILE): text for name, text in form.items() if name.startswith(FILE)}
    files = {name: text.replace("\r\n", "\n") for name, text in texts.items() if text.strip()}
    clean = {name: value.replace("\r\n", "\n") for name, value in form.items() if not name.startswith(FILE)}
    manifest = manifest_form.manifest_of(clean, files.get(MANIFEST, ""))
    if SETTINGS in files:
        files[SETTINGS] = manifest_form.with_settings(files[SETTINGS], manifest)
    return files | {MANIFEST: manifest}


def _wrong(files: Mapping[str, str], error: AdapterRefused | ProblemError) -> list[Wrong]:
    """All that is wrong at once: what the form asks for in words, and beside it what was found in the other files."""
    asked = manifest_faults.wrong_in(files[MANIFEST])
    if isinstance(error, FieldsRefused) and [each.at for each in error.wrong] == ["system"]:
        return [*asked, *error.wrong]
    if isinstance(error, ProblemError):
        return [*asked, Wrong("folder", pages.said(error.detail))]
    rest = [each for each in error.faults if not (asked and each.file == MANIFEST)]
    shown = {name for name in files if name != MANIFEST}
    places = ((f"{FILE}{each.file}" if each.file in shown else "folder", each) for each in rest)
    return [*asked, *(Wrong(place, manifest_faults.told(each)) for place, each in places)]


def _expecting(found: Mapping[str, Any]) -> dict[str, str]:
    """The samples with what comes of them now as what has to come of them (`adapters.kit.golden` has the format)."""
    return {
        f"samples/{each['name']}.golden": (
            f"{each['story']}\n---------- agency {each['service'].rpartition('.')[2]}\n{each['answer']}\n"
            f"---------- {each['result']}\n{each['told']}\n"
        )
        for each in found["samples"]
    }


def _example(values: dict[str, str], source: str) -> dict[str, str]:
    """The words of an example are nobody's: whoever brings nothing begins with them, and overwrites them."""
    return values if source or not values else values | {"name": "", "owner": "", "summary": ""}


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise ProblemError("not_found", "There is no such version.")
    return int(text)
