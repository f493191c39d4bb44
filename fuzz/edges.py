"""One attempt: bytes in, one parser of what strangers and agencies send tried. Only our refusals may come out."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from authlib.oauth2.base import OAuth2Error

from adapters.kit import strict_json, strict_xml
from adapters.kit.dial_rules import DialRules
from adapters.kit.http_client import NotAllowed
from adapters.kit.untrusted.json_schema import checked_schema
from adapters.kit.untrusted.mapping_text import checked_mapping
from adapters.kit.untrusted.refused import ProgramRefused
from gateway.tls.client_cert import ClientCertRefused, presented
from gateway.trust import assertion, dpop, jwks, tokens
from gateway.trust.binding import Confirmation
from gateway.trust.errors import CredentialRefused, KeysRefused
from gateway.trust.form import method_of, read_form
from gateway.trust.jwks import public_key
from gateway.trust.keys import new_key

ORIGIN, NOW = "https://gateway.example", datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
KEY = new_key("ES256")
PUBLIC = (public_key(dict(KEY.jwk)),)
GRANT = tokens.Grant("ess", frozenset({"exchange"}), Confirmation("jkt", KEY.thumbprint), "0123456789abcdef", ORIGIN)
TOKEN = tokens.issue(KEY, GRANT, issuer=ORIGIN, now=NOW)
SCHEMA = b'{"type":"object","properties":{"a":{"type":"string","pattern":"^[a-z]{2,8}$"}},"required":["a"]}'
RULES = DialRules({"registry.internal:8443", "10.1.2.3:80"})
MAPPING = b'[contributions]\nmonth = { from = "/last/period", with = "month", optional = "yes" }\n'


def attempt(data: bytes) -> None:
    """Try the input on one parser; returns when it was refused or taken.

    Raises:
        Exception: whatever a parser raises that is no refusal of ours: a finding.
    """
    if len(data) > 2:
        TRIED[data[0] % len(TRIED)](data[2:], data[1])


def _credential(data: bytes, choice: int) -> None:
    """A token, an assertion and a proof: whole, or in the middle of a good token."""
    text = data.decode("utf-8", "replace")
    at = choice * len(TOKEN) // 256
    for each in (text, TOKEN[:at] + text + TOKEN[at:], TOKEN[:at] + text):
        with suppress(CredentialRefused):
            tokens.verify(each, PUBLIC, issuer=ORIGIN, now=NOW)
        with suppress(CredentialRefused):
            assertion.verified(assertion.read(each), PUBLIC, issuer=ORIGIN, now=NOW)
        with suppress(CredentialRefused):
            dpop.Proofs(ORIGIN).verified(each, method="GET", path="/v1/x", now=NOW)


def _certificate(data: bytes, choice: int) -> None:
    value = b":" + data + b":" if choice & 1 else data
    with suppress(ClientCertRefused):
        presented([(b"client-cert", value)] * (1 + (choice >> 7)))


def _form(data: bytes, _: int) -> None:
    with suppress(OAuth2Error):
        method_of(read_form(data), [])


def _json(data: bytes, _: int) -> None:
    """Any document; what is one may be a key set too."""
    with suppress(strict_json.StrictError):
        value = strict_json.loads(data)
        with suppress(KeysRefused):
            jwks.usable(value)


def _xml(data: bytes, _: int) -> None:
    with suppress(strict_json.StrictError):
        strict_xml.parse(data)


def _schema(data: bytes, choice: int) -> None:
    """A schema whole, or with a piece of a good one replaced; what is taken judges documents without a fault."""
    at = choice * len(SCHEMA) // 256
    for text in (data, SCHEMA[:at] + data + SCHEMA[at + len(data) :]):
        with suppress(ProgramRefused):
            checked_schema(text).is_valid({"a": "x" * 40, "b": [1, None]})
    checked_schema.cache_clear()


def _mapping(data: bytes, _: int) -> None:
    with suppress(ProgramRefused):
        checked_mapping(data)


def _url(data: bytes, _: int) -> None:
    text = data.decode("utf-8", "replace")
    for url in (text, f"https://{text}", f"https://registry.internal:8443/{text}"):
        with suppress(NotAllowed):
            RULES.place(url)


TRIED: tuple[Callable[[bytes, int], None], ...] = (
    _credential,
    _certificate,
    _form,
    _json,
    _xml,
    _schema,
    _mapping,
    _url,
)

SEEDS: tuple[bytes, ...] = (
    TOKEN.encode(),
    b":MIIBszCCAVmgAwIBAgIU:",
    b"grant_type=client_credentials&client_assertion_type=x&client_assertion=e30.e30.AA",
    json.dumps({"keys": [dict(KEY.jwk)]}).encode(),
    b'<?xml version="1.0"?><a xmlns:x="urn:y"><x:b c="1">&amp;</x:b></a>',
    SCHEMA,
    MAPPING,
    b"https://10.1.2.3:80/a?b=%20",
)
"""One good input for each of `TRIED`, to begin from."""


def corpus(folder: Path) -> None:
    """Write the seeds into a folder, as the fuzzer takes them."""
    for parser, seed in enumerate(SEEDS):
        (folder / f"seed-{parser}").write_bytes(bytes([parser, 0]) + seed)
