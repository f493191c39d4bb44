"""`/console/reports` and `/console/samples`: reports made now or on a plan, and samples that nobody could choose."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

import pages
from pages import Refused, Wrong

from ..edges.refusal import ProblemError
from ..edges.v1 import audit_reports
from ..people import Right
from ..review import sample
from ..review.errors import ReviewRefused
from .doing import NO_PLACES, refusal, typed
from .forms import A_DAY, ONE_OF, FieldsRefused, posted, shaped
from .names import names_of
from .page import done, page
from .reason import looking, reading
from .refusals import told

router = APIRouter(prefix="/console", include_in_schema=False)
EVERY = ("day", "week", "month")
DAYS = "Give a first and a last day."
DAY_LABELS = {"since": "From day", "until": "To day"}


@router.get("/reports")
async def listed(request: Request) -> Response:
    """The kinds of reports, a form for one, and what is planned."""
    return await _reports(request)


@router.get("/reports/file")
async def made(request: Request) -> Response:
    """One report as a file; reading it is an entry."""
    _, reviewer, read = await reading(request)
    query = dict(request.query_params)
    try:
        period = shaped(
            audit_reports.PeriodIn, _period(query, read.here.profile.zone) | {"format": query.get("format", "csv")}
        )
        return await audit_reports.get_report(query.get("report", ""), period, reviewer, read)
    except FieldsRefused as error:
        return await _reports(request, Refused(error.wrong, typed(query)))
    except (ReviewRefused, ProblemError) as error:
        return await _reports(request, Refused([Wrong("since", told(error.detail))], typed(query)))


@router.get("/reports/files/{name}")
async def written(name: str, request: Request) -> Response:
    """One that was written on a plan; reading it is an entry."""
    _, reviewer, read = await reading(request)
    return await audit_reports.get_report_file(name, reviewer, read)


@router.post("/reports")
async def plan(request: Request) -> Response:
    """Make it whenever a day, week or month is over."""
    who, reviewer, here = await looking(request, Right.REVIEW_ACT)
    form = await posted(request, who.csrf)

    async def work() -> None:
        await audit_reports.post_plan(shaped(audit_reports.PlanIn, form), reviewer, here)

    refused = await refusal(work(), form, "report", places={"report": "planned-report"})
    return await _reports(request, refused) if refused else done("/console/reports", "saved")


@router.post("/reports/{plan_id}/remove")
async def unplan(plan_id: str, request: Request) -> Response:
    """Plan it no more."""
    who, reviewer, here = await looking(request, Right.REVIEW_ACT)
    await posted(request, who.csrf)
    await audit_reports.delete_plan(plan_id, reviewer, here)
    return done("/console/reports", "saved")


async def _reports(request: Request, refused: Refused | None = None) -> Response:
    who, reviewer, here = await looking(request)
    found = await audit_reports.get_reports(reviewer, here)
    names = await names_of(here, who, found)
    last = here.profile.today(here.people.clock()).replace(day=1) - timedelta(days=1)
    values: dict[str, Any] = {"found": found, "every": EVERY, "acting": who.giving(Right.REVIEW_ACT)}
    values |= {"since": last.replace(day=1).isoformat(), "until": last.isoformat(), "names": names}
    return page(request, who, "console/reports.html", refused=refused, **values)


@router.get("/samples")
async def samples(request: Request) -> Response:
    """All samples, and a form for the next."""
    return await _samples(request)


@router.post("/samples")
async def plan_sample(request: Request) -> Response:
    """Plan one: the log has the plan before anybody can know what will be drawn."""
    who, reviewer, here = await looking(request, Right.SAMPLES_CHECK)
    form = await posted(request, who.csrf)
    planned: dict[str, Any] = {}

    async def work() -> None:
        wanted = _period(form, here.profile.zone) | {"size": form.get("size", "")}
        planned.update(await audit_reports.post_sample(shaped(audit_reports.SampleIn, wanted), reviewer, here))

    refused = await refusal(work(), form, "since")
    return await _samples(request, refused) if refused else done(f"/console/samples/{planned['id']}", "saved")


@router.get("/samples/{sample_id}")
async def one_sample(sample_id: str, request: Request) -> Response:
    """What was drawn, and what is checked."""
    return await _sample(sample_id, request)


@router.post("/samples/{sample_id}/{verb}")
async def act(sample_id: str, verb: str, request: Request) -> Response:
    """Draw it, fill in the checklist for one exchange (its id is the verb), or sign it off."""
    who, reviewer, here = await looking(request, Right.SAMPLES_CHECK)
    form = await posted(request, who.csrf)

    places = {"remark": "sign-off-remark"} if verb == "sign-off" else NO_PLACES
    part = "" if verb in {"draw", "sign-off"} else f"-{verb}"

    async def work() -> None:
        if verb == "draw":
            await audit_reports.post_draw(sample_id, reviewer, here)
        elif verb == "sign-off":
            signed = shaped(audit_reports.SampleSignOffIn, form)
            await audit_reports.post_sample_sign_off(sample_id, signed, reviewer, here)
        else:
            _whole(form)
            filled = shaped(audit_reports.CheckIn, _checked(form))
            await audit_reports.post_check(sample_id, verb, filled, reviewer, here)

    at = "draw" if verb == "draw" else "remark"
    refused = await refusal(work(), form, at, places=places, part=part)
    return await _sample(sample_id, request, refused) if refused else done(f"/console/samples/{sample_id}", "saved")


async def _samples(request: Request, refused: Refused | None = None) -> Response:
    who, reviewer, here = await looking(request)
    found: dict[str, Any] = await audit_reports.get_samples(reviewer, here)
    values: dict[str, Any] = {
        "found": [_with_days(each, here.profile.zone) for each in found["samples"]],
    }
    values |= {"acting": who.giving(Right.SAMPLES_CHECK), "names": await names_of(here, who, found)}
    today = here.profile.today(here.people.clock())
    values |= {"since": today.replace(day=1).isoformat(), "until": today.isoformat()}
    return page(request, who, "console/samples.html", refused=refused, **values)


async def _sample(sample_id: str, request: Request, refused: Refused | None = None) -> Response:
    who, reviewer, here = await looking(request)
    found: dict[str, Any] = await audit_reports.get_sample(sample_id, reviewer, here)
    values: dict[str, Any] = {
        "found": _with_days(found, here.profile.zone),
        "acting": who.giving(Right.SAMPLES_CHECK),
    }
    values |= {"questions": sample.CHECKLIST, "answers": sample.ANSWERS, "names": await names_of(here, who, found)}
    return page(request, who, "console/sample.html", refused=refused, **values)


def _with_days(found: dict[str, Any], zone: tzinfo) -> dict[str, Any]:
    """The sample with its period as the form had it: two days of the country, both included."""
    since, until = (datetime.fromisoformat(found[name]).astimezone(zone) for name in ("since", "until"))
    last = until - timedelta(microseconds=1)
    return found | {"first_day": since.date().isoformat(), "last_day": last.date().isoformat()}


def _whole(form: Mapping[str, str]) -> None:
    """Raises FieldsRefused: names each question of the checklist without an answer."""
    open_ones = {name: words for name, words in sample.CHECKLIST.items() if form.get(name) not in sample.ANSWERS}
    if open_ones:
        told = [Wrong(name, pages.said(ONE_OF) % {"field": pages.said(words)}) for name, words in open_ones.items()]
        raise FieldsRefused(pages.said("Fill in the checklist"), told)


def _checked(form: Mapping[str, str]) -> dict[str, object]:
    answers = {question: form.get(question, "") for question in sample.CHECKLIST}
    return {"answers": {name: answer for name, answer in answers.items() if answer}, "remark": form.get("remark", "")}


def _period(form: Mapping[str, str], zone: tzinfo) -> dict[str, str]:
    """Two days of the country, both included, as the moments that the API takes. Raises FieldsRefused."""
    days: dict[str, date] = {}
    wrong: list[Wrong] = []
    for name, more in (("since", 0), ("until", 1)):
        try:
            days[name] = date.fromisoformat(form.get(name, "")) + timedelta(days=more)
        except (ValueError, OverflowError):
            wrong.append(Wrong(name, pages.said(A_DAY) % {"field": pages.said(DAY_LABELS[name])}))
    if wrong:
        raise FieldsRefused(pages.said(DAYS), wrong)
    return {name: datetime.combine(day, time(), zone).isoformat() for name, day in days.items()}
