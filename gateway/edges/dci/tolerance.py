"""Tolerant mode, agreed per partner: what real peers send that the published schemas refuse, put right as it comes in.

Every coercion has a name, is listed in `COERCIONS` (and in `docs/profiles/dci-tolerance.md`), stands in the intent of
the exchanges that follow, and is never emitted. The signature is checked over the message as it came.

Source: what DCI's own sample messages and its mock-up servers send; standards like `"total_count": "1"` in them.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

COERCIONS: Mapping[str, str] = {
    "null-member": "a member that is null is read as absent",
    "empty-object": "an empty text or list where an object belongs (`meta`, `consent`, `authorize`)",
    "number-as-text": "a count or a page number in quotes",
    "flag-as-text": "`is_msg_encrypted` as the text `true` or `false`",
    "locale": "a locale that is not three small letters is read as absent",
    "time-without-zone": "a time without its offset is read as UTC",
    "status-word": "`success`, `failed`, `pending`, `received` for `succ`, `rjct`, `pdng`, `rcvd`",
    "reply-action": "`search`, `subscribe`, ... in the header of what is sent to `on-search`, `on-subscribe`, ...",
    "misspelt-member": "`sunscription_codes`, `timesstamp`, `timesatmp`, `subscibe` of the older files",
    "id-as-number": "an id or a value of a query as a number",
    "records-wrapped": "`reg_records` as a list of one where an object belongs, or an object where a list belongs",
    "version": "`1.0` or `v1.0.0` for `1.0.0`",
}
OBJECTS = frozenset({"meta", "consent", "authorize"})
COUNTS = frozenset({"total_count", "completed_count", "page_size", "page_number", "seq_num"})
IDS = frozenset({"message_id", "transaction_id", "reference_id", "correlation_id", "code"})
TIMES = frozenset({"message_ts", "timestamp", "start_time", "end_time"})
MISSPELT = {
    "sunscription_codes": "subscription_codes",
    "timesstamp": "timestamp",
    "timesatmp": "timestamp",
    "subscibe": "subscribe",
}
WORDS = {"success": "succ", "failed": "rjct", "rejected": "rjct", "pending": "pdng", "received": "rcvd"}
VERSIONS = frozenset({"1.0", "v1.0.0", "v1.0", "1"})
LOCALE = re.compile(r"[a-z]{3}", re.ASCII)
FREE = frozenset({"reg_records", "beneficiaries", "query", "filter", "meta", "consent", "authorize"})
"""What these hold is the partner's own or a person's: not read into, but for numbers as values of a query."""


def coerced(
    envelope: Mapping[str, Any], action: str, *, one_record: bool = False
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The envelope put right, and the names of what had to be, sorted.

    Args:
        action: what the path's file pins.
        one_record: the interface answers a search with one object.
    """
    found: set[str] = set()
    right = _object(envelope, found)
    header = right.get("header")
    if isinstance(header, dict) and "on-" in action and header.get("action") == _asking(action):
        header["action"] = action
        found.add("reply-action")
    message = right.get("message")
    if isinstance(message, dict):
        _unwrapped(message, found, lists=action == "on-search" and not one_record)
    return right, tuple(sorted(found))


def _asking(action: str) -> str:
    return action.replace("on-", "", 1)


def _object(value: Mapping[str, Any], found: set[str]) -> dict[str, Any]:
    right: dict[str, Any] = {}
    for name, each in value.items():
        if each is None:
            found.add("null-member")
            continue
        spelt = MISSPELT.get(name, name)
        if spelt != name:
            found.add("misspelt-member")
        kept = _member(spelt, each, found)
        if kept is not None:
            right[spelt] = kept
    return right


def _member(name: str, value: Any, found: set[str]) -> Any:
    """The value put right; None where the member is to be left out."""
    if name in OBJECTS and value in ("", []):
        found.add("empty-object")
        return None
    if name == "locale" and not (isinstance(value, str) and LOCALE.fullmatch(value)):
        found.add("locale")
        return None
    for names, right, coercion in RULES:
        if name in names and (better := right(value)) is not None:
            found.add(coercion)
            return better
    if name in FREE:
        return value
    if isinstance(value, Mapping):
        return _object(value, found)
    return [_object(each, found) if isinstance(each, Mapping) else each for each in value] if _is_list(value) else value


def _count(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10 else None


def _flag(value: Any) -> Any:
    return {"true": True, "false": False}.get(value.lower()) if isinstance(value, str) else None


def _time(value: Any) -> Any:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if moment is None or moment.tzinfo is not None or "T" not in value:
        return None
    return f"{value}Z"


def _word(value: Any) -> Any:
    return WORDS.get(value.lower()) if isinstance(value, str) else None


def _id(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _version(value: Any) -> Any:
    return "1.0.0" if str(value) in VERSIONS else None


def _query(value: Any) -> Any:
    """`{"type": "UIN", "value": 199012304567}`: a number that names somebody is a text."""
    if isinstance(value, Mapping) and (text := _id(value.get("value"))) is not None:
        return {**value, "value": text}
    return None


RULES: tuple[tuple[frozenset[str], Callable[[Any], Any], str], ...] = (
    (COUNTS, _count, "number-as-text"),
    (frozenset({"is_msg_encrypted"}), _flag, "flag-as-text"),
    (TIMES, _time, "time-without-zone"),
    (frozenset({"status"}), _word, "status-word"),
    (IDS, _id, "id-as-number"),
    (frozenset({"version"}), _version, "version"),
    (frozenset({"query"}), _query, "id-as-number"),
)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _unwrapped(message: Mapping[str, Any], found: set[str], *, lists: bool) -> None:
    """`notify` carries one object an item; the answer to a search a list, in most files."""
    items = message.get("notify_event") or message.get("search_response")
    for item in items if isinstance(items, list) else ():
        held = item.get("data") if isinstance(item, dict) else None
        if not isinstance(held, dict):
            continue
        records = held.get("reg_records")
        if "notify_event" in message and isinstance(records, list) and len(records) == 1:
            held["reg_records"] = records[0]
            found.add("records-wrapped")
        elif lists and isinstance(records, dict):
            held["reg_records"] = [records]
            found.add("records-wrapped")
