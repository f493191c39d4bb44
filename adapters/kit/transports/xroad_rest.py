"""A declared REST adapter behind an X-Road security server: its address of us and of the provider, and its own errors.

Source: X-Road PR-REST 1.0, sections 4.1 (request URL), 4.3 (headers) and 4.6 (errors of X-Road itself).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote
from uuid import uuid4

from adapters.kit.base import Kit, NotConfigured
from adapters.kit.contract import AgencyRefused, AgencyUnavailable
from adapters.kit.egress import HttpAnswer
from adapters.kit.transports.xroad import NotASystem, System

_REFUSED = ("AccessDenied", "Forbidden", "Unauthorized", "UnknownMember", "UnknownService")


@dataclass(frozen=True, slots=True)
class Through:
    """What lies between us and the agency. `faults`: answers of 5xx are handed over, because they say more."""

    target: Callable[[str], str] = str
    headers: Callable[[], Mapping[str, str]] = dict
    faults: bool = False

    def check(self, answer: HttpAnswer) -> None:
        """Raise what X-Road itself says, and what a 5xx means.

        Raises:
            AgencyRefused: the provider does not let us in.
            AgencyUnavailable: the provider or its security server does not answer.
        """
        if not self.faults or answer.status < 400:
            return
        code = answer.headers.get("x-road-error", "")[:120]
        if code and code.rpartition(".")[2] in _REFUSED:
            raise AgencyRefused("the security server says no", code=code)
        if code or answer.status >= 500:
            raise AgencyUnavailable("the security server reports an error", code=code or str(answer.status))


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
    return Through(
        lambda target: before + target, lambda: {"x-road-client": us, "x-road-id": str(uuid4())}, faults=True
    )


def _path(parts: tuple[str, ...]) -> str:
    return "/".join(quote(part, safe="") for part in parts)
