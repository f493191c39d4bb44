"""The SFTP side of an agency that works by files: one partner, what it may do in `/in` and `/out`, and nothing else.

Names are a closed set: every path that a client sends goes through `Session.map_path`.
"""

import os
from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import IO, NoReturn, Protocol, cast

import asyncssh
from asyncssh import FXF_APPEND, FXF_CREAT, FXF_READ, SFTPAttrs, SFTPName

from .faults import Fault, Faults

MOST_BYTES = 16 * 1024 * 1024
Channel = asyncssh.SSHServerChannel[bytes]


class Account(Protocol):
    """Where the server listens (`port` 0 takes a free one), and its keys: OpenSSH private keys of host and client."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def user(self) -> str: ...
    @property
    def host_key(self) -> str: ...
    @property
    def client_key(self) -> str: ...


def exported(account: Account, prefix: str) -> dict[str, str]:
    """What the partner is given: `<prefix>_HOST` and the others, of the host's key the public half."""
    host_key = asyncssh.import_private_key(account.host_key).export_public_key().decode("ascii").strip()
    return {
        f"{prefix}_HOST": account.host,
        f"{prefix}_PORT": str(account.port),
        f"{prefix}_USER": account.user,
        f"{prefix}_CLIENT_KEY": account.client_key,
        f"{prefix}_HOST_KEY": host_key,
    }


def new_key() -> str:
    """An OpenSSH private key."""
    return asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode("ascii")


def publish(drop: Path, name: str, content: bytes) -> None:
    """Into `/out`, complete under its final name or not at all."""
    part = drop / "out" / f"{name}.part"
    part.write_bytes(content)
    part.replace(part.with_suffix(""))


async def listening(account: Account, faults: Faults, session: Callable[[Channel], "Session"]) -> asyncssh.SSHAcceptor:
    """The open server."""
    return await asyncssh.create_server(
        lambda: _Door(account, faults),
        account.host,
        account.port,
        server_host_keys=[asyncssh.import_private_key(account.host_key)],
        sftp_factory=session,
        allow_scp=False,
        agent_forwarding=False,
    )


class Session(asyncssh.SFTPServer):
    """One SFTP session of the partner. A subclass knows the names of its profile."""

    def __init__(self, chan: Channel, drop: Path) -> None:
        super().__init__(chan, chroot=os.fsencode(drop))
        self._drop = drop

    @abstractmethod
    def fits(self, folder: str, name: str) -> bool:
        """Whether the profile has this name in `in` or `out`; in `in` also with `.part`."""

    @abstractmethod
    def was_used(self, name: str) -> bool:
        """Whether a file was handed in under this name before."""

    @abstractmethod
    def begin(self, name: str) -> None:
        """A file came in under its final name."""

    def map_path(self, path: bytes) -> bytes:
        """The local path of a name of the profile; any other is refused."""
        parts = [part for part in path.split(b"/") if part not in {b"", b"."}]
        folder, name = (*map(os.fsdecode, parts), "", "")[:2]
        if len(parts) > 2 or folder not in {"", "in", "out"} or (name and not self.fits(folder, name)):
            raise asyncssh.SFTPPermissionDenied("this name is not part of the profile")
        return os.fsencode(self._drop.joinpath(*map(os.fsdecode, parts)))

    def realpath(self, path: bytes) -> bytes:
        """By the text alone: there are no links here."""
        return self.map_path(path).removeprefix(os.fsencode(self._drop)) or b"/"

    def reverse_map_path(self, path: bytes) -> bytes:
        return path

    def listdir(self, path: bytes) -> list[SFTPName]:
        """Finished files and the partner's own parts; a file that goes away meanwhile is not listed."""
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
        if target.exists() or self.was_used(new):
            raise asyncssh.SFTPFailure("this name was used before: take a new one")
        Path(os.fsdecode(self.map_path(oldpath))).rename(target)
        self.begin(new)

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

    def __init__(self, account: Account, faults: Faults) -> None:
        self._user, self._faults = account.user, faults
        self._key = asyncssh.import_private_key(account.client_key).convert_to_public()

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        if self._faults.fault is Fault.DOWN and self._faults.take() is Fault.DOWN:
            conn.abort()

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == self._user and key == self._key


def _not_part_of_the_profile() -> asyncssh.SFTPPermissionDenied:
    return asyncssh.SFTPPermissionDenied("not part of the profile")
