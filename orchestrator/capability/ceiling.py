"""A ceiling: what whoever runs pipelines allows at most. Read from a file, and checked; several hold all at once.

Not for what becomes of a node's grants beneath it: see `narrowing`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from orchestrator.capability import limits
from orchestrator.capability._place import is_text
from orchestrator.capability.url import NotAnAddress, parse
from orchestrator.diagnostics import Diagnostic
from orchestrator.errors import InvalidPipeline
from orchestrator.manifest.model import Access, Ceiling, Clock, Random, RunLimits, Stdio, Where
from orchestrator.wording import listed

if TYPE_CHECKING:
    from orchestrator.capability.addresses import Network
    from orchestrator.capability.operator import Operator

_CHOICES: dict[str, tuple[str, ...]] = {"clock": get_args(Clock), "random": get_args(Random), "stdio": get_args(Stdio)}


def load(path: str | Path) -> Ceiling:
    """The ceiling of a file. Raises `InvalidPipeline` with all that is wrong with it."""
    from orchestrator.manifest import read_ceiling

    found = read_ceiling(path)
    wrong = validate(found)
    if wrong:
        raise InvalidPipeline(wrong)
    return found


def validate(ceiling: Ceiling) -> tuple[Diagnostic, ...]:
    """Every reason why a ceiling is refused: what cannot be understood may not become what is not forbidden."""
    wrong = (*_folders(ceiling), *_requests(ceiling), *_words(ceiling), *_bounds(ceiling))
    return tuple(
        Diagnostic("ceiling", message, where.span, where.place or f"ceiling `{ceiling.name}`")
        for message, where in wrong
    )


_Fault = tuple[str, Where]


def _folders(ceiling: Ceiling) -> Iterator[_Fault]:
    for index, (path, access) in enumerate(ceiling.grants.storage):
        where = ceiling.where.at("grants", "storage", index)
        if not path.strip() or not is_text(path):
            yield "the path of a folder is empty, or has a NUL or invalid Unicode in it", where.at("path")
        if access not in get_args(Access):
            yield f"`access` is `{access:.40}`, expected {listed(get_args(Access))}", where.at("access")


def _requests(ceiling: Ceiling) -> Iterator[_Fault]:
    from orchestrator.capability.http import rule_of

    for index, grant in enumerate(ceiling.grants.http):
        try:
            rule_of(grant)
        except NotAnAddress as problem:
            where = ceiling.where.at("grants", "http", index, "url")
            yield f"`{grant.url:.80}` is no address that can be granted: {problem}", where
    for index, (name, to) in enumerate(ceiling.grants.secrets):
        where = ceiling.where.at("grants", "secrets", index, "to")
        try:
            if parse(to).target != "/":
                yield f"`{to:.80}` has a path: the secret `{name:.40}` is for a whole origin, `https://host`", where
        except NotAnAddress as problem:
            yield f"`{to:.80}` is no origin: {problem}", where


def _words(ceiling: Ceiling) -> Iterator[_Fault]:
    for key, known in _CHOICES.items():
        word = getattr(ceiling.grants, key)
        if word not in known:
            yield f"`{key}` is `{word:.40}`, expected one of {listed(known)}", ceiling.where.at("grants", key)
    for name in ceiling.grants.environment:
        if not name or "=" in name or "*" in name[:-1]:
            message = f"`{name:.80}` is no name of a variable, nor the beginning of one and `*`"
            yield message, ceiling.where.at("grants", "environment")
    for text in ceiling.addresses or ():
        try:
            ipaddress.ip_network(text)
        except ValueError as problem:
            yield f"`{text:.80}` is no range of addresses: {problem}", ceiling.where.at("addresses")


def _bounds(ceiling: Ceiling) -> Iterator[_Fault]:
    for key, message in limits.wrong(ceiling.limits):
        yield f"`{key}` {message}", ceiling.where.at("limits", key)
    for key, message in limits.wrong_of_run(ceiling.run):
        yield f"`{key}` of a run {message}", ceiling.where.at("run", key)


def networks(operator: Operator) -> tuple[Network, ...]:
    """The addresses beside public ones that requests may go to: those that every ceiling lists that lists any.

    Where none does, those that whoever runs a pipeline allows; `beyond` tells of those that a ceiling does not list.
    """
    found: list[Network] | None = None
    for ceiling in operator.ceilings:
        if ceiling.addresses is not None:
            own = list(map(ipaddress.ip_network, ceiling.addresses))
            found = own if found is None else [both for one in found for other in own for both in _common(one, other)]
    return operator.networks if found is None else tuple(dict.fromkeys(found))


def _common(one: Network, other: Network) -> Iterator[Network]:
    """The addresses of two ranges: of one that lies in the other, or none."""
    if _inside(one, other):
        yield one
    elif _inside(other, one):
        yield other


def _inside(one: Network, other: Network) -> bool:
    if isinstance(one, ipaddress.IPv4Network):
        return isinstance(other, ipaddress.IPv4Network) and one.subnet_of(other)
    return isinstance(other, ipaddress.IPv6Network) and one.subnet_of(other)


def beyond(operator: Operator) -> Iterator[tuple[Network, Ceiling]]:
    """The addresses that whoever runs a pipeline allows and that a ceiling does not."""
    for ceiling in operator.ceilings:
        if ceiling.addresses is not None:
            own = list(map(ipaddress.ip_network, ceiling.addresses))
            yield from ((one, ceiling) for one in operator.networks if not any(_inside(one, other) for other in own))


def run_limits(asked: RunLimits, ceilings: Sequence[Ceiling]) -> tuple[RunLimits, tuple[tuple[str, Ceiling], ...]]:
    """The limits of a run beneath ceilings, and the keys that were asked for and lowered, with the ceiling that did."""
    lowered: list[tuple[str, Ceiling]] = []
    for ceiling in ceilings:
        for key in ("timeout", "calls"):
            most, own = getattr(ceiling.run, key), getattr(asked, key)
            if most is not None and (own is None or own > most):
                lowered += [(key, ceiling)] if own is not None else []
                asked = replace(asked, **{key: most})
    return asked, tuple(lowered)
