"""How large a value an expression may look at, so that no value and no expression makes an evaluation run on.

The library stops at 10,000 iterations of macros in one evaluation, but one iteration may copy a long string or compare
two long lists, and it holds the interpreter's lock meanwhile. So the work of an expression is bounded by a function of
the weight of its values, derived from the tree when it is compiled; the largest weight within the budget is kept with it.

A unit of work is about 0.1 µs: one element converted, compared or visited, or 64 bytes of text read. Measured with
cel-expr-python 0.1.3: 70-90 ns to convert an element, 120 ns an iteration, 60 ns an element compared, 17 ns a byte of
text made (page faults included), 1 ns a byte read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.contract._cel_tree import Call, Const, Expr, Ident, ListOf, Loop, MapOf, Select
from orchestrator.contract._cel_types import Static, kind

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
    largest, weight = 0.0, float(_LEAST)
    while weight < 1 << 40:
        if _Cost(types, weight).of(tree, variables) + bulk * weight > BUDGET:
            return largest
        largest, weight = weight, weight * 1.2
    return float("inf")


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
    return total


class _Cost:
    """Bounds the work of one evaluation. Sizes add up over all iterations of the macros around a node."""

    def __init__(self, types: Mapping[int, Static], weight: float) -> None:
        self.types, self.weight, self.work = types, weight, 0.0

    def of(self, tree: Expr, variables: tuple[str, ...]) -> float:
        self._size(tree, dict.fromkeys(variables, self.weight), 1.0)
        return self.work

    def _size(self, node: Expr, env: Mapping[str, float], times: float) -> float:
        """The size of a node's value; `times` is how often it is evaluated."""
        self.work += times
        size = self._of(node, env, times)
        return times if kind(self.types.get(node.id)) in _SCALARS else size

    def _of(self, node: Expr, env: Mapping[str, float], times: float) -> float:
        match node:
            case Const(_, value):
                return times * (1 + (len(value) / _BYTES if isinstance(value, str | bytes) else 0))
            case Ident(_, name):
                return env.get(name, times)
            case Select(_, operand):
                return self._size(operand, env, times)
            case ListOf(_, items) | MapOf(_, items):
                total = sum(self._size(item, env, times) for item in items) + times
                self.work += total
                return total
            case Loop():
                return self._loop(node, env, times)
            case Call():
                return self._call(node, env, times)

    def _call(self, node: Call, env: Mapping[str, float], times: float) -> float:
        sizes = [self._size(arg, env, times) for arg in node.args]
        total = sum(sizes)
        match node.function:
            case "_[_]" | "size" | "_&&_" | "_||_" | "!_" | "@not_strictly_false" | "_?_:_":
                return total
            case "matches":
                self.work += sizes[0] * _pattern(node.args[-1])
            case "_+_" | "string" | "bytes":
                self.work += _MADE * total
            case _:
                self.work += total
        return total

    def _loop(self, node: Loop, env: Mapping[str, float], times: float) -> float:
        span = self._size(node.range, env, times)
        turns = min(span, ITERATIONS)
        inner = {name: size * turns for name, size in env.items()}
        inner[node.variable] = span
        inner[node.accumulator] = 0.0
        start = self._size(node.start, env, times)
        self._size(node.condition, inner, turns)
        step = self._size(node.step, inner, turns)
        return self._size(node.result, {**env, node.accumulator: start + step}, times)


def _pattern(node: Expr) -> float:
    """Work for each 64 bytes that a pattern is matched against: at worst every state is stepped at every byte."""
    text = node.value if isinstance(node, Const) and isinstance(node.value, str) else ""
    return 4 * len(text) + (512 if "{" in text else 0) + 2
