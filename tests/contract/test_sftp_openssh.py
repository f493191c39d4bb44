"""The SFTP transport against Debian's OpenSSH server, which we did not write."""

import getpass
import os
import socket
import subprocess
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from adapters.kit.contract import (
    Adapter,
    AgencyAnswerMalformed,
    AgencyError,
    AgencyHasNoSuchPerson,
    AgencyRefused,
    AgencyTimeout,
    AgencyUnavailable,
    Identifier,
    Question,
    Subject,
)
from adapters.kit.drafts import template, write
from adapters.kit.egress import Dialler, Limits
from adapters.kit.opening import open_adapter
from adapters.kit.transports.sftp import Login, LoginError, NameTaken, Sftp

SSHD = Path("/usr/sbin/sshd")
SUBSYSTEM = Path("/usr/lib/openssh/sftp-server")


def key() -> asyncssh.SSHKey:
    return asyncssh.generate_private_key("ssh-ed25519")


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    path.chmod(0o600)
    return path


class OpenSsh:
    """A running sshd on a free loopback port, and a login for it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.root.mkdir()
        self._folder = folder
        self._client, self.host_key = key(), key()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]

    def login(self, client: asyncssh.SSHKey | None = None, host: asyncssh.SSHKey | None = None) -> Login:
        return Login(
            "127.0.0.1",
            self.port,
            getpass.getuser(),
            (client or self._client).export_private_key().decode(),
            (host or self.host_key).export_public_key().decode(),
        )

    def sftp(self, *, login: Login | None = None, max_bytes: int = 1 << 20) -> Sftp:
        dialler = Dialler(allowed={f"127.0.0.1:{self.port}"})
        return Sftp(dialler, login or self.login(), Limits(timeout_s=20, max_bytes=max_bytes))

    def start(self) -> subprocess.Popen[bytes]:
        host = written(self._folder / "host", self.host_key.export_private_key())
        keys = written(self._folder / "authorized_keys", self._client.export_public_key())
        config = written(
            self._folder / "sshd_config",
            f"ListenAddress 127.0.0.1\nPort {self.port}\nHostKey {host}\nAuthorizedKeysFile {keys}\nPidFile none\n"
            f"StrictModes no\nUsePAM no\nPasswordAuthentication no\nSubsystem sftp {SUBSYSTEM} -d {self.root}\n"
            "PermitRootLogin prohibit-password\n".encode(),
        )
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # sshd's own condition for starting as root
        process = subprocess.Popen([SSHD, "-D", "-e", "-f", config], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        assert process.stderr is not None
        while b"Server listening" not in (line := process.stderr.readline()):
            assert line, "sshd ended before it listened"
        return process


@pytest.fixture
def openssh(tmp_path: Path) -> Iterator[OpenSsh]:
    if not SSHD.exists() or not SUBSYSTEM.exists():
        pytest.fail("this test needs Debian's OpenSSH server: apt-get install -y openssh-server")
    server = OpenSsh(tmp_path)
    process = server.start()
    yield server
    process.terminate()
    process.communicate()


async def test_a_file_arrives_whole_under_its_final_name_and_comes_back_the_same(openssh: OpenSsh) -> None:
    content = os.urandom(700_000)
    async with openssh.sftp().session() as session:
        await session.upload(f"{openssh.root}/REQ.txt", content)
        assert await session.names(str(openssh.root)) == {"REQ.txt"}
        assert await session.download(f"{openssh.root}/REQ.txt") == content
        await session.remove(f"{openssh.root}/REQ.txt")
        await session.remove(f"{openssh.root}/REQ.txt")
        assert await session.names(str(openssh.root)) == frozenset()


async def test_a_name_that_exists_is_never_overwritten_and_nothing_is_left_behind(openssh: OpenSsh) -> None:
    (openssh.root / "REQ.txt").write_bytes(b"first")
    (openssh.root / "NEW.txt.part").write_bytes(b"left by a crash, and longer than what follows")
    async with openssh.sftp().session() as session:
        with pytest.raises(NameTaken):
            await session.upload(f"{openssh.root}/REQ.txt", b"second")
        await session.upload(f"{openssh.root}/NEW.txt", b"whole")
    found = {path.name: path.read_bytes() for path in openssh.root.iterdir()}
    assert found == {"REQ.txt": b"first", "NEW.txt": b"whole"}


async def test_a_file_over_the_byte_cap_is_not_read(openssh: OpenSsh) -> None:
    (openssh.root / "ANS.txt").write_bytes(b"x" * 1001)
    async with openssh.sftp(max_bytes=1000).session() as session:
        with pytest.raises(AgencyAnswerMalformed):
            await session.download(f"{openssh.root}/ANS.txt")


class Growing:
    """A file that somebody writes on while it is read."""

    def __init__(self, path: Path, opening: Any) -> None:
        self._path, self._opening = path, opening

    async def __aenter__(self) -> "Growing":
        self._file = await self._opening.__aenter__()
        self.stat = self._file.stat
        return self

    async def __aexit__(self, *ended: Any) -> None:
        await self._opening.__aexit__(*ended)

    async def read(self, size: int) -> Any:
        block = await self._file.read(size)
        if not block:  # after the last of it was read
            with self._path.open("ab") as more:
                more.write(b"1990")
        return block


async def test_a_file_that_is_written_to_while_it_is_read_is_not_used(openssh: OpenSsh, monkeypatch: Any) -> None:
    path = openssh.root / "feed.csv"
    path.write_bytes(b"nic,grade\n")
    async with openssh.sftp().session() as session:
        opened = session._client.open
        monkeypatch.setattr(session._client, "open", lambda name, mode: Growing(path, opened(name, mode)))
        with pytest.raises(AgencyUnavailable) as raised:
            await session.download(str(path))
        monkeypatch.undo()
        assert (await session.download(str(path))).startswith(b"nic,grade\n")
    assert raised.value.code == "changing"


async def test_waiting_for_a_place_counts_against_the_deadline_of_who_waits_for_files(openssh: OpenSsh) -> None:
    place = f"127.0.0.1:{openssh.port}"
    sftp = Sftp(Dialler(allowed={place}), openssh.login(), Limits(timeout_s=0.05, concurrent=1))
    async with sftp._slots:
        assert isinstance(await refused(sftp), AgencyTimeout)


async def refused(sftp: Sftp) -> AgencyError:
    with pytest.raises(AgencyError) as raised:
        async with sftp.session():
            pass
    return raised.value


async def test_another_host_key_than_the_pinned_one_gets_nothing(openssh: OpenSsh) -> None:
    error = await refused(openssh.sftp(login=openssh.login(host=key())))
    assert (type(error), error.code) == (AgencyUnavailable, "host_key")


async def test_a_key_the_server_does_not_know_is_a_refusal(openssh: OpenSsh) -> None:
    error = await refused(openssh.sftp(login=openssh.login(client=key())))
    assert (type(error), error.code) == (AgencyRefused, "login")


async def test_a_missing_file_and_a_missing_server_are_outages(openssh: OpenSsh) -> None:
    with pytest.raises(AgencyUnavailable):
        async with openssh.sftp().session() as session:
            await session.download(f"{openssh.root}/none")
    gone = Login("127.0.0.1", 1, "x", openssh.login().client_key, openssh.login().host_key)
    assert isinstance(await refused(Sftp(Dialler(allowed={"127.0.0.1:1"}), gone, Limits())), AgencyUnavailable)


def test_an_unreadable_key_is_told_without_showing_it() -> None:
    with pytest.raises(LoginError) as raised:
        Sftp(Dialler(), Login("h", 22, "u", "SECRET", "SECRET"), Limits())
    assert "SECRET" not in str(raised.value)


CSV = b"nic,closed,month,cents\n199012304567,202609,202608,120050\n198061308997,202609,202608,1\n"


def declared(folder: Path, login: Login, path: str) -> Adapter:
    """The template of a file over SFTP."""
    files = template("sftp", "fund")
    told = files["manifest.toml"].decode().replace("/nightly/members.csv", path)
    write(files | {"manifest.toml": told.encode()}, folder / "fund")
    named = {"HOST": login.host, "PORT": str(login.port), "USER": login.user}
    named |= {"CLIENT_KEY": login.client_key, "HOST_KEY": login.host_key}
    settings = {f"FUND_{name}": value for name, value in named.items()}
    return open_adapter(folder / "fund", settings.__getitem__, Dialler(allowed={f"127.0.0.1:{login.port}"}))


def asked(nic: str) -> Question:
    fields = frozenset({"closed_month", "months"})
    return Question("fund.contributions", Subject((Identifier("NIC", nic),)), fields, date(2026, 10, 31))


async def test_a_declared_folder_reads_its_file_from_the_server_and_tells_one_person_s_rows(
    openssh: OpenSsh, tmp_path: Path
) -> None:
    (openssh.root / "members.csv").write_bytes(CSV)
    adapter = declared(tmp_path, openssh.login(), f"{openssh.root}/members.csv")
    raw = await adapter.ask(asked("199012304567"))
    assert adapter.normalise("fund.contributions", raw)["months"] == [{"month": "2026-08", "amount": "1200.50"}]
    assert "198061308997" not in str(raw)
    with pytest.raises(AgencyHasNoSuchPerson):
        await adapter.ask(asked("200012304567"))


async def test_a_declared_folder_reads_nothing_from_a_server_of_another_key(openssh: OpenSsh, tmp_path: Path) -> None:
    (openssh.root / "members.csv").write_bytes(CSV)
    adapter = declared(tmp_path, openssh.login(host=key()), f"{openssh.root}/members.csv")
    with pytest.raises(AgencyUnavailable) as refused:
        await adapter.ask(asked("199012304567"))
    assert refused.value.code == "host_key"
