"""A FHIR R4 server that serves one search: who may ask, what a form may hold, and how no is said."""

import json
from collections.abc import Collection, Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from .client_tokens import TokenIssuer, TokenRefused
from .faults import WrongAnswers
from .strict import BodyTooLarge, bounded

FHIR: Final = "application/fhir+json"
MOST_BYTES: Final = 8192
TOKEN_LIFETIME_S: Final = 600


class Refused(Exception):
    """An interaction that is not served: HTTP status and issue code. The text never repeats what was sent."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(code)
        self.status, self.code, self.text = status, code, text


async def only_post(_: Request) -> Response:
    """The route of a search that is asked for by another method."""
    return outcome(Refused(405, "not-supported", "search by POST: a GET has numbers of people in its address"))


def check_access(request: Request, tokens: TokenIssuer, scope: str) -> None:
    """Raises Refused without a good token (401), or with one that lacks the scope (403)."""
    try:
        grant = tokens.check(request.headers.get("authorization", ""))
    except TokenRefused as error:
        raise Refused(401, "login", str(error)) from None
    if scope not in grant.scopes:
        raise Refused(403, "forbidden", f"the scope {scope} is missing")


async def form_of(request: Request, known: Collection[str]) -> Mapping[str, str]:
    """The parameters of a search, each once.

    Raises:
        Refused: another type is sent or wanted, the form is too long or cannot be read, or it has a parameter that is
            not `known` where handling is strict.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise Refused(415, "not-supported", "send application/x-www-form-urlencoded")
    if FHIR not in request.headers.get("accept", ""):
        raise Refused(406, "not-supported", f"accept {FHIR}")
    try:
        body = await bounded(request.stream(), MOST_BYTES)
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True) if body else []
    except BodyTooLarge:
        raise Refused(413, "too-long", f"send at most {MOST_BYTES} bytes") from None
    except ValueError:
        raise Refused(400, "invalid", "the form cannot be read") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise Refused(400, "invalid", "a parameter is there twice")
    if "handling=strict" in request.headers.get("prefer", "") and not form.keys() <= set(known):
        raise Refused(400, "not-supported", "a parameter that this search does not have")
    return form


def outcome(refusal: Refused) -> Response:
    """An OperationOutcome."""
    issue = {"severity": "error", "code": refusal.code, "diagnostics": refusal.text}
    return fhir({"resourceType": "OperationOutcome", "issue": [issue]}, refusal.status)


def fhir(content: Mapping[str, object], status: int = 200) -> Response:
    """A resource."""
    return Response(json.dumps(content, ensure_ascii=False).encode(), status, media_type=FHIR)


WRONG: Final = WrongAnswers(
    FHIR,
    b'{"resourceType": "Patient", "name": [{"text": "somebody"}]}',
    lambda _path: outcome(Refused(403, "forbidden", "the register does not answer this client")),
    always_right=("/oauth2/token",),
)
