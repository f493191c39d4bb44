"""`python -m audit`: for an auditor who has this folder and nothing else of ours. Exit code 1 on any finding."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from . import bundle, bundle_check, lookup
from .databases import in_database
from .derived import with_search_tables
from .errors import AuditError
from .export import export
from .note import Verifier
from .places import checked
from .policy import Policy
from .progress import Bar
from .proofs import Proof
from .rebuilding import rebuilt, restored
from .stored import logs_in
from .tables import metadata

ABOUT = "Check a tamper-evident log, or evidence from one, without the gateway that wrote it."
CODES = "Exit code 0: nothing is wrong; 1: findings, or it cannot be read (the text says which); 2: wrong usage."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 fine, 1 findings or failure, 2 usage."""
    given = _parser().parse_args(arguments)
    try:
        return int(given.run(given))
    except AuditError as error:
        sys.stderr.write(f"audit: {error}\n")
    except OSError as error:
        sys.stderr.write(f"audit: {error.filename}: {error.strerror}\n")
    return 1


def _fsck(given: argparse.Namespace) -> int:
    kept, bar = [Path(path).read_bytes() for path in given.checkpoint], Bar("checking")
    checks = checked(given.where, given.vkey, kept, bar, processes=os.cpu_count() or 1)
    reports = with_search_tables(given.where, checks)
    bar.end()
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


def _verify(given: argparse.Namespace) -> int:
    policy = Path(given.policy).read_text(encoding="utf-8") if given.policy else None
    verdict = bundle_check.checked(Path(given.bundle), policy, Path(given.tsa).read_bytes() if given.tsa else None)
    sys.stdout.write((json.dumps(verdict.wire(), indent=1) if given.json else str(verdict)) + "\n")
    return 0 if verdict.ok else 1


def _bundle(given: argparse.Namespace) -> int:
    about, wanted = _asked(given)
    policy = Policy.from_text(Path(given.policy).read_text(encoding="utf-8")) if given.policy else Policy()
    tsa = Path(given.tsa).read_bytes() if given.tsa else b""

    def write(connection: Connection) -> tuple[int, list[Path]]:
        ids = bundle.all_found(connection, wanted)
        return len(ids), bundle.files(connection, bundle.Wanted(about, ids, policy, tsa=tsa), Path(given.file))

    count, files = asyncio.run(in_database(given.where, write))
    names = ", ".join(map(str, files))
    sys.stdout.write(f"{names}: evidence of {count} entries; check each file with python -m audit verify\n")
    return 0


def _asked(given: argparse.Namespace) -> tuple[str, lookup.Wanted]:
    if given.exchange:
        facts = (("exchange_id", given.exchange),)
        return f"exchange {given.exchange}", lookup.Wanted(facts=facts)
    since, until = map(datetime.fromisoformat, given.period)
    about = f"all entries from {since.isoformat()} to {until.isoformat()}"
    return about, lookup.Wanted(since=since, until=until)


def _export(given: argparse.Namespace) -> int:
    checkpoint = asyncio.run(
        in_database(given.where, lambda connection: export(connection, logs_in(connection)[-1], Path(given.folder)))
    )
    sys.stdout.write(f"{checkpoint.origin}: {checkpoint.size} entries written\n")
    return 0


def _restore(given: argparse.Namespace) -> int:
    bar = Bar("restoring")

    def work(connection: Connection) -> str:
        metadata.create_all(connection)
        found = restored(connection, Path(given.folder), given.vkey, bar)
        return f"{found.origin}: {found.size} entries restored\n"

    if "://" not in given.where:
        Path(given.where).touch()
    told = asyncio.run(in_database(given.where, work, writing=True))
    bar.end()
    sys.stdout.write(told)
    return 0


def _rebuild(given: argparse.Namespace) -> int:
    bar = Bar("rebuilding")

    def work(connection: Connection) -> int:
        return sum(rebuilt(connection, log, bar) for log in logs_in(connection))

    count = asyncio.run(in_database(given.where, work, writing=True))
    bar.end()
    sys.stdout.write(f"the search tables were made again from {count} entries\n")
    return 0


def _moment(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise argparse.ArgumentTypeError("a time needs its zone, e.g. 2026-10-01T00:00+05:30")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m audit", description=ABOUT, epilog=CODES)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    key = "verifier key from a source you trust, repeatable"

    check = _command(
        commands,
        "fsck",
        "check a whole log",
        "Rehashes every entry, rebuilds the tree, compares it with every stored hash and every signed checkpoint, "
        "the ones you kept included, and names the first entry that is wrong. Keep today's checkpoint for next time.",
    )
    check.add_argument("where", help="database URL, SQLite file, directory of tiles, or http(s) address of the log")
    check.add_argument("--vkey", action="append", default=[], help=f"{key}; default: the log's own")
    check.add_argument("--checkpoint", action="append", default=[], help="file of a checkpoint you kept, repeatable")
    check.add_argument("--json", action="store_true", help="machine readable")
    check.set_defaults(run=_fsck)

    proof = _command(
        commands,
        "proof",
        "check one entry's proof offline",
        "Needs nothing but the two files and a key that you trust.",
    )
    proof.add_argument("proof", help="the .tlog-proof file")
    proof.add_argument("entry", help="file with the exact bytes of the entry")
    proof.add_argument("--vkey", action="append", required=True, help=key)
    proof.set_defaults(run=_proof)

    verify = _command(
        commands,
        "verify",
        "check an evidence bundle offline",
        "Needs no gateway, no database and no network. Without --policy the bundle's own keys are used, which shows "
        "only that it agrees with itself.",
    )
    verify.add_argument("bundle", help="the ZIP file")
    verify.add_argument("--policy", help="file of the keys and witnesses you trust; default: the bundle's own")
    verify.add_argument("--tsa", help="PEM file of time-stamping certificates you trust; default: the bundle's own")
    verify.add_argument("--json", action="store_true", help="machine readable")
    verify.set_defaults(run=_verify)
    _writers(commands)
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, told: str, more: str = ""
) -> argparse.ArgumentParser:
    return commands.add_parser(
        name, help=told, description=f"{told[0].upper()}{told[1:]}. {more}".strip(), epilog=CODES
    )


def _writers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The commands that need the database itself."""
    database = "database URL or SQLite file"
    make = _command(
        commands,
        "bundle",
        "write an evidence bundle",
        "A ZIP that people read and machines check; nothing in it names a person. More than "
        f"{bundle.MOST_ENTRIES:,} entries become several files.",
    )
    make.add_argument("where", help=database)
    make.add_argument("file", help="the ZIP file to write; several get numbers")
    which = make.add_mutually_exclusive_group(required=True)
    which.add_argument("--exchange", help="id of an exchange")
    which.add_argument("--period", nargs=2, type=_moment, metavar=("FROM", "UNTIL"), help="ISO 8601 with zone")
    make.add_argument("--policy", help="witness policy that readers should apply")
    make.add_argument("--tsa", help="PEM file of the time-stamping authorities' certificates")
    make.set_defaults(run=_bundle)

    write = _command(
        commands,
        "export",
        "write the newest log of a database as static tiles",
        "C2SP tlog-tiles, for a web server or an archive; run it again to go on.",
    )
    write.add_argument("where", help=database)
    write.add_argument("folder", help="made when absent")
    write.set_defaults(run=_export)

    restore = _command(
        commands,
        "restore",
        "fill an empty database from exported tiles, after checking them",
        "For after a loss: it verifies first, then writes in one transaction.",
    )
    restore.add_argument("folder", help="what export wrote")
    restore.add_argument("where", help="database URL or SQLite file; made when absent")
    restore.add_argument(
        "--vkey", action="append", default=[], help="verifier key you trust; default: the folder's own"
    )
    restore.set_defaults(run=_restore)

    again = _command(
        commands,
        "rebuild",
        "make the search tables again from the entries",
        "Takes nothing from them and changes no evidence.",
    )
    again.add_argument("where", help=database)
    again.set_defaults(run=_rebuild)


if __name__ == "__main__":
    sys.exit(main())
