"""`python -m audit`: for an auditor who has this folder and nothing else of ours. Exit code 1 on any finding."""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from .errors import AuditError
from .export import export
from .note import Verifier
from .places import checked, in_database
from .proofs import Proof
from .stored import logs_in


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 fine, 1 findings or failure, 2 usage."""
    given = _parser().parse_args(arguments)
    try:
        return int(given.run(given))
    except AuditError as error:
        sys.stderr.write(f"audit: {error}\n")
        return 1


def _fsck(given: argparse.Namespace) -> int:
    kept = [Path(path).read_bytes() for path in given.checkpoint]
    reports = checked(given.where, given.vkey, kept)
    if given.json:
        sys.stdout.write(json.dumps([report.wire() for report in reports], indent=1) + "\n")
    else:
        sys.stdout.write("\n\n".join(map(str, reports)) + "\n")
    return 0 if all(report.ok for report in reports) else 1


def _proof(given: argparse.Namespace) -> int:
    proof = Proof.from_text(Path(given.proof).read_text(encoding="utf-8"))
    checkpoint = proof.verify(Path(given.entry).read_bytes(), [Verifier.from_vkey(each) for each in given.vkey])
    sys.stdout.write(f"entry {proof.index} is in {checkpoint.origin} at size {checkpoint.size}\n")
    return 0


def _export(given: argparse.Namespace) -> int:
    checkpoint = asyncio.run(
        in_database(given.where, lambda connection: export(connection, logs_in(connection)[-1], Path(given.folder)))
    )
    sys.stdout.write(f"{checkpoint.origin}: {checkpoint.size} entries written\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m audit", description="Check a tamper-evident log.")
    commands = parser.add_subparsers(required=True)
    key = "verifier key from a source you trust, repeatable"

    check = commands.add_parser("fsck", help="check a whole log")
    check.add_argument("where", help="database URL, SQLite file, directory of tiles, or http(s) address of the log")
    check.add_argument("--vkey", action="append", default=[], help=f"{key}; default: the log's own")
    check.add_argument("--checkpoint", action="append", default=[], help="file of a checkpoint you kept, repeatable")
    check.add_argument("--json", action="store_true", help="machine readable")
    check.set_defaults(run=_fsck)

    proof = commands.add_parser("proof", help="check one entry's proof offline")
    proof.add_argument("proof", help="the .tlog-proof file")
    proof.add_argument("entry", help="file with the exact bytes of the entry")
    proof.add_argument("--vkey", action="append", required=True, help=key)
    proof.set_defaults(run=_proof)

    write = commands.add_parser("export", help="write the newest log of a database as static tiles")
    write.add_argument("where", help="database URL or SQLite file")
    write.add_argument("folder", help="made when absent")
    write.set_defaults(run=_export)
    return parser


if __name__ == "__main__":
    sys.exit(main())
