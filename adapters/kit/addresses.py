"""Which network addresses are public, private or this machine's: explicit lists, because `ipaddress.is_global` calls
some metadata services and translated loopback addresses global, and `is_private` means several things at once.

Sources: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890); RFC 6052; RFC 3056; RFC 4380.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_NOT_PUBLIC_4 = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # a cloud's host service, inside public space
        "169.254.0.0/16",  # link local, and most clouds' metadata
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",  # multicast and reserved
    )
)
_PRIVATE_4 = tuple(IPv4Network(block) for block in ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16"))
_PRIVATE_6 = IPv6Network("fc00::/7")
_METADATA = frozenset({"100.100.100.200", "fd00:ec2::254", "fd20:ce::254"})  # of clouds, inside private ranges
_LOOPBACK = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
_PUBLIC_6 = IPv6Network("2000::/3")  # everything else is local, mapped, translated or unassigned
_NOT_PUBLIC_6 = tuple(
    IPv6Network(block)
    for block in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",
        "2002::/16",  # 6to4: an IPv4 address inside
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)


def is_public(address: str) -> bool:
    """True for an address of the public internet; False for every other one, and for what is no address."""
    parsed = _parsed(address)
    if isinstance(parsed, IPv4Address):
        return not any(parsed in block for block in _NOT_PUBLIC_4)
    return parsed is not None and parsed in _PUBLIC_6 and not any(parsed in block for block in _NOT_PUBLIC_6)


def is_private(address: str) -> bool:
    """True for an address of a private network (RFC 1918, 4193, 6598) that is no cloud's metadata service."""
    parsed = _parsed(address)
    if parsed is None or str(parsed) in _METADATA:
        return False
    return parsed in _PRIVATE_6 if isinstance(parsed, IPv6Address) else any(parsed in block for block in _PRIVATE_4)


def is_loopback(address: str) -> bool:
    """True for an address of this machine itself."""
    parsed = _parsed(address)
    return parsed is not None and any(parsed in block for block in _LOOPBACK)


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    """None for what is no address, and for one that is bound to an interface (`fe80::1%eth0`)."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    return None if isinstance(parsed, IPv6Address) and parsed.scope_id is not None else parsed
