"""Patterns of addresses, held against one another: what two of them admit both, and a pattern as text.

Not for which request a pattern admits, nor for whether one admits all that another does: `http.Rule` says that.
"""

from __future__ import annotations

from dataclasses import replace

from orchestrator.capability.http import Rule, is_number
from orchestrator.capability.url import PORTS


def meet(one: Rule, other: Rule) -> Rule | None:
    """The rule that admits exactly what both admit, with the bounds and the place of the first; None for nothing."""
    methods = one.methods & other.methods
    labels = _hosts(one.labels, other.labels)
    segments = _segments(one, other)
    if not methods or (one.scheme, one.port) != (other.scheme, other.port) or labels is None or segments is None:
        return None
    met = replace(one, labels=labels, segments=segments, deep=one.deep and other.deep, methods=methods)
    return met if same(met, one) else replace(met, text=text_of(met))


def same(one: Rule, other: Rule) -> bool:
    """Whether two rules have one pattern."""
    return _pattern(one) == _pattern(other)


def _pattern(rule: Rule) -> tuple[object, ...]:
    return rule.scheme, rule.labels, rule.port, rule.segments, rule.deep


def _segments(one: Rule, other: Rule) -> tuple[str, ...] | None:
    """The parts of the path that both admit: where one goes on for any number of parts, those of the other."""
    short, long = (one, other) if len(one.segments) <= len(other.segments) else (other, one)
    if len(short.segments) < len(long.segments) and not short.deep:
        return None
    beginning = _both(short.segments, long.segments[: len(short.segments)])
    return None if beginning is None else beginning + long.segments[len(short.segments) :]


def _hosts(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...] | None:
    """The hosts that both admit; `*` stands for no address."""
    return None if one != other and (is_number(one) or is_number(other)) else _both(one, other)


def _both(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...] | None:
    if len(one) != len(other):
        return None
    found = [_part(*pair) for pair in zip(one, other, strict=True)]
    return None if None in found else tuple(part for part in found if part is not None)


def _part(one: str, other: str) -> str | None:
    """What both of two parts stand for; `*` stands for one that is not empty."""
    if one == other:
        return one
    if "*" not in (one, other):
        return None
    return (other if one == "*" else one) or None


def text_of(rule: Rule) -> str:
    """The pattern of a rule, as a grant writes it."""
    host = ".".join(rule.labels)
    host = f"[{host}]" if ":" in host else host
    port = "" if rule.port == PORTS[rule.scheme] else f":{rule.port}"
    path = [*rule.segments, *(["**"] if rule.deep else [])]
    return f"{rule.scheme}://{host}{port}/{'/'.join(path)}"
