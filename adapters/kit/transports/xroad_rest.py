"""A declared REST adapter behind an X-Road security server: its address of us and of the provider, and its own errors.

Source: X-Road PR-REST 1.0, sections 4.1 (request URL), 4.3 (headers) and 4.6 (errors of X-Road itself).
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote
from uuid import uuid4

from adapters.kit import strict_json
from adapters.kit.base import Kit, NotConfigured
from adapters.kit.contract import AgencyError, AgencyRefused, AgencyRejectedMessage, AgencyUnavailable
from adapters.kit.egress import HttpAnswer
from adapters.kit.http_client import Faults
from adapters.kit.transports.xroad import NotASystem, System, traced

_REFUSED = ("AccessDenied", "Forbidden", "Unauthorized", "UnknownMember", "UnknownService")


@dataclass(frozen=True, slots=True)
class Through:
    """What lies between us and the agency. `xroad`: answers of 5xx are handed over, because they say more."""

    target: Callable[[str], str] = str
    headers: Callable[[], Mapping[str, str]] = dict
    xroad: bool = False

    @property
    def faults(self) -> Faults | None:
        """Which of them are outages; None where they say nothing."""
        return self._is_outage if self.xroad else None

    def _is_outage(self, answer: HttpAnswer) -> bool:
        try:
            self.check(answer)
        except AgencyError as error:
            return isinstance(error, AgencyUnavailable)
        return True

    def check(self, answer: HttpAnswer) -> None:
        """Raise what X-Road itself says, and what a 5xx means.

        Raises:
            AgencyRefused: the provider does not let us in.
            AgencyRejectedMessage: X-Road cannot read our message (`Client.`).
            AgencyUnavailable: the provider or its security server does not answer.
        """
        if not self.xroad or answer.status < 400:
            return
        kind = answer.headers.get("x-road-error", "")[:120]
        code = traced(kind, _fault_id(answer)) if kind else str(answer.status)
        if kind and kind.rpartition(".")[2] in _REFUSED:
            raise AgencyRefused("the security server says no", code=code)
        if kind.startswith("Client."):
            raise AgencyRejectedMessage("the security server cannot read our message", code=code)
        if kind or answer.status >= 500:
            raise AgencyUnavailable("the security server reports an error", code=code)


def through(kit: Kit) -> Through:
    """X-Road, where the manifest's `[settings]` name `client` and `service`; nothing otherwise.

    Raises:
        NotConfigured: one of them is no system.
    """
    if not {"client", "service"} <= kit.manifest.references.keys():
        return Through()
    try:
        client, provider = (System.of(kit.setting(key)).parts for key in ("client", "service"))
    except NotASystem as error:
        raise NotConfigured(f"{kit.manifest.id}: {error}") from None
    before, us = "/r1/" + _path(provider), _path(client)
    return Through(lambda target: before + target, lambda: {"x-road-client": us, "x-road-id": str(uuid4())}, xroad=True)


def _fault_id(answer: HttpAnswer) -> str:
    """`detail` of X-Road's own error body; empty if it is another body."""
    with suppress(strict_json.StrictError):
        body = strict_json.loads(answer.body)
        return str(body.get("detail", "")) if isinstance(body, dict) else ""
    return ""


def _path(parts: tuple[str, ...]) -> str:
    return "/".join(quote(part, safe="") for part in parts)
