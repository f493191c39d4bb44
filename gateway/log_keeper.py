"""The gateway's side of the log: its keys, who watches it from outside, whom it watches, and the turn of the year.

`audit` knows no settings and no HTTP; here both are joined to it. See docs/guides/verify-the-log.md.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.kit.contract import AgencyError
from adapters.kit.egress import Dialler
from adapters.kit.http_client import HttpClient, Limits, always
from audit import AuditError, Entry, FileMemory, Log, LogUnavailable, Signer, new_id
from audit import integrity as ages
from audit.anchors import Authority
from audit.cosignature import Cosigner
from audit.errors import AnchorInvalid, NoteInvalid, Unreachable
from audit.note import Verifier
from audit.policy import Policy
from audit.shards import label
from audit.watching import Reply, Watch
from audit.witness import WitnessRole

from .settings import SettingError, Settings
from .trust.keys import GatewayKeys, log_key_in

logger = logging.getLogger("sandhi")

CALL = Limits(timeout_s=5.0, attempts=1, concurrent=4, max_bytes=64 * 1024)
OUTGOING, WITNESS = "outgoing", "witness"
"""Folders below DATA/keys: the log key that signs along until it is retired; the key of the witness role."""


@dataclass(frozen=True, slots=True)
class LogKeeper:
    """What runs beside the log. `witness` is None where this gateway watches nobody; `told`: what it postponed why."""

    log: Log
    watch: Watch
    witness: WitnessRole | None
    yearly: bool
    told: set[str] = field(default_factory=set)

    async def rotate_if_due(self, now: datetime) -> None:
        """Close the year that is over, if those outside vouch for it; else it stays open, which is an entry.

        They are asked twice: before anything is closed, when it can still be left, and for the final checkpoint,
        before the next year begins (`Watch`).
        """
        if not self.yearly:
            return
        try:
            if await self.log.due(now) is None:
                return
            lacking = self.log.trouble or await self.watch.close(now)
            if lacking:
                await self._postponed(lacking, now)
            elif await self.log.rotate_if_due(now):
                await self.watch.begin(now)
                logger.info("the log goes on as %s", self.log.origin)
        except AuditError as error:
            logger.warning("the year of the log was not closed; trying again: %s", error)

    async def _postponed(self, lacking: str, now: datetime) -> None:
        logger.critical("the year of %s is not closed, trying again: its checkpoint lacks %s", self.log.origin, lacking)
        if lacking not in self.told:
            await self.log.append(Entry(new_id(now), "log.turn_postponed", now, {"lacking": lacking}))
            self.told.add(lacking)


async def open_log(settings: Settings, keys: GatewayKeys, engine: AsyncEngine, write_lock: asyncio.Lock) -> Log:
    """Open the log of this gateway, in the shard that is open.

    Raises:
        UnsafeDurability, SignerRefused, KeyFileBroken: the text says what to mend.
    """

    def signer_of(origin: str) -> Signer:
        return _signer(settings, keys, origin)

    base = signer_of(settings.log_origin)
    return await Log.open(engine, base, write_lock, signer_of=signer_of, standby=settings["LOG_STANDBY"] == "1")


async def open_keeper(settings: Settings, keys: GatewayKeys, log: Log, dialler: Dialler, now: datetime) -> LogKeeper:
    """Read who watches and whom we watch, and record it.

    Raises:
        SettingError: a file or a number cannot be used.
    """
    policy = _policy(settings, "LOG_WITNESSES")
    watch = Watch(log, policy, _authorities(settings), Posting(dialler), ages.Limits(stop=_stop(settings)))
    try:
        await watch.begin(now)
    except LogUnavailable as error:
        logger.warning("who watches the log was not recorded: %s", error)
    return LogKeeper(log, watch, _witness(settings, keys, log), settings["LOG_YEARLY"] == "1")


class Posting:
    """`audit.watching.Post` over the gateway's own dialler: only addresses that may be dialled."""

    def __init__(self, dialler: Dialler) -> None:
        self._dialler = dialler
        self._clients: dict[str, HttpClient] = {}

    async def __call__(self, url: str, body: bytes, content_type: str) -> Reply:
        """Send once, within five seconds.

        Raises:
            Unreachable: no answer.
        """
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        try:
            if origin not in self._clients:
                self._clients[origin] = self._dialler.http(origin, CALL)
            answer = await self._clients[origin].request(
                "POST", url, headers={"content-type": content_type}, content=body, repeatable=False, faults=always
            )
        except AgencyError as error:
            raise Unreachable(f"no answer ({type(error).__name__})") from None
        return Reply(answer.status, answer.body)


def outgoing_key(keys: Path) -> Path:
    """Where the log key stands that is on its way out."""
    return keys / OUTGOING / "log.key"


def _signer(settings: Settings, keys: GatewayKeys, origin: str) -> Signer:
    folder = settings.data_dir / "keys"
    name = "log.signed" if origin == settings.log_origin else f"log.{label(origin, settings.log_origin)}.signed"
    leaving = [log_key_in(folder / OUTGOING, keys.care)] if outgoing_key(folder).exists() else []
    return Signer(origin, keys.log_key, FileMemory(folder / name), leaving)


def _witness(settings: Settings, keys: GatewayKeys, log: Log) -> WitnessRole | None:
    watched = _policy(settings, "LOG_WATCHES").logs
    if not watched:
        return None
    folder = settings.data_dir / "keys" / WITNESS
    folder.mkdir(mode=0o700, exist_ok=True)
    cosigner = Cosigner(f"{log.base.rpartition('/')[0] or log.base}/witness", log_key_in(folder, keys.care))
    logs: dict[str, list[Verifier]] = {}
    for verifier in watched:
        logs.setdefault(verifier.name, []).append(verifier)
    return WitnessRole(cosigner, log.store, logs)


def _policy(settings: Settings, name: str) -> Policy:
    if not settings[name]:
        return Policy()
    text = _file(settings, name).decode("utf-8", "replace")
    try:
        return Policy.from_text(text if "quorum" in text else f"{text}\nquorum none")
    except NoteInvalid as error:
        raise SettingError(f"SANDHI_{name}: {error}") from None


def tsa_certificates(settings: Settings) -> bytes:
    """The certificates of the time-stamping authorities, PEM; nothing where there is none.

    Raises:
        SettingError: the file cannot be read.
    """
    return _file(settings, "LOG_TIME_STAMPS_CA") if settings["LOG_TIME_STAMPS"] else b""


def _authorities(settings: Settings) -> list[Authority]:
    urls = sorted(settings.names("LOG_TIME_STAMPS"))
    pem = tsa_certificates(settings)
    try:
        return [Authority.of(url, pem) for url in urls]
    except AnchorInvalid as error:
        raise SettingError(f"SANDHI_LOG_TIME_STAMPS_CA: {error}") from None


def _stop(settings: Settings) -> timedelta | None:
    hours = settings.number("LOG_STOP_HOURS", 24 * 365)
    return timedelta(hours=hours) if hours else None


def _file(settings: Settings, name: str) -> bytes:
    try:
        return Path(settings[name]).read_bytes()
    except OSError as error:
        raise SettingError(f"SANDHI_{name}: {settings[name] or 'no file'}: {error.strerror}") from None
