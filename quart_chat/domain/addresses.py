"""IP addresses as limits see them: one form for each, and the networks it counts for."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

IPV6_SHARES = {64: 1, 56: 4, 48: 16}
"""Prefix lengths of IPv6, and how many times the allowance of one address a network of that size has.

A visitor with one address has a whole /64 of them; a household is given a /56 and a firm a /48 (RIPE-690, section 4.2).
They have more than one allowance, since a /56 of a mobile network holds many telephones.
"""


@dataclass(frozen=True, slots=True)
class Network:
    """What an address counts for: the address itself or a network it is in, with `share` times the allowance of one."""

    name: str
    share: int = 1


def read_address(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address; its zone is left out, and an IPv4 address mapped into IPv6 is that IPv4 address."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def networks_of(text: str) -> list[Network]:
    """All that an address counts for, the narrowest first; what is no IP address counts for itself."""
    address = read_address(text)
    if isinstance(address, IPv6Address):
        return [
            Network(str(ip_network((address, length), strict=False)), share) for length, share in IPV6_SHARES.items()
        ]
    return [Network(str(address or text))]
