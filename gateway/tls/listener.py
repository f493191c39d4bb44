"""One listener: its shape from the settings, its socket, its TLS, and uvicorn on it."""

import asyncio
import logging
import os
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import urlsplit

import uvicorn
from starlette.types import ASGIApp

from ..settings import SettingError, Settings
from .framing import Framing, Rules, Shape
from .guarded import Patience, guarded

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"  # TLS 1.2; those of 1.3 are all of this kind
HANDSHAKE_S = 5.0
KEPT_S, KEPT_FOR_PROXY_S = 5, 75  # that an idle connection is kept; the proxy shall be the one that closes
NOT_FOR_OTHERS = 0o117  # umask of a Unix socket: who can open it can name any certificate
BACKLOG = 2048

NUMBER = re.compile(r"(?=.*[1-9])[0-9]{1,9}(?:\.[0-9]{1,3})?", re.ASCII)

logger = logging.getLogger("sandhi")


@dataclass(frozen=True, slots=True)
class Listener:
    """Where and how to listen. `uds` wins over `host` and `port`; `tls` None: somebody else's, or none."""

    rules: Rules
    patience: Patience
    parser: Literal["h11", "httptools"] = "h11"
    host: str = "127.0.0.1"
    port: int = 8080
    uds: Path | None = None
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    @classmethod
    def of(cls, settings: Settings) -> "Listener":
        """From the settings.

        Raises:
            SettingError: they contradict each other, or a file cannot be used.
        """
        shape = _shape(settings)
        return cls(
            Rules(shape, _hosts(settings, shape), settings["EDGE_SECRET"]),
            Patience(
                _number(settings, "HEADER_TIMEOUT"),
                _number(settings, "BODY_TIMEOUT"),
                int(_number(settings, "BODY_RATE")),
                connections=int(_number(settings, "CONNECTIONS")),
            ),
            _parser(settings["HTTP_PARSER"]),
            settings["HOST"],
            int(_number(settings, "PORT")),
            Path(settings["UDS"]) if settings["UDS"] else None,
            tls_context(settings) if shape == "direct" else None,
        )

    @property
    def name(self) -> str:
        """For people: where callers, or the proxy, reach it."""
        return f"unix:{self.uds}" if self.uds else f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    async def serve(self, app: ASGIApp, ready: Callable[[str], None] = lambda _: None) -> None:
        """Answer until SIGINT or SIGTERM. `ready` is told the address as soon as it is listened on.

        Raises:
            SettingError: the address cannot be listened on.
        """
        await self.server(app, ready).serve()

    def server(self, app: ASGIApp, ready: Callable[[str], None] = lambda _: None) -> uvicorn.Server:
        """uvicorn with this listener's guards, not started."""
        config = uvicorn.Config(
            Framing(app, self.rules),
            http=guarded(self.parser, self.patience),
            ws="none",
            log_config=None,
            access_log=False,  # paths may hold identifiers where a published contract wants them there
            server_header=False,
            proxy_headers=False,  # nobody's X-Forwarded-For is believed
            timeout_keep_alive=KEPT_FOR_PROXY_S if self.rules.shape == "proxy" else KEPT_S,
            timeout_graceful_shutdown=10,
        )
        return _Server(config, self, ready)


class _Server(uvicorn.Server):
    """uvicorn's, on our own socket: a Unix socket with a mode of ours, and a deadline for the TLS handshake."""

    def __init__(self, config: uvicorn.Config, listener: Listener, ready: Callable[[str], None]) -> None:
        super().__init__(config)
        self._listener, self._ready = listener, ready

    async def startup(self, sockets: list[Any] | None = None) -> None:
        """Bind first, so that a taken address ends the start before anything runs; listen last."""
        del sockets
        try:
            server = await self._bound()
        except OSError as error:
            why = os.strerror(error.errno) if error.errno else "the name is unknown"
            raise SettingError(f"cannot listen on {self._listener.name}: {why}; choose another address") from None
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            server.close()
            raise SystemExit(3)
        await server.start_serving()
        self.servers = [server]
        self.started = True
        logger.info("listening on %s", self._listener.name)
        self._ready(self._listener.name)

    async def _bound(self) -> asyncio.Server:
        loop, at = asyncio.get_running_loop(), self._listener
        if at.uds:
            before = os.umask(NOT_FOR_OTHERS)
            try:
                return await loop.create_unix_server(self._protocol, str(at.uds), backlog=BACKLOG, start_serving=False)
            finally:
                os.umask(before)
        deadline = HANDSHAKE_S if at.tls else None
        return await loop.create_server(
            self._protocol,
            at.host,
            at.port,
            ssl=at.tls,
            backlog=BACKLOG,
            ssl_handshake_timeout=deadline,
            start_serving=False,
        )

    def _protocol(self) -> asyncio.Protocol:
        made = cast("Callable[..., asyncio.Protocol]", self.config.http_protocol_class)
        return made(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)


def tls_context(settings: Settings) -> ssl.SSLContext:
    """TLS 1.2 and 1.3 with forward secrecy and AEAD only; client certificates of the CA that is set.

    Raises:
        SettingError: a file cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET  # a connection's certificate was shown in it
    context.num_tickets = 0
    try:
        context.load_cert_chain(settings["TLS_CERT"], settings["TLS_KEY"] or None)
        if settings["TLS_CLIENT_CA"]:
            context.load_verify_locations(settings["TLS_CLIENT_CA"])
            context.verify_mode = _client_certificates(settings["TLS_CLIENT"])
    except (OSError, ssl.SSLError) as error:
        raise SettingError(
            f"SANDHI_TLS_CERT, SANDHI_TLS_KEY or SANDHI_TLS_CLIENT_CA cannot be used: {error.strerror or error.args[0]}"
        ) from None
    return context


def _client_certificates(wanted: str) -> ssl.VerifyMode:
    modes = {"required": ssl.CERT_REQUIRED, "optional": ssl.CERT_OPTIONAL}
    if wanted not in modes:
        raise SettingError("SANDHI_TLS_CLIENT is required or optional")
    return modes[wanted]


def _shape(settings: Settings) -> Shape:
    behind = bool(settings["UDS"] or settings["EDGE_SECRET"])
    if behind and settings["TLS_CERT"]:
        raise SettingError("either the gateway ends the TLS (SANDHI_TLS_CERT) or a proxy (SANDHI_UDS), not both")
    if settings["EDGE_SECRET"] and len(settings["EDGE_SECRET"]) < 32:
        raise SettingError("SANDHI_EDGE_SECRET has 32 characters or more: openssl rand -hex 32")
    if settings["TLS_CERT"]:
        return "direct"
    return "proxy" if behind else "plain"


def _hosts(settings: Settings, shape: Shape) -> frozenset[str]:
    """As set; where TLS is used the public address, and everything where it is not."""
    if settings["HOSTS"]:
        return frozenset(each.lower() for each in settings.names("HOSTS")) - {"*"}
    public = urlsplit(settings["PUBLIC_URL"]).hostname
    return frozenset({public}) if public and shape != "plain" else frozenset()


def _parser(name: str) -> Literal["h11", "httptools"]:
    if name not in {"h11", "httptools"}:
        raise SettingError("SANDHI_HTTP_PARSER is h11 or httptools")
    return "httptools" if name == "httptools" else "h11"


def _number(settings: Settings, name: str) -> float:
    if not NUMBER.fullmatch(settings[name]):
        raise SettingError(f"SANDHI_{name} is a number above 0")
    return float(settings[name])
