"""`/v1/audit/reports`, `/samples`, `/statements`: reports made now or on a plan, samples, monthly statements."""

import asyncio
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import AwareDatetime, Field, StringConstraints

from ...review import report_files, sample, schedules, statements
from ...review.reports import REPORTS, Sheet, made
from ...wiring import Services
from ..body import StrictRoute
from .audit import Here, Read
from .reviewing import REFUSED, Acting, Auditor, Checking, Remark, checked_remark
from .shapes import Reference, Shape, Until

router = APIRouter(prefix="/audit", tags=["audit"], route_class=StrictRoute)

Month = Annotated[str, StringConstraints(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$")]
MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "pdf": "application/pdf",
    "zip": "application/zip",
    "jws": "application/jose",
}
FILES: dict[int | str, dict[str, Any]] = {200: {"content": {each.partition(";")[0]: {} for each in MEDIA.values()}}}


class PeriodIn(Shape):
    """Of a report; `until` excluded. `zip`: CSV and PDF with the gateway's signature over both."""

    since: AwareDatetime
    until: Until
    format: Literal["csv", "pdf", "zip"] = "csv"


class PlanIn(Shape):
    """`POST /v1/audit/reports/planned`."""

    report: Reference
    every: Literal["day", "week", "month"]


class SampleIn(Shape):
    """`POST /v1/audit/samples`: a period, and how many exchanges to look at."""

    since: AwareDatetime
    until: AwareDatetime
    size: Annotated[int, Field(ge=1, le=sample.LARGEST)]


class CheckIn(Shape):
    """The checklist for one exchange: each question answered."""

    answers: Annotated[dict[Reference, Literal["yes", "no", "does_not_apply"]], Field(max_length=20)]
    remark: Remark


class SampleSignOffIn(Shape):
    """`POST /v1/audit/samples/{sample_id}/sign-off`."""

    remark: Remark


class MonthIn(Shape):
    """`POST /v1/audit/statements`: `2026-10`."""

    month: Month


@router.get("/reports", responses={403: {}})
async def get_reports(_who: Auditor, here: Here) -> dict[str, object]:
    """The kinds of reports, what is planned, and the files that were written on a plan, on the answering host."""
    async with here.db.read() as connection:
        planned = await schedules.planned(connection)
    kinds = [{"name": each.name, "title": each.title, "columns": list(each.head)} for each in REPORTS.values()]
    files = await asyncio.to_thread(report_files.listed, _folder(here))
    return {"reports": kinds, "planned": [_planned(each) for each in planned], "files": [_file(each) for each in files]}


@router.post("/reports/planned", status_code=201, responses=REFUSED)
async def post_plan(body: PlanIn, who: Acting, here: Here) -> dict[str, object]:
    """Make a report whenever a day, week or month is over, into DATA/reports."""
    async with here.db.write() as connection:
        now, zone = here.people.clock(), here.profile.zone
        found = await schedules.plan(connection, here.log, body.report, body.every, by=who.id, now=now, zone=zone)
    return _planned(found)


@router.delete("/reports/planned/{plan_id}", responses=REFUSED)
async def delete_plan(plan_id: Reference, who: Acting, here: Here) -> dict[str, object]:
    """Plan it no more; files that were made stay."""
    async with here.db.write() as connection:
        await schedules.unplan(connection, here.log, plan_id, by=who.id, now=here.people.clock())
    return {"id": plan_id}


@router.get("/reports/files/{name}", responses=REFUSED | FILES, response_class=Response)
async def get_report_file(name: Reference, who: Auditor, read: Read) -> Response:
    """A file that was written on a plan; the `.jws` of the same name signs the digests of the others."""
    content = await asyncio.to_thread(report_files.read, _folder(read.here), name)
    await read.note(who, "report", report=name.partition("-")[0], found=1)
    return _taken(content, name)


@router.get("/reports/{report}", responses=REFUSED | FILES, response_class=Response)
async def get_report(report: Reference, period: Annotated[PeriodIn, Query()], who: Auditor, read: Read) -> Response:
    """One report of a period, as CSV or PDF, or both with their signature."""
    here = read.here
    async with here.db.read() as connection:
        zone, now = here.profile.zone, here.people.clock()
        sheet = await made(connection, report, period.since, period.until, zone, now)
    await read.note(who, "report", report=report, found=len(sheet.rows))
    return _taken(await asyncio.to_thread(_made, here, sheet, report, period.format), f"{report}.{period.format}")


@router.get("/samples", responses={403: {}})
async def get_samples(_who: Auditor, here: Here) -> dict[str, object]:
    """All samples, the newest first."""
    async with here.db.read() as connection:
        return {"samples": [sample.summary(each) for each in await sample.listed(connection)]}


@router.post("/samples", status_code=201, responses=REFUSED)
async def post_sample(body: SampleIn, who: Checking, here: Here) -> dict[str, object]:
    """Plan a sample: the log has the plan before anybody can know what will be drawn."""
    now = here.people.clock()
    async with here.db.write() as connection:
        found = await sample.plan(connection, here.log, body.since, body.until, body.size, by=who.id, now=now)
    return sample.summary(found)


@router.get("/samples/{sample_id}", responses=REFUSED)
async def get_sample(sample_id: Reference, _who: Auditor, here: Here) -> dict[str, object]:
    """One sample: checkpoint, seed, what was drawn, what was checked."""
    async with here.db.read() as connection:
        return await sample.shown(connection, await sample.read(connection, sample_id))


@router.post("/samples/{sample_id}/draw", responses=REFUSED)
async def post_draw(sample_id: Reference, who: Checking, here: Here) -> dict[str, object]:
    """Draw it, once the period is over: the seed comes from the log's first checkpoint after that."""
    await here.log.checkpoint()
    async with here.db.write() as connection:
        await sample.draw(connection, here.log, sample_id, by=who.id, now=here.people.clock())
    async with here.db.read() as connection:
        return await sample.shown(connection, await sample.read(connection, sample_id))


@router.post("/samples/{sample_id}/exchanges/{exchange_id}", responses=REFUSED)
async def post_check(
    sample_id: Reference, exchange_id: Reference, body: CheckIn, who: Checking, here: Here
) -> dict[str, object]:
    """Fill in the checklist for one exchange."""
    remark, now = checked_remark(body.remark, here), here.people.clock()
    async with here.db.write() as connection:
        receipt = await sample.check(
            connection, here.log, sample_id, exchange_id, sample.Filled(body.answers, remark, who.id), now
        )
    return {"id": sample_id, "exchange_id": exchange_id, "receipt": receipt}


@router.post("/samples/{sample_id}/sign-off", responses=REFUSED)
async def post_sample_sign_off(
    sample_id: Reference, body: SampleSignOffIn, who: Checking, here: Here
) -> dict[str, object]:
    """Close it, as another officer than who planned or checked it."""
    remark, now = checked_remark(body.remark, here), here.people.clock()
    async with here.db.write() as connection:
        receipt = await sample.sign_off(connection, here.log, sample_id, remark, by=who.id, now=now)
    return {"id": sample_id, "receipt": receipt}


@router.get("/statements", responses={400: {}, 403: {}})
async def get_all_statements(_who: Auditor, here: Here, month: Month | None = None) -> dict[str, object]:
    """Who countersigned, who disputed, who did not answer yet."""
    async with here.db.read() as connection:
        found = await statements.listed(connection, month=month or "")
    return {"statements": [statements.summary(each) for each in found]}


@router.post("/statements", status_code=201, responses=REFUSED)
async def post_statements(body: MonthIn, who: Acting, here: Here) -> dict[str, object]:
    """Issue the statements of a month that is over; the gateway does so by itself when a month ends."""
    now, sign = here.people.clock(), here.trust.sign_compact
    issued = await statements.issue(here.db, here.log, sign, body.month, by=who.id, now=now, zone=here.profile.zone)
    return {"issued": issued}


def _made(here: Services, sheet: Sheet, report: str, form: str) -> bytes:
    now = here.people.clock()
    if form != "zip":
        return sheet.pdf(now) if form == "pdf" else sheet.csv()
    contents = {f"{report}.csv": sheet.csv(), f"{report}.pdf": sheet.pdf(now)}
    signed = report_files.signature(contents, origin=here.log.origin, now=now, sign=here.trust.sign_compact)
    return report_files.zipped(contents | {f"{report}{report_files.SIGNATURE}": signed})


def _taken(content: bytes, name: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=MEDIA[name.rpartition(".")[2]], headers=headers)


def _folder(here: Services) -> Path:
    return here.settings.data_dir / report_files.FOLDER


def _file(found: report_files.ReportFile) -> dict[str, object]:
    return {"name": found.name, "size": found.size, "made_at": found.made_at.isoformat()}


def _planned(found: schedules.Schedule) -> dict[str, object]:
    return {
        "id": found.id,
        "report": found.report,
        "every": found.every,
        "by": found.made_by,
        "next_at": found.next_at.isoformat(),
    }
