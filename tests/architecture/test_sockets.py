"""Nothing but the dialler opens a connection to the outside."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from architecture.checkout import below, name_of, parsed

DIALLING = {
    "adapters/kit/egress.py": "the dialler: the one vetted connect",
    "adapters/kit/transports/sftp.py": "speaks over a socket that the dialler opened",
    "adapters/kit/faults.py": "listens: the broken agency of the conformance suite",
    "audit/sources.py": "an auditor's checker reads a log over HTTP, without the gateway installed",
    "gateway/tls/listener.py": "listens: where callers come in",
    "gateway/cli/demo/choices.py": "looks for free ports of this machine",
    "gateway/cli/demo/practice.py": "signs in at its own process on loopback",
    "gateway/cli/demo/processes.py": "waits for its own processes on loopback",
    "gateway/cli/demo/report.py": "asks its own processes on loopback",
    "gateway/cli/demo/steps.py": "asks its own processes on loopback",
}
MODULES = frozenset(
    {
        *("aiohttp", "asyncssh", "ftplib", "http.client", "httpcore", "httpx", "imaplib", "nntplib", "paramiko"),
        *("poplib", "pycurl", "requests", "smtplib", "socket", "socketserver", "telnetlib", "urllib.request"),
        *(
            "urllib.robotparser",
            "urllib3",
            "websockets",
            "xmlrpc.client",
            "zeep",
            "_socket",
            "multiprocessing.connection",
        ),
    }
)
CALLS = frozenset(
    {
        *("create_connection", "create_datagram_endpoint", "create_server", "create_unix_connection", "getaddrinfo"),
        *("create_unix_server", "open_connection", "open_unix_connection", "sock_connect", "start_server", "urlopen"),
        *("start_unix_server", "getnameinfo", "open_url"),
    }
)
BY_NAME = frozenset({"import_module", "__import__"})
LOADERS = {
    "adapters/kit/opening.py": "opens an adapter folder by its name",
    "gateway/cli/main.py": "loads a command when it is run",
    "adapters/e_letters/adapter.py": "loads what draws a letter with the first one",
    "gateway/migrations/__init__.py": "loads the migration library only while there is a step to take",
    "gateway/review/reports.py": "loads what draws a PDF only for who wants one",
}


def faults(tree: ast.AST) -> Iterator[str]:
    """What in a file could open a connection, by the name it uses."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names if _opens(each.name))
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or "", *(f"{node.module}.{each.name}" for each in node.names)]
            yield from (name for name in names if _opens(name))
        elif isinstance(node, ast.Attribute) and node.attr in CALLS | BY_NAME:
            yield node.attr
        elif isinstance(node, ast.Name) and node.id in CALLS | BY_NAME:
            yield node.id


def _opens(module: str) -> bool:
    return any(module == each or module.startswith(f"{each}.") for each in MODULES)


def _files() -> list[Path]:
    return below("gateway", "adapters", "consent", "audit", suffix=".py")


def test_nothing_but_the_dialler_opens_a_connection() -> None:
    found = {name_of(path): sorted(set(faults(parsed(path)))) for path in _files()}
    assert {name: told for name, told in found.items() if told and name not in {**DIALLING, **LOADERS}} == {}


def test_every_exception_is_still_one() -> None:
    by_name = {name_of(path): path for path in _files()}
    assert [name for name in {**DIALLING, **LOADERS} if not list(faults(parsed(by_name[name])))] == []


@pytest.mark.parametrize(
    "line",
    [
        "import socket",
        "import http.client as h",
        "from urllib import request",
        "from urllib.request import urlopen",
        "import aiohttp.connector",
        "from httpx import AsyncClient",
        "import asyncssh",
        "from smtplib import SMTP",
        "asyncio.open_connection('h', 1)",
        "loop.create_connection(P, 'h', 1)",
        "loop.sock_connect(s, a)",
        "loop.create_datagram_endpoint(P)",
        "importlib.import_module('sock' + 'et')",
        "__import__('socket')",
    ],
)
def test_the_test_sees_every_way_to_open_one(line: str) -> None:
    assert list(faults(ast.parse(line)))
