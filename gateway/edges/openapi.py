"""`/v1/openapi.json`: what FastAPI knows of the routes, and what it cannot know.

FastAPI documents its own 422, which is never sent, and nothing of the door, the limits and the handlers of failures.
And some routes read their bodies by themselves. Both are told here, once for every surface; `tests/contract` holds the
running gateway against the result.

Source: OpenAPI 3.1.0 sections 4.8.17 (responses) and 4.8.27 (security); RFC 9457; RFC 9449 section 7.1.
"""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import schemas

from .short import Ways
from .v1.problems import CODES
from .v1.shapes import BatchIn, CampaignIn

Document = dict[str, Any]
PROBLEM = "application/problem+json"
JSON, LINES, FORM = "application/json", "application/x-ndjson", "application/x-www-form-urlencoded"
REF = "#/components/schemas/{model}"

TITLES: Mapping[int, str] = {
    400: "The request cannot be used as it is",
    401: "The caller is not authenticated",
    403: "The caller may not do this, or the rules do not allow it",
    404: "There is nothing here for this caller",
    409: "The request contradicts what is there",
    413: "The body is too large",
    415: "The body is not of the expected media type",
    429: "Over a limit; come again after Retry-After",
    500: "A fault of the gateway",
    502: "The agency refused",
    503: "The log, the database or the agency cannot be used now; come again after Retry-After",
}
EVERYWHERE = (400, 401, 403, 429, 500, 503)  # of a protected path: what the door and the handlers may answer
WITH_A_BODY = (413, 415)
LATER = frozenset({429, 503})

DCI_MESSAGE: Document = {
    "type": "object",
    "required": ["header", "message"],
    "properties": {"signature": {"type": "string"}, "header": {"type": "object"}, "message": {"type": "object"}},
    "description": "The envelope of SPDCI 1.0.0; see docs/profiles/dci.md.",
}
ERRORS: Document = {
    "type": "object",
    "required": ["errors"],
    "properties": {
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
            },
        }
    },
}
OAUTH_FORM: Document = {"type": "object", "additionalProperties": {"type": "string"}}
OAUTH_ERROR: Document = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": "string"}, "error_description": {"type": "string"}},
}


class Documented(Ways):
    """An application that publishes the whole document; it is made once."""

    _whole: Document | None = None

    def openapi(self) -> Document:
        """The document."""
        if self._whole is None:
            self._whole = completed(super().openapi())
        return self._whole


def completed(document: Document) -> Document:
    """The document with every answer that a route, the door or a handler may give."""
    document = copy.deepcopy(document)
    parts = document.setdefault("components", {}).setdefault("schemas", {})
    parts |= _own_shapes()
    for name in ("HTTPValidationError", "ValidationError"):
        parts.pop(name, None)
    document["components"]["securitySchemes"] = {
        "dpop": {"type": "http", "scheme": "DPoP", "description": "RFC 9449: a token, and a fresh proof in `DPoP`."}
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _complete(path, method, operation)
    return document


def _complete(path: str, method: str, operation: Document) -> None:
    operation["responses"].pop("422", None)
    if (body := BODIES.get((method, path))) is not None:
        operation["requestBody"] = {"required": True, "content": body}
    for prefix, completing in SURFACES.items():
        if path.startswith(prefix):
            completing(operation)
    for status, content in ANSWERS.get((method, path), {}).items():
        operation["responses"].setdefault(status, {"description": "Answered"})["content"] = content


def _native(operation: Document) -> None:
    wanted = {*EVERYWHERE, *(int(status) for status in operation["responses"] if status >= "400")}
    wanted |= {404} if any(each["in"] == "path" for each in operation.get("parameters", ())) else set()
    wanted |= set(WITH_A_BODY) if "requestBody" in operation else set()
    _fail(operation, wanted, PROBLEM, {"$ref": REF.format(model="Problem")})
    operation["security"] = [{"dpop": []}]


def _dci(operation: Document) -> None:
    operation["requestBody"] = {"required": True, "content": {JSON: {"schema": DCI_MESSAGE}}}
    _fail(operation, {*EVERYWHERE, *WITH_A_BODY, 409}, JSON, {"$ref": REF.format(model="DciErrors")})
    operation["security"] = [{"dpop": []}]


def _oauth(operation: Document) -> None:
    operation["requestBody"] = {"required": True, "content": {FORM: {"schema": OAUTH_FORM}}}
    _fail(operation, {400, 401, 413, 415, 429, 500, 503}, JSON, {"$ref": REF.format(model="OAuthError")})


def _fail(operation: Document, statuses: set[int], media: str, shape: Document) -> None:
    for status in sorted(statuses):
        told: Document = {"description": TITLES[status], "content": {media: {"schema": shape}}}
        if status in LATER:
            told["headers"] = {"retry-after": {"schema": {"type": "string", "pattern": "^[0-9]+$"}}}
        if status == 401:
            told["headers"] = {"www-authenticate": {"schema": {"type": "string"}}}
        operation["responses"][str(status)] = told


def _own_shapes() -> Document:
    batch = BatchIn.model_json_schema(ref_template=REF)
    campaign = CampaignIn.model_json_schema(ref_template=REF)
    shapes: Document = {"BatchIn": batch, "CampaignIn": campaign}
    shapes |= {**batch.pop("$defs", {}), **campaign.pop("$defs", {})}
    problem = {
        "type": "object",
        "required": ["type", "title", "status", "code", "detail"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "code": {"enum": sorted(CODES)},
            "detail": {"type": "string"},
        },
    }
    return shapes | {"Problem": problem, "DciErrors": ERRORS, "OAuthError": OAUTH_ERROR}


def _consent() -> Document:
    """The consent's own schema, with its `$defs` taken in place: a component cannot refer to itself by `#/$defs`."""
    schema: Document = dict(schemas.load("own/consent.v1.json"))
    parts = {f"#/$defs/{name}": part for name, part in schema.pop("$defs", {}).items()}
    whole: Document = _inlined(schema, parts)
    return {name: value for name, value in whole.items() if name not in {"$schema", "$id"}}


def _inlined(node: Any, parts: Mapping[str, Any]) -> Any:
    if isinstance(node, dict):
        found = parts.get(str(node.get("$ref")), {})
        kept = {name: value for name, value in node.items() if not (name == "$ref" and value in parts)}
        return {name: _inlined(value, parts) for name, value in {**found, **kept}.items()}
    return [_inlined(each, parts) for each in node] if isinstance(node, list) else node


SURFACES: Mapping[str, Callable[[Document], None]] = {"/v1/": _native, "/dci/": _dci, "/oauth2/": _oauth}
BODIES: Mapping[tuple[str, str], Document] = {
    ("post", "/v1/batches"): {JSON: {"schema": {"$ref": REF.format(model="BatchIn")}}},
    ("post", "/v1/campaigns"): {JSON: {"schema": {"$ref": REF.format(model="CampaignIn")}}},
    ("post", "/v1/consents"): {JSON: {"schema": _consent()}, LINES: {"schema": {"type": "string"}}},
}
ANSWERS: Mapping[tuple[str, str], Mapping[str, Document]] = {
    ("post", "/v1/consents"): {"200": {JSON: {}, LINES: {}}},
    ("get", "/v1/batches/{batch_id}/results"): {"200": {LINES: {}}},
    ("get", "/v1/campaigns/{campaign_id}/results"): {"200": {LINES: {}}},
    ("get", "/.well-known/jwks.json"): {"200": {"application/jwk-set+json": {}}},
}
