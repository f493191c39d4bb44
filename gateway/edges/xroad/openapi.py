"""The OpenAPI document of one service as X-Road callers see it: made from its canonical schema, so it cannot differ."""

from collections.abc import Iterable, Mapping
from typing import Any

import schemas
from adapters.kit.claims import CLAIMS

from ...catalogue import Offer
from ...profile import Profile
from ..openapi import DCI_MESSAGE, ERRORS, TITLES
from .asking import service_code
from .carrying import GATEWAY_SERVICE, dci_paths

DCI_STATUSES = (400, 401, 403, 404, 409, 413, 415, 429, 500, 503)
DAY: Any = {"type": "string", "format": "date"}
PROBLEM: Any = {"description": "The service's answer to a question that it does not answer: no X-Road-Error"}


def service_document(offer: Offer, profile: Profile) -> dict[str, Any]:
    """OpenAPI 3.1 (its schemas are JSON Schema 2020-12, as ours are)."""
    service = offer.service
    failures = {str(status): {"description": told, "content": _error()} for status, told in FAILURES.items()}
    answers: dict[str, Any] = {"200": {"description": "The answer", "content": _content(_answer(offer))}}
    answers |= {status: PROBLEM | {"content": _problem()} for status in ("403", "404", "502")}
    operation = {
        "operationId": service.id.replace(".", "_"),
        "summary": service.summary or service.id,
        "parameters": [*map(_header, HEADERS)],
        "requestBody": {"required": True, "content": _content(_question(offer, profile))},
        "responses": answers | failures,
    }
    paths: dict[str, Any] = {"/": {"post": operation}} | _dci(dci_paths(offer))
    return _document(service.id, f"{offer.provider}/{service_code(offer)}", paths)


def own_document(profile: Profile) -> dict[str, Any]:
    """The same of the gateway's own service, which takes DCI messages to the gateway itself."""
    return _document("DCI", f"{profile.gateway}/{GATEWAY_SERVICE}", _dci(dci_paths(None)))


def _document(title: str, place: str, paths: Mapping[str, Any]) -> dict[str, Any]:
    info = {"title": f"{title} over X-Road", "version": "1"}
    return {"openapi": "3.1.0", "info": info, "servers": [{"url": f"/r1/{place}"}], "paths": dict(paths)}


def _dci(paths: Iterable[str]) -> dict[str, Any]:
    """DCI messages, whose members its own published files describe."""
    answered = {"description": "The answer, or an acknowledgement", "content": _content({"type": "object"})}
    failures = {
        str(status): {"description": TITLES[status], "content": _content({"anyOf": [ERRORS, _x_road_error()]})}
        for status in DCI_STATUSES
    }
    message = {"required": True, "content": _content(DCI_MESSAGE)}
    headers = [_header(each) for each in HEADERS if each != "Sandhi-Purpose"]  # a message states its own
    asked = {"parameters": headers, "requestBody": message, "responses": {"200": answered} | failures}
    return {path: {"post": {"operationId": path[1:].replace("/", "_"), **asked}} for path in paths}


HEADERS: Mapping[str, tuple[bool, str]] = {
    "X-Road-Client": (True, "instance/class/member/subsystem of the caller; the certificate's system"),
    "X-Road-Id": (False, "The caller's id of this message"),
    "X-Road-UserId": (False, "Who asks within the caller; only its keyed hash is kept"),
    "X-Road-Issue": (False, "The caller's case reference; never a person's number"),
    "X-Road-Represented-Party": (False, "[class/]code of whom the caller acts for"),
    "Sandhi-Purpose": (False, "The purpose; not needed where the agreements hold exactly one"),
}
FAILURES: Mapping[int, str] = {
    400: "The message cannot be read (X-Road-Error)",
    401: "No registered client certificate (X-Road-Error)",
    429: "Too many calls (X-Road-Error)",
    500: "Not allowed, not reachable, or no evidence could be written (X-Road-Error)",
}


def _header(name: str) -> dict[str, object]:
    required, told = HEADERS[name]
    return {"name": name, "in": "header", "required": required, "description": told, "schema": {"type": "string"}}


def _question(offer: Offer, profile: Profile) -> dict[str, Any]:
    service = offer.service
    text: Any = {"type": "string", "minLength": 1, "maxLength": 200}
    identifier = _object({"type": {"enum": sorted(profile.patterns)}, "value": text})
    name = _object({"language": {"type": "string"}, "script": {"type": "string"}, "value": text})
    subject = _object(
        {
            "identifiers": {"type": "array", "minItems": 1, "maxItems": 10, "items": identifier},
            "names": {"type": "array", "maxItems": 10, "items": name},
            "birth_date": DAY,
        },
        "identifiers",
    )
    fields = {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"enum": sorted(service.fields)}}
    asked: dict[str, Any] = {"subject": subject, "as_at": DAY}
    ways = [_object(asked | {"fields": fields, "period": _object({"from": DAY, "to": DAY})}, "subject", "fields")]
    for each in sorted(service.claims):
        claim = _object({"name": {"const": each}, "parameters": dict(CLAIMS[each].parameters)}, "name")
        ways.append(_object(asked | {"claim": claim}, "subject", "claim"))
    return {"oneOf": ways}


def _answer(offer: Offer) -> dict[str, Any]:
    record = {name: value for name, value in schemas.load(offer.service.record_schema).items() if name != "$schema"}
    text: Any = {"type": "string"}
    withheld = {"type": "array", "items": _object({"field": text, "reason": text})}
    told: dict[str, Any] = dict.fromkeys(("exchange_id", "source", "source_code", "match", "receipt", "salt"), text)
    told |= {"outcome": {"enum": ["answered", "no_data"]}, "as_of": DAY, "withheld": withheld}
    narrowed = {name: value for name, value in record.items() if name != "required"}  # what is not granted is absent
    answer = told | {"record": narrowed, "claims": {"type": "object"}, "contested": {"const": True}, "kept_at": text}
    return _object(answer, *sorted(told))


def _object(properties: Mapping[str, Any], *required: str) -> dict[str, Any]:
    """An object with these members and no other; all of them required, unless some are named."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required or properties),
        "properties": dict(properties),
    }


def _content(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": dict(schema)}}


def _problem() -> dict[str, Any]:
    members = _object({name: {"type": "string"} for name in ("type", "title", "code", "detail")})
    return {"application/problem+json": {"schema": {**members, "additionalProperties": True}}}


def _error() -> dict[str, Any]:
    return _content(_x_road_error())


def _x_road_error() -> dict[str, Any]:
    return _object({name: {"type": "string"} for name in ("type", "message", "detail")})
