"""A contract of the manifest -> the checks of one function or of one data edge, or every reason why not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from orchestrator.contract._place import Problem, refuse, refuse_text
from orchestrator.contract._regex import searcher
from orchestrator.contract.checks import Checks, Ledger, Look, Rule, See, Violation
from orchestrator.contract.ensure import ensure_result, ensure_value
from orchestrator.contract.functions import closed
from orchestrator.contract.max_bytes import max_bytes
from orchestrator.contract.max_calls import max_calls
from orchestrator.contract.max_request import max_request
from orchestrator.contract.max_response import max_response
from orchestrator.contract.paths import BadPath, parse_path
from orchestrator.contract.rate import rate
from orchestrator.contract.reject import reject
from orchestrator.contract.require import require_args, require_value, within_budget
from orchestrator.diagnostics import Diagnostic
from orchestrator.interface.convert import has_json
from orchestrator.interface.types import Function, Record, Result, Type
from orchestrator.manifest.model import Contract, FieldStep, Reject, Where

if TYPE_CHECKING:
    from orchestrator.contract.cel import Condition

_OF_CALLS = ("functions", "timeout", "max-request", "max-response")


def compile_contract(
    contract: Contract, function: Function | None, value_type: Type | None, where: Where, edge: str
) -> tuple[Checks | None, tuple[Diagnostic, ...]]:
    """Compiles a contract for one function of a call or tool edge, or for the value of a data edge.

    Arguments:
        function: the function (then `value_type` is None).
        value_type: the type of the value that arrives over a data edge (then `function` is None).
        where: where the contract stands.
        edge: the edge's id, for a pipeline without a text.

    Gives None for the checks where there is nothing to check, and where there is an error among the diagnostics.
    """
    compiler = _Compiler(contract, where, edge)
    if function is not None:
        compiler.call(function)
    elif value_type is not None:
        compiler.data(value_type)
    return compiler.checks(), tuple(compiler.diagnostics)


class _Compiler:
    """Collects the rules of one contract, in the order they are asked, and what is wrong with them."""

    def __init__(self, contract: Contract, where: Where, edge: str) -> None:
        self.contract, self.where, self.edge = contract, where, edge
        self.before: list[Rule] = []
        self.after: list[Rule] = []
        self.looks_before: list[Look] = []
        self.looks_after: list[Look] = []
        self.needs_args = self.needs_result = False
        self.args: frozenset[str] | None = frozenset()
        self.detects = False
        self.diagnostics: list[Diagnostic] = []

    def call(self, function: Function) -> None:
        allowed = self.contract.functions
        if allowed is not None and function.name not in allowed:
            self.before = [closed(function.name, allowed)]
            return
        roots: dict[str, Type] = {"args": Record(function.params)}
        if function.result is not None:
            roots["result"] = function.result
        self._counters()
        self._sizes()
        self._conditions(roots, function)
        self._rejects(roots)
        self._redacts(roots)
        if self.contract.detect:
            self._detects(function)

    def data(self, type_: Type) -> None:
        for rule in self._misplaced():
            message = f"`{rule}` is a rule of call and tool edges"
            help_ = ("`max-bytes` bounds the value of a data edge",) if rule.startswith("max") else ()
            self.diagnostics.append(refuse("contract-rule", message, self.where.at(rule), self.edge, help=help_))
        self._counters()
        if self.contract.max_bytes is not None:
            self.before.append(max_bytes(self.contract.max_bytes, "value"))
        self._value_conditions(type_)
        self._rejects({"value": type_})
        self._redacts({"value": type_})
        if self.contract.detect:
            self.needs_args = self.detects = True

    def checks(self) -> Checks | None:
        timeout = self.contract.timeout
        before, after = _together(self.before, self.looks_before), _together(self.after, self.looks_after)
        nothing = not before and not after and timeout is None and not self.detects
        if nothing or any(diagnostic.severity == "error" for diagnostic in self.diagnostics):
            return None
        denies, reverts = self.contract.on_violation != "fail", self.contract.on_violation == "revert"
        asked = before or _nothing, after or _nothing
        return Checks(self.needs_args, self.needs_result, timeout, denies, *asked, self.args, reverts, self.detects)

    def _sees(self, args: frozenset[str] | None) -> None:
        """Notes that a rule wants those arguments; None stands for all of them."""
        self.needs_args = True
        self.args = None if args is None or self.args is None else self.args | args

    def _misplaced(self) -> Iterator[str]:
        for rule in _OF_CALLS:
            if getattr(self.contract, rule.replace("-", "_")) is not None:
                yield rule

    def _counters(self) -> None:
        if self.contract.max_calls is not None:
            self.before.append(max_calls(self.contract.max_calls))
        if self.contract.rate is not None:
            self.before.append(rate(*self.contract.rate))

    def _sizes(self) -> None:
        contract = self.contract
        if contract.max_request is not None:
            self.before.append(max_request(contract.max_request))
        if contract.max_response is not None:
            self.after.append(max_response(contract.max_response))
        if contract.max_bytes is not None:
            self.before.append(max_bytes(contract.max_bytes, "request"))
            self.after.append(max_bytes(contract.max_bytes, "response"))

    def _conditions(self, roots: Mapping[str, Type], function: Function) -> None:
        for condition in self._compiled("require", {"args": roots["args"]}):
            self.before.append(within_budget(condition, "require"))
            self.looks_before.append(require_args(condition))
            self._sees(condition.reads["args"])
        answers = {name: type_ for name, type_ in roots.items() if name == "result"}
        for condition in self._compiled("ensure", answers):
            self.after.append(within_budget(condition, "ensure"))
            self.looks_after.append(ensure_result(condition, isinstance(function.result, Result)))
            self.needs_result = True

    def _value_conditions(self, type_: Type) -> None:
        for condition in self._compiled("require", {"value": type_}):
            self.before.append(within_budget(condition, "require"))
            self.looks_before.append(require_value(condition))
            self.needs_args = True
        for condition in self._compiled("ensure", {"value": type_}):
            self.before.append(within_budget(condition, "ensure"))
            self.looks_before.append(ensure_value(condition))
            self.needs_args = True

    def _compiled(self, rule: str, variables: Mapping[str, Type]) -> Iterator[Condition]:
        texts: tuple[str, ...] = getattr(self.contract, rule)
        if not texts:
            return
        from orchestrator.contract.cel import compile_condition

        for index, text in enumerate(texts):
            condition, found = compile_condition(text, variables, self.where.at(rule, index), self.edge)
            self.diagnostics.extend(found)
            if condition is not None:
                yield condition

    def _rejects(self, roots: Mapping[str, Type]) -> None:
        for index, spec in enumerate(self.contract.reject):
            where = self.where.at("reject", index)
            matches = self._pattern(spec, where)
            path = self._path("reject", spec.path, roots, where.at("path"))
            if matches is not None and path is not None:
                self._reject(spec, path, roots[path[0]], matches)

    def _reject(self, spec: Reject, path: tuple[str, Any], type_: Type, matches: Callable[[str], bool]) -> None:
        root, steps = path
        rule = reject(spec, type_, steps, matches)
        if root == "result":
            self.looks_after.append(rule)
            self.needs_result = True
        else:
            self.looks_before.append(_of(root, rule))
            self._sees(frozenset({steps[0].name}) if steps and isinstance(steps[0], FieldStep) else None)

    def _pattern(self, spec: Reject, where: Where) -> Callable[[str], bool] | None:
        try:
            return searcher(spec.pattern)
        except ValueError as error:
            problem = Problem(str(error), None, ("RE2 reads patterns: no look-around, no back-references",))
            self.diagnostics.append(
                refuse_text("pattern", "the pattern", spec.pattern, problem, where.at("pattern"), self.edge)
            )
            return None

    def _path(self, rule: str, text: str, roots: Mapping[str, Type], where: Where) -> tuple[str, Any] | None:
        try:
            return parse_path(text, roots)
        except BadPath as error:
            head = f"the path of `{rule}`"
            self.diagnostics.append(refuse_text("contract-path", head, text, error.problem, where, self.edge))
            return None

    def _redacts(self, roots: Mapping[str, Type]) -> None:
        for index, text in enumerate(self.contract.redact):
            self._path("redact", text, roots, self.where.at("redact", index))

    def _detects(self, function: Function) -> None:
        """Has all that a call passes be seen; what has no JSON form is refused where the edge is linked."""
        result = function.result
        self.detects = all(map(has_json, [*(f.type for f in function.params), *([result] if result else [])]))
        if self.detects and function.params:
            self._sees(None)
        self.needs_result = self.needs_result or (self.detects and result is not None)


def _of(root: str, rule: Look) -> Look:
    """The rule asked with one of the values: all arguments as a record, or the value of a data edge."""
    if root == "args":
        return rule
    return lambda ledger, size, values: rule(ledger, size, values[root])


def _together(rules: list[Rule], looks: list[Look]) -> Rule | None:
    """The rules as one, or None where there are none: the first that is broken answers, and values are made last."""
    every = (*rules, _seeing(tuple(looks))) if looks else tuple(rules)
    if len(every) < 2:
        return every[0] if every else None

    def asked(ledger: Ledger, size: int, see: See | None) -> Violation | None:
        for rule in every:
            violation = rule(ledger, size, see)
            if violation is not None:
                return violation
        return None

    return asked


def _seeing(looks: tuple[Look, ...]) -> Rule:
    """Rules over values as one that has the values made."""

    def asked(ledger: Ledger, size: int, see: See | None) -> Violation | None:
        values = None if see is None else see()
        for look in looks:
            violation = look(ledger, size, values)
            if violation is not None:
                return violation
        return None

    return asked


def _nothing(_ledger: Ledger, _size: int, _see: See | None) -> None:
    return None
