"""How large a value an expression may look at, so that no value and no expression makes an evaluation run on.

The library stops at 10,000 iterations of macros in one evaluation, but one iteration may copy a long string or compare
two long lists, and it holds the interpreter's lock meanwhile. So the work of an expression is bounded by a function of
the weight of its values, derived from the tree when it is compiled; the largest weight in the budget is kept with it.

A unit of work is about 0.1 µs: one element converted, compared or visited, or 64 bytes of text read. Measured with
cel-expr-python 0.1.3: 70-90 ns to convert an element, 120 ns an iteration, 60 ns an element compared, 17 ns a byte of
text made (page faults included), 1 ns a byte read.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping
from typing import Any, NamedTuple

from orchestrator.contract._cel_kinds import WHOLE, Static, Uses, fields, kind, part
from orchestrator.contract._cel_tree import Call, Const, Expr, Ident, ListOf, Loop, MapOf, Select
from orchestrator.interface.sizes import layout
from orchestrator.interface.types import STRING, U8, List, Option, Primitive, Tuple, Type, walk

BUDGET = 4_000_000
"""Units of work of one evaluation: about 0.4 s."""
ITERATIONS = 10_000
"""What the library allows in one evaluation, all macros together."""
_LEAST = 64
_MADE = 8
_BYTES = 64
_SCALARS = {"bool", "int", "uint", "double", "null"}


def heaviest(tree: Expr, types: Mapping[int, Static], variables: tuple[str, ...], bulk: bool) -> float:
    """The largest weight of its values (see `weigh`) with which an expression stays within the budget; may be infinite.

    0 when it is over the budget with the smallest of values. `bulk`: whether it reads a text or a list, which costs its
    weight before the evaluation begins.
    """
    weights = [_LEAST * 1.2**step for step in range(130)]
    within = bisect_left(weights, True, key=lambda weight: _cost(tree, types, weight, variables, bulk) > BUDGET)
    return float("inf") if within == len(weights) else weights[within - 1] if within else 0.0


def _cost(tree: Expr, types: Mapping[int, Static], weight: float, variables: tuple[str, ...], bulk: bool) -> float:
    return _Cost(types, weight).of(tree, variables) + bulk * weight


def weigh(value: Any, limit: float) -> float:
    """The weight of a value in the form that CEL is given; the count stops where it is over the limit."""
    total, left = 0.0, [value]
    while left and total <= limit:
        item = left.pop()
        total += 1
        if isinstance(item, str | bytes):
            total += len(item) / _BYTES
        elif isinstance(item, dict):
            left.extend(item.values())
        elif isinstance(item, list):
            if total + len(item) > limit or item.count(None) == len(item):
                total += len(item)
            else:
                left.extend(item)
        elif hasattr(item, "value"):
            left.append(item.value)
    return total


def largest(weight: float, variables: Mapping[str, Type], uses: Mapping[str, Uses]) -> float:
    """The size in canonical form, bytes, beyond which values are heavier for certain; infinite where none tells."""
    span = max((_span(type_, uses[name]) for name, type_ in variables.items()), default=0.0)
    if math.inf in (weight, span):
        return math.inf
    return sum(layout(type_)[0] for type_ in variables.values()) + weight * span


def _span(type_: Type, uses: Uses) -> float:
    """For how many bytes outside of the fixed part of a value a unit of its weight can stand at most."""
    match type_:
        case Primitive("string"):
            return 4.0 * _BYTES  # a character may take four bytes
        case List(element):
            return _BYTES if element == U8 else layout(element)[0] + _part_span(element, part(uses, "*"))
        case Tuple(items):
            return max((_span(item, WHOLE) for item in items), default=0.0)
        case Option(some):
            return _span(some, (part(uses, "some") or Uses()) if isinstance(some, Option) else uses)
        case _:
            inside = (fields(type_) or {}).items()
            return max((_part_span(inner, part(uses, name)) for name, inner in inside if inner), default=0.0)


def _part_span(type_: Type, uses: Uses | None) -> float:
    """Of a part that is not read the weight tells nothing: there may be any number of bytes."""
    if uses is not None:
        return _span(type_, uses)
    return math.inf if any(isinstance(one, List) or one == STRING for one in walk(type_)) else 0.0


class _Size(NamedTuple):
    """A bound on the weight of a node's value: of one, and of all together that the macros around it make of it."""

    one: float
    total: float


class _Cost:
    """Bounds the work of one evaluation."""

    def __init__(self, types: Mapping[int, Static], weight: float) -> None:
        self.types, self.weight, self.work = types, weight, 0.0

    def of(self, tree: Expr, variables: tuple[str, ...]) -> float:
        self._size(tree, dict.fromkeys(variables, _Size(self.weight, self.weight)), 1.0)
        return self.work

    def _size(self, node: Expr, env: Mapping[str, _Size], times: float) -> _Size:
        """The size of a node's value; `times` is how often it is evaluated."""
        self.work += times
        size = self._of(node, env, times)
        return _Size(1.0, times) if kind(self.types.get(node.id)) in _SCALARS else size

    def _of(self, node: Expr, env: Mapping[str, _Size], times: float) -> _Size:
        match node:
            case Const(_, value):
                one = 1 + (len(value) / _BYTES if isinstance(value, str | bytes) else 0)
                return _Size(one, one * times)
            case Ident(_, name):
                return env.get(name, _Size(1.0, times))
            case Select(_, operand):
                return self._size(operand, env, times)
            case ListOf(_, items) | MapOf(_, items):
                size = _sum([_Size(1.0, times)] + [self._size(item, env, times) for item in items])
                self.work += size.total
                return size
            case Loop():
                return self._loop(node, env, times)
            case Call():
                return self._call(node, env, times)

    def _call(self, node: Call, env: Mapping[str, _Size], times: float) -> _Size:
        sizes = [self._size(arg, env, times) for arg in node.args]
        size = _sum(sizes)
        match node.function:
            case "_[_]" | "size" | "_&&_" | "_||_" | "!_" | "@not_strictly_false" | "_?_:_":
                return size
            case "matches":
                self.work += sizes[0].total * _pattern(node.args[-1])
            case "_+_" | "string" | "bytes":
                self.work += _MADE * size.total
            case _:
                self.work += size.total
        return size

    def _loop(self, node: Loop, env: Mapping[str, _Size], times: float) -> _Size:
        span = self._size(node.range, env, times)
        turns, each = min(span.total, ITERATIONS), min(span.one, ITERATIONS)
        inner = {name: _Size(one, min(total * each, one * turns)) for name, (one, total) in env.items()}
        inner[node.variable] = span
        inner[node.accumulator] = _Size(0.0, 0.0)
        start = self._size(node.start, env, times)
        self._size(node.condition, inner, turns)
        step = self._size(node.step, inner, turns)
        made = _Size(start.one + min(step.total, step.one * each), start.total + step.total)
        return self._size(node.result, {**env, node.accumulator: made}, times)


def _sum(sizes: list[_Size]) -> _Size:
    return _Size(sum(size.one for size in sizes), sum(size.total for size in sizes))


def _pattern(node: Expr) -> float:
    """Work for each 64 bytes that a pattern is matched against: at worst every state is stepped at every byte."""
    text = node.value if isinstance(node, Const) and isinstance(node.value, str) else ""
    return len(text) / 2 + (128 if "{" in text else 0) + 2
