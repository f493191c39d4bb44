"""Whether a server answers what its OpenAPI document says: for tests of APIs that are described by hand."""

import json
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import httpx
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

Hook = Callable[[httpx.Response], Coroutine[Any, Any, None]]


def held_to(document: Mapping[str, Any]) -> Hook:
    """A hook of an `httpx` client that fails where a request or an answer is not as the document has it.

    A request that is refused may be anything; so may what stands below no path of the document.
    """
    known = Registry[Any]().with_resource("urn:api", Resource.from_contents(dict(document), DRAFT202012))

    def fitting(schema: Mapping[str, Any], value: object, what: str) -> None:
        absolute = json.loads(json.dumps(schema).replace('"#/', '"urn:api#/'))
        faults = [each.message for each in Draft202012Validator(absolute, registry=known).iter_errors(value)]
        assert faults == [], f"{what}: {faults}"

    async def hook(response: httpx.Response) -> None:
        request = response.request
        what = f"{request.method} {request.url.path}"
        operation = document["paths"].get(request.url.path, {}).get(request.method.lower())
        if operation is None:
            return
        await response.aread()
        told = operation["responses"].get(str(response.status_code))
        assert told is not None, f"{what}: {response.status_code} is not described"
        if "$ref" in told:
            told = document["components"]["responses"][told["$ref"].rpartition("/")[2]]
        kind = response.headers["content-type"].partition(";")[0]
        schema = told["content"][kind]["schema"]
        fitting(schema, response.json() if kind.endswith("json") else response.text, f"{what} {response.status_code}")
        if response.is_success and "requestBody" in operation:
            asked = operation["requestBody"]["content"]["application/json"]["schema"]
            fitting(asked, json.loads(request.content), f"the body of {what}")

    return hook
