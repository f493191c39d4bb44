"""An agency's connector: its adapter folder, run inside its own network. It dials out and listens nowhere.

```sh
python -m adapters.kit.connector agencies/levy --gateway https://gateway.example \
    --system LK/GOV/LEVY/MEMBERS --cert levy.pem --key levy.private.json --ca gateway-ca.pem --allow 10.0.0.5:443
```
It keeps calls open to the gateway by mutual TLS, asks the agency each question it is given, maps the answer, computes
the claim if one was asked for, so that the record stays here, and signs what it sends back with the agency's own
registered key. Addresses and secrets of the folder come from the environment: `SANDHI_LEVY_URL`, or the file that
`SANDHI_LEVY_TOKEN_FILE` names.
"""

import argparse
import asyncio
import json
import logging
import os
import signal
import ssl
import sys
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import import_key
from joserfc.jws import JWSRegistry

from adapters.kit import claims, connecting, strict_json
from adapters.kit.base import NotConfigured
from adapters.kit.contract import Adapter, AgencyError, AgencyUnavailable, Question
from adapters.kit.egress import Dialler, HttpClient, Limits
from adapters.kit.manifest import ManifestError
from adapters.kit.mapping import MappingError
from adapters.kit.opening import open_adapter

logger = logging.getLogger("sandhi.connector")

ALGORITHMS = ("EdDSA", "ES256", "PS256")
LONGEST_PAUSE_S = 15.0
_SENT = {"content-type": "application/json"}


class CannotStart(Exception):
    """Something that the connector needs is missing or wrong; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Signer:
    """The agency's key. `system` is whose it is, as the gateway registered it."""

    system: str
    key: Any
    kid: str
    alg: str

    @classmethod
    def read(cls, path: Path, system: str) -> "Signer":
        """A private JWK with `kid` and `alg`. Raises CannotStart."""
        try:
            jwk = json.loads(path.read_bytes())
            if jwk.get("alg") not in ALGORITHMS or not isinstance(jwk.get("kid"), str) or "d" not in jwk:
                raise CannotStart(f"{path} is no private JWK with a kid and one of {', '.join(ALGORITHMS)} as alg")
            return cls(system, import_key(jwk), jwk["kid"], jwk["alg"])
        except (OSError, ValueError, AttributeError, JoseError):
            raise CannotStart(f"{path} cannot be read as a private JWK") from None

    def signed(self, payload: Mapping[str, Any]) -> str:
        """A compact JWS."""
        header = {"alg": self.alg, "kid": self.kid, "typ": connecting.TYPE}
        covered = b".".join(_encoded(json.dumps(part, separators=(",", ":")).encode()) for part in (header, payload))
        signature = JWSRegistry.algorithms[self.alg].sign(covered, self.key)
        return f"{covered.decode()}.{_encoded(signature).decode()}"


def _encoded(content: bytes) -> bytes:
    return urlsafe_b64encode(content).rstrip(b"=")


class Connector:
    """Takes questions from the gateway, several at once, until it is stopped."""

    def __init__(self, adapter: Adapter, gateway: HttpClient, signer: Signer, digest: str = "") -> None:
        """`digest` is of the folder that the adapter was opened from: the gateway takes registered bytes alone."""
        self._adapter, self._gateway, self._signer, self._digest = adapter, gateway, signer, digest

    async def run(self, places: int) -> None:
        """Keep `places` calls open, so that as many questions are answered at once."""
        async with asyncio.TaskGroup() as group:
            for _ in range(places):
                group.create_task(self._taking())

    async def _taking(self) -> None:
        pause = 0.1
        while True:
            try:
                await self._one()
            except AgencyError as error:  # the gateway is away, or refuses us: try again, slower and slower
                logger.warning("the gateway does not answer: %s %s", error, error.code)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)
            else:
                pause = 0.1

    async def _one(self) -> None:
        place = connecting.NEXT.format(adapter=self._adapter.id)
        content = json.dumps({"digest": self._digest} if self._digest else {}).encode()
        given = await self._gateway.request("POST", place, headers=_SENT, content=content)
        if given.status == 204:
            return
        if given.status != 200:
            raise AgencyUnavailable(f"it refuses the call: {_words(given.body)}", code=str(given.status))
        asked: Any = strict_json.loads(given.body)
        answer = self._signer.signed(await self._answer(asked))
        place = connecting.ANSWERS.format(adapter=self._adapter.id)
        content = json.dumps({"answer": answer}).encode()
        taken = await self._gateway.request("POST", place, headers=_SENT, content=content)
        logger.info("answered", extra={"exchange": asked["exchange"], "status": taken.status})

    async def _answer(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The payload: what came of a question, and which question that was."""
        document = asked["question"]
        told = await self._told(connecting.question_of(document))
        return {
            "iss": self._signer.system,
            "id": asked["id"],
            "exchange": asked["exchange"],
            "question": connecting.digest(document),
            "folder": self._digest,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            **connecting.told_document(told),
        }

    async def _told(self, question: Question) -> connecting.Told | AgencyError:
        try:
            raw = await self._adapter.ask(question)
            record = self._adapter.normalise(question.service, raw)
        except AgencyError as error:
            return error
        except Exception as error:  # a bug of the folder must not end the connector
            logger.exception("the adapter failed on a question", extra={"service": question.service})
            return AgencyUnavailable("the connector failed on this question", code=type(error).__name__)
        if question.claim and (record or not raw.empty):
            names = question.subject.names
            content = claims.derive(question.claim, question.parameters, record, question.as_at, names)
        else:
            content = {name: value for name, value in record.items() if name in question.fields}
        return connecting.Told(content, raw.as_of, raw.code, raw.match, raw.empty)


def _words(body: bytes) -> str:
    """The detail of a problem (RFC 9457)."""
    with suppress(strict_json.StrictError):
        told = strict_json.loads(body)
        return str(told.get("detail", ""))[:300] if isinstance(told, dict) else ""
    return ""


def opened(arguments: argparse.Namespace) -> tuple[Connector, Dialler, Dialler]:
    """Everything that the connector needs, and the two diallers that whoever ends it closes.

    Raises:
        CannotStart: the text says what to mend.
    """
    try:
        tls = ssl.create_default_context(cafile=arguments.ca)
        tls.load_cert_chain(arguments.cert)
    except (OSError, ssl.SSLError) as error:
        raise CannotStart(f"--cert or --ca cannot be used: {error.strerror or error}") from None
    parts = urlsplit(arguments.gateway)
    outward = Dialler({f"{parts.hostname}:{parts.port or 443}"}, tls)
    inward = Dialler(set(arguments.allow))
    try:
        if parts.scheme != "https":
            raise CannotStart("--gateway is an https address: the connector shows its certificate in the handshake")
        adapter = open_adapter(arguments.folder, _setting, inward)
        limits = Limits(timeout_s=connecting.HELD_S + 10, attempts=1, concurrent=arguments.places + 1)
        gateway = outward.http(arguments.gateway, limits)
    except (ManifestError, MappingError, NotConfigured, AgencyError) as error:
        raise CannotStart(str(error)) from None
    signer = Signer.read(arguments.key, arguments.system)
    return Connector(adapter, gateway, signer, connecting.folder_digest(arguments.folder)), outward, inward


def _setting(name: str) -> str:
    """`SANDHI_<name>`, or what the file holds that `SANDHI_<name>_FILE` names. Raises LookupError."""
    if path := os.environ.get(f"SANDHI_{name}_FILE"):
        return Path(path).read_text(encoding="utf-8").strip()
    return os.environ[f"SANDHI_{name}"]


async def serve(arguments: argparse.Namespace) -> None:
    """Run until SIGINT or SIGTERM. Raises CannotStart."""
    connector, *diallers = opened(arguments)
    running = asyncio.create_task(connector.run(arguments.places))
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, running.cancel)
    logger.info("connector of %s: dials %s, listens nowhere", arguments.folder.name, arguments.gateway)
    try:
        with suppress(asyncio.CancelledError):
            await running
    finally:
        for dialler in diallers:
            await dialler.close()


def main(words: Sequence[str] | None = None) -> int:
    """The command line. 0 when stopped, 2 when it cannot start."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        asyncio.run(serve(_arguments().parse_args(words)))
    except CannotStart as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m adapters.kit.connector", description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", type=Path, help="the adapter's folder")
    parser.add_argument("--gateway", required=True, help="https address of the gateway")
    parser.add_argument("--system", required=True, help="our system, as the gateway registered it: LK/GOV/LEVY/MEMBERS")
    parser.add_argument("--cert", required=True, help="PEM with our client certificate and its key")
    parser.add_argument("--key", required=True, type=Path, help="private JWK that signs; its public one is registered")
    parser.add_argument("--ca", help="PEM of who issued the gateway's certificate; the system's trust otherwise")
    parser.add_argument("--allow", action="append", default=[], help="host:port of the agency, if private; repeatable")
    parser.add_argument("--places", type=int, default=8, help="questions answered at once (8)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
