"""What an agency brings: a handful of text files under names of ours, and one digest of all of them.

Only a closed list of names is taken, so nothing has to be said about paths, links or programs beyond "not on the list";
what people try anyway is told apart, because an honest mistake deserves its own word.
"""

import base64
import binascii
import io
import os
import re
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path

from adapters.kit.feeds import FeedRefused, unpacked

from ..trust import jcs
from .errors import AdapterRefused, Fault

Files = Mapping[str, bytes]
"""Path below the folder (`manifest.toml`, `samples/found.golden`) -> content."""

MOST_FILES = 200
LARGEST_FILE = 256 * 1024
LARGEST = 2 * 1024 * 1024
LARGEST_ZIP = 700 * 1024
MANIFEST = "manifest.toml"

_FIXED = frozenset({MANIFEST, "mapping.toml", "codes.toml", "README.md", "samples/conformance.toml"})
_NAME = re.compile(
    r"((schemas|templates)/)?[a-z0-9][A-Za-z0-9_-]{0,79}(\.[A-Za-z0-9_-]{1,20}){0,3}\.(json|xsd|wsdl|xml)"
    r"|samples/[a-z0-9][A-Za-z0-9_-]{0,79}\.golden",
    re.ASCII,
)
_PROGRAMS = (".py", ".pyc", ".pyd", ".so", ".pth", ".sh", ".js", ".whl", ".dll", ".exe")
_LINE = re.compile(r"[ -~]{1,120}", re.ASCII)


def of_texts(texts: Mapping[str, str]) -> Files:
    """Files as a page or a JSON body has them.

    Raises:
        AdapterRefused: see `checked`.
    """
    return checked((name, text.encode("utf-8", "surrogatepass")) for name, text in texts.items())


def of_zip(encoded: str) -> Files:
    """The files of a zip in base64; a folder around all of them is taken off.

    Raises:
        AdapterRefused: `zip` for one that is damaged, swells, or holds a link or an encrypted file; see `checked`.
    """
    try:
        archive = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise AdapterRefused([Fault("zip", "zip", "not base64")]) from None
    if len(archive) > LARGEST_ZIP:
        raise AdapterRefused([Fault("zip", "too_large", f"a zip has at most {LARGEST_ZIP} bytes")])
    try:
        entries = [(each.name, each.content) for each in unpacked(archive)]
    except FeedRefused as error:
        raise AdapterRefused([Fault("zip", "zip", str(error))]) from None
    return checked(_bare(entries))


def zipped(files: Files, name: str) -> bytes:
    """The files in a folder `name` of a zip, the same bytes each time; `of_zip` reads them again."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(f"{name}/{path}"), content, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def of_directory(folder: Path) -> Files:
    """The files of a folder on this machine; links are refused, hidden files and caches are passed over.

    Raises:
        AdapterRefused: `link`, or see `checked`.
    """
    entries = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise AdapterRefused([Fault(name, "link", "a link leads out of the folder; copy the file")])
        if path.is_file() and not any(part.startswith(".") or part == "__pycache__" for part in Path(name).parts):
            with path.open("rb") as file:
                entries.append((name, file.read(LARGEST_FILE + 1)))
    return checked(entries)


def checked(entries: Iterable[tuple[str, bytes]]) -> Files:
    """The files, if every name is on the list and no size over its bound.

    Raises:
        AdapterRefused: `path`, `python`, `name`, `twice`, `too_large`, `too_many_files`, `text` or `manifest`.
    """
    files: dict[str, bytes] = {}
    faults: list[Fault] = []
    total = 0
    for count, (name, content) in enumerate(entries):
        total += len(content)
        if count >= MOST_FILES or total > LARGEST:
            bound = f"a folder has at most {MOST_FILES} files and {LARGEST} bytes"
            raise AdapterRefused([*faults, Fault("folder", "too_many_files", bound)])
        if fault := _fault(name, content, files):
            faults.append(fault)
        files[name] = content
    if not faults and MANIFEST not in files:
        faults.append(Fault(MANIFEST, "manifest", "there is no manifest.toml; every adapter folder has one"))
    if faults:
        raise AdapterRefused(faults)
    return dict(sorted(files.items()))


def digest(files: Files) -> str:
    """SHA-256 over the canonical list of names and contents' digests: equal folders have one."""
    return sha256(jcs.canonical({name: sha256(content).hexdigest() for name, content in files.items()})).hexdigest()


def kept_at(root: Path, adapter: str, files: Files) -> Path:
    """The folder on disk, below `root/<digest>/`, written once and never changed.

    A crash leaves a draft of another name, never half a folder.

    Raises:
        OSError: it cannot be written, or somebody altered it.
    """
    home = root / digest(files)
    if not home.is_dir():
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = Path(tempfile.mkdtemp(dir=root, prefix=".draft-"))
        written_to(draft / adapter, files)
        try:
            draft.rename(home)
        except OSError:
            if not home.is_dir():
                raise
    if any((home / adapter / name).read_bytes() != content for name, content in files.items()):
        raise OSError(f"{home} was altered; remove it, and it is written again")
    return home / adapter


def written_to(folder: Path, files: Files) -> None:
    """Write checked files into a new folder, readable by its owner only."""
    folder.mkdir(parents=True, mode=0o700)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True, mode=0o700)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
            file.write(content)


def _fault(name: str, content: bytes, before: Files) -> Fault | None:
    shown = name if _LINE.fullmatch(name) else "a file"
    if ".." in name.split("/") or name.startswith("/") or "\\" in name or ":" in name or not _LINE.fullmatch(name):
        return Fault(shown, "path", "a name stays inside the folder: letters, digits, `-`, `_` and `.`")
    if name.lower().endswith(_PROGRAMS):
        return Fault(
            shown,
            "python",
            "an adapter from outside brings no program: declare it in manifest.toml and mapping.toml; what they cannot "
            "say is an installed package, which the operator vouches for",
        )
    if name not in _FIXED and not _NAME.fullmatch(name):
        return Fault(
            shown,
            "name",
            "not a file of an adapter: manifest.toml, mapping.toml, codes.toml, README.md, samples/conformance.toml, "
            "samples/*.golden, and *.json, *.xsd, *.wsdl, *.xml beside them or in schemas/ and templates/",
        )
    if name in before:
        return Fault(shown, "twice", "two files have this name")
    if len(content) > LARGEST_FILE:
        return Fault(shown, "too_large", f"a file has at most {LARGEST_FILE} bytes")
    return _unreadable(shown, content)


def _unreadable(name: str, content: bytes) -> Fault | None:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        return Fault(name, "text", "not text in UTF-8", content.count(b"\n", 0, error.start) + 1)
    if "\x00" in text:
        return Fault(name, "text", "there is a NUL in it", text.count("\n", 0, text.index("\x00")) + 1)
    return None


def _bare(entries: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Without the one folder that holds everything, if there is one."""
    tops = {name.partition("/")[0] for name, _ in entries}
    if len(tops) != 1 or any("/" not in name for name, _ in entries):
        return entries
    (top,) = tops
    return [(name, content) if top in {"..", ""} else (name.partition("/")[2], content) for name, content in entries]
