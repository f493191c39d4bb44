"""The SFTP side (sections 1 and 2): what a sender may do in `/in` and `/out`, and nothing else.

Every path a client sends goes through `map_path`, which knows only the names of section 2.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import IO, NoReturn, cast

import asyncssh
from asyncssh import FXF_APPEND, FXF_CREAT, FXF_READ, SFTPAttrs, SFTPName

MOST_BYTES = 16 * 1024 * 1024
NUMBER = r"[A-Z0-9]{2,12}-[0-9]{8}-(?!0000)[0-9]{4}"
REQUEST = re.compile(rf"REQ-({NUMBER})\.(txt|mft)(\.part)?")
ANSWER = re.compile(rf"(ANS-{NUMBER}(-[CSP]\.txt|\.mft)|(ERR|LATE)-{NUMBER}\.txt)")


class Shelf:
    """One sender's folders: `drop` is the root it sees; `work` and `used` are the fund's own."""

    def __init__(self, root: Path) -> None:
        self.drop, self.work, self.used = root / "drop", root / "work", root / "used"
        for folder in (self.drop / "in", self.drop / "out", self.work, self.used):
            folder.mkdir(parents=True, exist_ok=True)

    def taken(self, number: str) -> None:
        """Move a request out of the sender's sight and remember its number."""
        (self.used / number).touch()
        for ending in ("txt", "mft"):
            path = self.drop / "in" / f"REQ-{number}.{ending}"
            if path.exists():
                path.replace(self.work / path.name)

    def waiting(self) -> list[str]:
        """Numbers with a manifest in `/in`, or begun before a restart."""
        found = [*(self.drop / "in").glob("REQ-*.mft"), *self.work.glob("REQ-*.mft")]
        return sorted({path.stem.removeprefix("REQ-") for path in found})

    def request(self, number: str, ending: str) -> Path:
        """A file of a request that was taken."""
        return self.work / f"REQ-{number}.{ending}"

    def done(self, number: str) -> None:
        """Answered: the fund keeps nothing of the request but its number."""
        for ending in ("mft", "txt"):
            self.request(number, ending).unlink(missing_ok=True)

    def publish(self, name: str, content: bytes) -> None:
        """Into `/out`, complete under its final name or not at all."""
        part = self.drop / "out" / f"{name}.part"
        part.write_bytes(content)
        part.replace(part.with_suffix(""))


class Dropbox(asyncssh.SFTPServer):
    """One SFTP session of one sender."""

    def __init__(self, chan: asyncssh.SSHServerChannel[bytes], shelf: Shelf, begun: Callable[[str], None]) -> None:
        super().__init__(chan, chroot=os.fsencode(shelf.drop))
        self._shelf = shelf
        self._begun = begun

    def map_path(self, path: bytes) -> bytes:
        """The local path of a name of section 2; any other is refused."""
        parts = [part for part in path.split(b"/") if part not in {b"", b"."}]
        folder, name = (*parts, b"", b"")[:2]
        text = os.fsdecode(name)
        fits = not name or (REQUEST if folder == b"in" else ANSWER).fullmatch(text)
        if len(parts) > 2 or folder not in {b"", b"in", b"out"} or not fits:
            raise asyncssh.SFTPPermissionDenied("this name is not part of the profile")
        return os.fsencode(self._shelf.drop.joinpath(*map(os.fsdecode, parts)))

    def realpath(self, path: bytes) -> bytes:
        """By the text alone: there are no links here."""
        return self.map_path(path).removeprefix(os.fsencode(self._shelf.drop)) or b"/"

    def reverse_map_path(self, path: bytes) -> bytes:
        return path

    def listdir(self, path: bytes) -> list[SFTPName]:
        """Finished files and the sender's own parts; a file that goes away meanwhile is not listed."""
        found = []
        for entry in sorted(Path(os.fsdecode(self.map_path(path))).iterdir()):
            if entry.parent.name == "out" and entry.suffix == ".part":
                continue
            try:
                attrs = SFTPAttrs.from_local(entry.stat())
            except FileNotFoundError:
                continue
            found.append(SFTPName(os.fsencode(entry.name), attrs=attrs))
        return found

    def open(self, path: bytes, pflags: int, _attrs: SFTPAttrs) -> object:
        """Create a part in `/in`, or read a file in `/out`."""
        name = self._in(path)
        if name is None:
            if pflags & ~FXF_READ:
                raise asyncssh.SFTPPermissionDenied("files in /out are read only")
        elif not name.endswith(".part") or not pflags & FXF_CREAT or pflags & (FXF_READ | FXF_APPEND):
            raise asyncssh.SFTPPermissionDenied("files in /in are created as .part and never read")
        return super().open(path, pflags, SFTPAttrs(permissions=0o600))

    def write(self, file_obj: object, offset: int, data: bytes) -> int:
        if offset + len(data) > MOST_BYTES:
            raise asyncssh.SFTPFailure("a file may have 16 MiB")
        stream = cast("IO[bytes]", file_obj)
        stream.seek(offset)
        return stream.write(data)

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        """From `.part` to the final name, once for each number."""
        old, new = self._in(oldpath), self._in(newpath)
        if old is None or new is None or old != f"{new}.part":
            raise asyncssh.SFTPPermissionDenied("only a .part in /in is renamed, to its own final name")
        source, target = Path(os.fsdecode(self.map_path(oldpath))), Path(os.fsdecode(self.map_path(newpath)))
        found = REQUEST.fullmatch(new)
        assert found is not None, "map_path let a name through that is not of the profile"
        if target.exists() or (self._shelf.used / found[1]).exists():
            raise asyncssh.SFTPFailure("this number was used before: take a new one")
        source.rename(target)
        if found[2] == "mft":
            self._begun(found[1])

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        """No overwriting here either."""
        self.rename(oldpath, newpath)

    def remove(self, path: bytes) -> None:
        name = self._in(path)
        if name is not None and not name.endswith(".part"):
            raise asyncssh.SFTPPermissionDenied("a finished request belongs to the fund")
        Path(os.fsdecode(self.map_path(path))).unlink()

    def setstat(self, *_: object) -> None:
        """Attributes are ignored: many clients set them by habit."""

    def lsetstat(self, *_: object) -> None:
        """Attributes are ignored: many clients set them by habit."""

    def fsetstat(self, *_: object) -> None:
        """Attributes are ignored: many clients set them by habit."""

    def mkdir(self, *_: object) -> NoReturn:
        raise _not_part_of_the_profile()

    def rmdir(self, *_: object) -> NoReturn:
        raise _not_part_of_the_profile()

    def readlink(self, *_: object) -> NoReturn:
        raise _not_part_of_the_profile()

    def symlink(self, *_: object) -> NoReturn:
        raise _not_part_of_the_profile()

    def link(self, *_: object) -> NoReturn:
        raise _not_part_of_the_profile()

    def _in(self, path: bytes) -> str | None:
        """The file's name if it is in `/in`, None if it is in `/out`; a directory is refused."""
        folder, _, name = os.fsdecode(self.realpath(path)).strip("/").partition("/")
        if not name:
            raise asyncssh.SFTPPermissionDenied("this is a directory")
        return name if folder == "in" else None


def _not_part_of_the_profile() -> asyncssh.SFTPPermissionDenied:
    return asyncssh.SFTPPermissionDenied("not part of the profile")
