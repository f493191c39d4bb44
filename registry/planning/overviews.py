"""What came of the list: a household, the feedback from employment support, and the control report."""

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

import pages
from pages.desk import Front, SignedIn

from .. import lines, overview
from ..control import released
from ..errors import StepFailed
from ..stage import Stage
from .people import by, spelling
from .places import Places
from .reviews import kept


class Overviews:
    """The pages over one registry."""

    def __init__(self, stage: Stage, front: Front, places: Places) -> None:
        self._stage, self._front, self._places = stage, front, places

    async def household(self, request: Request) -> Response:
        """Everybody in the household of a line's member, and whether the household is confirmed."""
        who = self._front.who(request)
        row = lines.numbered(self._stage.store, request.path_params["number"])
        found = overview.household(self._stage.store, row["household"])
        found["people"] = [each | dict(zip(("tag", "name"), spelling(each), strict=True)) for each in found["people"]]
        return self._front.page(request, who, "desk/household.html", number=row["number"], kept=kept(request), **found)

    async def enrolment(self, request: Request) -> Response:
        """What employment support told, by state and by district."""
        who = self._front.who(request)
        found = overview.enrolment(self._stage.store)
        named = (each | {"name": self._places(each["district"])} for each in found["districts"])
        found["districts"] = sorted(named, key=lambda each: str(each["name"]))
        return self._front.page(request, who, "desk/enrolment.html", **found)

    async def control(self, request: Request) -> Response:
        """The equations as they stand, what is unexplained, and the last report that somebody released."""
        return self._control(request, self._front.who(request))

    async def release(self, request: Request) -> Response:
        """Release the report as it stands now, signed for the person who is signed in.

        Where something is unexplained, only by somebody who said so knowing how much it is.
        """
        who, form = await self._front.form(request)
        try:
            released(self._stage, by(who), knowing=form.get("knowing", ""))
        except StepFailed:
            told = pages.Wrong("knowing", pages.said("Confirm that you sign with these differences."))
            return self._control(request, who, pages.Refused([told]))
        return self._front.done(request.url.path, "released")

    async def signed(self, request: Request) -> Response:
        """The last report as it was signed, to take away: a compact JWS (RFC 7515)."""
        self._front.who(request)
        last = overview.last_report(self._stage.store)
        if last is None:
            raise HTTPException(404)
        headers = {"content-disposition": 'attachment; filename="control.jws"'}
        return Response(last["signed"] + "\n", media_type="application/jose", headers=headers)

    def _control(self, request: Request, who: SignedIn, refused: pages.Refused | None = None) -> Response:
        values: dict[str, Any] = {"place": self._places} | overview.control_report(self._stage.store)
        segments = values["found"].segments.items()
        values["segments"] = sorted([self._places(code), number] for code, number in segments)
        return self._front.page(request, who, "desk/control.html", refused=refused, **values)
