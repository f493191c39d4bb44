"""A declared query on an agency's view: `:name` is bound to what `request` carries under this name.

```toml
query   = "select since, grade from sandhi_members where nic = :nic"
request = { nic = "identifier:NIC" }
```
"""

import re
from collections.abc import Iterator, Mapping

from adapters.kit.contract import Service

_PLACE = re.compile(r"(?<![:\w]):([a-z][a-z0-9_]*)")
_LITERAL = re.compile(r"'(?:[^']|'')*'")
_FORBIDDEN = re.compile(
    r";|--|/\*|\$|\\|\x00|\b(?:into|uescape|set_config)\b|\bfor\s+(?:no\s+key\s+)?(?:update|share|key)\b", re.IGNORECASE
)  # set_config could switch reading only off for the next question


def bound(query: str) -> tuple[str, list[str]]:
    """A declared query with `$1`, `$2`... for its `:names`, and the names in that order.

    >>> bound("select a from v where nic = :nic and day <= :day::date and old = :nic")
    ('select a from v where nic = $1 and day <= $2::date and old = $1', ['nic', 'day'])
    """
    places = list(dict.fromkeys(_PLACE.findall(query)))
    return _PLACE.sub(lambda found: f"${places.index(found[1]) + 1}", query), places


def query_faults(service: Service) -> Iterator[str]:
    """What is wrong with a declared query, in words for the officer.

    The database has the last word: the role may read the view alone, every transaction reads only, and the protocol
    takes one statement.
    """
    query, request = service.extra.get("query"), service.extra.get("request", {})
    if not isinstance(query, str) or not isinstance(request, Mapping):
        yield "a service over sql declares its query"
        return
    plain = _LITERAL.sub("''", query)
    if not re.match(r"select\s", plain, re.IGNORECASE) or _FORBIDDEN.search(plain):
        yield "a query is one select: no ;, comment, $, backslash, into, set_config or for update"
    if any(_PLACE.search(literal) for literal in _LITERAL.findall(query)):
        yield "a :name inside quotes is no place for a value; write it outside"
    if not request:
        yield "a query without a :name gives anybody's rows; let request carry who is meant"
    if set(_PLACE.findall(plain)) != set(request):
        yield "the query's :names and the members of request are not the same"
    if "push" in service.actions:
        yield "a view takes nothing; leave push out"
