"""Addresses of the network that a name may lead to: public ones, and what the operator allows.

A grant names a host; whoever runs that host's name server says where it leads. So what a name leads to is looked at
before anything is sent there, and the connection is made to the address that was looked at.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAMED = (
    (ipaddress.ip_network("169.254.169.254/32"), "the address of cloud metadata"),
    (ipaddress.ip_network("fd00:ec2::254/128"), "the address of cloud metadata"),
    (ipaddress.ip_network("fd20:ce::254/128"), "the address of cloud metadata"),
    (ipaddress.ip_network("168.63.129.16/32"), "the address of cloud metadata"),
    (ipaddress.ip_network("100.64.0.0/10"), "an address of a carrier's own network"),
    (ipaddress.ip_network("192.0.0.0/24"), "a reserved address"),
    (ipaddress.ip_network("192.88.99.0/24"), "an address of a relay"),
    (ipaddress.ip_network("64:ff9b:1::/48"), "an address of a translator"),
    (ipaddress.ip_network("fec0::/10"), "a private address"),
    (ipaddress.ip_network("2001::/23"), "a reserved address"),
    (ipaddress.ip_network("3fff::/20"), "an address for documentation"),
    (ipaddress.ip_network("5f00::/16"), "an address of a network's own routing"),
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")


def why_refused(address: Address, networks: Sequence[Network] = ()) -> str:
    """Why nothing may be sent to an address; empty where something may.

    Arguments:
        networks: what the operator allows beside public addresses.
    """
    inner = _inside(address)
    if inner is not None:
        why = why_refused(inner, networks)
        return f"{address} stands for {inner}: {why}" if why else ""
    if any(address in network for network in networks if network.version == address.version):
        return ""
    named = next((what for network, what in _NAMED if network.version == address.version and address in network), "")
    what = named or _kind(address)
    return f"{address} is {what}" if what else ""


def _inside(address: Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 0xFFFF):
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return None


def _kind(address: Address) -> str:
    """What kind of address it is, where it is not a public one."""
    kinds = (
        (address.is_unspecified, "no address of a host"),
        (address.is_loopback, "an address of this machine"),
        (address.is_link_local, "an address of this link"),
        (address.is_multicast, "an address of many hosts"),
        (address.is_private, "a private address"),
        (address.is_reserved or not address.is_global, "a reserved address"),
    )
    return next((what for found, what in kinds if found), "")
