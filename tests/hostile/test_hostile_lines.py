"""Whatever text reaches the operator's log, an event stays one line that a machine reads, and no terminal obeys it.
Threat 28."""

import json
import logging

import pytest

from gateway.cli.logs import OneLine

NAUGHTY = [
    "two\nlines",
    "two\r\nlines",
    'a": "b", "level": "CRITICAL',
    "tab\tand\x0bothers\x0c",
    "\x1b[2J\x1b]0;title\x07",
    "\x1b]8;;http://127.0.0.1/\x1b\\click\x1b]8;;\x1b\\",
    "\x00",
    "\x7f\x80\x85\x9b31m",
    "\u2028\u2029",
    "\u202egnp.exe\u202c",
    "\u2066\u2067\u2068\u2069",
    "\u200b\u200d\ufeff",
    "\ud800",
    "සිංහල தமிழ்",
    "🏴\U000e0067\U000e0062",
    "${jndi:ldap://127.0.0.1/a}",
    "%s %d %(name)s {0} {x}",
    "<script>alert(1)</script>",
    "x" * 100_000,
]


@pytest.mark.parametrize("text", NAUGHTY)
@pytest.mark.parametrize("where", ["text", "argument", "name", "source", "code"])
def test_an_event_is_one_line_of_printable_ascii(text: str, where: str) -> None:
    given = {"text": "calm", "argument": "calm", "name": "sandhi", "source": "tax", "code": "404", where: text}
    message, arguments = ("%s", (text,)) if where == "argument" else (given["text"], ())
    record = logging.LogRecord(given["name"], logging.WARNING, "", 0, message, arguments, None)
    record.source, record.code = given["source"], given["code"]
    line = OneLine().format(record)
    assert line.isascii()
    assert line.isprintable()
    read = json.loads(line)
    assert read["level"] == "WARNING"
    assert read[{"argument": "text", "name": "from"}.get(where, where)] == text
