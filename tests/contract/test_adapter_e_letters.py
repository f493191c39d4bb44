"""Letters: the adapter's promises, the adapter against a relay and the post, what the relay refuses in bytes."""

import asyncio
import re
import subprocess
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from adapters.e_letters.adapter import Letters
from adapters.kit.conformance import suite
from adapters.kit.contract import (
    AgencyError,
    AgencyOutcomeUnknown,
    AgencyRefused,
    AgencyRejectedMessage,
    AgencyUnavailable,
    Item,
)
from adapters.kit.egress import Dialler
from adapters.kit.opening import open_adapter
from sandbox.agencies.e_letters import Relay, make_settings
from sandbox.agencies.post_office import Book, Counter, serve
from sandbox.agencies.post_office import make_settings as make_post
from sandbox.agencies.post_office.printing import printed
from sandbox.faults import Faults

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "adapters/e_letters"
NOTO = "/usr/share/fonts/truetype/noto"
TestLetters = suite(FOLDER)

TEXTS = {
    "eng": ("Divisional Secretariat, Colombo", "Please come to the office"),
    "sin": ("ප්‍රාදේශීය ලේකම් කාර්යාලය", "කාර්යාලයට පැමිණෙන්න"),
    "tam": ("பிரதேச செயலகம்", "அலுவலகத்திற்கு வாருங்கள்"),
}


@dataclass
class Place:
    adapter: Letters
    relay: Relay
    post: Counter
    folder: Path
    values: dict[str, str]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    relay = Relay(make_settings(tmp_path / "relay"), Faults())
    await relay.open()
    post = await serve(Book({}, set()), make_post(tmp_path / "post"), Faults())
    fonts = {f"LETTERS_FONT_{each.upper()[:3]}": f"{NOTO}/NotoSans{each}-Regular.ttf" for each in ("Sinhala", "Tamil")}
    values = relay.exported() | post.exported("LETTERS_PRINT") | fonts
    dialler = Dialler({f"127.0.0.1:{relay.port}", f"127.0.0.1:{values['LETTERS_PRINT_PORT']}"})
    adapter = open_adapter(FOLDER, values.__getitem__, dialler)
    assert isinstance(adapter, Letters)
    yield Place(adapter, relay, post, tmp_path, values)
    await dialler.close()
    await post.close()
    await relay.close()


def letter(way: str = "email", language: str = "eng", item: str = "item-1", **changed: Any) -> Item:
    office, heading = TEXTS[language]
    where = {"email": "k.invented@mail.example"} if way == "email" else {"address": ["K. Invented", "Colombo 7"]}
    text = {"office": office, "heading": heading, "paragraphs": [heading, "123"]}
    record = {"letter": "LET-2026-000017", "language": language, "dated": "2026-11-02", **where, **text}
    return Item(item, f"e_letters.{way}", record | changed)


def verified(folder: Path, document: bytes, certificate: str) -> bool:
    """Whether OpenSSL finds the signature good over every byte outside its own place."""
    (covered,) = re.findall(rb"/ByteRange \[(\d+) (\d+) (\d+) (\d+)\]", document)
    first, length, second, rest = map(int, covered)
    assert (first, second + rest) == (0, len(document))
    cms = bytes.fromhex(document[length + 1 : second - 1].decode())
    (folder / "sig.der").write_bytes(cms)
    (folder / "content").write_bytes(document[:length] + document[second:])
    (folder / "cert.pem").write_text(certificate)
    command = "openssl cms -verify -binary -inform DER -in sig.der -content content -CAfile cert.pem -purpose any"
    done = subprocess.run([*command.split(), "-out", "out"], cwd=folder, capture_output=True, check=False)
    return done.returncode == 0


@pytest.mark.parametrize("language", ["eng", "sin", "tam"])
async def test_a_letter_goes_by_mail_as_a_pdf_that_openssl_verifies(place: Place, language: str) -> None:
    handed = await place.adapter.deliver(letter(language=language))
    assert handed.state == "relayed"
    (mail,) = place.relay.mails
    message = message_from_bytes(mail.content, policy=default)
    (attached,) = message.iter_attachments()
    document = attached.get_content()
    assert (mail.receiver, attached.get_filename()) == ("k.invented@mail.example", "LET-2026-000017.pdf")
    assert TEXTS[language][1] not in f"{message['Subject']} {attached.get_filename()}"
    assert verified(place.folder, document, place.relay.settings.certificate)
    assert not verified(place.folder, document.replace(b"/Title", b"/Titel", 1), place.relay.settings.certificate)


async def test_a_letter_is_printed_once_and_its_address_is_on_the_slip_alone(place: Place) -> None:
    first = await place.adapter.deliver(letter("print"))
    again = await place.adapter.deliver(letter("print"))
    assert (first, first.state) == (again, "printed")
    (sheet,) = place.post.letters
    assert (sheet.letter, sheet.address) == ("LET-2026-000017", ("K. Invented", "Colombo 7"))
    assert verified(place.folder, sheet.sheet, place.relay.settings.certificate)
    names = [path.name for path in (place.folder / "post").rglob("*")]
    assert not any("Invented" in name or "Colombo" in name for name in names)


@pytest.mark.parametrize(
    ("item", "code"),
    [
        (letter(heading="කාර්යාලයට"), "letters"),
        (letter(language="tam", heading="漢"), "letters"),
        (letter(email="k.invented@mail.example>\r\nRCPT TO:<x@mail.example"), "record"),
        (Item("1", "e_letters.email", letter("print").record), "email"),
        (Item("1", "e_letters.print", letter("email").record), "address"),
        (letter(email="nobody@mail.example"), "550"),
    ],
    ids=["Sinhala in an English letter", "no such letter", "a second command", "no e-mail", "no address", "no mailbox"],
)
async def test_what_cannot_be_written_or_sent_is_rejected(place: Place, item: Item, code: str) -> None:
    with pytest.raises(AgencyRejectedMessage) as raised:
        await place.adapter.deliver(item)
    assert raised.value.code == code
    assert "Invented" not in str(raised.value)
    assert not place.relay.mails


async def test_a_mail_that_was_cut_is_unknown_and_one_that_never_left_is_not(place: Place) -> None:
    kinds: dict[str, type[AgencyError]] = {
        "down": AgencyUnavailable,
        "refuse": AgencyRejectedMessage,
        "wrong_schema": AgencyOutcomeUnknown,
    }
    for fault, kind in kinds.items():
        place.relay.faults.set(fault)
        with pytest.raises(AgencyError) as raised:
            await place.adapter.deliver(letter())
        assert isinstance(raised.value, kind)


async def test_a_relay_that_does_not_know_us_refuses(place: Place) -> None:
    dialler = Dialler({f"127.0.0.1:{place.relay.port}"})
    adapter = open_adapter(FOLDER, (place.values | {"LETTERS_SMTP_PASSWORD": "x"}).__getitem__, dialler)
    with pytest.raises(AgencyRefused):
        await adapter.deliver(letter())
    await dialler.close()


async def test_a_line_that_begins_with_a_dot_arrives_as_it_was(place: Place) -> None:
    content = b"Subject: x\r\n\r\n.\r\n..two\r\nend\r\n"
    await place.adapter._smtp.send("letters@welfare.example", "k@mail.example", content)
    assert place.relay.mails[0].content == content


def commands(place: Place, *, until: str = "") -> list[bytes]:
    given = place.values
    secret = b64encode(f"\0{given['LETTERS_SMTP_USER']}\0{given['LETTERS_SMTP_PASSWORD']}".encode())
    known = [b"EHLO x", b"AUTH PLAIN " + secret, b"MAIL FROM:<a@b.example>", b"RCPT TO:<c@d.example>", b"DATA"]
    return known[: [each[:4].decode() for each in known].index(until)] if until else known


REFUSED: dict[str, tuple[str, bytes, bytes]] = {
    "unknown command": ("EHLO", b"VRFY somebody\r\n", b"502"),
    "bare line feed": ("EHLO", b"EHLO x\n", b"500"),
    "not ASCII": ("EHLO", "EHLO é\r\n".encode(), b"500"),
    "too long": ("EHLO", b"EHLO " + b"x" * 600 + b"\r\n", b"500"),
    "no name": ("EHLO", b"EHLO\r\n", b"501"),
    "not signed in": ("AUTH", b"MAIL FROM:<a@b.example>\r\n", b"530"),
    "wrong password": ("AUTH", b"AUTH PLAIN AGEAYg==\r\n", b"535"),
    "unreadable password": ("AUTH", b"AUTH PLAIN ***\r\n", b"501"),
    "no brackets": ("MAIL", b"MAIL FROM:a@b.example\r\n", b"501"),
    "receiver before sender": ("MAIL", b"RCPT TO:<c@d.example>\r\n", b"503"),
    "text before receiver": ("RCPT", b"DATA\r\n", b"503"),
    "no mailbox": ("RCPT", b"RCPT TO:<nobody@d.example>\r\n", b"550"),
    "two receivers": ("DATA", b"RCPT TO:<e@d.example>\r\n", b"501"),
    "a line too long": ("", b"x" * 1200 + b"\r\n.\r\n", b"554"),
    "a lone line feed in the text": ("", b"a\nb\r\n.\r\n", b"554"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_the_relay_refuses(place: Place, case: str) -> None:
    until, line, code = REFUSED[case]
    reader, writer = await asyncio.open_connection("127.0.0.1", place.relay.port)
    try:
        assert (await reader.readline()).startswith(b"220 ")
        for each in commands(place, until=until):
            writer.write(each + b"\r\n")
            while (answer := await reader.readline())[3:4] == b"-":
                pass
            assert answer[:1] in b"23", (each, answer)
        writer.write(line)
        assert (await reader.readline()).startswith(code)
    finally:
        writer.close()
    assert not place.relay.mails


@pytest.mark.parametrize(
    ("slip", "code"),
    [
        (b"L|1|N|D|LET-1\nA\n", "L05"),
        (b"L|1|N|D|LET-1\nA\nB", "L05"),
        (b"L|1|N|D|kamala\nA\nB\n", "L05"),
        (b"L|2|N|D|LET-1\nA\nB\n", "L05"),
        (b"L|1|N|D|LET-1\nA\nB\x07\n", "L05"),
        (b"L|1|N|E|LET-1\nA\nB\n", "L02"),
        (b"L|1|N|D|LET-1\nA\nB\n", "L08"),
    ],
    ids=["one line", "not ended", "reference", "version", "control character", "another sheet", "no PDF"],
)
def test_the_post_refuses_to_print(slip: bytes, code: str) -> None:
    number, digest = "0" * 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    content = slip.replace(b"N", number.encode()).replace(b"|D|", f"|{digest}|".encode())
    with pytest.raises(Exception, match=code):
        printed(number, b"", content.replace(b"|E|", b"|" + b"f" * 64 + b"|"))
