"""The agency's endpoint asked once for each service, about the invented person of the samples: four verdicts.

| verdict | codes |
| --- | --- |
| `connection` | `ok`, `plain_http`, `cannot_connect`, `bad_certificate`, `bad_host_key`, `not_allowed`,
`not_configured` |
| `auth` | `ok`, `invalid_auth`, `not_tried` |
| `schema` | `ok`, `path`, `malformed`, `refused`, `redirected`, `source_error`, `not_tried` |
| `latency` | `ok`, `slow`, `too_slow`, `not_tried` |

Names of codes follow Home Assistant's config flows. Everything goes through the guarded dialler, as live questions do:
the address is vetted inside the connect, and a redirect is an answer that is not followed.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from adapters.kit import opening
from adapters.kit.base import NotConfigured
from adapters.kit.contract import (
    Adapter,
    AgencyAnswerMalformed,
    AgencyCannotTell,
    AgencyError,
    AgencyHasNoSuchPerson,
    AgencyRefused,
    AgencyTimeout,
    AgencyUnavailable,
    AnswersLater,
    Identifier,
    Name,
    Question,
    RawAnswer,
    Service,
    Subject,
)
from adapters.kit.dci_wire import Wire
from adapters.kit.egress import Call, Dialler
from adapters.kit.manifest import Manifest, load

from .overheard import Overheard, overheard

SLOW_MS = 2000
OWN = 0  # a service's own client is the one that an adapter opens first; others sign in
NOT_TRIED = "not_tried"
NO_SUCH_PATH = (
    "404 for the person of samples/conformance.toml: path or base_url is wrong, or the test endpoint does not know "
    "this person; name one there whom it knows"
)
NO_SUCH_FILE = "the server has no such file, or shows it to somebody else: look at path"
_NO_FILE = frozenset({"SFTPNoSuchFile", "SFTPNoSuchPath", "sftp_permission"})
_TLS = frozenset({"SSLError", "SSLCertVerificationError", "CertificateError", "SSLEOFError", "SSLZeroReturnError"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one service's probe found. `detail` is the adapter's own sentence, which never holds a value, and the HTTP
    status with the path as the manifest declares it: what stands in a URL is a person's, or the agency's own."""

    service: str
    connection: str
    auth: str = NOT_TRIED
    schema: str = NOT_TRIED
    latency: str = NOT_TRIED
    ms: int = 0
    detail: str = ""
    overheard: Overheard | None = field(default=None, repr=False)

    @property
    def good(self) -> bool:
        """All four are."""
        return {self.auth, self.schema, self.latency} == {"ok"} and self.connection in {"ok", "plain_http"}

    def document(self) -> dict[str, Any]:
        """As it is kept and shown: without what was overheard."""
        return {name: each for name, each in asdict(self).items() if name != "overheard"} | {"good": self.good}


@dataclass(frozen=True, slots=True)
class Listener:
    """How an agency is reached, what was said on the way, and what of it nobody may see: secrets, and the path of the
    base address, below which everything is asked."""

    secure: str
    heard: Callable[[], Mapping[int, Call]]
    secrets: frozenset[str]
    below: str = ""


async def probed(
    home: Path, values: Callable[[str], str], dialler: Dialler, wire: Wire, as_at: date
) -> tuple[Verdict, ...]:
    """Ask each service that can be asked now. Never raises for what the agency does.

    Args:
        values: address or secret by name; raises LookupError for one that was not given.
    """
    manifest = load(home)
    asked = _asked(manifest)
    own = dialler.apart(overhearing=True)
    try:
        adapter = opening.open_adapter(home, values, own, wire)
    except NotConfigured as error:
        allowed = "set " in str(error)
        code = "not_configured" if allowed else "not_allowed"
        return tuple(Verdict(each.id, code, detail=str(error)) for each in asked)
    secure = "ok" if _encrypted(manifest, values, own) else "plain_http"
    listener = Listener(secure, own.heard, _secrets(manifest, values), _below(manifest, values))
    try:
        return tuple([await _one(adapter, each, _subject(home), as_at, listener) for each in asked])
    finally:
        await adapter.close()
        await own.close()


async def probed_inside(home: Path, adapter: Adapter, as_at: date) -> tuple[Verdict, ...]:
    """The same of a folder that the agency runs itself: asked through its connector, which came by mutual TLS."""
    inside = Listener("ok", dict, frozenset())
    return tuple([await _one(adapter, each, _subject(home), as_at, inside) for each in _asked(load(home))])


async def _one(adapter: Adapter, service: Service, subject: Subject, as_at: date, listener: Listener) -> Verdict:
    listener.heard()
    begun = perf_counter()
    error: AgencyError | None = None
    raw: RawAnswer | None = None
    record: Mapping[str, object] | None = None
    try:
        question = Question(service.id, subject, service.fields, as_at)
        if isinstance(adapter, AnswersLater):  # whoever answers this is told that nobody waits for it
            await adapter.ask_later(question, f"probe-{uuid4()}")
        else:
            raw = await adapter.ask(question)
            record = adapter.normalise(service.id, raw)
    except AgencyError as caught:
        error = caught
    ms = round((perf_counter() - begun) * 1000)
    calls = listener.heard()
    spoken = overheard(service.id, calls.get(OWN), raw, error or record, listener.secrets, listener.below)
    found = replace(_verdict(service.id, error, listener.secure, ms), overheard=spoken)
    said = _answered(service, calls)
    return found if found.good or not said else replace(found, detail=f"{found.detail} ({said})".strip())


def _answered(service: Service, calls: Mapping[int, Call]) -> str:
    """Who answered with what."""
    if OWN in calls:
        path, usual = service.extra.get("path"), "GET" if "rows" in service.extra else "POST"
        asked = f"{service.extra.get('method', usual)} {path}, below base_url," if path else "the agency"
        return f"{asked} answered HTTP {calls[OWN].answer.status}"
    return next((f"the sign-in answered HTTP {each.answer.status}" for each in calls.values()), "")


def _verdict(service: str, error: AgencyError | None, secure: str, ms: int) -> Verdict:
    latency = "ok" if ms <= SLOW_MS else "slow"
    detail = error.detail if error else ""
    if missing := _missing(error):
        return Verdict(service, secure, "ok", "path", latency, ms, missing)
    if error is None or isinstance(error, AgencyHasNoSuchPerson | AgencyCannotTell):
        return Verdict(service, secure, "ok", "ok", latency, ms, detail)
    if isinstance(error, AgencyTimeout):
        return Verdict(service, secure, latency="too_slow", ms=ms, detail=detail)
    if isinstance(error, AgencyUnavailable) and not error.code.isdecimal():
        return Verdict(service, _unreached(error), ms=ms, detail=detail)
    if isinstance(error, AgencyRefused):
        return Verdict(service, secure, "invalid_auth", latency=latency, ms=ms, detail=detail)
    schema = _schema_code(error)
    return Verdict(service, secure, "ok" if schema != "source_error" else NOT_TRIED, schema, latency, ms, detail)


def _missing(error: AgencyError | None) -> str:
    """What to do about a path or a file that is not there; empty where it is."""
    if isinstance(error, AgencyHasNoSuchPerson) and error.code == "404":  # nothing but the status: no place answers so
        return NO_SUCH_PATH
    return NO_SUCH_FILE if error and error.code in _NO_FILE else ""


def _unreached(error: AgencyError) -> str:
    if error.code == "not_allowed":
        return "not_allowed"
    if error.code == "host_key":
        return "bad_host_key"
    return "bad_certificate" if error.code in _TLS else "cannot_connect"


def _schema_code(error: AgencyError) -> str:
    if isinstance(error, AgencyUnavailable):
        return "source_error"
    if isinstance(error, AgencyAnswerMalformed):
        return "redirected" if error.code.startswith("3") and len(error.code) == 3 else "malformed"
    return "refused"


def _asked(manifest: Manifest) -> list[Service]:
    return [each for each in manifest.services.values() if each.actions & {"read", "verify"}]


def _encrypted(manifest: Manifest, values: Callable[[str], str], dialler: Dialler) -> bool:
    """Whether nobody on the way can read what is said. An adapter was opened from these settings, so they are good."""

    def value(name: str) -> str:
        return values(manifest.references[name].partition(":")[2])

    if manifest.transport.kind == "sql":
        return dialler.encrypts(value("host"), int(value("port")))
    return manifest.transport.kind == "sftp" or (
        "base_url" in manifest.references and value("base_url").startswith("https:")
    )


def _secrets(manifest: Manifest, values: Callable[[str], str]) -> frozenset[str]:
    named = [each.partition(":")[2] for each in manifest.references.values() if each.startswith("secret:")]
    return frozenset(filter(None, map(values, named)))


def _below(manifest: Manifest, values: Callable[[str], str]) -> str:
    named = manifest.references.get("base_url", "").partition(":")[2]
    return urlsplit(values(named)).path.rstrip("/") if named else ""


def _subject(home: Path) -> Subject:
    """The invented person of `samples/conformance.toml`."""
    table: Mapping[str, Any] = tomllib.loads((home / "samples" / "conformance.toml").read_text(encoding="utf-8"))
    person = table.get("subject", {})
    identifiers = tuple(Identifier(kind, value) for kind, value in person.get("identifiers", {}).items())
    return Subject(identifiers, tuple(Name(**each) for each in person.get("names", ())), person.get("birth_date"))
