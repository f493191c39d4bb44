"""Run in a process of its own: judge an adapter folder that a stranger brought, within a budget and without a network.

`python -I -m adapters.kit.sealed_check static|dry|shown FOLDER` writes one JSON object to standard output. `static`:
every file that could be a program (schemas, XSDs, manifest, mapping, samples) judged as text, `{"faults": [...]}`;
`dry`: the conformance suite, `{"results": [{"check", "fault", "ms"}], ...}`; its broken agencies listen on loopback,
and nothing else can be reached: a name is not even looked up. A folder that takes too long is cut by the kernel.
"""

import asyncio
import json
import re
import resource
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

import schemas
from adapters.kit import conditions, conformance, declared_auth, golden, meanings, showing, strict_xml, unfinished
from adapters.kit import manifest as manifests
from adapters.kit import mapping as mappings
from adapters.kit.base import NotConfigured
from adapters.kit.contract import Service
from adapters.kit.manifest import Manifest, ManifestError
from adapters.kit.mapping import MappingError
from adapters.kit.strict_json import StrictError
from adapters.kit.transports import sftp
from adapters.kit.untrusted import ProgramRefused, checked_mapping, checked_schema, checked_xsd
from adapters.kit.untrusted.shapes import line_of

CPU_S = {"static": 2, "dry": 20, "shown": 5}
MEMORY = 1024 * 1024 * 1024
LARGEST_TOML = 64 * 1024
MOST_SAMPLES = 100
_LOOPBACK = frozenset({"127.0.0.1", "::1"})
_AT_LINE = re.compile(r"\(at line (\d+)")
_FILLED = re.compile(r"\{(url|host|port|rsa_key|certificate|ssh_key|ssh_public_key)\}")
_SQL = {"password": frozenset({"user", "password", "database"})}
_DECLARED: Mapping[str, Mapping[str, frozenset[str]] | None] = {
    "rest": declared_auth.KINDS,
    "dci": None,
    "soap": declared_auth.KINDS,
    "sftp": declared_auth.SFTP,
    "sql": _SQL,
}
"""Transports that need no program -> the kinds of [auth] they know, each with its keys; None: their own."""

_ASKED = {
    "rest": ({"path", "request"}, {"path", "rows"}),
    "sftp": ({"path", "rows"},),
    "soap": ({"wsdl", "operation"},),
    "sql": ({"query", "request"},),
}
"""Transport -> what a service that is asked declares, one of these."""

UNSHOWN = (
    conformance.NotConforming,
    golden.GoldenError,
    NotConfigured,
    StopIteration,
    LookupError,
    TypeError,
    ValueError,
)
"""What samples, or the settings that they are read with, may be wrong by."""

Told = dict[str, object]


def main() -> int:
    """Seal, judge, tell."""
    mode, folder = sys.argv[1], Path(sys.argv[2])
    _load_ssh(folder)
    _seal(CPU_S[mode])
    found = _RUNS[mode](folder)
    sys.stdout.write(json.dumps(found))
    return 0


def _load_ssh(folder: Path) -> None:
    """Import asyncssh before the seal: it looks for libraries of the machine with a file of its own, refused after."""
    manifest = folder / "manifest.toml"
    if manifest.is_file() and b'"sftp"' in manifest.read_bytes():
        sftp.load_library()


def _seal(cpu_s: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    sys.addaudithook(_refuse_outside)


def _refuse_outside(event: str, arguments: tuple[Any, ...]) -> None:
    """Whatever an adapter's files may lead to: only the suite's own servers on loopback are there."""
    if event == "socket.connect" and arguments[1][0] not in _LOOPBACK:
        raise PermissionError("sealed")
    if event in {"socket.getaddrinfo", "socket.gethostbyname"} and arguments[0] not in _LOOPBACK | {None}:
        raise PermissionError("sealed")


def _static(folder: Path) -> Told:
    faults = [*_programs(folder), *_tomls(folder)]
    if faults:
        return {"faults": faults}
    try:
        manifest = manifests.load(folder)
    except ManifestError as error:
        return {"faults": [_of_manifest(folder, str(each)) for each in error.args]}
    faults = [*_declared(folder, manifest), *_mapped(folder, manifest), *_samples(folder)]
    services = {
        each.id: {"sends": sorted(each.sent), "actions": sorted(each.actions)} for each in manifest.services.values()
    }
    return {
        "faults": faults,
        "id": manifest.id,
        "name": manifest.name,
        "transport": manifest.transport.kind,
        "references": {} if manifest.transport.connector else dict(manifest.references),
        "connector": manifest.transport.connector,
        "services": services,
    }


def _fault(file: str, code: str, detail: str, line: int = 0) -> Told:
    return {"file": file, "code": code, "detail": detail, "line": line}


def _programs(folder: Path) -> Iterator[Told]:
    """Schemas, XSDs and templates: what would be run, judged by what can be counted in its text."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        try:
            if path.suffix == ".json":
                checked_schema(path.read_bytes(), name)
            elif path.suffix == ".xsd":
                yield from _imports(path.read_bytes(), name)
                checked_xsd(path.read_bytes(), name, trial=False)  # this process is the sealed one
            elif path.suffix in {".xml", ".wsdl"}:
                strict_xml.parse(path.read_bytes())
        except ProgramRefused as error:
            yield _fault(name, error.code, error.detail, error.line)
        except StrictError as error:
            yield _fault(name, "xml", str(error))


def _imports(text: bytes, name: str) -> Iterator[Told]:
    """A schema that lies elsewhere is not followed, so what it would say is said here or not at all."""
    for node in strict_xml.parse(text).iter("{http://www.w3.org/2001/XMLSchema}import"):
        if node.get("schemaLocation"):
            told = "nothing is fetched: leave schemaLocation out, or bring one file"
            yield _fault(name, "outside", told, line_of(node))


def _tomls(folder: Path) -> Iterator[Told]:
    for name in ("manifest.toml", "codes.toml", "samples/conformance.toml"):
        path = folder / name
        if not path.exists():
            continue
        if path.stat().st_size > LARGEST_TOML:
            yield _fault(name, "too_large", f"at most {LARGEST_TOML} bytes")
            continue
        try:
            tomllib.loads(path.read_text(encoding="utf-8"))
        except RecursionError:
            yield _fault(name, "too_deep", "tables or lists go too deep")
        except tomllib.TOMLDecodeError as error:
            found = _AT_LINE.search(str(error))
            yield _fault(name, "toml", f"not TOML ({error})", int(found.group(1)) if found else 0)
    if (folder / "mapping.toml").exists():
        try:
            checked_mapping((folder / "mapping.toml").read_bytes(), "mapping.toml")
        except ProgramRefused as error:
            yield _fault("mapping.toml", error.code, error.detail, error.line)


def _of_manifest(folder: Path, told: str) -> Told:
    """A manifest's error with its line, as near as its pointer or the service it names allows."""
    text = (folder / "manifest.toml").read_text(encoding="utf-8")
    detail = told.replace(f"{folder}/manifest.toml: ", "").replace(f"{folder}/", "")
    pointer = re.search(r" at /([^:]*): ", detail)
    service = re.match(r"\w+\.(\w+): ", detail)
    path = pointer.group(1).split("/") if pointer else ["service", service.group(1)] if service else []
    return _fault("manifest.toml", "manifest", detail, toml_line(text, path))


def toml_line(text: str, path: list[str]) -> int:
    """The line, from 1, of a value of a TOML text: of its key, else of the nearest table around it; 0 for neither."""
    found, nearest = 0, -1
    table: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if head := re.match(r"\s*\[+\s*([\w.\"'-]+)\s*\]+", line):
            table = head.group(1).replace('"', "").replace("'", "").split(".")
            here = table
        elif key := re.match(r"\s*[\"']?([\w-]+)[\"']?\s*[=.]", line):
            here = [*table, key.group(1)]
        else:
            continue
        if path[: len(here)] == here and len(here) > nearest:
            found, nearest = number, len(here)
    return found


def _declared(folder: Path, manifest: Manifest) -> Iterator[Told]:
    """What needs a program, and an adapter of files alone can therefore not be."""
    text = (folder / "manifest.toml").read_text(encoding="utf-8")
    kind = manifest.transport.kind
    if kind not in _DECLARED:
        line = toml_line(text, ["transport", "kind"])
        yield _fault("manifest.toml", "transport", f"{kind} needs a program; declare one of {sorted(_DECLARED)}", line)
        return
    known = _DECLARED[kind]
    if known and manifest.auth_kind not in known:
        line = toml_line(text, ["auth", "kind"])
        yield _fault("manifest.toml", "auth", f"a declared {kind} signs in by one of {sorted(known)}", line)
    elif known and (missing := sorted(known[manifest.auth_kind] - set(manifest.references))):
        told = f"[auth] {manifest.auth_kind} wants {', '.join(missing)} too, as `secret:NAME` or `setting:NAME`"
        yield _fault("manifest.toml", "auth", told, toml_line(text, ["auth", "kind"]))
    for name, service in manifest.services.items():
        if not service.immediate and (manifest.webhook is None or name not in manifest.webhook.answers):
            told = f"{service.id} answers later: over rest declare [webhook.answer.{name}], else leave `immediate` out"
            yield _fault("manifest.toml", "answers_later", told, toml_line(text, ["service", name, "immediate"]))
        ways = _ASKED.get(kind, ())
        if ways and service.actions & {"read", "verify"} and not any(way <= set(service.extra) for way in ways):
            told = f"{service.id}: declare {', or '.join(' and '.join(sorted(way)) for way in ways)}"
            yield _fault("manifest.toml", "not_asked", told, toml_line(text, ["service", name]))


def _mapped(folder: Path, manifest: Manifest) -> Iterator[Told]:
    path = folder / "mapping.toml"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    try:
        mappings.load(folder)
    except MappingError as error:
        told = str(error).replace(f"{folder}/", "")
        yield _fault("codes.toml" if told.startswith("codes.toml") else "mapping.toml", "mapping", told)
        return
    lines: Mapping[str, Mapping[str, Any]] = tomllib.loads(text)
    for name in sorted(set(lines) - set(manifest.services) - _events(manifest)):
        yield _fault("mapping.toml", "unknown_service", f"the manifest offers no {name}", toml_line(text, [name]))
    for name, service in manifest.services.items():
        mapped = set(lines.get(name, {}))
        record = schemas.load(service.record_schema)
        properties: Any = record.get("properties", {})
        for each in sorted(mapped - set(properties)):
            told = f"{service.record_schema} has no {each}; it has {', '.join(sorted(properties))}"
            yield _fault("mapping.toml", "unknown_field", told, toml_line(text, [name, each]))
        for field, code, detail in conditions.faults(lines.get(name, {}), service.record_schema):
            line = toml_line(text, [name, *field.split(".")])
            yield _fault("mapping.toml", code, f"{field}: {detail}", line)
        for told in meanings.list_faults(service, lines.get(name, {})):
            yield _fault("manifest.toml", "means", f"{service.id}: {told}", _line_of_means(folder, name))
        for line, told in unfinished.code_faults(folder, lines.get(name, {}), service.record_schema):
            yield _fault("codes.toml", "code_value", told, line)
        if mapped and (unmapped := sorted(service.fields - mapped)):
            told = f"{service.id} offers {', '.join(unmapped)}, which no line maps"
            yield _fault("mapping.toml", "unmapped_field", told, toml_line(text, [name]))


def _line_of_means(folder: Path, service: str) -> int:
    return toml_line((folder / "manifest.toml").read_text(encoding="utf-8"), ["service", service, "means"])


def _events(manifest: Manifest) -> set[str]:
    """Tables of the mapping that are of no service."""
    return {each.name for each in manifest.events} | set(manifest.webhook.events if manifest.webhook else ())


def _samples(folder: Path) -> Iterator[Told]:
    paths = sorted((folder / "samples").glob("*.golden"))
    if len(paths) > MOST_SAMPLES:
        yield _fault("samples", "too_many_files", f"at most {MOST_SAMPLES} golden samples")
    for path in paths:
        try:
            golden.read(path)
        except golden.GoldenError as error:
            yield _fault(f"samples/{path.name}", "sample", str(error).partition(": ")[2], 1)
    conformance_toml = folder / "samples" / "conformance.toml"
    if not conformance_toml.exists():
        yield _fault("samples/conformance.toml", "sample", "it is missing: it holds [settings], [subject] and [item.*]")
        return
    text = conformance_toml.read_text(encoding="utf-8")
    for name, value in tomllib.loads(text).get("settings", {}).items():
        if not isinstance(value, str) or ("://" in value and not _FILLED.search(value)):
            told = f"{name}: in samples an address is {{url}}, which stands for the suite's own server"
            yield _fault("samples/conformance.toml", "address", told, toml_line(text, ["settings", name]))


async def _dry(folder: Path) -> Told:
    results = await asyncio.gather(*(_timed(check) for check in conformance.checks(folder)))
    return {"results": list(results), **_coverage(folder)}


async def _timed(check: conformance.Check) -> Told:
    begun = perf_counter()
    (outcome,) = await asyncio.gather(check.run(), return_exceptions=True)
    fault = _fault_of(outcome) if isinstance(outcome, BaseException) else None
    return {"check": check.name, "fault": fault, "ms": round((perf_counter() - begun) * 1000)}


def _fault_of(error: BaseException) -> str:
    """The suite says what is not as it should be; of anything else the kind tells more than its words."""
    return str(error) if isinstance(error, conformance.NotConforming) else f"{type(error).__name__}: {error}"


def _coverage(folder: Path) -> Told:
    """What grades look at beside the suite: what the samples show, and excuses with their reasons."""
    manifest, samples = manifests.load(folder), golden.load(folder)
    only = next(iter(manifest.services))
    shown: dict[str, set[str]] = {name: set() for name in manifest.services}
    failing = set()
    for each in samples:
        service = each.service or only
        if each.result == "record" and service in shown:
            shown[service] |= set(json.loads(each.expected))
        elif each.result == "error":
            failing.add(service)
    table = tomllib.loads((folder / "samples" / "conformance.toml").read_text(encoding="utf-8"))
    return {
        "unshown": sorted(
            f"{service.id}: {field}"
            for name, service in manifest.services.items()
            if "push" not in service.actions
            for field in service.fields - shown[name]
        ),
        "never_failing": sorted(set(manifest.services) - failing),
        "unchecked": sorted(
            each.id for each in manifest.services.values() if each.actions - {"push"} and not _judged(manifest, each)
        ),
        "readme": (folder / "README.md").exists(),
        "exempt": {str(name): str(reason) for name, reason in table.get("exempt", {}).items()},
    }


def _judged(manifest: Manifest, service: Service) -> bool:
    """A schema judges its answers: its own, that of its WSDL, or DCI's, which is published."""
    return bool(service.answer_schema) or "wsdl" in service.extra or manifest.transport.kind == "dci"


def _shown(folder: Path) -> Told:
    """The samples for a person to look at; None where they, or the person in them, cannot be read."""
    try:
        return {"samples": showing.shown(folder)}
    except UNSHOWN:
        return {"samples": None}  # the dry run says what is wrong with them


_RUNS: Mapping[str, Callable[[Path], Told]] = {
    "static": _static,
    "dry": lambda folder: asyncio.run(_dry(folder)),
    "shown": _shown,
}


if __name__ == "__main__":
    sys.exit(main())
