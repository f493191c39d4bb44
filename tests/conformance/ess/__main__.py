"""`python -m tests.conformance.ess --url ...`: the suite on the command line. See README.md."""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx

from .listener import listening
from .running import listed, run
from .signing import WAYS
from .suite import Report, Result
from .talk import Failed, Talk
from .target import SCHEMA, Number, Target

MARKS = {"passed": "ok  ", "failed": "FAIL", "absent": "-   ", "not run": "?   "}


def main(arguments: Sequence[str] | None = None) -> int:
    """0: nothing failed; 1: something failed; 2: the suite could not begin."""
    given = _parser().parse_args(arguments)
    if given.list:
        _say("\n".join(f"{each.id:9} {each.title}  [{each.source}]" for each in listed()))
        return 0
    if not (given.url and given.sender_id and given.receiver_id):
        sys.stderr.write("give --url, --sender-id and --receiver-id\n")
        return 2
    try:
        report = asyncio.run(_asked(_target(given), given.listen, given.only, _told))
    except (Failed, OSError, ValueError, httpx.HTTPError) as error:
        sys.stderr.write(f"cannot begin: {error}\n")
        return 2
    if given.json:
        Path(given.json).write_text(json.dumps(report.wire(), indent=2) + "\n", "utf-8")
    _say(summary(report))
    return 1 if report.failed else 0


def summary(report: Report) -> str:
    """How many of each, and which operations are not there."""
    counts = {name: sum(each.outcome == name for each in report.results) for name in MARKS}
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return f"{told}" + (f"; the server has no {', '.join(report.absent)}" if report.absent else "")


def _told(result: Result) -> None:
    _say(f"{MARKS[result.outcome]} {result.id:9} {result.title}" + (f": {result.detail}" if result.detail else ""))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def _asked(target: Target, listen: str, only: Sequence[str], told: Callable[[Result], None]) -> Report:
    async with httpx.AsyncClient(timeout=30, trust_env=False) as http, listening(listen) as callbacks:
        return await run(Talk(target, http, callbacks), only, told)


def _target(given: argparse.Namespace) -> Target:
    return Target(
        url=given.url,
        sender_id=given.sender_id,
        receiver_id=given.receiver_id,
        reg_type=given.reg_type,
        record_type=given.record_type,
        event_type=given.event_type,
        jwks_url=given.jwks_url,
        token=_line(given.token_file),
        token_url=given.token_url,
        client_id=given.client_id,
        client_secret=_line(given.client_secret_file),
        key=json.loads(Path(given.key).read_text("utf-8")) if given.key else None,
        dialect=given.dialect,
        known=Number.read(given.known) if given.known else None,
        unknown=Number.read(given.unknown) if given.unknown else None,
        criteria=json.loads(given.criteria),
        notice=json.loads(Path(given.notice).read_text("utf-8")) if given.notice else None,
        sender_uri=given.sender_uri,
        required=frozenset(given.require),
        skew_s=given.skew,
        schema=given.schema,
    )


def _line(path: str) -> str:
    return Path(path).read_text("utf-8").strip() if path else ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m tests.conformance.ess", description="Does this server speak DCI ESS 1.0.0?"
    )
    add = parser.add_argument
    add("--url", help="what stands in front of the operations, e.g. https://ess.example/registry")
    add("--sender-id", help="DCI id that the suite is registered under")
    add("--receiver-id", help="DCI id of the server")
    add("--token-url", default="", help="where a token is got by client credentials")
    add("--client-id", default="")
    add("--client-secret-file", default="", metavar="FILE")
    add("--token-file", default="", metavar="FILE", help="a bearer token instead")
    add("--key", default="", metavar="FILE", help="private JWK with kid and alg, to sign with; unsigned without it")
    add("--dialect", default="dci-jws", choices=list(WAYS))
    add("--jwks-url", default="", help="the server's keys, to check its signatures with")
    add("--known", default="", metavar="TYPE:VALUE", help="somebody who is enrolled there")
    add("--unknown", default="", metavar="TYPE:VALUE", help="a number of the right form that nobody has")
    add("--criteria", default="{}", metavar="JSON", help='members of every criteria, e.g. {"authorize": {...}}')
    add("--notice", default="", metavar="FILE", help="reg_records of a notify that the server must take")
    add("--listen", default="", metavar="HOST:PORT", help="where callbacks arrive (plain HTTP)")
    add("--sender-uri", default="", help="the address registered for callbacks, as the server is told it")
    add("--reg-type", default="ns:org:RegistryType:ESS")
    add("--record-type", default="Member")
    add("--event-type", default="enrolment")
    add("--require", nargs="*", default=[], metavar="OPERATION", help="must be there, e.g. unsubscribe sync/txn/status")
    add("--skew", type=float, default=300.0, metavar="SECONDS")
    add("--schema", type=Path, default=SCHEMA, help="resolved schemas of the interface")
    add("--only", nargs="*", default=[], metavar="ID", help="checks whose ids begin so")
    add("--json", default="", metavar="FILE", help="write the results there")
    add("--list", action="store_true", help="print the checks and end")
    return parser


if __name__ == "__main__":
    sys.exit(main())
