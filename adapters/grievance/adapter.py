"""The grievance desk: declared REST, and signed calls of the desk that tell how a case goes on."""

import hashlib
import hmac
import re
from datetime import timedelta

import schemas
from adapters.kit import strict_json
from adapters.kit.base import Kit
from adapters.kit.contract import Hook, Hooked, HookRefused, StateTold
from adapters.kit.converters import ConverterError
from adapters.kit.transports.rest import DeclaredRest

SIGNATURE = "desk-signature"
WINDOW = timedelta(minutes=5)
SHAPE = "own/case-told.v1.json"
_RANKS = {"received": 1, "assigned": 2, "investigated": 3, "decided": 4, "closed": 5}
_SIGNED = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})", re.ASCII)


class Grievance(DeclaredRest):
    """Cases are opened and asked as the manifest declares; what the desk tells by itself is read here."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._secret = kit.setting("hook_secret")

    def hook(self, hook: Hook) -> Hooked:
        """A case went on: its state, for the item that opened it. A late message never replaces a later state.

        Raises:
            HookRefused: `unsigned`, `signature`, `stale` or `malformed`.
        """
        self._check(hook)
        try:
            told = strict_json.loads(hook.body)
        except strict_json.StrictError as error:
            raise HookRefused("malformed", f"the message is {error}") from None
        fault = schemas.first_fault(schemas.validator(SHAPE), told)
        if fault is not None or not isinstance(told, dict):
            raise HookRefused("malformed", f"the message breaks {SHAPE} at {fault}")
        try:
            state = self.kit.codes.ours("state", told["state"])
        except ConverterError as error:
            raise HookRefused("malformed", f"the state is {error}") from None
        return Hooked(states=(StateTold(told["item"], state, _RANKS.get(state, 0)),))

    def _check(self, hook: Hook) -> None:
        signed = _SIGNED.fullmatch(hook.headers.get(SIGNATURE, ""))
        if hook.method != "POST" or signed is None:
            raise HookRefused("unsigned", f"the message carries no {SIGNATURE}")
        at, given = signed.groups()
        if not hmac.compare_digest(given, signature(at, hook.body, self._secret)):
            raise HookRefused("signature", "the signature does not match")
        if abs(hook.at.timestamp() - int(at)) > WINDOW.total_seconds():
            raise HookRefused("stale", "the message was signed more than five minutes ago, or not yet")


def signature(at: str, body: bytes, secret: str) -> str:
    """HMAC-SHA-256 over the moment (Unix seconds), a dot, and the body, in hex."""
    return hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def build(kit: Kit) -> Grievance:
    """The adapter of this folder."""
    return Grievance(kit)
