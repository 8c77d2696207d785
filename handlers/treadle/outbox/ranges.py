"""Addresses to which a webhook may be sent: public ones, also inside other address formats."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

LOOPBACK = "a loopback address"
RESERVED = "an address that is not public"

# Stricter than `is_global`, whose result differs between releases of Python.
_NOT_PUBLIC = [
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
        "168.63.129.16/32",  # Azure answers metadata requests of its machines here
    )
]
_GLOBAL_UNICAST = ip_network("2000::/3")
_SPECIAL = [
    ip_network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
        "2001:db8::/32",
        "2002::/16",  # 6to4: the relay unwraps an IPv4 address
        "3fff::/20",
    )
]
_NAT64 = ip_network("64:ff9b::/96")


def objection(address: str) -> str | None:
    """The reason not to send to `address`: LOOPBACK, RESERVED or none."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv4Address):
        return _objection_v4(ip)
    if ip.ipv4_mapped is not None:
        return _objection_v4(ip.ipv4_mapped)
    if ip in _NAT64:
        # Networks without IPv4 reach all of it through here.
        return RESERVED if _objection_v4(IPv4Address(int(ip) & 0xFFFFFFFF)) else None
    return _objection_v6(ip)


def _objection_v4(ip: IPv4Address) -> str | None:
    if ip.is_loopback:
        return LOOPBACK
    if not ip.is_global or any(ip in network for network in _NOT_PUBLIC):
        return RESERVED
    return None


def _objection_v6(ip: IPv6Address) -> str | None:
    if ip.is_loopback:
        return LOOPBACK
    if ip not in _GLOBAL_UNICAST or not ip.is_global or any(ip in network for network in _SPECIAL):
        return RESERVED
    # ISATAP: a router unwraps the IPv4 address at the end.
    wrapped = (int(ip) >> 32) & 0xFFFFFFFF
    if wrapped in (0x00005EFE, 0x02005EFE) and _objection_v4(IPv4Address(int(ip) & 0xFFFFFFFF)):
        return RESERVED
    return None
