"""Reading a request: form parameters against the published interface, then the rules it does not write down."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jsonschema
from lxml import etree

from sandbox.strict import NotStrictJson, loads

from .errors import Refused
from .settings import MessagingSettings

EXTRACT = json.loads(
    (Path(__file__).parents[3] / "schemas/agency/twilio/messages-calls.extract.json").read_text("utf-8")
)
E164 = re.compile(r"\+[1-9][0-9]{6,14}")
WHATSAPP = "whatsapp:"
Form = Mapping[str, Any]  # a parameter may be text, number, boolean, or a list of texts
MOST_BODY, MOST_TWIML = 1600, 4000  # characters, as the interface says


def _operation(path: str) -> dict[str, Any]:
    content = EXTRACT["paths"][f"/2010-04-01/Accounts/{{AccountSid}}/{path}.json"]["post"]["requestBody"]["content"]
    schema: dict[str, Any] = content["application/x-www-form-urlencoded"]["schema"]
    return {**schema, "additionalProperties": False, "components": EXTRACT["components"]}


_SCHEMAS = {path: _operation(path) for path in ("Messages", "Calls")}
_VALIDATORS = {path: jsonschema.Draft202012Validator(schema) for path, schema in _SCHEMAS.items()}


def read(raw: bytes, path: str, missing: int) -> Form:
    """Parameters of `Messages` or `Calls` in their published types.

    Stricter than the real service in one point: a parameter that is not published is refused, not ignored.

    Raises:
        Refused: `missing` without `To`; 20001 unknown, repeated, or of the wrong type.
    """
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, strict_parsing=bool(raw), errors="strict")
    except ValueError:
        raise Refused(20001) from None
    properties = _SCHEMAS[path]["properties"]
    found: dict[str, Any] = {}
    for name, text in pairs:
        if properties.get(name, {}).get("type") == "array":
            found.setdefault(name, []).append(text)
        elif name in found:
            raise Refused(20001)
        else:
            found[name] = _typed(text, properties.get(name, {}).get("type", "string"))
    if not found.get("To"):
        raise Refused(missing)
    if not _VALIDATORS[path].is_valid(found):
        raise Refused(20001)
    return found


def check_message(form: Form, settings: MessagingSettings) -> str:
    """The channel: `sms` or `whatsapp`.

    Raises:
        Refused: who, from whom, or what does not fit the channel.
    """
    to, sender = str(form["To"]), str(form.get("From", ""))
    if not E164.fullmatch(to.removeprefix(WHATSAPP)):
        raise Refused(21211)
    if not sender:
        raise Refused(21603)
    channel = "whatsapp" if to.startswith(WHATSAPP) else "sms"
    if sender.startswith(WHATSAPP) != (channel == "whatsapp"):
        raise Refused(21910)
    if channel == "whatsapp" and sender != f"{WHATSAPP}{settings.whatsapp}":
        raise Refused(63007)
    if channel == "sms" and sender != settings.sms:
        raise Refused(21606)
    _check_content(form, settings)
    _check_callback(form)
    return channel


def check_call(form: Form, settings: MessagingSettings) -> None:
    """Raises: Refused: who, from whom, or what is said does not fit."""
    if not E164.fullmatch(str(form["To"])):
        raise Refused(21211)
    if not form.get("From"):
        raise Refused(21213)
    if form["From"] != settings.voice:
        raise Refused(21210)
    twiml = form.get("Twiml", "")
    if not twiml:
        raise Refused(21205)  # a Url would have to be fetched: this provider takes Twiml only
    if len(twiml) > MOST_TWIML or not _is_speech(twiml):
        raise Refused(12100)
    _check_callback(form)


def _check_content(form: Form, settings: MessagingSettings) -> None:
    body, template = form.get("Body", ""), form.get("ContentSid", "")
    if not body and not template:
        raise Refused(21602)
    if len(body) > MOST_BODY:
        raise Refused(21617)
    if template and template not in settings.templates.values():
        raise Refused(21655)
    if "ContentVariables" in form:
        try:
            variables = loads(str(form["ContentVariables"]).encode())
        except (NotStrictJson, UnicodeEncodeError):
            raise Refused(21656) from None
        if not template or not isinstance(variables, dict):
            raise Refused(21656)
        if not all(isinstance(value, str) for value in variables.values()):
            raise Refused(21656)


def _check_callback(form: Form) -> None:
    address = form.get("StatusCallback")
    if address is None:
        return
    try:
        parts = urlsplit(address)
        fits = parts.scheme in {"http", "https"} and bool(parts.hostname) and "_" not in (parts.hostname or "")
    except ValueError:
        fits = False
    if not fits:
        raise Refused(21609)


def _is_speech(twiml: str) -> bool:
    """A `Response` of `Say` elements in a named language, with something to say."""
    if "<!DOCTYPE" in twiml or "<?" in twiml:
        return False
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(twiml.encode(), parser)
    except (etree.XMLSyntaxError, UnicodeEncodeError):
        return False
    said = [each.tag == "Say" and bool(each.get("language")) and bool((each.text or "").strip()) for each in root]
    return root.tag == "Response" and bool(said) and all(said)


def _typed(text: str, kind: str) -> Any:
    """What is not of its type stays text, and the schema refuses it."""
    if kind == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    if kind in {"integer", "number"} and re.fullmatch(r"-?[0-9]{1,18}", text):
        return int(text)
    return text
