"""How one message is read before anybody believes it: not too much of it, put right where its sender is tolerated, held
against the published file of its interface, in our words.

A message is counted before each of its items is looked at, and where it breaks its file is looked for only in a message
of ordinary size: both take longer than reading it, and whoever sends may choose how long.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import schemas

from .failure import BAD, DciError
from .names import Names
from .operations import Interface, Operation, request_schema
from .tolerance import coerced

MOST_ITEMS, MOST_LATER = 100, 1000  # in a message that is answered at once; in one that is answered later
MOST_VALUES = 10_000  # in a message of which is said where it breaks its file


@dataclass(frozen=True, slots=True)
class Reading:
    """How one message is read: by which file, how tolerantly, in whose words."""

    operation: Operation
    interface: Interface
    tolerant: bool
    names: Names

    def fitting(self, sent: Mapping[str, Any]) -> tuple[Mapping[str, Any], tuple[str, ...]]:
        """The envelope put right and in our words, and what had to be put right. Raises DciError."""
        tolerated: tuple[str, ...] = ()
        self._check_room(sent)
        if self.tolerant:
            sent, tolerated = coerced(sent, self.operation.action, one_record=self.interface.one_record)
        checker = schemas.validator(request_schema(self.interface, self.operation.path))
        screened = _screened(sent, self.operation)
        if not checker.is_valid(screened):
            place = "; send less of it to be told where" if _is_crowded(sent) else ""
            place = place or f" at {schemas.first_fault(checker, screened)}"
            raise DciError(400, BAD, f"The message breaks DCI 1.0.0 ({self.interface.name}){place}.")
        if any("\x00" in each for each in _texts(sent, self.operation)):
            raise DciError(400, BAD, "An id holds U+0000, which is no character of a text.")
        return self.names.inwards(sent), tolerated

    def _check_room(self, sent: Mapping[str, Any]) -> None:
        """Before anything looks at each item."""
        message = sent.get("message")
        items = message.get(self.operation.items) if isinstance(message, Mapping) and self.operation.items else None
        if isinstance(items, list) and len(items) > most_items(self.operation):
            raise too_many(self.operation)


def _texts(sent: Mapping[str, Any], operation: Operation) -> Iterator[str]:
    """What may be an id: the texts, and lists of them, that stand in the header, the message, and its items.

    Some of the published files let a message, or its items, be anything.
    """
    message = sent.get("message")
    told = message if isinstance(message, Mapping) else {}
    items = told.get(operation.items) if operation.items else None
    parts = (sent.get("header"), message, told.get("txnstatus_request"), *_as_list(items))
    for value in (each for part in parts if isinstance(part, Mapping) for each in part.values()):
        yield from (each for each in _as_list(value) if isinstance(each, str))


def _as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def most_items(operation: Operation) -> int:
    """How many items a message has at most."""
    return MOST_ITEMS if operation.reply else MOST_LATER


def too_many(operation: Operation) -> DciError:
    """The refusal of a message with none, or with more."""
    text = f"A message has 1 to {most_items(operation)} items here."
    return DciError(400, "rjct.total_count.limit_exceeded", text)


def _is_crowded(value: object) -> bool:
    """Whether it holds more values than can be gone through in a moment."""
    waiting, seen = [value], 0
    while waiting and seen <= MOST_VALUES:
        part = waiting.pop()
        seen += 1
        if isinstance(part, Mapping):
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
    return seen > MOST_VALUES


def _screened(sent: Mapping[str, Any], operation: Operation) -> Mapping[str, Any]:
    """For the schema alone: a GraphQL query is refused item by item, also where the file does not list the type."""
    message = sent.get("message")
    items = message.get(operation.items) if isinstance(message, Mapping) and operation.action == "search" else None
    if not isinstance(items, list) or not isinstance(message, Mapping):
        return sent
    return {**sent, "message": {**message, operation.items: [_without_graphql(each) for each in items]}}


def _without_graphql(item: object) -> object:
    criteria = item.get("search_criteria") if isinstance(item, Mapping) else None
    if not isinstance(item, Mapping) or not isinstance(criteria, Mapping) or criteria.get("query_type") != "graphql":
        return item
    return {**item, "search_criteria": {**criteria, "query_type": "expression", "query": {}}}
