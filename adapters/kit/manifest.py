"""Read and check an adapter folder's `manifest.toml`; the shape is `schemas/own/manifest.v1.json`."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

import schemas
from adapters.kit import claims, meanings
from adapters.kit.contract import Service
from adapters.kit.declared_events import DeclaredEvent, declared_event
from adapters.kit.declared_hook import Webhook, hook_faults, later_faults, webhook
from adapters.kit.declared_query import query_faults
from adapters.kit.declared_request import OURS, request_faults
from adapters.kit.declared_rows import rows_faults
from adapters.kit.declared_value import disclosed_by
from adapters.kit.untrusted import ProgramRefused, checked_schema, checked_wsdl
from adapters.kit.untrusted.wsdl import Operation, Wsdl
from adapters.kit.xml_values import leaves, part_at

OWN = "./"  # begins the name of a schema that lies in the adapter's folder
_SHAPE = "own/manifest.v1.json"
_DECLARED = (
    "path",
    "method",
    "body",
    "headers",
    "request",
    "repeatable",
    "means",
    "wsdl",
    "operation",
    "query",
    "rows",
    "find",
)  # for transports that need no Python
_MOST_FAULTS = 50
_AUTH_WORDS = ("header", "scope", "client")


class ManifestError(Exception):
    """The manifest says something wrong. Each of `args` is one fault, with the file, the key and what to do."""

    def __str__(self) -> str:
        return "; ".join(map(str, self.args))


@dataclass(frozen=True, slots=True)
class Transport:
    """How the agency is reached. Addresses are references to settings, never literal hosts."""

    kind: str  # rest | soap | dci | sql | sftp | smtp | smpp
    base_url: str = ""
    host: str = ""
    port: str = ""
    timeout_s: float = 10.0  # one call, retries included
    attempts: int = 3  # idempotent reads only
    concurrent: int = 16  # the agency's own limit
    max_bytes: int = 1024 * 1024
    connector: bool = False  # the agency runs the folder itself (`connector.py`); the gateway dials nothing


@dataclass(frozen=True, slots=True)
class Manifest:
    """One adapter as its folder declares it.

    Attributes:
        services: by short name (`employment`).
        auth_words: of [auth], what is no reference.
        references: key used in adapter.py -> `setting:NAME` or `secret:NAME`.
        events: those that a DCI registry tells, in the order in which they are tried.
        webhook: how the agency calls us.
    """

    id: str
    name: str
    owner: str
    summary: str
    transport: Transport
    services: Mapping[str, Service]
    auth_kind: str = "none"
    auth_words: Mapping[str, str] = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)
    events: tuple[DeclaredEvent, ...] = ()
    webhook: Webhook | None = None

    def service(self, service_id: str) -> Service:
        """The service with this full id (`tax.employment`).

        Raises:
            ManifestError: the adapter does not offer it.
        """
        adapter, _, name = service_id.partition(".")
        if adapter != self.id or name not in self.services:
            raise ManifestError(f"{self.id} offers no service {service_id}")
        return self.services[name]

    def settings_needed(self) -> frozenset[str]:
        """Names of the settings and secrets without which the adapter cannot be opened (`TAX_URL`)."""
        return frozenset(reference.partition(":")[2] for reference in self.references.values())


def load(folder: Path) -> Manifest:
    """The checked manifest of one adapter folder.

    Raises:
        ManifestError: no manifest, not TOML, an unknown or missing key, an id that is not the folder's name,
            a schema or a claim that does not exist.
    """
    path = folder / "manifest.toml"
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise ManifestError(f"{path}: there is no manifest.toml; every adapter folder has one") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ManifestError(f"{path}: not TOML ({error})") from None
    for name, table in _tables(raw):
        if told := meanings.form_fault(table.get("means")):
            raise ManifestError(f"{path}: breaks schemas/{_SHAPE} at /service/{name}/means: {told}")
    if broken := list(islice(schemas.breaks(schemas.validator(_SHAPE), raw), _MOST_FAULTS)):
        raise ManifestError(*(f"{path}: breaks schemas/{_SHAPE} at {fault}" for fault in broken))
    manifest = _typed(raw)
    if problems := list(_problems(folder, manifest)):
        raise ManifestError(*(f"{path}: {problem}" for problem in problems))
    return manifest


@cache
def answer_validator(folder: Path, name: str) -> schemas.Validator:
    """What an `answer_schema` names: a schema of this repository, or `./answer.json`, which the folder brings.

    Raises:
        ManifestError: there is none.
        schemas.SchemaError, ProgramRefused: it cannot be used; the folder's own is checked as any foreign one.
    """
    if not name.startswith(OWN):
        return schemas.validator(name)
    path = folder / name
    try:
        return checked_schema(path.read_bytes(), str(path))
    except OSError:
        raise ManifestError(f"{path} cannot be read; put the schema there, or name one of schemas/") from None


def _tables(raw: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Services of a manifest that is not judged yet."""
    services = raw.get("service")
    for name, table in services.items() if isinstance(services, dict) else ():
        if isinstance(table, dict):
            yield name, table


def _typed(raw: dict[str, Any]) -> Manifest:
    transport, auth = raw["transport"], dict(raw.get("auth", {}))
    kind = auth.pop("kind", "none")
    words = {name: auth.pop(name) for name in _AUTH_WORDS if name in auth}
    addresses = {key: transport[key] for key in ("base_url", "host", "port") if key in transport}
    quota = {f"quota_{name}": value for name, value in raw.get("quota", {}).items()}
    services = {name: _service(raw["id"], name, table, quota) for name, table in raw["service"].items()}
    hook = raw.get("webhook")
    hooked = {"hook_secret": hook["secret"]} if hook else {}
    return Manifest(
        id=raw["id"],
        name=raw["name"],
        owner=raw["owner"],
        summary=raw["summary"],
        transport=Transport(**transport),
        services=MappingProxyType(services),
        auth_kind=kind,
        auth_words=MappingProxyType(words),
        references=MappingProxyType({**addresses, **auth, **hooked, **raw.get("settings", {})}),
        events=tuple(declared_event(name, table) for name, table in raw.get("event", {}).items()),
        webhook=webhook(hook) if hook else None,
    )


def _service(adapter: str, name: str, table: dict[str, Any], quota: Mapping[str, int]) -> Service:
    return Service(
        id=f"{adapter}.{name}",
        actions=frozenset(table["actions"]),
        id_types=tuple(table.get("id_types", ())),
        sent=frozenset(table.get("sends", ())),
        fields=frozenset(table.get("fields", ())),
        claims=frozenset(table.get("claims", ())),
        record_schema=table["record_schema"],
        sensitivity=table["sensitivity"],
        immediate=table.get("immediate", True),
        title=table.get("title", ""),
        titles=MappingProxyType(table.get("titles", {})),
        summary=table["summary"],
        dci_reg_type=table.get("dci_reg_type", ""),
        answer_schema=table.get("answer_schema", ""),
        people_a_call=table.get("people_a_call", 0),
        lag_months=table.get("lag_months", 0),
        extra=MappingProxyType({**{key: table[key] for key in _DECLARED if key in table}, **quota}),
    )


def _problems(folder: Path, manifest: Manifest) -> Iterator[str]:
    """What a JSON Schema cannot say."""
    if manifest.id != folder.resolve().name:
        yield f"id is {manifest.id} but the folder is {folder.resolve().name}; they must be equal"
    if len({"rows" in each.extra for each in manifest.services.values()}) > 1:
        yield "some services are files (rows) and others are not; make a folder of each"
    header = manifest.auth_words.get("header", "")
    if header.lower() != "authorization" and OURS.fullmatch(header):
        yield f"a key does not go in {header}, which is not yours to set; name the agency's own header"
    if manifest.events and manifest.transport.kind != "dci":
        yield "events are declared for DCI registries only; another agency tells them by adapter.py"
    if both := {each.name for each in manifest.events} & manifest.services.keys():
        yield f"{sorted(both)} name a service and an event, which mapping.toml cannot tell apart; rename the service"
    yield from _hook_problems(manifest)
    for service in manifest.services.values():
        yield from _service_problems(folder, service)


def _service_problems(folder: Path, service: Service) -> Iterator[str]:
    for name in filter(None, (service.record_schema, service.answer_schema)):
        try:
            answer_validator(folder, name)
        except (schemas.SchemaError, ProgramRefused, ManifestError) as error:
            yield f"{service.id}: {error}"
    if missing := set(service.id_types) - service.sent:
        yield f"{service.id}: asked by {sorted(missing)}, so list it in sends too"
    yield from _record_problems(service)
    yield from _request_problems(folder, service)


def _hook_problems(manifest: Manifest) -> Iterator[str]:
    transport, services, hook = manifest.transport, manifest.services, manifest.webhook
    if hook is not None:
        key = manifest.auth_words.get("header", "X-API-Key") if manifest.auth_kind == "api_key" else ""
        yield from hook_faults(hook, services, transport.kind, connector=transport.connector, signed_in=key)
    if transport.kind == "rest":
        yield from later_faults(services, hook)


def _request_problems(folder: Path, service: Service) -> Iterator[str]:
    """What a declared request carries of a person is disclosed, so it must be in `sends`; and it must name somebody."""
    request: Any = service.extra.get("request", {})
    find: Any = service.extra.get("find", {})
    yield from (f"{service.id}: {fault}" for fault in rows_faults(service))
    try:
        told = {each for what in (*request.values(), *find.values()) for each in disclosed_by(what)}
    except ValueError as error:
        yield f"{service.id}: {error}"
        return
    if {"request", "query"} & set(service.extra) and service.id_types and service.actions - {"push"} and not told:
        yield f"{service.id}: the request names nobody, so anybody's record would answer; let it carry who is meant"
    if untold := told - service.sent:
        yield f"{service.id}: the request carries {sorted(untold)}, so list it in sends too"
    yield from (f"{service.id}: {fault}" for fault in request_faults(service))
    if "query" in service.extra:
        yield from (f"{service.id}: {fault}" for fault in query_faults(service))
    if {"wsdl", "operation"} & set(service.extra):
        yield from _operation_problems(folder, service, request)


def _operation_problems(folder: Path, service: Service, request: Mapping[str, str]) -> Iterator[str]:
    """A SOAP operation must be in its WSDL, and have the parts that the request names."""
    try:
        wsdl, operation = operation_of(folder, service)
    except (ManifestError, ProgramRefused) as error:
        yield f"{service.id}: {error}"
        return
    asked = wsdl.shapes.element(operation.request)
    if asked is None:
        return
    for path in request:
        if part_at(asked, wsdl.shapes, f"/{path}") is None:
            known = ", ".join(leaf.pointer[1:] for leaf in islice(leaves(asked, wsdl.shapes), 20))
            yield f"{service.id}: the request of {operation.name} has no {path}; it has {known}"


def operation_of(folder: Path, service: Service) -> tuple[Wsdl, Operation]:
    """The WSDL and the operation that a declared SOAP service names.

    Raises:
        ManifestError: it names none, or the file cannot be read.
        ProgramRefused: the WSDL cannot be used, or has no such operation.
    """
    name, operation = service.extra.get("wsdl"), service.extra.get("operation")
    if not isinstance(name, str) or not isinstance(operation, str):
        raise ManifestError("a SOAP service without Python names its wsdl and its operation")
    path = folder / name
    try:
        wsdl = checked_wsdl(path.read_bytes(), str(path))
    except OSError:
        raise ManifestError(f"{path} cannot be read; put the agency's WSDL there") from None
    return wsdl, wsdl.operation(operation)


def _record_problems(service: Service) -> Iterator[str]:
    try:
        members = set(_members(schemas.load(service.record_schema)))
    except schemas.SchemaError:
        return  # already told
    if unknown := service.fields - members:
        yield f"{service.id}: fields {sorted(unknown)} are not in {service.record_schema}"
    for name in service.claims:
        claim = claims.CLAIMS.get(name)
        if claim is None:
            yield f"{service.id}: no claim {name}; adapters/kit/claims.py has {sorted(claims.CLAIMS)}"
        elif claim.record != service.record_schema or not claim.needs <= service.fields:
            yield f"{service.id}: claim {name} needs {sorted(claim.needs)} of {claim.record}"


def _members(schema: Mapping[str, Any]) -> Mapping[str, object]:
    properties: Mapping[str, object] = schema.get("properties", {})
    return properties
