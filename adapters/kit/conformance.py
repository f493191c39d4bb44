"""What every adapter must keep, checked the same way for all: `sandhi adapter check <folder>`, and in tests

```python
TestLevy = suite(Path("adapters/levy"))
```
A folder brings `samples/*.golden` (see `golden.py`; at least one that fails) and `samples/conformance.toml`:
`[settings]` values for the names its manifest refers to, `[subject]` an invented person, and `[item.<service>]` a
record for each service it delivers to. Values may hold `{url}`, `{host}`, `{port}` (of a scripted server), `{rsa_key}`,
`{certificate}`, `{ssh_key}`, `{ssh_public_key}`: made for the run, so that no key lies in a repository.
"""

import asyncio
import json
import tomllib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import schemas
from adapters.kit import conditions, golden, opening, strict_json, unfinished
from adapters.kit import manifest as manifests
from adapters.kit import mapping as mappings
from adapters.kit.base import BaseAdapter, Kit, as_of
from adapters.kit.contract import (
    Adapter,
    AgencyAnswerMalformed,
    AgencyError,
    AgencyUnavailable,
    Identifier,
    Item,
    Name,
    Question,
    RawAnswer,
    Service,
    Subject,
)
from adapters.kit.dci_wire import BodySigned
from adapters.kit.differing import differences
from adapters.kit.egress import Dialler
from adapters.kit.faults import FAULTS, STREAMS, broken_agency
from adapters.kit.manifest import Manifest, ManifestError
from adapters.kit.meanings import faults, meant
from adapters.kit.throwaway import placeholders
from adapters.kit.transports.hooked import HookedRest, LaterRest
from adapters.kit.untrusted import checked_mapping
from adapters.kit.untrusted.mapping_text import Lines, line_of
from adapters.kit.xml_values import part_at

AS_AT = date(2026, 10, 31)
TIMEOUT_S = 0.6  # of one call to an agency that is slow
LONG_S = 10.0  # of one call to one that is broken otherwise: a busy machine is no fault
PATIENCE_S = 3 * LONG_S


class NotConforming(Exception):
    """A promise is broken; the text says which, and what to do."""


@dataclass(frozen=True, slots=True)
class Check:
    """One promise. `run` raises NotConforming (or any exception, which is a bug) when it is broken."""

    name: str
    run: Callable[[], Awaitable[None]]


def suite(folder: Path, *, faults: bool = True) -> type:
    """A test class for pytest with one test per check of the folder.

    `faults=False` leaves the broken agencies out, which take time: for a folder whose code is another's, tried there.
    """
    left_out = () if faults else tuple(f"{fault}_" for fault in FAULTS)
    tests = {f"test_{check.name}": _test(check) for check in checks(folder) if not check.name.startswith(left_out)}
    return type(f"Test{folder.name.title().replace('_', '')}", (), tests)


def checks(folder: Path) -> list[Check]:
    """Every check of one adapter folder; only those of manifest and mapping, if these cannot be read."""
    manifest_check = Check("manifest", partial(_manifest, folder))
    try:
        manifest = manifests.load(folder)
    except ManifestError:
        return [manifest_check]
    mapping_check = Check("mapping", partial(_mapping, folder, manifest))
    try:
        mappings.load(folder)
    except mappings.MappingError:
        return [manifest_check, mapping_check]  # one fault, told once
    return [
        manifest_check,
        mapping_check,
        *([Check("nothing_left_to_change", partial(_changed, folder))] if unfinished.left_to_change(folder) else ()),
        Check("settings", partial(_settings, folder, manifest)),
        Check("a_golden_sample_fails", partial(_a_sample_fails, folder)),
        *(Check(f"answered_{name}", partial(_a_sample_answers, folder, name)) for name in _asked(manifest)),
        *(Check(f"means_{each}", partial(_meant_so, folder, each)) for each in _asked(manifest, "means")),
        *(Check(f"told_{name}", partial(_a_sample_tells, folder, name)) for name in _told(manifest)),
        *_golden_checks(folder),
        *_fault_checks(folder, manifest),
    ]


def _test(check: Check) -> Callable[[object], Awaitable[None]]:
    async def test(_: object) -> None:
        await check.run()

    test.__doc__ = check.name
    return test


async def _manifest(folder: Path) -> None:
    manifests.load(folder)


async def _mapping(folder: Path, manifest: Manifest) -> None:
    told = {each.name for each in manifest.events} | set(manifest.webhook.events if manifest.webhook else ())
    unknown = set(mappings.load(folder)) - set(manifest.services) - told
    if unknown:
        raise NotConforming(f"mapping.toml maps {sorted(unknown)}, which the manifest does not offer")
    for name, service in manifest.services.items():
        for field, _, detail in conditions.faults(lines_of(folder, name), service.record_schema):
            line = line_of((folder / "mapping.toml").read_text(encoding="utf-8"), [name, *field.split(".")])
            raise NotConforming(f"mapping.toml:{line}: {field}: {detail}")
        if wrong := list(unfinished.code_faults(folder, lines_of(folder, name), service.record_schema)):
            raise NotConforming("\n".join(f"codes.toml:{line}: {told}" for line, told in wrong))
        if "wsdl" in service.extra and (nowhere := sorted(_nowhere(folder, service))):
            raise NotConforming(f"mapping.toml reads {', '.join(nowhere)}, which no answer of the WSDL has")


def _nowhere(folder: Path, service: Service) -> Iterator[str]:
    """Pointers of a declared SOAP service that lead nowhere: an optional one would be silent for ever."""
    wsdl, operation = manifests.operation_of(folder, service)
    answer = wsdl.shapes.element(operation.answer)
    for pointer in _pointers(lines_of(folder, service.id.partition(".")[2])):
        if answer is None or part_at(answer, wsdl.shapes, pointer) is None:
            yield pointer


def lines_of(folder: Path, service: str) -> Lines:
    """The lines of one service of a folder's mapping as they are written; none where it has none."""
    path = folder / "mapping.toml"
    return checked_mapping(path.read_bytes()).get(service, {}) if path.exists() else {}


def _pointers(lines: Mapping[str, Mapping[str, Any]], before: str = "") -> Iterator[str]:
    for line in lines.values():
        yield before + line["from"]
        yield from _pointers(line.get("each", {}), before + line["from"])


async def _changed(folder: Path) -> None:
    left = unfinished.left_to_change(folder)
    raise NotConforming("\n".join(["mend each of these lines, and take its word CHANGE away:", *left]))


async def _settings(folder: Path, manifest: Manifest) -> None:
    missing = manifest.settings_needed() - set(_conformance(folder)["settings"])
    if missing:
        raise NotConforming(f"samples/conformance.toml gives no value for {sorted(missing)} under [settings]")


async def _a_sample_fails(folder: Path) -> None:
    if not any(sample.result == "error" for sample in golden.load(folder)):
        raise NotConforming("no golden sample ends in an error: add one answer that must be refused")


def _asked(manifest: Manifest, *keys: str) -> Iterator[str]:
    """Services that answer with a record, and declare these keys."""
    for service in manifest.services.values():
        if service.actions & {"read", "verify"} and service.record_schema and {*keys} <= {*service.extra}:
            yield service.id.partition(".")[2]


async def _a_sample_answers(folder: Path, name: str) -> None:
    known = golden.load(folder)
    if not any((each.kind, each.result) == ("agency", "record") and each.service in {name, ""} for each in known):
        raise NotConforming(f"no golden sample of {name} ends in a record: add an answer as the agency sends it")


async def _meant_so(folder: Path, name: str) -> None:
    adapter, service = _opened(folder, Dialler({"127.0.0.1:1"}), 1, TIMEOUT_S), _service(folder, name)
    known = [each for each in golden.load(folder) if each.kind == "agency" and each.service in {name, ""}]
    given = [golden.body(each, service.extra.get("rows")) for each in known]
    if isinstance(adapter, BaseAdapter) and (told := faults(service, lines_of(folder, name), given, adapter.parse)):
        raise NotConforming("\n".join(told))


def _told(manifest: Manifest) -> Iterator[str]:
    yield from manifest.webhook.events if manifest.webhook else ()


async def _a_sample_tells(folder: Path, name: str) -> None:
    if not any((each.kind, each.service, each.result) == ("event", name, "record") for each in golden.load(folder)):
        raise NotConforming(f"no golden sample tells {name}: add `---------- event {name}`, a call and its record")


def _golden_checks(folder: Path) -> Iterator[Check]:
    for path in sorted((folder / "samples").glob("*.golden")):
        yield Check(f"golden_{path.stem}", partial(_golden, folder, path))


async def _golden(folder: Path, path: Path) -> None:
    sample = golden.read(path)
    result, told = outcome_of(folder, sample)
    expected: object = json.loads(sample.expected) if sample.result == "record" else sample.expected
    if (result, told) == (sample.result, expected):
        return
    other = "another " if result == sample.result == "error" else ""
    mapped = lines_of(folder, sample.service or next(iter(manifests.load(folder).services)))
    lines = [f"{path.name}: expected {sample.result}, got {other}{result}:"]
    if isinstance(told, dict):
        lines += differences(expected, told) if result == sample.result else ()
        lines += conditions.untold(mapped, told)
        lines += [json.dumps(told, ensure_ascii=False, indent=1)]
    else:
        lines += [str(told), *([f"expected was: {sample.expected}"] if other else [])]
        lines += mappings.told_table(mapped, str(told))
    raise NotConforming("\n".join(lines))


def outcome_of(folder: Path, sample: golden.Sample) -> tuple[str, object]:
    """What comes of a sample in this folder: `record` with it, `accepted`, `no_data`, or `error` with its text.

    Raises:
        NotConforming: the sample names no service, or the adapter cannot read samples.
    """
    adapter = _opened(folder, Dialler({"127.0.0.1:1"}), 1, TIMEOUT_S)  # nothing is connected before it is asked
    try:
        if sample.kind == "event":
            return "record", _told_record(adapter, sample)
        return _outcome(adapter, _service(folder, sample.service), sample)
    except AgencyError as error:
        return "error", str(error)


def _outcome(adapter: Adapter, service: Service, sample: golden.Sample) -> tuple[str, object]:
    if sample.kind == "item":
        fault = schemas.first_fault(schemas.validator(service.record_schema), json.loads(sample.given))
        return ("accepted", "") if fault is None else ("error", fault)
    if not isinstance(adapter, BaseAdapter):
        raise NotConforming("an adapter with golden answers derives from BaseAdapter")
    payload = adapter.parse(service.id, golden.body(sample, service.extra.get("rows")))
    raw = RawAnswer(payload, as_of(service, AS_AT), empty=meant(service, payload).empty)
    record = adapter.normalise(service.id, raw)
    return ("no_data", "") if sample.result == "no_data" and raw.empty else ("record", record)


def _told_record(adapter: Adapter, sample: golden.Sample) -> dict[str, object]:
    """What a call of the agency comes to. Raises AgencyError, NotConforming."""
    hook = adapter.kit.manifest.webhook if isinstance(adapter, HookedRest) else None
    if not isinstance(adapter, HookedRest) or hook is None or sample.service not in hook.events:
        raise NotConforming(f"{sample.name}.golden: the manifest has no [webhook.event.{sample.service}]")
    try:
        told = strict_json.loads(sample.given)
    except strict_json.StrictError as error:
        raise AgencyAnswerMalformed(f"the call is {error}") from None
    return adapter.told_record(sample.service, told)


def _fault_checks(folder: Path, manifest: Manifest) -> Iterator[Check]:
    for service in manifest.services.values():
        name = service.id.partition(".")[2]
        later = manifest.webhook is not None and name in manifest.webhook.answers
        for fault in FAULTS:
            if later and fault in {"garbled", "wrong_schema"}:
                continue  # its status is all that counts of what it says at once; the answer comes to the webhook
            yield Check(f"{fault}_{name}", partial(_fault, folder, service, fault))


async def _fault(folder: Path, service: Service, fault: str) -> None:
    transport = manifests.load(folder).transport.kind
    expected = FAULTS[fault]
    if transport in STREAMS:  # a broken stream is noticed before any answer
        expected = (AgencyUnavailable, AgencyAnswerMalformed)
    async with broken_agency(fault, transport) as port:
        dialler = Dialler({f"127.0.0.1:{port}"})
        waits = fault == "slow" or transport in STREAMS  # files are looked for until the deadline
        adapter = _opened(folder, dialler, port, TIMEOUT_S if waits else LONG_S)
        try:
            async with asyncio.timeout(PATIENCE_S):
                errors = await _errors(adapter, folder, service)
        except TimeoutError:
            raise NotConforming(f"{service.id}: not given up after {PATIENCE_S} s") from None
        finally:
            await adapter.close()
            await dialler.close()
    for error in errors:
        if not isinstance(error, expected):
            names = " or ".join(each.__name__ for each in expected)
            raise NotConforming(f"{service.id}: an agency that is {fault} gives {type(error).__name__}, not {names}")
        _check_silent(error, folder)


async def _errors(adapter: Adapter, folder: Path, service: Service) -> list[AgencyError]:
    """What the adapter calls the fault, asked in every way the service allows."""
    subject, name = subject_of(folder), service.id.partition(".")[2]
    errors: list[AgencyError] = []
    if "push" in service.actions:
        record = _conformance(folder).get("item", {}).get(name)
        if record is None:
            raise NotConforming(f"samples/conformance.toml has no [item.{name}] to deliver")
        errors.append(await _raised(adapter.deliver(Item("conformance-1", service.id, record, subject)), service))
    if not service.actions & {"read", "verify"}:
        return errors
    question = Question(service.id, subject, service.fields, AS_AT)
    if isinstance(adapter, LaterRest):
        return [*errors, await _raised(adapter.ask_later(question, "conformance-1"), service)]
    if not service.immediate:
        return [*errors, *await _many(adapter, question)]
    lines, one = await asyncio.gather(_many(adapter, question), _raised(_answered(adapter, question), service))
    return [*errors, *lines, one]


async def _answered(adapter: Adapter, question: Question) -> dict[str, object]:
    return adapter.normalise(question.service, await adapter.ask(question))


async def _many(adapter: Adapter, question: Question) -> list[AgencyError]:
    failed, places = [], []
    async for place, line in adapter.ask_many([question, question]):
        places.append(place)
        failed.append(line if isinstance(line, AgencyError) else _unreadable(adapter, question, line))
    if sorted(places) != [0, 1]:
        raise NotConforming(f"{question.service}: a batch must give exactly one line for each person")
    return failed


def _unreadable(adapter: Adapter, question: Question, raw: RawAnswer) -> AgencyError:
    try:
        adapter.normalise(question.service, raw)
    except AgencyError as error:
        return error
    raise NotConforming(f"{question.service}: a batch took the answer of a broken agency for a good one")


async def _raised(call: Awaitable[object], service: Service) -> AgencyError:
    try:
        await call
    except AgencyError as error:
        return error
    raise NotConforming(f"{service.id}: took the answer of a broken agency for a good one")


def _check_silent(error: AgencyError, folder: Path) -> None:
    subject = subject_of(folder)
    values = [each.value for each in subject.identifiers] + [each.value for each in subject.names]
    if any(value in f"{error} {error.code}" for value in values):
        raise NotConforming(f"{type(error).__name__} shows a value of the person in its text")


def _opened(folder: Path, dialler: Dialler, port: int, timeout_s: float) -> Adapter:
    manifest = manifests.load(folder)
    transport = replace(manifest.transport, timeout_s=timeout_s)
    values = {name: _filled(value, port) for name, value in _conformance(folder)["settings"].items()}
    kit = Kit(
        folder,
        replace(manifest, transport=transport),
        mappings.load(folder),
        values.__getitem__,
        dialler,
        BodySigned(lambda _: "e30..c2lnbmF0dXJl"),
    )
    return opening.build(kit)


def _filled(value: str, port: int) -> str:
    known = {"url": f"http://127.0.0.1:{port}", "host": "127.0.0.1", "port": str(port), **placeholders()}
    return known[value[1:-1]] if value[1:-1] in known else value.replace("{url}", known["url"])


def _service(folder: Path, name: str) -> Service:
    services = manifests.load(folder).services
    if not name and len(services) == 1:
        return next(iter(services.values()))
    if name not in services:
        raise NotConforming(f"name the service of the sample: one of {', '.join(services)}")
    return services[name]


def subject_of(folder: Path) -> Subject:
    """The invented person of a folder's samples."""
    table: Mapping[str, Any] = _conformance(folder)["subject"]
    identifiers = tuple(Identifier(kind, value) for kind, value in table.get("identifiers", {}).items())
    names = tuple(Name(**name) for name in table.get("names", ()))
    return Subject(identifiers, names, table.get("birth_date"))


def _conformance(folder: Path) -> dict[str, Any]:
    path = folder / "samples" / "conformance.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise NotConforming(f"{path} is missing: it holds [settings], [subject] and [item.*]") from None
    return {"settings": {}, "subject": {}, **table}


__all__ = ["Check", "NotConforming", "checks", "suite"]
