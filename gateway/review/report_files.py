"""Reports as files: their signature, those that were written on a plan, and a report with its signature in one ZIP.

The signature is a compact JWS (RFC 7515) by the gateway's own key over canonical JSON (RFC 8785) with the digest of
each file: whoever has the files and `/.well-known/jwks.json` needs nobody to check it.
"""

import hashlib
import io
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from consent import canonical

from .errors import NothingFound
from .statements import Sign

FOLDER = "reports"
FORMAT, TYPE = "sandhi-report/1", "sandhi-report+json"
SIGNATURE = ".jws"
DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
NAME = re.compile(rf"[a-z_]+-{DAY}-{DAY}\.(csv|pdf|jws)", re.ASCII)
MOST = 500
"""Files that are listed, the newest first."""


@dataclass(frozen=True, slots=True)
class ReportFile:
    """One file of the folder; `size` in bytes."""

    name: str
    size: int
    made_at: datetime


def digests(contents: Mapping[str, bytes]) -> dict[str, str]:
    """File -> `sha-256:` and its digest, hexadecimal."""
    return {name: f"sha-256:{hashlib.sha256(content).hexdigest()}" for name, content in contents.items()}


def signature(contents: Mapping[str, bytes], *, origin: str, now: datetime, sign: Sign) -> bytes:
    """The compact JWS over these files. `origin`: the log that has been counted."""
    said = {"format": FORMAT, "log": origin, "made_at": now.isoformat(), "files": digests(contents)}
    return sign(canonical(said), TYPE).encode()


def zipped(contents: Mapping[str, bytes]) -> bytes:
    """One ZIP with these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return out.getvalue()


def kept(folder: Path, contents: Mapping[str, bytes]) -> list[Path]:
    """Write them; each is there whole or not at all."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in contents.items():
        draft = folder / f".{name}"
        draft.write_bytes(content)
        draft.replace(folder / name)
    return [folder / name for name in contents]


def listed(folder: Path) -> list[ReportFile]:
    """Those that were written on this host, the newest first."""
    found = [each for each in folder.glob("*") if NAME.fullmatch(each.name)] if folder.is_dir() else []
    files = [ReportFile(each.name, each.stat().st_size, _at(each)) for each in found]
    return sorted(files, key=lambda each: (each.made_at, each.name), reverse=True)[:MOST]


def read(folder: Path, name: str) -> bytes:
    """One of them. Raises NothingFound: there is none of this name, or it is no report's."""
    path = folder / name
    if not (NAME.fullmatch(name) and path.is_file()):
        raise NothingFound("report file")
    return path.read_bytes()


def _at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
