"""What a program says of a pipeline as the one who runs it, checked where it is given: `secrets`, `addresses`."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from orchestrator.capability import Operator
from orchestrator.pipeline import arguments

if TYPE_CHECKING:
    from orchestrator.capability.addresses import Network


def operator(secrets: Mapping[str, str] | None, addresses: Iterable[str | Network]) -> Operator:
    """What whoever runs a pipeline says of it.

    Arguments:
        secrets: their values, by their names.
        addresses: ranges of addresses, `127.0.0.0/8`.

    Raises:
        TypeError: one of them is of another type.
        ValueError: an address is none. No message has a secret's value in it.
    """
    values = dict(arguments.mapping({} if secrets is None else secrets, "`secrets`"))
    for name, value in values.items():
        arguments.text(name, "the name of a secret")
        arguments.text(value, f"the secret `{name}`")
    return Operator(MappingProxyType(values), tuple(map(network, _row(addresses))))


def _row(addresses: Any) -> Iterable[Any]:
    if isinstance(addresses, str) or not isinstance(addresses, Iterable):
        raise TypeError(f"`addresses` is a row of ranges, not {arguments.kind(addresses)}")
    return addresses


def network(given: Any) -> Network:
    """The range of addresses that a text is, or that is given as one. Raises TypeError or ValueError."""
    if isinstance(given, ipaddress.IPv4Network | ipaddress.IPv6Network):
        return given
    try:
        return ipaddress.ip_network(arguments.text(given, "a range of addresses"))
    except ValueError as problem:
        raise ValueError(f"`{given:.60}` is no range of addresses such as `127.0.0.0/8`: {problem}") from None
