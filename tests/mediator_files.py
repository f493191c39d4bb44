"""The published files of GovStack's Information Mediator, with the fixes that `schemas/govstack/SOURCE.md` lists."""

import re
from functools import cache
from typing import Any

import httpx
import jsonschema
import yaml

import schemas

FILES = ("im-directory", "im-configuration", "im-pubsub")
PREFIX = {"im-directory": "/im", "im-configuration": "/im", "im-pubsub": "/im"}
METHODS = {"get", "post", "put", "patch", "delete"}
REFUSED = {"description": "Refused; {code, message}"}


@cache
def published(name: str) -> dict[str, Any]:
    """The file as it was published."""
    found: dict[str, Any] = yaml.safe_load((schemas.FOLDER / f"govstack/{name}.yaml").read_text("utf-8"))
    return found


@cache
def fixed(name: str) -> dict[str, Any]:
    """The same without its defects."""
    document: dict[str, Any] = yaml.safe_load((schemas.FOLDER / f"govstack/{name}.yaml").read_text("utf-8"))
    for path, item in document["paths"].items():
        for method in METHODS & item.keys():
            _fix_operation(path, item, item[method])
    parts = document["components"]
    if name == "im-configuration":
        allowed = parts["schemas"]["AllowedApplication"]
        allowed["required"] = ["memberClass", "memberCode", "applicationId"]  # fix 2
    parts.pop("securitySchemes", None)  # fix 5
    document.pop("security", None)
    return document


def _fix_operation(path: str, item: dict[str, Any], operation: dict[str, Any]) -> None:
    for status in ("400", "401", "429"):
        operation["responses"].setdefault(status, REFUSED)  # fix 1
    operation.pop("security", None)
    content = operation.get("requestBody", {}).get("content", {})
    content.pop("text/yaml", None)  # fix 4
    if path.endswith("/pull/v1/{eventType}"):
        item["parameters"] = [each for each in item["parameters"] if "name" not in each]  # fix 3


def operations(name: str) -> dict[str, tuple[str, str]]:
    """operationId -> method and path."""
    paths = published(name)["paths"].items()
    return {of[method]["operationId"]: (method.upper(), path) for path, of in paths for method in METHODS & of.keys()}


def judge(name: str, answer: httpx.Response) -> None:
    """Raise unless question and answer are as the fixed file has them, for whichever operation the path is of."""
    document, asked = fixed(name), answer.request
    path = asked.url.path.removeprefix("/im")
    found = next(each for each in document["paths"] if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", each), path))
    operation = document["paths"][found][asked.method.lower()]
    if answer.status_code < 300 and "requestBody" in operation and asked.content:
        _fits(document, operation["requestBody"]["content"]["application/json"]["schema"], _json(asked.content))
    told = operation["responses"][str(answer.status_code)]
    if schema := told.get("content", {}).get("application/json", {}).get("schema"):
        _fits(document, schema, answer.json())


def _json(content: bytes) -> Any:
    return yaml.safe_load(content)


def _fits(document: dict[str, Any], schema: dict[str, Any], value: object) -> None:
    kind = jsonschema.Draft202012Validator if document["openapi"].startswith("3.1") else jsonschema.Draft4Validator
    kind({**schema, "components": document["components"]}).validate(value)
