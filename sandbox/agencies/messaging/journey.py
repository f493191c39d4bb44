"""What becomes of a message: a rule over channel and number, so that every run is the same.

`n` is a hash of channel and number; of the messages to many numbers about these shares go wrong:

| channel | n divisible by | end | code |
| --- | --- | --- | --- |
| sms | 17 | undelivered | 30003 unreachable handset |
| sms | 23 | failed | 30006 landline |
| sms | 41 | refused at once: the person opted out | 21610 |
| whatsapp | 13 | failed | 63024 not on WhatsApp |
| whatsapp | 2 | read, after delivered | |
| voice | 7 | busy | |
| voice | 11 | no-answer | |
| any | 19 | callbacks come before the POST has returned | |
| any | 5 | the last two callbacks come in the wrong order | |
| any | 3 | the last callback comes twice | |

A WhatsApp text without a template always fails (63016): nobody has an open conversation with us.
"""

import hashlib
from dataclasses import dataclass

OPTED_OUT = 41
EARLY = 19


@dataclass(frozen=True, slots=True)
class Journey:
    """The states that are reported, in the order of the callbacks; the error of the last state, if it is one."""

    states: tuple[str, ...]
    error: int | None = None
    early: bool = False


def journey(channel: str, to: str, *, template: bool) -> Journey:
    """The way of one message or call after it was taken."""
    n = luck(channel, to)
    states, error = _WAYS[channel](n)
    if channel == "whatsapp" and not template:
        states, error = ("failed",), 63016
    if n % 5 == 0:
        states = (*states[:-2], *states[:-3:-1])
    if n % 3 == 0:
        states = (*states, states[-1])
    return Journey(states, error, n % EARLY == 0)


def luck(channel: str, to: str) -> int:
    """The `n` of the table."""
    return int.from_bytes(hashlib.sha256(f"{channel}:{to}".encode()).digest()[:4])


def _sms(n: int) -> tuple[tuple[str, ...], int | None]:
    if n % 17 == 0:
        return ("sent", "undelivered"), 30003
    if n % 23 == 0:
        return ("failed",), 30006
    return ("sent", "delivered"), None


def _whatsapp(n: int) -> tuple[tuple[str, ...], int | None]:
    if n % 13 == 0:
        return ("failed",), 63024
    return ("sent", "delivered", "read") if n % 2 == 0 else ("sent", "delivered"), None


def _voice(n: int) -> tuple[tuple[str, ...], int | None]:
    if n % 7 == 0:
        return ("ringing", "busy"), None
    if n % 11 == 0:
        return ("ringing", "no-answer"), None
    return ("ringing", "in-progress", "completed"), None


_WAYS = {"sms": _sms, "whatsapp": _whatsapp, "voice": _voice}
