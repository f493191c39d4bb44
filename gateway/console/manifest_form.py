"""A form made from the manifest's own schema, and a manifest made from the form: nothing is said twice."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import schemas

SCHEMA = "own/manifest.v1.json"
BY_HAND = frozenset({"host", "port", "wsdl", "operation", "answer_schema", "dci_reg_type"})
WANTED = frozenset({"request", "path"})
PAIRS = frozenset({"request", "means", "titles"})
"""Tables that are typed as lines."""
REFERENCE = re.compile(r'"(?:setting|secret):([A-Z][A-Z0-9_]*)"', re.ASCII)
DRAFTED = ("CHANGE: ", "CHANGE")
BY_HOST = frozenset({"sftp", "smtp", "smpp"})
"""Kinds that have a host and a port, which the draft names, and no address of the web."""
DEPENDS = frozenset({"base_url", "id_types", "sends", "fields", "claims", "rows", "query"})
"""What the schema does not require of every service, and some kinds of service need."""
CHOICES = {
    "rest": "JSON over HTTP",
    "soap": "SOAP, with a WSDL",
    "dci": "DCI, the standard for social protection",
    "fhir": "FHIR R4, the standard for health",
    "file": "A file of many people, CSV or JSON",
    "sql": "A view of a database (SQL)",
    "sftp": "A file that is fetched (SFTP)",
    "smtp": "E-mail (SMTP)",
    "smpp": "Text messages (SMPP)",
    "none": "It does not: whoever reaches the address may ask",
    "bearer": "With an access token",
    "api_key": "With a key in a header",
    "basic": "With a name and a password",
    "ssh_key": "With an SSH key",
    "client_credentials": "With client credentials (OAuth 2)",
    "personal": "Personal",
    "special": "Special",
    "open": "Open",
    "GET": "In the address (GET)",
    "POST": "In the body (POST)",
    "json": "JSON",
    "form": "A form",
    "csv": "CSV",
}
"""What the choices of the form are called: each a key of `pages/words`."""
AUTH_KIND = (
    "How the gateway proves who it is",
    "To your system. With an access token it sends the token with each question.",
)
AUTH_TOKEN = (
    "Name for the access token",
    "Only a name, for example secret:LEVY_TOKEN. The token itself is given after you keep the adapter.",
)
SERVICE_NAME = "Short name of what it answers", "Small letters, digits and _; for example members."
"""Label and hint of what the form asks more simply than the schema, or in another place."""


@dataclass(frozen=True, slots=True)
class Field:
    """One question. `name` is its place in the manifest, `kind` text, number, choice, list, pairs or yes_no.

    `label` and `hint` are the schema's title and description, each a key of `pages/words`. `optional` is what may
    be left empty whatever the kind; what is neither optional nor required depends on the kind.
    """

    name: str
    kind: str
    label: str
    hint: str
    required: bool
    choices: tuple[str, ...] = ()
    optional: bool = False


def fields(kind: str = "") -> list[Field]:
    """Every question, in the schema's order; a service has its own behind `service.`. Of `kind`: what it uses."""
    schema: Any = schemas.load(SCHEMA)
    parts = {"": schema, "transport.": schema["$defs"]["transport"], "service.": schema["$defs"]["service"]}
    found = [each for prefix, part in parts.items() for each in _of(prefix, part, schema)]
    auth = [
        Field("auth.kind", "choice", *AUTH_KIND, True, ("none", "bearer")),
        Field("auth.token", "text", *AUTH_TOKEN, False),
    ]
    at = next(number for number, each in enumerate(found) if each.name.startswith("service."))
    every = [*found[:at], *auth, Field("service.name", "text", *SERVICE_NAME, True), *found[at:]]
    return [each for each in every if not (each.name == "transport.base_url" and kind in BY_HOST)]


def _of(prefix: str, part: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[Field]:
    required = set(part.get("required", ())) | WANTED
    for name, each in part["properties"].items():
        told = schema["$defs"]["reference"] if "$ref" in each and each["$ref"].endswith("/reference") else each
        if name in BY_HAND or "const" in told or "$ref" in told or (told.get("type") == "object" and name not in PAIRS):
            continue
        words = each["title"], each["description"]
        optional = name not in required | DEPENDS
        yield Field(f"{prefix}{name}", _kind(told), *words, name in required, _choices(told), optional)


def _kind(told: Mapping[str, Any]) -> str:
    if "enum" in told:
        return "choice"
    kinds = {"array": "list", "object": "pairs", "integer": "number", "number": "number", "boolean": "yes_no"}
    return kinds.get(told.get("type", ""), "text")


def _choices(told: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(told.get("enum", ()))


def filled(text: str) -> dict[str, str]:
    """A manifest's values by field name, as the form shows them; drafts' marks are taken off.

    Raises:
        tomllib.TOMLDecodeError: it is no TOML.
    """
    found = tomllib.loads(text)
    services: dict[str, Any] = found.get("service", {})
    name, service = next(iter(services.items()), ("", {}))
    values = {key: value for key, value in found.items() if not isinstance(value, dict)}
    for table in ("transport", "auth"):
        values |= {f"{table}.{key}": value for key, value in found.get(table, {}).items()}
    values |= {"service.name": name} | {f"service.{key}": value for key, value in service.items()}
    return {key: _shown(value) for key, value in values.items()}


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return "\n".join(f"{key} = {each}" for key, each in value.items())
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return "" if text.startswith(DRAFTED) else text


def manifest_of(form: Mapping[str, str], before: str) -> str:
    """The manifest's text: what the form says, and what it does not ask from the text `before`."""
    kept = _table(before)
    tables: dict[str, dict[str, Any]] = {"": kept, "transport": kept.get("transport", {}), "auth": kept.get("auth", {})}
    tables["service"] = next(iter(kept.get("service", {}).values()), {})
    for field in fields():
        table, _, key = field.name.rpartition(".")
        if field.name == "service.name" or field.name not in form:
            continue
        tables[table].pop(key, None)
        if text := form[field.name].strip():
            tables[table][key] = _value(field.kind, text)
    plain = {key: value for key, value in ({"contract": 1} | kept).items() if not isinstance(value, dict)}
    lines = [f"{key} = {_toml(value)}" for key, value in plain.items()]
    for name, each in (("transport", tables["transport"]), ("auth", tables["auth"])):
        lines += _lines(name, each)
    for name, each in kept.items():
        if isinstance(each, dict) and name not in tables:
            lines += _lines(name, each)
    asked = f"service.{_key(form.get('service.name') or 'records')}"
    lines += _lines(asked, tables["service"]) or ["", f"[{asked}]"] * ("service.name" in form)
    for name, others in list(kept.get("service", {}).items())[1:]:
        lines += _lines(f"service.{_key(name)}", others)
    return "\n".join([*lines, ""])


def with_settings(conformance: str, manifest: str) -> str:
    """`samples/conformance.toml` with a value for each name that the manifest refers to and it lacks: the suite's own.

    The form asks for the name of a secret; that samples need a value for it nobody has to know.
    """
    needed = REFERENCE.findall(manifest)
    known = _table(conformance).get("settings", {})
    lines = [f'{name} = "{_of_the_suite(name)}"' for name in dict.fromkeys(needed) if name not in known]
    if not lines:
        return conformance
    head, begun, rest = conformance.partition("[settings]\n")
    return "\n".join([f"{head}[settings]", *lines, rest] if begun else [f"{head.rstrip()}\n", "[settings]", *lines, ""])


def _of_the_suite(name: str) -> str:
    """`{url}` stands for the server of the suite, which is its own token endpoint, too."""
    if name.endswith("TOKEN_URL"):
        return "{url}/token"
    return "{url}" if name.endswith("_URL") else "conformance"


def _table(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}


def _lines(name: str, table: Mapping[str, Any]) -> list[str]:
    return ["", f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in table.items())] if table else []


def _key(name: str) -> str:
    """A key as TOML has it: whatever was typed stays one (TOML 1.0, section Keys)."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _toml(name)


def _value(kind: str, text: str) -> object:
    if kind == "number":
        try:
            return int(text) if text.isdigit() else float(text)
        except ValueError:
            return text
    if kind == "list":
        return [each.strip() for each in text.replace("\n", ",").split(",") if each.strip()]
    if kind == "pairs":
        pairs = (_pair(line.strip()) for line in text.splitlines() if line.strip())
        return {name.strip(): value.strip() for name, _, value in pairs}
    return text == "true" if kind == "yes_no" else text


def _pair(line: str) -> tuple[str, str, str]:
    """A place of `means` may have = in it, its meaning has none; with a member of `request` it is the other way."""
    return line.rpartition("=") if line.startswith(("/", "status=")) else line.partition("=")


def _toml(value: object) -> str:
    """A JSON string is a TOML string (TOML 1.0, section String), but for the one control character it leaves alone."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_toml(str(key))} = {_toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
