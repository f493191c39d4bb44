"""The pension adapter against a scripted fund behind a real SFTP server on loopback."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from datetime import date
from pathlib import Path

import asyncssh
import pytest

from adapters.kit import manifest as manifests
from adapters.kit import mapping as mappings
from adapters.kit.base import Kit
from adapters.kit.conformance import suite
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyError,
    AgencyHasNoSuchPerson,
    AgencyRefused,
    AgencyRejectedMessage,
    AgencyUnavailable,
    Identifier,
    Period,
    Question,
    RawAnswer,
    Subject,
)
from adapters.kit.egress import Dialler
from adapters.pension.adapter import Pension

FOLDER = Path(__file__).parents[2] / "adapters/pension"
TestPension = suite(FOLDER)
KEY, HOST_KEY = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
ANNA, BALA, NOBODY, LOCKED = "851234567V", "199012304567", "200151200321", "197912304567"

Script = Callable[["Fund", str, list[str]], None]


def question(nic: str, period: Period | None = None) -> Question:
    subject = Subject(identifiers=(Identifier("NIC", nic),))
    return Question("pension.contributions", subject, frozenset({"months"}), date(2026, 10, 31), period)


class Fund:
    """The fund's side: takes a request when its manifest appears, and answers as its script says."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.script: Script = answered
        self.requests: dict[str, list[str]] = {}
        self.used: set[str] = set()
        for folder in ("in", "out"):
            (root / folder).mkdir()

    def renamed(self, old: Path, new: Path) -> None:
        if new.exists() or new.name in self.used:
            raise asyncssh.SFTPFailure("exists")
        self.used.add(new.name)
        old.rename(new)
        if new.name.endswith(".mft"):
            data = new.with_suffix(".txt")
            number = new.stem.removeprefix("REQ-")
            self.requests[number] = data.read_text().splitlines()
            claimed = new.read_text().splitlines()[1].split("|")
            assert claimed[4] == hashlib.sha256(data.read_bytes()).hexdigest()
            self.script(self, number, self.requests[number])

    def taken_away(self, number: str) -> None:
        for suffix in ("txt", "mft"):
            (self.root / f"in/REQ-{number}.{suffix}").unlink()

    def put(self, name: str, text: str) -> None:
        (self.root / "out" / name).write_text(text)

    def out(self) -> set[str]:
        return {path.name for path in (self.root / "out").iterdir()}


def record(nic: str, month: str, rupees: int, submission: int) -> str:
    share = f"{rupees / 2:10.2f}"
    return f"{nic:<20}{'':60}004711{rupees:10.2f}{share}{share}{rupees * 5:12.2f}EA012345{month}{submission:2} 0.00000"


def answered(fund: Fund, number: str, lines: list[str]) -> None:
    """Anna paid in August and had September reversed; Bala draws a pension; Nobody is unknown; Locked is refused."""
    fund.taken_away(number)
    contributions, status, pensions = [], [], []
    for text in lines[1:]:
        line, nic = text.split("|")
        rows = {ANNA: [("202608", 9000, 1), ("202609", 9000, 1), ("202609", -9000, 2)]}.get(nic, [])
        contributions += [record(nic, *row) for row in rows]
        pensions += [f"{line}|O|202401|"] if nic == BALA else []
        state = {NOBODY: "unknown", LOCKED: "refused"}.get(nic, "known")
        closed = "202607" if nic == "198012304567" else "202609"
        status.append(f"{line}|{nic}|{state}|{closed}|{len(rows)}|{int(nic == BALA)}")
    total = 9000 * sum(text.endswith(ANNA) for text in lines)
    manifest = f"M|1|answer|SANDHI|{number}|202609\n"
    for part, rows, money in (("C", contributions, f"{total:.2f}"), ("S", status, ""), ("P", pensions, "")):
        text = "".join(f"{row}\n" for row in rows)
        fund.put(f"ANS-{number}-{part}.txt", text)
        digest = hashlib.sha256(text.encode()).hexdigest()
        manifest += f"F|ANS-{number}-{part}.txt|{len(rows)}|{money}|{digest}\n"
    fund.put(f"ANS-{number}.mft", manifest)


def silent(fund: Fund, number: str, lines: list[str]) -> None:
    """The request lies in /in."""


def lost(fund: Fund, number: str, lines: list[str]) -> None:
    fund.taken_away(number)


def late(fund: Fund, number: str, lines: list[str]) -> None:
    fund.taken_away(number)
    fund.put(f"LATE-{number}.txt", f"M|1|late|SANDHI|{number}\nL|2026-11-01T12:00:00Z\n")


def refusing(fund: Fund, number: str, lines: list[str]) -> None:
    fund.put(f"ERR-{number}.txt", f"M|1|error|SANDHI|{number}\nE|R11|0|not at present\n")


def rejecting(fund: Fund, number: str, lines: list[str]) -> None:
    fund.put(f"ERR-{number}.txt", f"M|1|error|SANDHI|{number}\nE|R08|4|line number left out\n")


def shortened(fund: Fund, number: str, lines: list[str]) -> None:
    answered(fund, number, lines)
    path = fund.root / f"out/ANS-{number}-C.txt"
    path.write_bytes(path.read_bytes()[:-1])


class Server(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return key.public_data == KEY.public_data


class Link:
    """A fund on loopback and adapters that speak to it."""

    def __init__(self, fund: Fund, port: int) -> None:
        self.fund = fund
        self._port = port

    def adapter(self, deadline_s: float = 5.0) -> Pension:
        settings = {
            "PENSION_HOST": "127.0.0.1",
            "PENSION_PORT": str(self._port),
            "PENSION_USER": "sandhi",
            "PENSION_CLIENT_KEY": KEY.export_private_key().decode(),
            "PENSION_HOST_KEY": HOST_KEY.export_public_key().decode(),
            "PENSION_SENDER": "SANDHI",
            "PENSION_DEADLINE_S": str(deadline_s),
        }
        dialler = Dialler(allowed={f"127.0.0.1:{self._port}"})
        kit = Kit(FOLDER, manifests.load(FOLDER), mappings.load(FOLDER), settings.__getitem__, dialler)
        return Pension(kit, today=lambda: date(2026, 11, 1))


@pytest.fixture
async def link(tmp_path: Path) -> AsyncIterator[Link]:
    fund = Fund(tmp_path)

    class Files(asyncssh.SFTPServer):
        def __init__(self, channel: asyncssh.SSHServerChannel[bytes]) -> None:
            super().__init__(channel, chroot=str(tmp_path))

        def rename(self, oldpath: bytes, newpath: bytes) -> None:
            fund.renamed(Path(self.map_path(oldpath).decode()), Path(self.map_path(newpath).decode()))

    server = await asyncssh.create_server(
        Server, "127.0.0.1", 0, server_host_keys=[HOST_KEY], sftp_factory=Files, allow_scp=False
    )
    async with server:
        yield Link(fund, server.get_port())


async def asked(adapter: Pension, *questions: Question) -> list[RawAnswer | AgencyError]:
    """Answers by position; each exactly once."""
    found: dict[int, RawAnswer | AgencyError] = {}
    async for position, answer in adapter.ask_many(questions):
        assert position not in found
        found[position] = answer
    return [found[position] for position in range(len(questions))]


async def failed(adapter: Pension, *questions: Question) -> tuple[type[AgencyError], str]:
    answers = await asked(adapter, *questions)
    error = answers[0]
    assert isinstance(error, AgencyError)
    assert all(each is error for each in answers)
    return type(error), error.code


async def test_everyone_gets_an_answer_of_their_own_and_reversals_are_netted(link: Link) -> None:
    adapter = link.adapter()
    anna, bala, nobody, locked, fresh, stale = await asked(
        adapter, *map(question, (ANNA, BALA, NOBODY, LOCKED, "200112304567", "198012304567"))
    )
    assert isinstance(anna, RawAnswer)
    assert adapter.normalise("pension.contributions", anna) == {
        "closed_month": "2026-09",
        "months": [{"month": "2026-08", "amount": "9000.00"}, {"month": "2026-09", "amount": "0.00"}],
        "pensions": [],
    }
    assert (anna.as_of, anna.empty) == (date(2026, 9, 30), False)
    assert isinstance(bala, RawAnswer)
    assert adapter.normalise("pension.contributions", bala)["pensions"] == [
        {"kind": "old_age", "start": "2024-01", "end": None}
    ]
    assert isinstance(nobody, AgencyHasNoSuchPerson)
    assert isinstance(locked, AgencyRefused)
    assert isinstance(fresh, RawAnswer)
    assert fresh.empty
    assert isinstance(stale, RawAnswer)
    assert stale.as_of == date(2026, 7, 31), "the closed month is the member's own"
    assert link.fund.out() == set(), "what was read is removed"


async def test_one_person_cannot_be_asked_now(link: Link) -> None:
    with pytest.raises(AgencyRejectedMessage) as raised:
        await link.adapter().ask(question(ANNA))
    assert raised.value.code == "batch_only"


async def test_a_number_the_fund_would_not_take_spoils_nobody_elses_answer(link: Link) -> None:
    bad, good = await asked(link.adapter(), question("999999999V"), question(ANNA))
    assert isinstance(bad, AgencyRejectedMessage)
    assert "999999999" not in bad.detail
    assert isinstance(good, RawAnswer)
    (lines,) = link.fund.requests.values()
    assert lines == ["H|1|SANDHI|202111|202610", f"000001|{ANNA}"]


async def test_more_than_five_thousand_questions_are_several_requests(link: Link) -> None:
    many = [question(f"1990{day:03}{serial:05}") for day in range(1, 11) for serial in range(501)]
    answers = await asked(link.adapter(60), *many)
    assert all(isinstance(answer, RawAnswer) for answer in answers)
    assert sorted(len(lines) - 1 for lines in link.fund.requests.values()) == [10, 5000]


async def test_questions_about_other_months_are_another_request(link: Link) -> None:
    period = Period(date(2026, 1, 1), date(2026, 3, 31))
    await asked(link.adapter(), question(BALA), question(BALA, period))
    assert sorted(lines[0] for lines in link.fund.requests.values()) == [
        "H|1|SANDHI|202111|202610",
        "H|1|SANDHI|202601|202603",
    ]


async def test_a_period_longer_than_the_fund_takes_is_refused_before_it_is_sent(link: Link) -> None:
    period = Period(date(2020, 1, 1), date(2026, 3, 31))
    assert await failed(link.adapter(), question(BALA, period)) == (AgencyRejectedMessage, "period")
    assert link.fund.requests == {}


async def test_after_a_crash_the_same_question_finds_the_answer_that_is_already_there(link: Link) -> None:
    answers = link.adapter().ask_many([question(ANNA), question(BALA)])
    assert isinstance(answers, AsyncGenerator)
    await anext(answers)  # half of it was taken, then the process died
    await answers.aclose()
    first, second = await asked(link.adapter(), question(ANNA), question(BALA))
    assert isinstance(first, RawAnswer)
    assert isinstance(second, RawAnswer)
    assert len(link.fund.requests) == 1, "the fund was asked once"


async def test_a_request_still_in_the_fund_is_waited_for_and_not_handed_in_again(link: Link) -> None:
    link.fund.script = silent
    assert await failed(link.adapter(0.2), question(ANNA)) == (AgencyUnavailable, "no_file")
    (number,) = link.fund.requests
    waiting = asyncio.create_task(asked(link.adapter(), question(ANNA)))
    await asyncio.sleep(0.3)
    answered(link.fund, number, link.fund.requests[number])
    (answer,) = await waiting
    assert isinstance(answer, RawAnswer)
    assert len(link.fund.requests) == 1


async def test_asking_the_same_again_later_uses_a_new_number(link: Link) -> None:
    for _ in range(3):
        (answer,) = await asked(link.adapter(), question(ANNA))
        assert isinstance(answer, RawAnswer)
    assert len(link.fund.requests) == 3


async def test_somebody_elses_answer_under_our_number_is_not_taken_for_ours(link: Link) -> None:
    link.fund.script = silent
    await asked(link.adapter(0.2), question(ANNA))
    (number,) = link.fund.requests
    answered(link.fund, number, ["H", f"000001|{BALA}"])
    link.fund.script = answered
    (answer,) = await asked(link.adapter(), question(ANNA))
    assert isinstance(answer, RawAnswer)
    assert len(link.fund.requests) == 2


async def test_a_job_stopped_while_it_waits_is_taken_up_by_the_same_process(link: Link) -> None:
    link.fund.script = silent
    adapter = link.adapter()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await asked(adapter, question(ANNA))
    (number,) = link.fund.requests
    answered(link.fund, number, link.fund.requests[number])
    (answer,) = await asked(adapter, question(ANNA))
    assert isinstance(answer, RawAnswer)
    assert len(link.fund.requests) == 1


async def test_two_jobs_that_ask_the_same_at_once_get_an_answer_each(link: Link) -> None:
    adapter = link.adapter()
    ((first,), (second,)) = await asyncio.gather(asked(adapter, question(ANNA)), asked(adapter, question(ANNA)))
    assert isinstance(first, RawAnswer)
    assert isinstance(second, RawAnswer)
    assert len(link.fund.requests) == 2


@pytest.mark.parametrize(
    ("script", "kind", "code"),
    [
        (silent, AgencyUnavailable, "no_file"),
        (lost, AgencyUnavailable, "no_file"),
        (late, AgencyUnavailable, "late"),
        (refusing, AgencyRefused, "R11"),
        (rejecting, AgencyRejectedMessage, "R08"),
        (shortened, AgencyAnswerMalformed, "sha256"),
    ],
)
async def test_a_failure_of_the_whole_is_told_for_each_person(
    link: Link, script: Script, kind: type[AgencyError], code: str
) -> None:
    link.fund.script = script
    assert await failed(link.adapter(0.3), question(ANNA), question(BALA)) == (kind, code)


async def test_a_late_answer_is_found_when_asked_again(link: Link) -> None:
    link.fund.script = late
    assert await failed(link.adapter(0.2), question(ANNA)) == (AgencyUnavailable, "late")
    (number,) = link.fund.requests
    (link.fund.root / f"in/REQ-{number}.txt").touch()
    (link.fund.root / f"in/REQ-{number}.mft").touch()
    answered(link.fund, number, link.fund.requests[number])
    (answer,) = await asked(link.adapter(), question(ANNA))
    assert isinstance(answer, RawAnswer)
    assert len(link.fund.requests) == 1
    assert link.fund.out() == set()


async def test_a_refused_answer_does_not_stop_the_next_attempt(link: Link) -> None:
    link.fund.script = shortened
    await failed(link.adapter(), question(ANNA))
    link.fund.script = answered
    (answer,) = await asked(link.adapter(), question(ANNA))
    assert isinstance(answer, RawAnswer)


async def test_a_fund_that_is_down_is_an_outage(tmp_path: Path) -> None:
    assert (await failed(Link(Fund(tmp_path), 1).adapter(), question(ANNA)))[0] is AgencyUnavailable
