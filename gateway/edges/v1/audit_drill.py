"""`/v1/audit/drill`: stop the log of this process on purpose, and see that nothing leaves without it."""

from fastapi import APIRouter

from audit import LogUnavailable

from ...drill import DrillUnderWay, drilled
from ...errors import NoEvidence
from ..body import StrictRoute
from .audit import Here
from .problems import ProblemError
from .reviewing import Holding

router = APIRouter(prefix="/audit", tags=["audit"], route_class=StrictRoute)


@router.post("/drill", responses={403: {}, 409: {}, 503: {}})
async def post_drill(who: Holding, here: Here) -> dict[str, object]:
    """Try every service while the log takes no entry: all have to refuse, and no call may leave.

    Exchanges that begin meanwhile (some milliseconds a service) are answered 503, to be tried again.
    """
    try:
        done = await drilled(here.gate, by=who.id, now=here.people.clock())
    except DrillUnderWay:
        raise ProblemError("conflict", "A drill is under way.") from None
    except LogUnavailable as error:
        raise NoEvidence("The log takes no entry now, so this is no drill; look at /readyz.") from error
    return {
        "tried": done.tried,
        "refused": done.refused,
        "left": done.left,
        "passed": done.passed,
        "told": str(done),
    }
