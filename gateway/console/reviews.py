"""`/console/reviews` and what needs few words: the drill, emergencies to review, monthly statements."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

import pages
from pages import Refused, Wrong

from ..edges.v1 import audit_drill, audit_reports, emergencies
from ..people import Right, SignedIn
from ..review.statements import month_before
from .doing import refusal
from .forms import posted, shaped
from .names import names_of
from .page import done, page
from .reason import looking

router = APIRouter(prefix="/console", include_in_schema=False)

Link = tuple[str, str, str, Right]
GROUPS: tuple[tuple[str, tuple[Link, ...]], ...] = (
    (
        "Again and again",
        (
            ("Events", "/console/events", "What changed the rules, and who read evidence.", Right.EVIDENCE_READ),
            ("Reports", "/console/reports", "Made now or on a plan, as CSV and PDF.", Right.EVIDENCE_READ),
            ("Samples", "/console/samples", "Exchanges that nobody could choose, checked.", Right.EVIDENCE_READ),
            ("Monthly statements", "/console/statements", "Who countersigned, who disputed.", Right.EVIDENCE_READ),
            ("Drill: stop the log", "/console/drill", "See that nothing leaves without evidence.", Right.DRILLS_HOLD),
        ),
    ),
    (
        "When something happened",
        (
            ("Emergencies", "/console/emergencies", "Where somebody broke the glass.", Right.REVIEW_ACT),
            ("Breaches", "/console/breaches", "Whom it concerns, and until when to tell.", Right.EVIDENCE_READ),
            (
                "Requests for access",
                "/console/access-requests",
                "People who asked what is known about them.",
                Right.PERSONS_READ,
            ),
        ),
    ),
)


@router.get("/reviews")
async def section(request: Request) -> Response:
    """The way to each of them."""
    who, _, _ = await looking(request)
    groups = [(heading, [link[:3] for link in links if who.giving(link[3])]) for heading, links in GROUPS]
    return page(request, who, "console/reviews.html", groups=[each for each in groups if each[1]])


@router.get("/drill")
async def explain(request: Request) -> Response:
    """What a drill is; it needs a tick before the button does anything."""
    who, _, _ = await looking(request, Right.DRILLS_HOLD)
    return _drill(request, who)


@router.post("/drill")
async def hold(request: Request) -> Response:
    """Hold it, and show what came of it."""
    who, reviewer, here = await looking(request, Right.DRILLS_HOLD)
    form = await posted(request, who.csrf)
    if form.get("confirm") != "yes":
        return _drill(
            request, who, refused=Refused([Wrong("confirm", pages.said("Tick that the log is to be stopped."))])
        )
    return _drill(request, who, await audit_drill.post_drill(reviewer, here))


def _drill(request: Request, who: SignedIn, held: object = None, refused: Refused | None = None) -> Response:
    back = "/console/reviews" if who.giving(Right.EVIDENCE_READ) else "/console/operation"
    return page(request, who, "console/drill.html", refused=refused, held=held, back=back)


@router.get("/emergencies")
async def listed_emergencies(request: Request) -> Response:
    """Those to review, the one due first at the top."""
    return await _emergencies(request)


@router.post("/emergencies/{exchange_id}")
async def review(exchange_id: str, request: Request) -> Response:
    """Say whether it was justified."""
    who, _, here = await looking(request, Right.REVIEW_ACT)
    form = await posted(request, who.csrf)

    async def work() -> None:
        said = shaped(emergencies.ReviewIn, form)
        await emergencies.post_review(exchange_id, said, who, here.oversight.emergencies)

    refused = await refusal(work(), form, "remark", part=f"-{exchange_id}")
    return await _emergencies(request, refused) if refused else done("/console/emergencies", "saved")


async def _emergencies(request: Request, refused: Refused | None = None) -> Response:
    who, _, here = await looking(request, Right.REVIEW_ACT)
    waiting = request.query_params.get("all") != "yes"
    found = await emergencies.get_emergencies(who, here.oversight.emergencies, waiting)
    values: dict[str, Any] = {"found": found["emergencies"], "waiting": waiting}
    values["names"] = await names_of(here, who, found)
    return page(request, who, "console/emergencies.html", refused=refused, **values)


@router.get("/statements")
async def listed_statements(request: Request) -> Response:
    """Of every system and month."""
    return await _statements(request)


@router.post("/statements")
async def issue(request: Request) -> Response:
    """Issue those of a month by hand."""
    who, reviewer, here = await looking(request, Right.REVIEW_ACT)
    form = await posted(request, who.csrf)

    made: dict[str, Any] = {}

    async def work() -> None:
        made.update(await audit_reports.post_statements(shaped(audit_reports.MonthIn, form), reviewer, here))

    if refused := await refusal(work(), form, "month"):
        return await _statements(request, refused)
    return done("/console/statements", "saved" if made["issued"] else "nothing")


async def _statements(request: Request, refused: Refused | None = None) -> Response:
    who, reviewer, here = await looking(request)
    found = await audit_reports.get_all_statements(reviewer, here)
    values: dict[str, Any] = {"found": found["statements"], "acting": who.giving(Right.REVIEW_ACT)}
    values["month"] = month_before(here.people.clock(), here.profile.zone)
    values["names"] = await names_of(here, who) if found["statements"] else {}
    return page(request, who, "console/statements.html", refused=refused, **values)
