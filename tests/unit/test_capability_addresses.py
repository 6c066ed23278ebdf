"""Addresses of the network: which are nobody's but the host's own."""

from __future__ import annotations

import ipaddress

import pytest

from orchestrator.capability.addresses import why_refused

PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "2a00:1450:4001::200e", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_asked(address: str) -> None:
    assert why_refused(ipaddress.ip_address(address)) == ""


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("0.0.0.0", "no address of a host"), ("::", "no address of a host"),
        ("127.0.0.1", "an address of this machine"), ("127.255.255.254", "an address of this machine"),
        ("::1", "an address of this machine"),
        ("169.254.0.1", "an address of this link"), ("fe80::1", "an address of this link"),
        ("169.254.169.254", "the address of cloud metadata"), ("fd00:ec2::254", "the address of cloud metadata"),
        ("fd20:ce::254", "the address of cloud metadata"), ("168.63.129.16", "the address of cloud metadata"),
        ("100.64.0.1", "an address of a carrier's own network"),
        ("100.100.100.200", "an address of a carrier's own network"),
        ("10.0.0.1", "a private address"), ("172.16.0.1", "a private address"), ("192.168.1.1", "a private address"),
        ("fc00::1", "a private address"), ("fdff::1", "a private address"), ("fec0::1", "a private address"),
        ("198.18.0.1", "a private address"), ("192.0.2.1", "a private address"), ("198.51.100.1", "a private address"),
        ("203.0.113.1", "a private address"), ("2001:db8::1", "a private address"),
        ("3fff::1", "an address for documentation"), ("5f00::1", "an address of a network's own routing"),
        ("192.0.0.192", "a reserved address"), ("2001:0:1:2:3:4:5:6", "a reserved address"),
        ("192.88.99.1", "an address of a relay"), ("64:ff9b:1::1", "an address of a translator"),
        ("224.0.0.1", "an address of many hosts"), ("239.255.255.250", "an address of many hosts"),
        ("ff02::1", "an address of many hosts"), ("ff0e::1", "an address of many hosts"),
        ("240.0.0.1", "a private address"), ("255.255.255.255", "a private address"), ("4000::1", "a reserved address"),
    ],
)  # fmt: skip
def test_an_address_that_is_no_public_one_may_not(address: str, what: str) -> None:
    found = ipaddress.ip_address(address)
    assert why_refused(found) == f"{found} is {what}"


@pytest.mark.parametrize("inner", ["127.0.0.1", "169.254.169.254", "10.1.2.3", "168.63.129.16", "0.0.0.0"])
@pytest.mark.parametrize("outer", ["::ffff:0:0", "64:ff9b::", "2002::"])
def test_an_address_that_stands_for_another_is_that(inner: str, outer: str) -> None:
    shift = 80 if outer == "2002::" else 0
    found = ipaddress.IPv6Address(int(ipaddress.IPv6Address(outer)) + (int(ipaddress.IPv4Address(inner)) << shift))
    assert why_refused(found) == f"{found} stands for {inner}: {why_refused(ipaddress.ip_address(inner))}"


def test_what_the_operator_allows_may_be_asked_and_nothing_beside_it() -> None:
    networks = [ipaddress.ip_network("10.1.0.0/16"), ipaddress.ip_network("::1/128")]
    allowed = ["10.1.2.3", "::ffff:10.1.2.3", "::1"]
    assert [why_refused(ipaddress.ip_address(address), networks) for address in allowed] == ["", "", ""]
    for address in ("10.2.0.1", "127.0.0.1", "::2", "::ffff:10.2.0.1"):
        assert why_refused(ipaddress.ip_address(address), networks)
