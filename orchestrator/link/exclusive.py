"""Whether two data edges can ever both carry a value: what lets them share a parameter.

Decided from the texts of their conditions, for edges from the same source. Two conditions exclude each other when a
part of one (its parts joined by `&&`) contradicts a part of the other:

- `X` and `!(X)`;
- two comparisons of one path with literals that no value fits: `value == 'a'` and `value == 'b'`, `value.n < 5` and
  `value.n >= 5`;
- `has(value.a)` and `has(value.b)` of a variant or result.

A result and an error of one node exclude each other without a condition. What cannot be decided may be linked, with a
warning: a run in which two such edges carry a value ends with an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from typing import Literal

from orchestrator.interface.types import Result, Type, Variant
from orchestrator.link.model import LinkedData

Relation = Literal["exclude", "meet", "unknown"]

_PATH = r"[A-Za-z_][\w.]*(?:`[\w-]+`|[\w.\[\]])*"
_LITERAL = r"""-?\d+(?:\.\d+)?|'[^'\\]*'|"[^"\\]*"|true|false"""
_COMPARED = re.compile(rf"({_PATH})(==|!=|<=|>=|<|>)({_LITERAL})u?")
_HAS = re.compile(r"has\(value\.(?:`([\w-]+)`|([\w-]+))\)")
_TOKEN = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\s+|.""", re.DOTALL)


def relation(one: LinkedData, other: LinkedData) -> Relation:
    """Whether the two edges never carry a value both, surely do both whenever one does, or it cannot be told."""
    if {one.source.kind, other.source.kind} == {"result", "error"} and one.source.name == other.source.name:
        return "exclude"
    if not (one.when_text and other.when_text):
        return "meet"
    if one.source != other.source:
        return "unknown"
    left, right = _parts(one.when_text), _parts(other.when_text)
    if any(_contradict(a, b, one.source_type) for a, b in product(left, right)):
        return "exclude"
    return "meet" if left == right else "unknown"


def _parts(text: str) -> tuple[str, ...]:
    """The parts that `&&` joins, without blanks and outer parentheses."""
    compact = "".join(token for token in _TOKEN.findall(text) if not token.isspace())
    return tuple(_bare(part) for part in _split(_bare(compact)))


def _split(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    if "||" in text or "?" in text:
        return [text]
    for at, token in _tokens(text):
        depth += (token in "([{") - (token in ")]}")
        if token == "&" and depth == 0 and text.startswith("&&", at):
            parts.append(text[start:at])
            start = at + 2
    return [*parts, text[start:]]


def _tokens(text: str) -> list[tuple[int, str]]:
    return [(match.start(), match[0]) for match in _TOKEN.finditer(text)]


def _bare(text: str) -> str:
    """Without parentheses around the whole."""
    while text.startswith("(") and _closes_at_end(text):
        text = text[1:-1]
    return text


def _closes_at_end(text: str) -> bool:
    depth = 0
    for at, token in _tokens(text):
        depth += (token == "(") - (token == ")")
        if depth == 0:
            return at == len(text) - 1
    return False


def _contradict(one: str, other: str, source: Type) -> bool:
    return _negates(one, other) or _negates(other, one) or _apart(one, other) or _other_case(one, other, source)


def _negates(one: str, other: str) -> bool:
    """Whether `one` is `!` before the whole of `other`."""
    if not one.startswith("!"):
        return False
    rest = one[1:]
    whole = _closes_at_end(rest) if rest.startswith("(") else bool(re.fullmatch(rf"{_PATH}(\(.*\))?", rest))
    return whole and _bare(rest) == other


def _other_case(one: str, other: str, source: Type) -> bool:
    left, right = _HAS.fullmatch(one), _HAS.fullmatch(other)
    if not (left and right and isinstance(source, Variant | Result)):
        return False
    return (left[1] or left[2]) != (right[1] or right[2])


@dataclass(frozen=True, slots=True)
class _Range:
    """The numbers from `low` to `high`; the ends belong to it where they are closed."""

    low: float
    high: float
    low_closed: bool
    high_closed: bool

    def meets(self, other: _Range) -> bool:
        low, high = max(self.low, other.low), min(self.high, other.high)
        if low != high:
            return low < high
        return all(_closed(range_, low) for range_ in (self, other))


def _closed(range_: _Range, at: float) -> bool:
    return (at != range_.low or range_.low_closed) and (at != range_.high or range_.high_closed)


def _apart(one: str, other: str) -> bool:
    left, right = _COMPARED.fullmatch(one), _COMPARED.fullmatch(other)
    if not (left and right) or left[1] != right[1]:
        return False
    (a, x), (b, y) = (left[2], left[3]), (right[2], right[3])
    if {a, b} == {"==", "!="}:
        return _same(x, y)
    if _is_number(x) and _is_number(y) and "!=" not in (a, b):
        return not _range(a, float(x)).meets(_range(b, float(y)))
    return a == b == "==" and _kind(x) == _kind(y) and not _same(x, y)


def _same(one: str, other: str) -> bool:
    if _is_number(one) and _is_number(other):
        return float(one) == float(other)
    return _kind(one) == _kind(other) and one.strip("'\"") == other.strip("'\"")


def _is_number(literal: str) -> bool:
    return literal[0] in "-0123456789"


def _kind(literal: str) -> str:
    return "number" if _is_number(literal) else "text" if literal[0] in "'\"" else "bool"


def _range(operator: str, number: float) -> _Range:
    infinity = float("inf")
    match operator:
        case "<" | "<=":
            return _Range(-infinity, number, True, operator == "<=")
        case ">" | ">=":
            return _Range(number, infinity, operator == ">=", True)
        case _:
            return _Range(number, number, True, True)
