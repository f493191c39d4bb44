"""An SFTP server with two directories for one partner: files come in through `/in` and answers lie in `/out`.

Names are a closed set; everything else is refused with an SFTP status, as the file profiles say.
"""

import asyncio
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, NoReturn, cast

import asyncssh
from asyncssh import FXF_APPEND, FXF_CREAT, FXF_READ, SFTPAttrs, SFTPName

from .faults import Fault, Faults
from .kept import Kept

MOST_BYTES = 16 * 1024 * 1024
Answer = Callable[[str, bytes, Fault], Mapping[str, bytes]]
"""Name and content of a file that came in, and the agency's fault -> files to publish, in this order."""


@dataclass(frozen=True, slots=True)
class BoxSettings:
    """Keys and place of one box, made at the first start and kept. `port` 0 takes a free one."""

    host: str
    port: int
    host_key: str = field(repr=False)
    client_key: str = field(repr=False)
    folder: Path
    user: str = "sandhi"

    def exported(self, prefix: str) -> dict[str, str]:
        """What the partner is given: `<prefix>_HOST` and the others."""
        host_key = asyncssh.import_private_key(self.host_key).export_public_key().decode("ascii").strip()
        return {
            f"{prefix}_HOST": self.host,
            f"{prefix}_PORT": str(self.port),
            f"{prefix}_USER": self.user,
            f"{prefix}_CLIENT_KEY": self.client_key,
            f"{prefix}_HOST_KEY": host_key,
        }


def make_box_settings(data_dir: Path, *, host: str = "127.0.0.1", port: int = 0) -> BoxSettings:
    """Make or read the settings; `data_dir` is the agency's own folder."""
    kept = Kept(data_dir)
    return BoxSettings(host, port, kept.text("host_key", _new_key), kept.text("client_key", _new_key), data_dir)


class Box:
    """A running server. `settings` are those it was started with, with the port it listens on.

    Args:
        incoming: names that the partner may hand in.
        answer: what is published for one of them; runs in a thread.
    """

    def __init__(self, settings: BoxSettings, incoming: re.Pattern[str], answer: Answer, faults: Faults) -> None:
        self.settings = settings
        self.faults = faults
        self.incoming = incoming
        self._answer = answer
        self.drop, self.used = settings.folder / "drop", settings.folder / "used"
        for folder in (self.drop / "in", self.drop / "out", self.used):
            folder.mkdir(parents=True, exist_ok=True)
        self._begun: asyncio.Queue[str] = asyncio.Queue()

    async def open(self) -> None:
        """Listen, and begin to work; what waited through a restart comes first."""
        for path in sorted((self.drop / "in").iterdir()):
            if path.suffix != ".part":
                self._begun.put_nowait(path.name)
        self._listener = await asyncssh.create_server(
            lambda: _Door(self.settings, self.faults),
            self.settings.host,
            self.settings.port,
            server_host_keys=[asyncssh.import_private_key(self.settings.host_key)],
            sftp_factory=lambda chan: _Session(chan, self),
            allow_scp=False,
            agent_forwarding=False,
        )
        self.settings = replace(self.settings, port=self._listener.get_port())
        self._worker = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Stop listening and working; what waits is answered after the next start."""
        self._listener.close()
        self._worker.cancel()
        await asyncio.gather(self._worker, return_exceptions=True)
        await self._listener.wait_closed()

    def publish(self, name: str, content: bytes) -> None:
        """Into `/out`, complete under its final name or not at all."""
        part = self.drop / "out" / f"{name}.part"
        part.write_bytes(content)
        part.replace(part.with_suffix(""))

    def begin(self, name: str) -> None:
        """A file came in under its final name."""
        self._begun.put_nowait(name)

    async def _work(self) -> None:
        while True:
            name = await self._begun.get()
            path, fault = self.drop / "in" / name, self.faults.take()
            if fault is Fault.SLOW:
                await asyncio.sleep(self.faults.seconds)
            files = await asyncio.to_thread(self._answer, name, path.read_bytes(), fault)
            for each, content in files.items():
                self.publish(each, content[: len(content) // 2] if fault is Fault.GARBLED else content)
            (self.used / name).touch()
            path.unlink()


class _Session(asyncssh.SFTPServer):
    """One SFTP session of the partner."""

    def __init__(self, chan: asyncssh.SSHServerChannel[bytes], box: Box) -> None:
        super().__init__(chan, chroot=os.fsencode(box.drop))
        self._box = box

    def map_path(self, path: bytes) -> bytes:
        """The local path of a name of the profile; any other is refused."""
        parts = [part for part in path.split(b"/") if part not in {b"", b"."}]
        folder, name = (*map(os.fsdecode, parts), "", "")[:2]
        fits = not name or (folder == "out" and ".." not in name)
        if folder == "in" and name:
            fits = bool(self._box.incoming.fullmatch(name.removesuffix(".part")))
        if len(parts) > 2 or folder not in {"", "in", "out"} or not fits:
            raise asyncssh.SFTPPermissionDenied("this name is not part of the profile")
        return os.fsencode(self._box.drop.joinpath(*map(os.fsdecode, parts)))

    def realpath(self, path: bytes) -> bytes:
        """By the text alone: there are no links here."""
        return self.map_path(path).removeprefix(os.fsencode(self._box.drop)) or b"/"

    def reverse_map_path(self, path: bytes) -> bytes:
        return path

    def listdir(self, path: bytes) -> list[SFTPName]:
        """Finished files and the partner's own parts."""
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
        """From `.part` to the final name, once for each name."""
        old, new = self._in(oldpath), self._in(newpath)
        if old is None or new is None or old != f"{new}.part":
            raise asyncssh.SFTPPermissionDenied("only a .part in /in is renamed, to its own final name")
        target = Path(os.fsdecode(self.map_path(newpath)))
        if target.exists() or (self._box.used / new).exists():
            raise asyncssh.SFTPFailure("this name was used before")
        Path(os.fsdecode(self.map_path(oldpath))).rename(target)
        self._box.begin(new)

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        """No overwriting here either."""
        self.rename(oldpath, newpath)

    def remove(self, path: bytes) -> None:
        name = self._in(path)
        if name is not None and not name.endswith(".part"):
            raise asyncssh.SFTPPermissionDenied("a finished file belongs to the agency")
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


class _Door(asyncssh.SSHServer):
    """One connection: the known user with the known key, nothing but SFTP behind it."""

    def __init__(self, settings: BoxSettings, faults: Faults) -> None:
        self._user, self._faults = settings.user, faults
        self._key = asyncssh.import_private_key(settings.client_key).convert_to_public()

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        if self._faults.fault is Fault.DOWN and self._faults.take() is Fault.DOWN:
            conn.abort()

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == self._user and key == self._key


def _not_part_of_the_profile() -> asyncssh.SFTPPermissionDenied:
    return asyncssh.SFTPPermissionDenied("not part of the profile")


def _new_key() -> str:
    return asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode("ascii")
