"""`agent:core/tools`: functions that a component finds by name while it runs, and calls with JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from orchestrator.engine import Denial
from orchestrator.errors import RunError, ValueMismatch
from orchestrator.interface.allowance import Allowance
from orchestrator.interface.convert import arguments, read_json, write_json
from orchestrator.interface.sizes import size
from orchestrator.interface.types import Result
from orchestrator.interface.values import Variant
from orchestrator.runtime.gates import call_node
from orchestrator.runtime.visit import Visit

if TYPE_CHECKING:
    from orchestrator.engine import Exported, Instance
    from orchestrator.link.model import LinkedNode, LinkedTool
    from orchestrator.runtime.crossing import Crossing

LONGEST = 200
"""Characters of a tool's name that no tool has, as it is told of."""

Host = Callable[["Instance", Sequence[Any]], Any]


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool edge, ready to be called.

    Arguments:
        edge: the linked edge.
        crossing: its rules, for the function it names.
        callee: the node that has the function.
        target: the function as its instance has it; None for a Python node.
    """

    edge: LinkedTool
    crossing: Crossing
    callee: LinkedNode
    target: Exported | None

    @property
    def listed(self) -> dict[str, str]:
        """What `list` says of it."""
        schema = json.dumps(dict(self.edge.schema), ensure_ascii=False)
        return {"name": self.edge.name, "description": self.edge.description, "schema": schema}


def denied(message: str) -> dict[str, Any]:
    """How a caller of a tool is told of a denial."""
    return _error("denied", message)


def tool_functions(tools: Sequence[Tool]) -> dict[str, Host]:
    """The functions of `agent:core/tools` for a node with those tools, by name."""
    by_name = {tool.edge.name: tool for tool in tools}
    listed = [by_name[name].listed for name in sorted(by_name)]

    def call(caller: Instance, values: Sequence[Any]) -> Any:
        name, text = values
        tool = by_name.get(name)
        if tool is None:
            _unknown(cast(Visit, caller.frame), name[:LONGEST])
            known = ", ".join(sorted(by_name)) or "none"
            return _error("not-found", f"{name[:LONGEST]} (there is {known})")
        return _call(tool, caller, text)

    return {"list": lambda _caller, _values: listed, "call": call}


def _error(case: str, message: str) -> dict[str, Any]:
    return {"err": Variant(case, message)}


def _unknown(caller: Visit, name: str) -> None:
    """Records that a tool was asked for that is not there."""
    visit = Visit(caller.run, caller.node, caller).begin(caller.span)
    detail = {"caller": caller.node, "tool": name, "error": "there is no such tool", "error_type": "not-found"}
    caller.run.event("call", visit, function="agent:core/tools.call", decision="failed", detail=detail)


def _call(tool: Tool, caller: Instance, text: str) -> Any:
    function, visit = tool.edge.export.function, cast(Visit, caller.frame)
    types = arguments(function)
    caller.allowed.again()
    try:
        with caller.allowed:
            args = read_json(types, text or "{}", "arguments")
    except ValueMismatch as problem:
        tool.crossing.refused(
            visit, len(text.encode()), f"{problem.path or 'the arguments'}: expected {problem.expected}"
        )
        return _error("invalid-arguments", str(problem))
    except RunError as problem:
        return _unread(tool, visit, text, problem)
    begun = tool.crossing.begin(visit, size(types, args), lambda _check: args)
    if isinstance(begun, Denial):
        return begun.value
    return _answered(tool, begun, tuple(args[field.name] for field in function.params))


def _unread(tool: Tool, caller: Visit, text: str, problem: RunError) -> Any:
    """The call failed before it began: its arguments are too large, or the time was up while they were read."""
    visit = tool.crossing.visit(caller).begin(caller.span)
    visit.request = len(text.encode())
    visit.deadline, visit.limit = caller.deadline, caller.limit
    return tool.crossing.failed(visit, problem).value


def _answered(tool: Tool, visit: Visit, values: tuple[Any, ...]) -> Any:
    """The answer of a call that was let through."""
    try:
        function = tool.edge.export.function
        read, response = call_node(tool.callee, function, tool.target, visit, values)
    except BaseException as problem:
        return tool.crossing.failed(visit, problem).value
    refused = tool.crossing.end(visit, response, read)
    if refused is not None:
        return refused.value
    try:
        with Allowance(check=visit.check):
            return _answer(tool, read(visit.check))
    except RunError as problem:
        raise visit.run.placed(problem, tool.callee.name, tool.edge.id, visit=visit) from None


def _answer(tool: Tool, result: Any) -> dict[str, Any]:
    """The result as JSON: of the ok side where the tool's own type is a result, its err as `failed`."""
    type_ = tool.edge.export.function.result
    if not isinstance(type_, Result):
        return {"ok": "null" if type_ is None else write_json(type_, result)}
    if "err" in result:
        return _error("failed", "null" if type_.err is None else write_json(type_.err, result["err"]))
    return {"ok": "null" if type_.ok is None else write_json(type_.ok, result["ok"])}
