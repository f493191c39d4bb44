"""The messages of `docs/guides/x-road.md` are ones that the edges take, and its tables are those of the code."""

import json
import re
from typing import Any

from architecture.checkout import ROOT, blocks

from adapters.kit import discovery, manifest
from gateway.edges.v1.shapes import ExchangeIn
from gateway.edges.xroad import codes
from gateway.edges.xroad.bodies import question_of
from gateway.edges.xroad.envelope import read_soap
from gateway.profile import load_profile
from gateway.trust.caller import Caller

GUIDE = (ROOT / "docs/guides/x-road.md").read_text("utf-8")
SR = Caller("sr", "LK/GOV/WBB/SRIS", frozenset({"exchange"}))
(TAX,) = manifest.load(discovery.discover()["tax"]).services.values()


def block(kind: str) -> str:
    return next(body for _, body in blocks(GUIDE, kind))


def asked(body: Any) -> ExchangeIn:
    purpose = next(iter(load_profile("lk").purposes))
    return ExchangeIn.model_validate({**body, "service": TAX.id, "purpose": purpose})


def test_the_rest_example_is_an_exchange() -> None:
    head, _, body = block("http").partition("\n\n")
    assert head.startswith("POST /r1/LK/GOV/IRD/PAYE/employment ")
    assert asked(json.loads(body)).claim is not None


def test_the_soap_example_asks_the_same() -> None:
    read = read_soap(block("xml").strip().encode(), SR, "r-1")
    assert (read.called.provider.id, read.called.code) == ("LK/GOV/IRD/PAYE", "employment")
    _, _, body = block("http").partition("\n\n")
    assert asked(question_of(read.body, TAX)) == asked(json.loads(body))


def test_the_table_of_codes_has_all_of_them_with_their_status() -> None:
    told = dict(re.findall(r"^\| `((?:Client|Server)\.[\w.]+)` \| (\d+) \|", GUIDE, re.MULTILINE))
    ours = {value for name, value in vars(codes).items() if name.isupper() and isinstance(value, str)}
    named = {each for each in ours if re.fullmatch(r"(Client|Server)(\.\w+)+", each)}
    known = {*codes.OF_OUTCOMES.values(), *codes.OF_PROBLEMS.values()} | named
    assert told == {code: str(codes.XRoadError(code, "").status) for code in known}


def test_a_code_in_both_spellings() -> None:
    for old, new in (
        ("Server.ServerProxy.AccessDenied", "server.serverproxy.access_denied"),
        ("Server.ClientProxy.SslAuthenticationFailed", "server.clientproxy.ssl_authentication_failed"),
        ("Client.BadRequest", "client.bad_request"),
    ):
        assert (codes.spelled(old, new=False), codes.spelled(old, new=True)) == (old, new)
    assert codes.reads_new_codes("LK/GOV/WBB/SRIS", frozenset({"LK/GOV/WBB"}))
    assert codes.reads_new_codes("LK/GOV/WBB/SRIS", frozenset({"*"}))
    assert not codes.reads_new_codes("LK/GOV/WBB/SRIS", frozenset({"LK/GOV/EPF"}))
