"""What may be dialled: which URLs, which names, and which addresses a name may lead to.

The usual case needs no listing: https to port 443 (SFTP to port 22) of a name whose every address is public. All
else the operator lists as `host:port`, and then exactly that is allowed:

- a listed address is dialled as it stands, and may speak plain HTTP;
- a listed name may lead to public addresses and to those of private networks, never to this machine itself, to a
  link-local address or to a cloud's metadata service;
- a listed `localhost` leads to this machine and nowhere else.

A host is written in one way only. Other spellings of an address (`127.1`, `0x7f000001`, `2130706433`, full-width
digits, a trailing dot, a zone) mean different things to different readers, so none of them is a host here; nor is an
internationalised name, in letters or as `xn--`, which people cannot tell from another.

Source: RFC 1123 section 2.1; RFC 3986 section 3.2; RFC 5890; WHATWG URL, "ends in a number"; RFC 6874 (refused).
"""

import re
from collections.abc import Collection
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from adapters.kit.addresses import is_loopback, is_private, is_public
from adapters.kit.http_client import NotAllowed

HTTPS, SFTP = 443, 22  # the ports that need no listing
LONGEST_URL = 2048
ASK = "for anything else the gateway's operator lists host:port (SANDHI_ALLOWED_HOSTS)"
_SCHEMES = {"http": 80, "https": 443}
_URL = re.compile(r"([!-$&-~]|%[0-9A-Fa-f]{2})+", re.ASCII)  # visible ASCII, and of that not:
_TWO_READINGS = frozenset('\\"<>^`{|}')  # what RFC 3986 leaves out, and readers repair in their own ways
_LABEL = re.compile(r"(?!..--)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)  # `??--` is reserved: RFC 5890, 2.3.1
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)


class BadListing(ValueError):
    """An entry of the allow-list is no `host:port`; the text names it and says how to write it."""


class Place(NamedTuple):
    """Where a URL leads. `host` is in lower case, an IPv6 address without its brackets."""

    scheme: str
    host: str
    port: int


class DialRules:
    """The allow-list of one process, and the rules for everything that is not on it.

    Raises:
        BadListing: an entry is no `host:port`.
    """

    def __init__(self, allowed: Collection[str]) -> None:
        self._allowed = frozenset(_listed(entry) for entry in allowed)

    def place(self, url: str) -> Place:
        """Where an http(s) URL leads, if that may be dialled; what a name leads to is vetted at each connect.

        Raises:
            NotAllowed: the text says what to write or list instead, and never repeats the URL.
        """
        if len(url) > LONGEST_URL or not _URL.fullmatch(url) or not _TWO_READINGS.isdisjoint(url):
            raise NotAllowed("not a URL in plain ASCII; write the host's name as DNS has it and escape the rest")
        try:
            parts = urlsplit(url)
            scheme, host, port = parts.scheme, parts.hostname or "", parts.port
        except ValueError:
            raise NotAllowed("not a URL") from None
        bare = parts.username is None and ("[" in parts.netloc) is (":" in host)  # brackets are for IPv6 alone
        if scheme not in _SCHEMES or not bare or "#" in url or port == 0:
            raise NotAllowed("not an http(s) URL of a plain host, without a user name and without a fragment")
        place = Place(scheme, host, port or _SCHEMES[scheme])
        if scheme != "https" and not self.lists(place.host, place.port):
            raise NotAllowed(f"only https may be dialled; {ASK}")
        self.check(place.host, place.port, usual=HTTPS)
        if is_literal(place.host) and not self.permits(place.host, place.port, place.host):
            raise NotAllowed(f"the address is not public; {ASK}")
        return place

    def check(self, host: str, port: int, *, usual: int) -> None:
        """Raise unless the host is written as hosts are, and the port is the protocol's usual one or listed.

        Raises:
            NotAllowed: as `place`.
        """
        if not is_host(host):
            raise NotAllowed("not a host: write a DNS name in lower case without a trailing dot, or a plain address")
        if port != usual and not self.lists(host, port):
            raise NotAllowed(f"only port {usual} may be dialled; {ASK}")

    def lists(self, host: str, port: int) -> bool:
        """Whether the operator listed it."""
        return (host, port) in self._allowed

    def permits(self, host: str, port: int, address: str) -> bool:
        """Whether this address may be dialled for that host."""
        if not self.lists(host, port):
            return is_public(address)
        if is_literal(host):
            return host == address
        if host == "localhost":
            return is_loopback(address)
        return is_public(address) or is_private(address)


def is_host(host: str) -> bool:
    """Whether the text is a host in the one spelling we take."""
    if is_literal(host):
        return True
    labels = host.split(".")
    return len(host) <= 253 and all(map(_LABEL.fullmatch, labels)) and not _NUMBER.fullmatch(labels[-1])


def is_literal(host: str) -> bool:
    """Whether it is an address, in its one canonical spelling and without a zone."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return str(address) == host and not (isinstance(address, IPv6Address) and address.scope_id)


def _listed(entry: str) -> tuple[str, int]:
    host, _, port = entry.strip().lower().rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        host = ""
    if not is_host(host) or not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        raise BadListing(f"{entry!r} is no host:port; write it like registry.internal:8443 or [fd00::7]:443")
    return host, int(port)
