"""What a declared REST service sends: method, path and query, headers and body, each value where the manifest puts it.

```toml
[service.status]
method  = "GET"                                   # POST unless said
path    = "/members/{number}/status"              # {name}: what `request` carries under this name
request = { number = "identifier:NIC", month = "as_at:YYYY-MM" }   # the rest: query of a GET, body of a POST
body    = "form"                                  # of a POST: json unless said; `a/b` is member b of a
headers = { Accept = "application/fhir+json" }    # words that are always the same
```
A value of a person is percent-encoded whole, and none with a step in it (`../x`) is sent, as some servers decode before
they look where a path leads; what stands in a URL is never logged.

Source: RFC 3986 sections 2.1 and 3.3; RFC 9110 section 5.1; HL7 FHIR R4, http.html#search (`POST /Patient/_search`).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlencode

import orjson

from adapters.kit.contract import AgencyRejectedMessage, Service

PLACE = re.compile(r"\{([A-Za-z][A-Za-z0-9_-]*)\}")
OURS = re.compile(  # headers that are not a folder's to set: framing, routing, sign-in, and what is kept between calls
    r"accept-encoding|(proxy-)?(authorization|connection)|content-.*|cookie|expect|host|keep-alive|te|trailer|"
    r"transfer-encoding|upgrade|via|forwarded|x-forwarded-.*|x-road-.*",
    re.IGNORECASE,
)
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Sent:
    """One request, without who we are."""

    method: str
    target: str
    headers: Mapping[str, str]
    content: bytes | None


def sent(service: Service, values: Mapping[str, str], more: Mapping[str, object] | None = None) -> Sent:
    """The request of a declared service.

    Args:
        values: member of `request` -> what it carries.
        more: further members of the body, as they are.

    Raises:
        AgencyRejectedMessage: a value that no path can carry; code `incomplete`.
    """
    extra: Mapping[str, Any] = service.extra
    method, path = str(extra.get("method", "POST")), str(extra["path"])
    in_path = set(PLACE.findall(path))
    target = PLACE.sub(lambda found: _segment(values[found[1]]), path)
    rest = {name: value for name, value in values.items() if name not in in_path}
    headers = {"accept": "application/json", **{name.lower(): word for name, word in extra.get("headers", {}).items()}}
    if method == "GET":
        return Sent(method, f"{target}?{urlencode(rest, quote_via=quote, safe='')}" if rest else target, headers, None)
    if extra.get("body") == "form":
        return Sent(method, target, headers | {"content-type": _FORM}, urlencode(rest).encode())
    content = orjson.dumps(_nested(rest) | dict(more or {}))
    return Sent(method, target, headers | {"content-type": "application/json"}, content)


def request_faults(service: Service) -> Iterator[str]:
    """What is wrong with the places and headers of a declared request, in words for the officer."""
    extra: Mapping[str, Any] = service.extra
    path, request = str(extra.get("path", "/")), extra.get("request", {})
    if unknown := sorted(set(PLACE.findall(path)) - set(request)):
        yield f"the path has {{{unknown[0]}}}, so say in request what it carries"
    if re.search(r"[?#\\%\s]", path) or {".", ".."} & set(path.split("/")) or re.search(r"[{}]", PLACE.sub("", path)):
        yield "a path has no ?, #, %, spaces, . or .. in it; what is asked stands in request, and {name} takes it"
    if not path.isascii() or not path.isprintable():
        yield "a path has letters, digits and signs of ASCII; write others percent-encoded into the base URL"
    yield from _member_faults(service, request)
    if taken := sorted(name for name in extra.get("headers", {}) if OURS.fullmatch(name)):
        yield f"{taken[0]} is not yours to set; sign-in is declared in [auth]"
    if extra.get("method") == "GET":
        if "push" in service.actions:
            yield "a GET hands nothing over; push by POST"
        if "body" in extra:
            yield "a GET has no body; leave it out"


def _member_faults(service: Service, request: Mapping[str, Any]) -> Iterator[str]:
    if both := sorted(name for name in request if any(each.startswith(f"{name}/") for each in request)):
        yield f"request has {both[0]} and members of it; a member is a value or holds others"
    if "push" in service.actions and (ours := sorted({"item", "record"} & set(request))):
        yield f"what is pushed goes as item and record; call {ours[0]} of request something else"


def _segment(value: str) -> str:
    """A value as one segment of a path, or a part of one."""
    if {".", ".."} & set(re.split(r"[/\\]", unquote(value))) or not value.strip("."):  # a step to another place
        raise AgencyRejectedMessage("the agency cannot be asked by such a value", code="incomplete")
    return quote(value, safe="")


def _nested(values: Mapping[str, str]) -> dict[str, Any]:
    """`{"a/b": 1}` as `{"a": {"b": 1}}`."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        *around, last = name.split("/")
        inner = found
        for each in around:
            inner = inner.setdefault(each, {})
        inner[last] = value
    return found
