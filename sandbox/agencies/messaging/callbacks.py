"""Status callbacks: signed, at least once, in the order of the journey, kept until they were taken."""

import asyncio
import base64
import hashlib
import hmac
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime

import httpx

from .settings import MessagingSettings
from .store import FINAL, RANK, Sent, Store

ATTEMPTS = 8
FIRST_PAUSE = 0.25  # doubled after every failed attempt: about about a minute in all
EVENTS = {"ringing": "ringing", "in-progress": "answered"}  # every other state of a call is `completed`


def signature(token: str, url: str, parameters: Mapping[str, str]) -> str:
    """`X-Twilio-Signature`: base64(HMAC-SHA1(token, URL + name and value of every parameter, sorted by name))."""
    text = url + "".join(f"{name}{parameters[name]}" for name in sorted(parameters))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode("ascii")


class Carrier:
    """Moves messages through their states in the background."""

    def __init__(self, store: Store, settings: MessagingSettings) -> None:
        self._store = store
        self._settings = settings
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._room = asyncio.Semaphore(32)
        self._tls = ssl.create_default_context()
        self._resumed = False

    def resume(self) -> None:
        """Go on with what a restart interrupted; may be called again."""
        if not self._resumed:
            self._resumed = True
            for sid in self._store.unfinished():
                self.send(sid)

    def send(self, sid: str) -> "asyncio.Task[None]":
        """Start one message on its way."""
        task = self._tasks[sid] = asyncio.create_task(self._travel(sid))
        task.add_done_callback(lambda _: self._tasks.pop(sid, None))
        return task

    async def ahead(self, travel: "asyncio.Task[None]") -> None:
        """Let a message travel while its POST still waits, for a second at most."""
        await asyncio.wait({travel}, timeout=1)

    async def _travel(self, sid: str) -> None:
        for place, status in self._store.steps(sid):
            await asyncio.sleep(self._settings.pace)
            now = datetime.now(UTC)
            self._store.reached(sid, status, now.isoformat())
            sent = self._store.find(sid)
            assert sent is not None, "a step without its message"
            if sent.callback and _wanted(sent, status):
                parameters = _parameters(sent, status, place, self._settings.account_sid, now)
                await self._report(sent.callback, parameters)
            self._store.reported(sid, place)

    async def _report(self, url: str, parameters: Mapping[str, str]) -> None:
        """Until it is taken or the attempts are used up; the state can still be fetched then."""
        headers = {"X-Twilio-Signature": signature(self._settings.auth_token, url, parameters)}
        for attempt in range(ATTEMPTS):
            if await self._taken(url, parameters, headers):
                return
            await asyncio.sleep(FIRST_PAUSE * 2**attempt)

    async def _taken(self, url: str, parameters: Mapping[str, str], headers: Mapping[str, str]) -> bool:
        try:
            async with self._room, httpx.AsyncClient(timeout=5, trust_env=False, verify=self._tls) as client:
                answer = await client.post(url, data=dict(parameters), headers=headers)
        except httpx.HTTPError:
            return False
        return answer.is_success


def _wanted(sent: Sent, status: str) -> bool:
    """Of a call only the events asked for are reported; of a message every state."""
    return sent.channel != "voice" or EVENTS.get(status, "completed") in sent.events.split(",")


def _parameters(sent: Sent, status: str, place: int, account: str, now: datetime) -> dict[str, str]:
    common = {"AccountSid": account, "From": sent.sender, "To": sent.receiver, "ApiVersion": "2010-04-01"}
    if sent.channel == "voice":
        return {
            **common,
            "CallSid": sent.sid,
            "CallStatus": status,
            "Direction": "outbound-api",
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(place),
            "Timestamp": now.strftime("%a, %d %b %Y %H:%M:%S +0000"),
        }
    error = {"ErrorCode": str(sent.error)} if sent.error and RANK.get(status, FINAL) == FINAL else {}
    return {**common, "MessageSid": sent.sid, "SmsSid": sent.sid, "MessageStatus": status, "SmsStatus": status, **error}
