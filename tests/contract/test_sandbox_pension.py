"""The simulated provident fund refuses what `docs/profiles/pension-file.md` says it refuses.

Every request goes over a real SFTP connection, as bytes put together here.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import asyncssh
import pytest
import yaml

from sandbox.agencies.pension import Fund, PensionSettings, make_settings, serve
from sandbox.faults import Faults
from sandbox.person import Contribution, PensionInPayment, PensionRecord

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/profiles/pension-file.md").read_text("utf-8")
SAMPLES = {name: text.encode() for name, text in re.findall(r"```text (\S+)\n(.*?)```", PAGE, re.DOTALL)}
GOLDEN = "SANDHI-20261101-0001"
NUMBER = "SANDHI-20261101-0042"


def posting(month: str, total: int) -> Contribution:
    return Contribution(month, total, total * 3 // 5, total * 2 // 5, total * 5, "A", "012345")


PAYER = PensionRecord(
    "198512304567",  # asked about in the old form
    "004711",
    "Invented",
    "A B",
    "2026-09",
    (
        posting("2026-07", 900_000),
        posting("2026-08", 900_000),
        posting("2026-09", 900_000),
        posting("2026-09", -900_000),
    ),
)
PENSIONER = PensionRecord(
    "199012304567", "004712", "Invented", "C", "2026-09", (), (PensionInPayment("old_age", "2024-01", None, 100),)
)


class Members:
    def pension_by_nic(self, nic: str) -> PensionRecord | None:
        return {"198512304567": PAYER, "199012304567": PENSIONER}.get(nic)


def settings(folder: Path, *locked: str) -> PensionSettings:
    return make_settings(folder, closed_month="2026-09", locked=locked)


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
async def fund(tmp_path: Path, faults: Faults) -> AsyncIterator[Fund]:
    running = await serve(Members(), settings(tmp_path, "200151200321"), faults)
    yield running
    await running.close()


def connection(fund: Fund, **changed: object) -> AbstractAsyncContextManager[asyncssh.SSHClientConnection]:
    given = fund.settings.exported()
    options: dict[str, object] = {
        "username": given["PENSION_USER"],
        "client_keys": [asyncssh.import_private_key(given["PENSION_CLIENT_KEY"])],
        "known_hosts": asyncssh.import_known_hosts(f"[127.0.0.1]:{given['PENSION_PORT']} {given['PENSION_HOST_KEY']}"),
        "config": None,
        "agent_path": None,
    }
    return asyncssh.connect("127.0.0.1", fund.port, **(options | changed))


@asynccontextmanager
async def connected(fund: Fund, **changed: object) -> AsyncIterator[asyncssh.SFTPClient]:
    async with connection(fund, **changed) as opened, opened.start_sftp_client() as client:
        yield client


@pytest.fixture
async def sftp(fund: Fund) -> AsyncIterator[asyncssh.SFTPClient]:
    async with connected(fund) as client:
        yield client


async def put(sftp: asyncssh.SFTPClient, name: str, content: bytes) -> None:
    async with sftp.open(f"/in/{name}.part", "wb") as file:
        await file.write(content)
    await sftp.rename(f"/in/{name}.part", f"/in/{name}")


async def read(sftp: asyncssh.SFTPClient, name: str) -> bytes:
    for _ in range(500):
        if await sftp.exists(f"/out/{name}"):
            break
        await asyncio.sleep(0.01)
    async with sftp.open(f"/out/{name}", "rb") as file:
        return bytes(await file.read())


def manifest(text: bytes, *, records: int = 1, number: str = NUMBER, sender: str = "SANDHI") -> bytes:
    digest = hashlib.sha256(text).hexdigest()
    return f"M|1|request|{sender}|{number}\nF|REQ-{number}.txt|{records}||{digest}\n".encode()


async def refusal(sftp: asyncssh.SFTPClient, text: bytes | None, seal: bytes, number: str = NUMBER) -> tuple[str, int]:
    """Code and record of the error file."""
    if text is not None:
        await put(sftp, f"REQ-{number}.txt", text)
    await put(sftp, f"REQ-{number}.mft", seal)
    head, line = (await read(sftp, f"ERR-{number}.txt")).decode().splitlines()
    assert head == f"M|1|error|SANDHI|{number}"
    return line.split("|")[1], int(line.split("|")[2])


HEADER = b"H|1|SANDHI|202608|202610\n"
GOOD = HEADER + b"000001|199012304567\n"


async def test_golden_request_gets_the_golden_answer(tmp_path: Path) -> None:
    fund = await serve(Members(), settings(tmp_path), Faults())
    async with connected(fund) as client:
        for ending in ("txt", "mft"):
            await put(client, f"REQ-{GOLDEN}.{ending}", SAMPLES[f"REQ-{GOLDEN}.{ending}"])
        names = [f"ANS-{GOLDEN}.mft", *(f"ANS-{GOLDEN}-{letter}.txt" for letter in "CSP")]
        assert {name: await read(client, name) for name in names} == {name: SAMPLES[name] for name in names}
        assert await client.listdir("/in") == []
    await fund.close()


async def test_golden_failure_of_a_request(sftp: asyncssh.SFTPClient) -> None:
    number = "SANDHI-20261101-0002"
    await put(sftp, f"REQ-{number}.txt", SAMPLES[f"REQ-{GOLDEN}.txt"])
    await put(sftp, f"REQ-{number}.mft", SAMPLES[f"REQ-{number}.mft"])
    assert await read(sftp, f"ERR-{number}.txt") == SAMPLES[f"ERR-{number}.txt"]


def test_golden_failure_of_an_answer_is_made_as_the_page_says() -> None:
    cut = b"".join(SAMPLES[f"ANS-{GOLDEN}-C.txt"].splitlines(keepends=True)[:2])
    assert hashlib.sha256(cut).hexdigest().encode() in SAMPLES["ANS-SANDHI-20261101-0003.mft"]


def test_the_page_and_the_published_layout_agree() -> None:
    layout = yaml.safe_load((ROOT / "schemas/agency/sri-lanka-epf/layout.yaml").read_text("utf-8"))["epf_contributions"]
    rows = re.findall(r"^\| (\d+) \| (\d+) \| (\w+) \|", PAGE, re.MULTILINE)
    assert rows == [(str(each["at"]), str(each["len"]), each["name"]) for each in layout["fields"]]
    assert {len(line) for line in SAMPLES[f"ANS-{GOLDEN}-C.txt"].splitlines()} == {layout["record_length"]}


async def test_locked_member_is_refused_by_line(sftp: asyncssh.SFTPClient) -> None:
    text = HEADER + b"000001|200151200321\n"
    await put(sftp, f"REQ-{NUMBER}.txt", text)
    await put(sftp, f"REQ-{NUMBER}.mft", manifest(text))
    assert await read(sftp, f"ANS-{NUMBER}-S.txt") == b"000001|200151200321|refused|202609|0|0\n"


async def test_crlf_is_taken_if_every_line_has_it(sftp: asyncssh.SFTPClient) -> None:
    text = GOOD.replace(b"\n", b"\r\n")
    await put(sftp, f"REQ-{NUMBER}.txt", text)
    await put(sftp, f"REQ-{NUMBER}.mft", manifest(text).replace(b"\n", b"\r\n"))
    assert await read(sftp, f"ANS-{NUMBER}-S.txt") == b"000001|199012304567|known|202609|0|1\n"


REFUSED: dict[str, tuple[bytes, dict[str, int], tuple[str, int]]] = {
    "no member line": (HEADER, {"records": 0}, ("R10", 0)),
    "count too high": (GOOD, {"records": 2}, ("R05", 0)),
    "count too low": (GOOD + b"000002|199012304567\n", {}, ("R05", 0)),
    "header of another sender": (GOOD.replace(b"SANDHI", b"OTHERS"), {}, ("R01", 1)),
    "empty file": (b"", {}, ("R06", 1)),
    "header of another version": (GOOD.replace(b"H|1", b"H|2"), {}, ("R06", 1)),
    "month 13": (GOOD.replace(b"202610", b"202613"), {}, ("R06", 1)),
    "from after to": (GOOD.replace(b"202608", b"202611"), {}, ("R06", 1)),
    "more than 60 months": (GOOD.replace(b"202608", b"202110"), {}, ("R06", 1)),
    "record too short": (HEADER + b"000001\n", {}, ("R07", 2)),
    "record with a third field": (HEADER + b"000001|199012304567|x\n", {}, ("R07", 2)),
    "not ASCII": (HEADER + "000001|19901230456\u0667\n".encode(), {}, ("R07", 2)),
    "null byte": (HEADER + b"000001|19901230456\0\n", {}, ("R07", 2)),
    "line ends mixed": (HEADER + b"000001|199012304567\r\n", {}, ("R07", 2)),
    "last line not ended": (GOOD[:-1], {}, ("R07", 2)),
    "line repeated": (GOOD + b"000001|851234567V\n", {"records": 2}, ("R08", 3)),
    "line left out": (GOOD + b"000003|851234567V\n", {"records": 2}, ("R08", 3)),
    "NIC too short": (HEADER + b"000001|19901230456\n", {}, ("R09", 2)),
    "NIC with a small letter": (HEADER + b"000001|851234567v\n", {}, ("R09", 2)),
    "NIC with day 367": (HEADER + b"000001|199036704567\n", {}, ("R09", 2)),
    "NIC of another century": (HEADER + b"000001|189012304567\n", {}, ("R09", 2)),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_request_is_refused(sftp: asyncssh.SFTPClient, case: str) -> None:
    text, options, expected = REFUSED[case]
    assert await refusal(sftp, text, manifest(text, **options)) == expected


async def test_request_in_the_name_of_another_sender_is_refused(sftp: asyncssh.SFTPClient) -> None:
    number = "OTHERS-20261101-0001"
    assert await refusal(sftp, GOOD, manifest(GOOD, number=number), number) == ("R01", 0)


async def test_manifest_of_another_sender_is_refused(sftp: asyncssh.SFTPClient) -> None:
    assert await refusal(sftp, GOOD, manifest(GOOD, sender="OTHERS")) == ("R01", 0)


async def test_manifest_about_another_request_is_refused(sftp: asyncssh.SFTPClient) -> None:
    assert await refusal(sftp, GOOD, manifest(GOOD, number=GOLDEN)) == ("R02", 0)


async def test_manifest_that_points_elsewhere_is_refused(sftp: asyncssh.SFTPClient) -> None:
    seal = manifest(GOOD).replace(f"REQ-{NUMBER}.txt".encode(), b"../../host_key")
    assert await refusal(sftp, GOOD, seal) == ("R02", 0)


async def test_empty_manifest_is_refused(sftp: asyncssh.SFTPClient) -> None:
    assert await refusal(sftp, GOOD, b"") == ("R02", 0)


async def test_manifest_without_its_data_file_is_refused(sftp: asyncssh.SFTPClient) -> None:
    assert await refusal(sftp, None, manifest(GOOD)) == ("R03", 0)


async def test_data_file_changed_after_its_manifest_is_refused(sftp: asyncssh.SFTPClient) -> None:
    assert await refusal(sftp, GOOD.replace(b"4567", b"4568"), manifest(GOOD)) == ("R04", 0)


async def test_used_number_is_never_used_again(sftp: asyncssh.SFTPClient) -> None:
    await put(sftp, f"REQ-{NUMBER}.txt", GOOD)
    await put(sftp, f"REQ-{NUMBER}.mft", manifest(GOOD))
    await read(sftp, f"ANS-{NUMBER}.mft")
    with pytest.raises(asyncssh.SFTPFailure):
        await put(sftp, f"REQ-{NUMBER}.txt", GOOD)


PATHS = [
    "/in/../out/ANS-SANDHI-20261101-0001.mft.part",
    "/in/..%2fout/x",
    "../host_key",
    "/etc/passwd",
    "/in/sub/REQ-SANDHI-20261101-0001.txt.part",
    "/in/REQ-SANDHI-20261101-0001.txt",
    "/in/REQ-SANDHI-20261101-0001.exe.part",
    "/in/REQ-SANDHI-20261101-0000.txt.part",
    "/in/REQ-sandhi-20261101-0001.txt.part",
    "/in/REQ-SANDHI-20261101-0001.txt.part\0.part",
    "/out/ANS-SANDHI-20261101-0001.mft",
]


def tree(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


@pytest.mark.parametrize("path", PATHS)
async def test_path_outside_the_profile_is_never_written(sftp: asyncssh.SFTPClient, tmp_path: Path, path: str) -> None:
    before = tree(tmp_path)
    with pytest.raises(asyncssh.SFTPPermissionDenied):
        await sftp.open(path, "wb")
    assert tree(tmp_path) == before


OPERATIONS: dict[str, Callable[[asyncssh.SFTPClient], Awaitable[object]]] = {
    "mkdir": lambda sftp: sftp.mkdir("/in/REQ-SANDHI-20261101-0001.txt.part"),
    "rmdir": lambda sftp: sftp.rmdir("/in"),
    "symlink": lambda sftp: sftp.symlink("/etc/passwd", "/in/REQ-SANDHI-20261101-0001.txt"),
    "hard link": lambda sftp: sftp.link("/in/REQ-SANDHI-20261101-0009.txt.part", "/out/ANS-SANDHI-20261101-0001.mft"),
    "readlink": lambda sftp: sftp.readlink("/in"),
    "rename to another name": lambda sftp: sftp.rename(
        "/in/REQ-SANDHI-20261101-0009.txt.part", "/in/REQ-SANDHI-20261101-0008.txt"
    ),
    "rename into /out": lambda sftp: sftp.posix_rename(
        "/in/REQ-SANDHI-20261101-0009.txt.part", "/out/ANS-SANDHI-20261101-0009.mft"
    ),
    "read back": lambda sftp: sftp.open("/in/REQ-SANDHI-20261101-0009.txt.part", "rb"),
    "read and write": lambda sftp: sftp.open("/in/REQ-SANDHI-20261101-0009.txt.part", "w+b"),
    "append": lambda sftp: sftp.open("/in/REQ-SANDHI-20261101-0009.txt.part", "ab"),
    "list the parent": lambda sftp: sftp.listdir("/.."),
}


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_operation_outside_the_profile_is_refused(sftp: asyncssh.SFTPClient, operation: str) -> None:
    async with sftp.open("/in/REQ-SANDHI-20261101-0009.txt.part", "wb") as file:
        await file.write(b"x")
    with pytest.raises(asyncssh.SFTPPermissionDenied):
        await OPERATIONS[operation](sftp)
    await sftp.remove("/in/REQ-SANDHI-20261101-0009.txt.part")
    assert await sftp.listdir("/in") == []


async def test_finished_request_cannot_be_removed_or_replaced(sftp: asyncssh.SFTPClient) -> None:
    await put(sftp, f"REQ-{NUMBER}.txt", GOOD)
    with pytest.raises(asyncssh.SFTPPermissionDenied):
        await sftp.remove(f"/in/REQ-{NUMBER}.txt")
    with pytest.raises(asyncssh.SFTPFailure):
        await put(sftp, f"REQ-{NUMBER}.txt", HEADER)


async def test_file_over_16_mib_is_refused(sftp: asyncssh.SFTPClient) -> None:
    async with sftp.open(f"/in/REQ-{NUMBER}.txt.part", "wb") as file:
        with pytest.raises(asyncssh.SFTPFailure):
            await file.write(b"x", offset=16 * 1024 * 1024)


@pytest.mark.parametrize("way", ["another key", "a password", "another user"])
async def test_nobody_else_gets_in(fund: Fund, way: str) -> None:
    changed: dict[str, dict[str, object]] = {
        "another key": {"client_keys": [asyncssh.generate_private_key("ssh-ed25519")]},
        "a password": {"client_keys": None, "password": "sandhi"},
        "another user": {"username": "root"},
    }
    with pytest.raises(asyncssh.PermissionDenied):
        async with connected(fund, **changed[way]):
            pass


async def test_there_is_no_shell(fund: Fund) -> None:
    async with connection(fund) as open_connection:
        with pytest.raises(asyncssh.ChannelOpenError):
            await open_connection.run("id")


async def test_openssh_client_can_talk_to_it(fund: Fund, tmp_path: Path) -> None:
    """A client we did not write: upload, rename, download, remove."""
    given, work = fund.settings.exported(), tmp_path / "client"
    work.mkdir()
    (work / "key").touch(mode=0o600)
    texts = {
        "key": given["PENSION_CLIENT_KEY"],
        "known": f"[127.0.0.1]:{fund.port} {given['PENSION_HOST_KEY']}\n",
        "REQ.txt": GOOD.decode(),
        "REQ.mft": manifest(GOOD).decode(),
        "upload": f"cd in\nput {work}/REQ.txt REQ-{NUMBER}.txt.part\nrename REQ-{NUMBER}.txt.part REQ-{NUMBER}.txt\n"
        f"put {work}/REQ.mft REQ-{NUMBER}.mft.part\nrename REQ-{NUMBER}.mft.part REQ-{NUMBER}.mft\n",
        "download": f"get /out/ANS-{NUMBER}-S.txt {work}/answer\nrm /out/ANS-{NUMBER}-S.txt\n",
    }
    for name, text in texts.items():
        (work / name).write_text(text)

    async def openssh(batch: str) -> int:
        options = ["-F", "none", "-o", f"UserKnownHostsFile={work}/known", "-o", "StrictHostKeyChecking=yes"]
        login = ["-P", str(fund.port), "-i", f"{work}/key", "-b", f"{work}/{batch}", "sandhi@127.0.0.1"]
        process = await asyncio.create_subprocess_exec("sftp", "-q", *options, *login, stdout=asyncio.subprocess.PIPE)
        await process.communicate()
        return process.returncode or 0

    assert await openssh("upload") == 0
    async with connected(fund) as client:
        await read(client, f"ANS-{NUMBER}.mft")
        assert await openssh("download") == 0
        assert f"ANS-{NUMBER}-S.txt" not in await client.listdir("/out")
    assert (work / "answer").read_text() == "000001|199012304567|known|202609|0|1\n"


async def test_request_waiting_through_a_restart_is_answered(tmp_path: Path) -> None:
    slow = Faults()
    slow.set("slow", seconds=60)
    first = await serve(Members(), settings(tmp_path), slow)
    async with connected(first) as client:
        await put(client, f"REQ-{NUMBER}.txt", GOOD)
        await put(client, f"REQ-{NUMBER}.mft", manifest(GOOD))
        assert (await read(client, f"LATE-{NUMBER}.txt")).startswith(f"M|1|late|SANDHI|{NUMBER}\nL|".encode())
    await first.close()
    second = await serve(Members(), settings(tmp_path), Faults())
    async with connected(second) as client:
        assert (await read(client, f"ANS-{NUMBER}.mft")).startswith(b"M|1|answer|")
    await second.close()


async def test_faults_on_demand(sftp: asyncssh.SFTPClient, fund: Fund, faults: Faults) -> None:
    faults.set("garbled")
    await put(sftp, "REQ-SANDHI-20261101-0001.txt", GOOD)
    await put(sftp, "REQ-SANDHI-20261101-0001.mft", manifest(GOOD, number=GOLDEN))
    lines = (await read(sftp, f"ANS-{GOLDEN}.mft")).decode().splitlines()
    status = await read(sftp, f"ANS-{GOLDEN}-S.txt")
    assert hashlib.sha256(status).hexdigest() not in lines[2]

    faults.set("refuse")
    assert await refusal(sftp, GOOD, manifest(GOOD)) == ("R11", 0)

    faults.set("wrong_schema")
    number = "SANDHI-20261101-0043"
    await put(sftp, f"REQ-{number}.txt", GOOD)
    await put(sftp, f"REQ-{number}.mft", manifest(GOOD, number=number))
    await read(sftp, f"ANS-{number}.mft")
    assert b";" in await read(sftp, f"ANS-{number}-S.txt")

    faults.set("down")
    with pytest.raises((asyncssh.Error, OSError)):
        async with connected(fund):
            pass
