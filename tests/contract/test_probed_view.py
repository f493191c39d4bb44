"""What a registration says of the road to an agency's database: it is plain only where it is."""

import asyncio
import ssl
from datetime import date
from pathlib import Path

import pytest

from adapters.kit.dci_wire import CLEAR
from adapters.kit.egress import Dialler
from gateway.registration.probing import probed
from tests.broken_ways import listening
from tests.small_ca import SmallCa
from tests.view_place import FOLDER, PASSWORD, Anywhere, message, signed_in


@pytest.mark.parametrize(("encrypted", "connection"), [(True, "ok"), (False, "plain_http")])
async def test_a_database_behind_tls_is_not_called_plain(tmp_path: Path, encrypted: bool, connection: str) -> None:
    ca = SmallCa(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca.server().path)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if encrypted:
            await reader.readexactly(8)
            writer.write(b"S")
            await writer.start_tls(context)
        await signed_in(reader, writer)
        await reader.read(65536)
        writer.write(message(b"E", b"C42501\0\0") + message(b"Z", b"I"))
        await reader.read(65536)

    async with listening(serve) as port:
        dialler = Dialler({f"localhost:{port}"}, ssl.create_default_context(cafile=str(ca.path)))
        if encrypted:
            dialler._rules = Anywhere(())
        values = {"HOST": "localhost", "PORT": str(port), "USER": "reader", "PASSWORD": PASSWORD, "DATABASE": "d"}
        settings = {f"OFFERS_VIEW_{name}": value for name, value in values.items()}
        (found,) = await probed(FOLDER, settings.__getitem__, dialler, CLEAR, date(2026, 11, 2))
        await dialler.close()
    assert (found.connection, found.auth) == (connection, "invalid_auth")
