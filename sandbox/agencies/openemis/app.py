"""`GET /api/restful/v2/<Model>.json`: two models, filtered by column, with `_fields`, `_contain`, `_limit`, `_page`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.faults import Faults, Faulty, WrongAnswers
from sandbox.person import EducationRecord

from . import models
from .settings import OpenEmisSettings
from .tokens import Tokens

DEFAULT_LIMIT: Final = 30
_MODELS: Final = {"Users": (models.USERS, "openemis_no"), "Institution-Students": (models.STUDENTS, "student_id")}

Row = Mapping[str, Any]


class Records(Protocol):
    """The part of the population's registers this agency reads."""

    def education_by_learner(self, number: str) -> EducationRecord | None:
        """The learner with this eleven-digit number."""


class Refused(Exception):
    """A question that is not answered: HTTP status, and what to do. The text never repeats what was sent."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


def build(records: Records, settings: OpenEmisSettings, faults: Faults) -> Starlette:
    """The agency as an ASGI app, to be mounted where `settings.url` points."""
    tokens = Tokens(settings)

    async def answer(request: Request) -> Response:
        try:
            if not tokens.known(request.headers.get("authorization", "")):
                raise Refused(401, "send Authorization: Bearer with a token of /oauth/token")
            if request.method != "GET":
                raise Refused(405, "this client may read only")
            model = request.path_params["model"]
            if model not in _MODELS:
                raise Refused(404, "no such model")
            return _json(_answered(records, settings, model, _query(request.url.query)))
        except Refused as refusal:
            return _json({"message": refusal.text}, refusal.status)

    wrong = WrongAnswers(
        "application/json",
        b'{"data": {"id": 1}}',
        lambda _path: _json({"message": "this client may not read the model"}, 403),
        always_right=("/oauth/token",),
    )
    return Starlette(
        routes=[
            Route("/oauth/token", tokens.endpoint, methods=["POST"]),
            Route("/api/restful/v2/{model}.json", answer, methods=["GET", "POST", "PATCH", "PUT", "DELETE"]),
        ],
        middleware=[Middleware(Faulty, faults=faults, answers=wrong)],
    )


def _query(text: str) -> dict[str, str]:
    pairs = parse_qsl(text, keep_blank_values=True)
    query = dict(pairs)
    if len(query) != len(pairs):
        raise Refused(400, "a parameter is there twice")
    return query


def _answered(records: Records, settings: OpenEmisSettings, model: str, query: dict[str, str]) -> dict[str, object]:
    columns, key = _MODELS[model]
    limit, page = _count(query, "_limit", DEFAULT_LIMIT), _count(query, "_page", 1)
    fields, contained = query.pop("_fields", ""), _contained(query.pop("_contain", ""), model)
    if set(query) != {key}:  # else it would be everybody's: the real one gives just that
        raise Refused(400, f"this client filters {model} by {key}, and by nothing else")
    number = query[key].zfill(11) if model == "Institution-Students" else query[key]
    record = records.education_by_learner(number)
    found = [] if record is None else list(_rows(record, settings, model))
    asked = _asked(fields, columns, contained)
    shown = found if limit == 0 else found[(page - 1) * limit : page * limit]
    return {"data": [_narrowed(row, asked) for row in shown], "total": len(found)}


def _rows(record: EducationRecord, settings: OpenEmisSettings, model: str) -> Iterable[Row]:
    return [models.user(record)] if model == "Users" else models.rows(record, settings.day)


def _count(query: dict[str, str], name: str, default: int) -> int:
    text = query.pop(name, str(default))
    if not text.isdecimal() or len(text) > 6 or (name == "_page" and int(text) == 0):
        raise Refused(400, f"{name} is a number")
    return int(text)


def _contained(text: str, model: str) -> frozenset[str]:
    """Models that `_contain` reaches; a dotted path reaches each on its way."""
    reached = frozenset(name for path in text.split(",") for name in path.split(".") if name)
    if not reached <= models.CONTAINED.keys() or (reached and model == "Users"):
        raise Refused(400, "_contain names a model that this one has no association with")
    return reached


def _asked(text: str, columns: Sequence[str], contained: frozenset[str]) -> dict[str, tuple[str, ...]]:
    """What to send: `""` -> columns of the model itself, and contained model -> its columns. No `_fields`: all."""
    if not text:
        return {"": tuple(columns)} | {name: models.CONTAINED[name] for name in contained}
    asked: dict[str, tuple[str, ...]] = {}
    for field in text.split(","):
        name, _, column = field.rpartition(".")
        if (name and name not in contained) or column not in (models.CONTAINED[name] if name else columns):
            raise Refused(400, "_fields names a column that is not there; has _contain its model?")
        asked[name] = (*asked.get(name, ()), column)
    return asked


def _narrowed(row: Row, asked: Mapping[str, tuple[str, ...]]) -> dict[str, object]:
    def members() -> Iterator[tuple[str, object]]:
        for name, columns in asked.items():
            if name:
                yield name, {column: row[name][column] for column in columns}
            else:
                yield from ((column, row[column]) for column in columns)

    return dict(members())


def _json(content: Mapping[str, object], status: int = 200) -> Response:
    return JSONResponse(content, status)
