"""A draft's source from an OpenAPI 3 document in JSON: one GET or POST, what it is asked with, its answer's schema.

References inside the document are followed, others refused: nothing is fetched.

Source: OpenAPI Specification 3.0.3 and 3.1.0, sections 4.7.10, 4.7.14 and 4.7.24.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from adapters.kit import strict_json
from adapters.kit.declared_request import PLACE
from adapters.kit.drafts.sample import at, in_schema
from adapters.kit.drafts.shape import ANSWER
from adapters.kit.drafts.source import MOST_TOLD, DraftRefused, Source, Told
from adapters.kit.untrusted import ProgramRefused, checked_schema

LIMIT = 2 * 1024 * 1024
_JSON = re.compile(r"application/(.*\+)?json|\*/\*", re.IGNORECASE)
_METHODS = frozenset({"get", "post", "put", "patch", "delete"})
SHOWN = 3  # operations that cannot be used, of many
_OURS = "#/$defs/"
_THEIRS = "#/components/schemas/"
_SHOWN: Mapping[str, object] = {"integer": 1, "number": 10.5, "boolean": True, "array": [], "object": {}}


def from_openapi(text: bytes, operation: str = "") -> Source:
    """What one operation says.

    Args:
        operation: its `operationId`, or `/path`; not needed where only one can be used.

    Raises:
        DraftRefused: not OpenAPI 3 in JSON, a reference that leads outside, or no such operation that answers JSON.
    """
    document = _read(text)
    usable = list(_usable(document))
    chosen = [each for each in usable if operation in {each.id, each.path}] if operation else usable
    if len(chosen) != 1:
        known = ", ".join(sorted(each.id for each in usable)[:40]) or "there is none that can be used"
        raise DraftRefused(f"choose one operation by --operation: {known}{_unusable(document, usable, operation)}")
    found = chosen[0]
    schema = _answer_schema(found.told, document)
    return Source(
        transport="rest",
        operation=found.id,
        told=tuple(islice(in_schema(schema, schema), MOST_TOLD)),
        service={"method": found.method.upper(), "path": found.path, "answer_schema": f"./{ANSWER}"},
        asked=_asked(found, document),
        files={ANSWER: (json.dumps(schema, ensure_ascii=False, indent=2) + "\n").encode()},
        answer=json.dumps(_shown(schema, schema), ensure_ascii=False, indent=1),
        broken="[]",
        auth=_auth(found.told, document),
        about=_about(found.told, document),
    )


def _about(told: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, str]:
    """See `Source.about`."""
    servers = [each.get("url") for each in document.get("servers", ()) if isinstance(each, dict)]
    missing = _meant(told.get("responses", {}).get("404", {}), document)
    texts = {
        "title": document.get("info", {}).get("title"),
        "summary": told.get("summary"),
        "address": servers[0] if servers else "",
        "unknown": missing.get("description"),
    }
    return {name: " ".join(text.split())[:120] for name, text in texts.items() if isinstance(text, str)}


def _read(text: bytes) -> dict[str, Any]:
    if len(text) > LIMIT:
        raise DraftRefused(f"an OpenAPI document has at most {LIMIT} bytes")
    try:
        document = strict_json.loads(text)
    except strict_json.StrictError as error:
        raise DraftRefused(f"the document is {error}{_hint(text)}") from None
    if not isinstance(document, dict) or not str(document.get("openapi", "")).startswith("3."):
        raise DraftRefused("the document is not OpenAPI 3 (its member `openapi`)")
    for reference in _references(document):
        if not reference.startswith("#/"):
            raise DraftRefused("a reference leads outside the document; nothing is fetched: put it into components")
    return document


def _hint(text: bytes) -> str:
    """A document in YAML is turned into JSON by who has a tool for it: none is needed at run time for this alone."""
    if text.lstrip()[:1] in {b"{", b"["}:
        return ""
    command = "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout, default=str)"
    return f"; one in YAML is turned into JSON first: pip install pyyaml && python -c '{command}' < api.yaml > api.json"


def _references(value: object) -> Iterator[str]:
    waiting = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                yield node["$ref"]
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def _unusable(document: Mapping[str, Any], usable: Sequence["_Operation"], operation: str) -> str:
    """Why the one that was asked for cannot be used, or any while none can: an officer reads it to the agency."""
    known = {(each.method, each.path) for each in usable}
    paths = ((path, item) for path, item in document.get("paths", {}).items() if isinstance(item, dict))
    told = []
    for path, item in paths:
        for method in sorted(_METHODS & item.keys()):
            each = item[method] if isinstance(item[method], dict) else {}
            name = str(each.get("operationId", path))
            if (method, path) not in known and (operation in {name, path} or not (usable or operation)):
                told.append(f"{name}: {_why(method, each, document)}")
    more = f"; and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
    return f" ({'; '.join(told[:SHOWN])}{more})" if told else ""


def _why(method: str, told: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    answers = told.get("responses", {})
    if method not in {"get", "post"}:
        return f"it is a {method.upper()}, and only GET and POST ask something"
    if not _content(_success(told, document)):
        if "202" in answers:
            return "it answers 202 only, so its answer comes later: write the folder by hand, with [webhook.answer.x]"
        return "no answer in JSON is described for 200, 201, 2XX or default; ask the agency for its schema"
    return "it has a place in its path that no parameter fills, or a POST without a body"


class _Operation(NamedTuple):
    """One that can be asked: `told` is what the document says of it, `parameters` those of its path and query."""

    id: str
    method: str
    path: str
    told: Mapping[str, Any]
    parameters: Sequence[Mapping[str, Any]]


def _usable(document: Mapping[str, Any]) -> Iterator[_Operation]:
    for path, item in document.get("paths", {}).items():
        for method in ("get", "post"):
            told = item.get(method) if isinstance(item, dict) else None
            if not isinstance(told, dict) or not _content(_success(told, document)):
                continue
            given = [_meant(each, document) for each in (*item.get("parameters", ()), *told.get("parameters", ()))]
            parameters = [each for each in given if each.get("in") in {"path", "query"}]
            if set(PLACE.findall(path)) != {each.get("name") for each in parameters if each["in"] == "path"}:
                continue  # a place that nobody says how to fill
            if method == "get" or parameters or _content(_meant(told.get("requestBody", {}), document)):
                yield _Operation(str(told.get("operationId", path)), method, path, told, parameters)


def _asked(found: _Operation, document: Mapping[str, Any]) -> dict[str, Told]:
    """Everything that can be said in a request. Of a POST the body; a query beside it is left out."""
    asked: dict[str, Told] = {}
    for each in found.parameters:
        if each["in"] == "path" or found.method == "get":
            schema = {"properties": {each["name"]: {**_meant(each.get("schema", {}), document), **_caption(each)}}}
            needed = [each["name"]] if each.get("required") or each["in"] == "path" else []
            asked |= {told.name: told for told in in_schema({**schema, "required": needed}, document)}
    if found.method == "post":
        body = _content(_meant(found.told.get("requestBody", {}), document))
        asked |= {each.pointer[1:]: each for each in in_schema(body, document) if not each.lists}
    return asked


def _caption(parameter: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": parameter["description"]} if parameter.get("description") else {}


def _meant(value: Any, document: Mapping[str, Any]) -> dict[str, Any]:
    """A part of the document, with its reference followed."""
    for _ in range(12):
        if not isinstance(value, dict) or "$ref" not in value:
            break
        value = at(document, str(value["$ref"]))
    return value if isinstance(value, dict) else {}


def _auth(told: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, str]:
    """Lines of [auth] for the first way to sign in that can be declared; empty: the document names none."""
    schemes = document.get("components", {}).get("securitySchemes", {})
    wanted = told.get("security", document.get("security", ()))
    names = [name for each in wanted if isinstance(each, dict) for name in each]
    for scheme in (_meant(schemes.get(name, {}), document) for name in names):
        kind, way = scheme.get("type"), str(scheme.get("scheme", "")).lower()
        if kind == "apiKey" and scheme.get("in") == "header":
            return {"kind": "api_key", "header": str(scheme.get("name", "X-API-Key")), "key": "secret:KEY"}
        if kind == "oauth2" and "clientCredentials" in scheme.get("flows", {}):
            scopes = sorted({str(scope) for each in wanted for listed in each.values() for scope in listed})
            more = {"scope": " ".join(scopes)} if scopes else {}
            told_apart = {"token_url": "setting:TOKEN_URL", "client_id": "setting:CLIENT_ID"}
            return {"kind": "client_credentials", **told_apart, "client_secret": "secret:CLIENT_SECRET", **more}
        if kind == "http" and way in {"bearer", "basic"}:
            keys = (
                {"token": "secret:TOKEN"}
                if way == "bearer"
                else {"user": "setting:USER", "password": "secret:PASSWORD"}
            )
            return {"kind": way, **keys}
    return {}


def _success(told: Mapping[str, Any], document: Mapping[str, Any]) -> Any:
    answers = told.get("responses", {})
    named = next((each for each in ("200", "201", "2XX", "default") if each in answers), "")
    return _meant(answers.get(named, {}), document)


def _content(body: Any) -> dict[str, Any]:
    """The schema of a JSON body; empty without one."""
    kinds = body.get("content", {}) if isinstance(body, dict) else {}
    found = [each for kind, each in kinds.items() if _JSON.fullmatch(kind.partition(";")[0].strip())]
    schema = found[0].get("schema", {}) if found else {}
    return schema if isinstance(schema, dict) else {}


def _answer_schema(told: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """The answer's schema as a document of its own: what it refers to comes along.

    Raises:
        DraftRefused: it refers to something that is no schema, or is refused as a program.
    """
    needed: dict[str, Any] = {}
    known = document.get("components", {}).get("schemas", {})
    waiting = [_content(_success(told, document))]
    while waiting:
        for reference in _references(waiting.pop()):
            name = reference.removeprefix(_THEIRS).partition("/")[0]  # a reference may lead into one
            if name not in known or not reference.startswith(_THEIRS):
                raise DraftRefused(f"{reference} is not below {_THEIRS}; write it out")
            if name not in needed:
                needed[name] = known[name]
                waiting.append(known[name])
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **_ours(_content(_success(told, document)))}
    if needed:
        schema["$defs"] = {name: _ours(each) for name, each in needed.items()}
    try:
        checked_schema(json.dumps(schema).encode(), ANSWER)
    except ProgramRefused as error:
        raise DraftRefused(f"the answer's schema cannot be used: {error}") from None
    return schema


def _ours(value: Any) -> Any:
    """In JSON Schema 2020-12: references to our place, `nullable` as a type, and no words for other tools."""
    if isinstance(value, list):
        return [_ours(each) for each in value]
    if not isinstance(value, dict):
        return value
    found = {name: _ours(each) for name, each in value.items() if name not in {"nullable", "discriminator", "xml"}}
    if isinstance(value.get("$ref"), str):
        found["$ref"] = value["$ref"].replace(_THEIRS, _OURS)
    if value.get("nullable") is True and isinstance(value.get("type"), str):
        found["type"] = [value["type"], "null"]
    return found


def _shown(schema: Any, whole: Mapping[str, Any], depth: int = 0) -> Any:
    """An answer that the schema allows, of its own examples where it has some."""
    if isinstance(schema, dict) and isinstance(schema.get("$ref"), str):
        schema = whole.get("$defs", {}).get(schema["$ref"].removeprefix(_OURS), {})
    if not isinstance(schema, dict) or depth > 12:
        return None
    for name in ("example", "const", "default"):
        if name in schema:
            return schema[name]
    if schema.get("enum"):
        return schema["enum"][0]
    if "properties" in schema:
        return {name: _shown(each, whole, depth + 1) for name, each in schema["properties"].items()}
    types = schema.get("type", "string")
    kind = types[0] if isinstance(types, list) else types
    if kind == "array":
        return [_shown(schema.get("items", {}), whole, depth + 1)]
    return {"date": "2026-10-31"}.get(schema.get("format", ""), _SHOWN.get(kind, "text"))
