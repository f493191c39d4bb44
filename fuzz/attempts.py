"""One attempt: bytes in, every parser of signed and encrypted messages tried. Only our refusals may come out."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from gateway.trust import encryption
from gateway.trust.dialects import DIALECTS, Message
from gateway.trust.dialects.message import with_fields
from gateway.trust.errors import EncryptionRefused, SignatureRefused
from gateway.trust.jwks import public_key
from gateway.trust.keys import new_key
from gateway.trust.policy import SignaturePolicy
from gateway.trust.signatures import proved

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
KEY, OPENING = new_key("EdDSA"), new_key("ECDH-ES+A256KW")
PUBLIC = [public_key(dict(KEY.jwk))]
ENVELOPE = {"header": {"sender_id": "LK.GOV.DME.ESS", "status": "succ"}, "message": {"name": "கமலா"}}
PLAIN = Message.of(ENVELOPE, headers=(("content-type", "application/json"),), url="https://gateway.example/dci/x?y=1")
SIGNED = {name: each.sign(PLAIN, KEY, NOW) for name, each in DIALECTS.items()}
ANSWER = DIALECTS["rfc9421"].sign(Message(b"{}", status=200, request=SIGNED["rfc9421"]), KEY, NOW)
SEALED = encryption.encrypted(ENVELOPE["message"], public_key(dict(OPENING.jwk)))
FIELDS = ("signature", "signature-input", "content-digest", "content-type")


def attempt(data: bytes) -> None:
    """Try the input everywhere; returns when it was refused or, rightly, believed.

    Raises:
        Exception: whatever a parser raises that is no refusal of ours: a finding.
    """
    if len(data) < 2:
        return
    text = data[2:].decode("utf-8", "surrogateescape" if data[0] & 1 else "replace")
    TRIED[data[0] % len(TRIED)](text, data[1])


def _member(text: str, choice: int) -> None:
    """The envelope's `signature`, whole or in the middle of a good one."""
    dialect = ("dci-jws", "dci-params", "jws-body")[choice % 3]
    good = str(SIGNED[dialect].signature)
    _envelope(dialect, {"signature": text, **ENVELOPE})
    _envelope(dialect, {"signature": _spliced(good, text, choice), **ENVELOPE})


def _field(text: str, choice: int) -> None:
    """A header field, whole or in the middle of a good one."""
    name = FIELDS[choice % len(FIELDS)]
    for dialect, message in (("jws-header", SIGNED["jws-header"]), ("rfc9421", SIGNED["rfc9421"]), ("rfc9421", ANSWER)):
        good = message.field(name) or ""
        for value in (text, _spliced(good, text, choice)):
            _judge(dialect, replace(message, headers=with_fields(message.headers, (name, value))))


def _target(text: str, choice: int) -> None:
    good = SIGNED["rfc9421"]
    _judge("rfc9421", replace(good, url=text) if choice & 1 else replace(good, method=text))


def _document(text: str, choice: int) -> None:
    """Any JSON as the envelope, and as an EncryptedMessage."""
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return
    if isinstance(value, Mapping):
        for dialect in DIALECTS:
            _envelope(dialect, value)
        members = dict(SEALED) | dict(value)
        if choice & 1 and isinstance(value.get("header"), Mapping):
            members["header"] = {**SEALED["header"], **value["header"]}
        value = members
    with suppress(EncryptionRefused):
        encryption.decrypted(value, lambda _: [OPENING])


def _sealed(text: str, choice: int) -> None:
    name = sorted(encryption.MEMBERS - {"header"})[choice % 4]
    for value in (text, _spliced(str(SEALED[name]), text, choice)):
        with suppress(EncryptionRefused):
            encryption.decrypted({**SEALED, name: value}, lambda _: [OPENING])


TRIED = (_member, _field, _target, _document, _sealed)


def _spliced(good: str, text: str, choice: int) -> str:
    at = choice * max(len(good), 1) // 256
    return good[:at] + text + good[at + len(text) :]


def _envelope(dialect: str, envelope: Mapping[str, Any]) -> None:
    _judge(dialect, Message(envelope=envelope))


def _judge(dialect: str, message: Message) -> None:
    for tolerant in (False, True):
        policy = SignaturePolicy(dialect, required=dialect != "none", tolerant=tolerant, algorithms=("RS256",))
        with suppress(SignatureRefused):
            proved(message, PUBLIC, policy, NOW)
