"""What a program says of a pipeline as the one who runs it, checked where it is given: secrets, addresses, ceilings.

The ceiling that the environment names holds for every pipeline of the process, whatever the program says.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from orchestrator.capability import Operator
from orchestrator.diagnostics import Diagnostic
from orchestrator.errors import InvalidPipeline
from orchestrator.manifest.model import Allowed, Ceiling, Limits, RunLimits
from orchestrator.pipeline import arguments

if TYPE_CHECKING:
    from orchestrator.capability.addresses import Network


VARIABLE = "ORCHESTRATOR_CEILING"
"""The variable of the environment that names a ceiling's file."""

Given = str | Path | Ceiling
"""A ceiling, or the file of one."""


def operator(
    secrets: Mapping[str, str] | None = None,
    addresses: Iterable[str | Network] = (),
    ceiling: Given | Iterable[Given] | None = None,
) -> Operator:
    """What whoever runs a pipeline says of it.

    Arguments:
        secrets: their values, by their names.
        addresses: ranges of addresses, `127.0.0.0/8`.
        ceiling: one, or several that hold all at once; that of `ORCHESTRATOR_CEILING` holds with them.

    Raises:
        TypeError: one of them is of another type.
        ValueError: an address is none. No message has a secret's value in it.
        InvalidPipeline: a ceiling cannot be read, or is refused.
    """
    values = dict(arguments.mapping({} if secrets is None else secrets, "`secrets`"))
    for name, value in values.items():
        arguments.text(name, "the name of a secret")
        arguments.text(value, f"the secret `{name}`")
    return Operator(MappingProxyType(values), tuple(map(network, _row(addresses))), _ceilings(ceiling))


def _ceilings(given: Any) -> tuple[Ceiling, ...]:
    named = os.environ.get(VARIABLE)
    if named is not None and not named.strip():
        # Whoever set it meant something to hold: it is not taken for no ceiling at all.
        help_ = ("have it name the file of a ceiling, or unset it",)
        raise InvalidPipeline([Diagnostic("ceiling", f"{VARIABLE} is set and empty", help=help_)])
    if given is None:
        every: Iterable[Any] = ()
    elif isinstance(given, Iterable) and not isinstance(given, str):
        every = given
    else:
        every = (given,)
    return tuple(_ceiling(one) for one in [*([named] if named else []), *every])


def _ceiling(given: Any) -> Ceiling:
    from orchestrator.capability import ceiling

    if isinstance(given, str | Path):
        return ceiling.load(given)
    if not isinstance(given, Ceiling):
        raise TypeError(f"a ceiling is a path or a Ceiling, not {arguments.kind(given)}")
    arguments.text(given.name, "the name of a ceiling")
    for value, wanted, what in (
        (given.grants, Allowed, "grants"),
        (given.limits, Limits, "limits"),
        (given.run, RunLimits, "run"),
    ):
        arguments.instance(value, wanted, f"`{what}` of a ceiling")
    if wrong := ceiling.validate(given):
        raise InvalidPipeline(wrong)
    return given


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
