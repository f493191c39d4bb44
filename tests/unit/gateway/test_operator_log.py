"""The operator's log holds no text that came from outside."""

import asyncio
import gc
import json
import logging
from collections.abc import Iterator

import pytest

from gateway.cli.logs import OneLine, write_logs

SECRET = "the-key-in-an-url"


@pytest.fixture
def as_found() -> Iterator[None]:
    """Loggers as they were, when the test is over."""
    root = logging.getLogger()
    names = ["alembic", "asyncssh", "uvicorn.access", "httpx", "httpcore", "aiohttp"]
    handlers, level, levels = root.handlers[:], root.level, {name: logging.getLogger(name).level for name in names}
    yield
    root.handlers[:], root.level = handlers, level
    for name, each in levels.items():
        logging.getLogger(name).setLevel(each)


@pytest.mark.usefixtures("as_found")
def test_a_lost_exception_of_a_task_is_told_by_its_type_alone(capsys: pytest.CaptureFixture[str]) -> None:
    async def failing() -> None:
        raise ValueError(SECRET)

    async def losing() -> None:
        task = asyncio.create_task(failing())
        await asyncio.wait([task])

    write_logs("INFO")
    asyncio.run(losing())
    gc.collect()
    out = capsys.readouterr().err
    (line,) = map(json.loads, out.splitlines())
    assert (line["text"], line["fault"]) == ("the event loop reports a fault", "ValueError")
    assert SECRET not in out


@pytest.mark.usefixtures("as_found")
@pytest.mark.parametrize("name", ["httpx", "httpcore.http11", "aiohttp.client"])
def test_http_clients_do_not_tell_the_urls_they_ask(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_logs("INFO")
    logging.getLogger(name).info("HTTP Request: POST http://127.0.0.1/%s", SECRET)
    assert SECRET not in capsys.readouterr().err


def test_a_faults_text_never_enters_a_line() -> None:
    try:
        raise KeyError(SECRET)
    except KeyError as error:
        record = logging.LogRecord(
            "x", logging.ERROR, "", 0, "a line failed", (), (KeyError, error, error.__traceback__)
        )
    line = OneLine().format(record)
    assert json.loads(line)["fault"] == "KeyError"
    assert SECRET not in line
