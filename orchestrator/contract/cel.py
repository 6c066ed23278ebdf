"""Conditions in CEL (Google's `cel-expr-python`) over WIT values: `require`, `ensure`, `when` and `until`.

Only this room knows the library, and it is imported when the first condition is compiled. A condition is checked by
CEL (syntax, names of variables and functions, literals) and then against the WIT types (names of fields and cases,
operators between kinds; see `_cel_types`). What both let through and fails all the same when it is evaluated (a case
that is not there, an overflow) raises `ConditionFailed`: a condition never holds by mistake.

An evaluation holds the interpreter's lock. It is bounded: see `_cel_cost`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestrator.contract._cel_cost import heaviest, largest, weigh
from orchestrator.contract._cel_kinds import bulky, kind
from orchestrator.contract._cel_messages import compile_problems, evaluation_cause
from orchestrator.contract._cel_tree import Call, Const, Expr, Loop, Select, TooDeep, read
from orchestrator.contract._cel_types import Findings, examine
from orchestrator.contract._cel_values import Convert, converter
from orchestrator.contract._place import Problem, refuse_text, shorten
from orchestrator.contract._regex import pattern_problem
from orchestrator.diagnostics import Diagnostic
from orchestrator.errors import ConditionFailed
from orchestrator.interface.types import Option, Type, children
from orchestrator.manifest.model import Where

if TYPE_CHECKING:
    from cel_expr_python import cel

LONGEST = 4096
"""Characters of an expression."""
_DEEPEST_TYPE = 64


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled expression; called with the values of its variables by name, in their Python form.

    Arguments:
        text: the expression as written.
        asks_err: whether it asks `has(result.err)`.
        heaviest: the largest weight of what it reads that it is evaluated over.
        largest: the size in canonical form, bytes, beyond which its values are heavier than that for certain.
        reads: by variable the parts that it reads, by their names; None for one that it may read all of.
    """

    text: str
    asks_err: bool
    heaviest: float
    largest: float
    reads: Mapping[str, frozenset[str] | None]
    _converters: tuple[tuple[str, Convert | None], ...] = field(repr=False)
    _expression: cel.Expression = field(repr=False)

    def __call__(self, values: Mapping[str, Any]) -> bool:
        """Whether the condition holds. Raises ConditionFailed when that cannot be told."""
        try:
            data = {name: convert(values[name]) if convert else values[name] for name, convert in self._converters}
            if self.heaviest != float("inf") and weigh(data, self.heaviest) > self.heaviest:
                raise ConditionFailed(self.too_large)
            found = self._expression.eval(data=data)
        except (RuntimeError, ValueError) as error:
            raise self._failed(evaluation_cause(str(error), self.text)) from None
        value = found.value()
        if isinstance(value, bool):
            return value
        failed = found.type().name() == "ERROR"
        raise self._failed(evaluation_cause(str(value), self.text) if failed else "it gives no bool")

    @property
    def too_large(self) -> str:
        """What is said where its values are too heavy."""
        return self._said("the values are too large for its budget")

    def _said(self, cause: str) -> str:
        return f"`{shorten(self.text)}` could not be evaluated: {cause}"

    def _failed(self, cause: str) -> ConditionFailed:
        return ConditionFailed(self._said(cause))


Compiled = tuple[Condition | None, tuple[Diagnostic, ...]]


def compile_condition(text: str, variables: Mapping[str, Type], where: Where, edge: str = "") -> Compiled:
    """Compiles a condition over variables of those WIT types, or says why not.

    Arguments:
        where: where the text stands; a problem inside it is marked there.
        edge: what to name as its place where there is no text of a manifest.
    """
    condition, problems = _compile(text, variables)
    found = tuple(refuse_text("expression", "in the expression", text, problem, where, edge) for problem in problems)
    return condition, found


def compile_value_condition(
    text: str, type_: Type, where: Where, edge: str = ""
) -> tuple[Callable[[Any], bool] | None, tuple[Diagnostic, ...]]:
    """Compiles a condition over `value` alone (`when`, `until`): the callable takes that value."""
    condition, found = compile_condition(text, {"value": type_}, where, edge)
    if condition is None:
        return None, found
    return (lambda value: condition({"value": value})), found


def _compile(text: str, variables: Mapping[str, Type]) -> tuple[Condition | None, list[Problem]]:
    problem = _unfit(text, variables)
    if problem is not None:
        return None, [problem]
    try:
        expression = _environment(variables).compile(text)
        tree, positions = read(expression.serialize())
    except RuntimeError as error:
        return None, compile_problems(str(error), text, tuple(variables))
    except TooDeep:
        return None, [Problem("it is nested too deeply")]
    findings = examine(tree, text, positions, variables)
    problems = findings.problems + _patterns(tree, positions)
    bulk = any(bulky(type_, findings.uses[name]) for name, type_ in variables.items())
    most = heaviest(tree, findings.types, tuple(variables), bulk)
    if most == 0:
        problems.append(Problem("it takes too much work even for a small value"))
    if any(problem.severity == "error" for problem in problems):
        return None, problems
    reads = {name: None if uses.whole else frozenset(uses.parts) for name, uses in findings.uses.items()}
    most_bytes = largest(most, variables, findings.uses)
    converters = _converters(variables, findings)
    return Condition(text, findings.asks_err, most, most_bytes, reads, converters, expression), problems


def _unfit(text: str, variables: Mapping[str, Type]) -> Problem | None:
    if not text.strip():
        return Problem("it is empty")
    if len(text) > LONGEST:
        return Problem(f"it has {len(text)} characters, at most {LONGEST} are allowed")
    bad = next((at for at, char in enumerate(text) if char == "\0" or "\ud800" <= char <= "\udfff"), None)
    if bad is not None:
        return Problem(f"it has a character that no text has ({text[bad]!r})", bad)
    if any(_depth(type_) > _DEEPEST_TYPE for type_ in variables.values()):
        return Problem(f"it is over a type of more than {_DEEPEST_TYPE} levels")
    return None


def _depth(type_: Type) -> int:
    depth, level = 0, [type_]
    while level and depth <= _DEEPEST_TYPE:
        depth, level = depth + 1, [inside for outer in level for inside in children(outer)]
    return depth


def _environment(variables: Mapping[str, Type]) -> cel.Env:
    from cel_expr_python import cel

    types = cel.Type
    record = types.Map(types.STRING, types.DYN)
    maps = {name for name, type_ in variables.items() if kind(type_) == "map" and not isinstance(type_, Option)}
    return cel.NewEnv(variables={name: record if name in maps else types.DYN for name in variables})


def _converters(variables: Mapping[str, Type], findings: Findings) -> tuple[tuple[str, Convert | None], ...]:
    """A converter for each variable, for the parts that the expression reads."""
    return tuple((name, converter(type_, findings.uses[name])) for name, type_ in variables.items())


def _patterns(tree: Expr, positions: Mapping[int, int]) -> list[Problem]:
    """What is wrong with the patterns of `matches`: they are literals, so that their cost is known."""
    problems: list[Problem] = []
    left = [tree]
    while left:
        node = left.pop()
        left.extend(_inside(node))
        if isinstance(node, Call) and node.function == "matches":
            problems.extend(_pattern(node.args[-1], positions))
    return problems


def _pattern(node: Expr, positions: Mapping[int, int]) -> list[Problem]:
    at = positions.get(node.id)
    if not isinstance(node, Const) or not isinstance(node.value, str):
        return [Problem("the pattern of `matches` must be a literal", at)]
    problem = pattern_problem(node.value)
    return [Problem(f"not a regular expression: {problem}", at)] if problem else []


def _inside(node: Expr) -> tuple[Expr, ...]:
    match node:
        case Select(_, operand):
            return (operand,)
        case Call(_, _, args):
            return args
        case Loop():
            return (node.range, node.start, node.condition, node.step, node.result)
        case _:
            return getattr(node, "items", ())
