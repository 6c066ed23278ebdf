"""Tool edges: functions that a component finds by name while it runs, through `agent:core/tools`.

A tool is called by its function's name. Where two tools of one caller have the same, each is `node-function`, and where
that is not enough `node-interface-function`: only letters, digits and dashes, as models' interfaces ask for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.errors import WitError
from orchestrator.interface import arguments, json_schema
from orchestrator.link.answers import TOOLS, imports_interface
from orchestrator.link.carried import handles_in, unsupported_in
from orchestrator.link.contracts import checks_of_functions
from orchestrator.link.draft import Draft, Work
from orchestrator.link.items import NotFound, find_export
from orchestrator.link.model import Export, LinkedTool
from orchestrator.link.report import place_of_edge
from orchestrator.manifest.model import ToolEdge


@dataclass(frozen=True, slots=True)
class _Tool:
    edge: ToolEdge
    id: str
    callee: Draft
    export: Export


def link_tools(work: Work) -> None:
    """Links every tool edge; what is linked stands in the caller's draft."""
    found: dict[str, list[_Tool]] = {}
    for id_, edge in work.tool_edges():
        caller = work.node(edge.caller, edge.where.at("tool", "source"), edge)
        callee = work.node(edge.callee.node, edge.where.at("tool", "target"), edge)
        if caller is not None:
            _may_call(work, edge, caller)
        export = _export(work, edge, callee) if callee is not None and callee.known else None
        if caller is not None and callee is not None and export is not None:
            found.setdefault(caller.name, []).append(_Tool(edge, id_, callee, export))
    for name, tools in found.items():
        work.drafts[name].tools = _named(work, _distinct(work, tools))


def _may_call(work: Work, edge: ToolEdge, caller: Draft) -> None:
    where, place = edge.where.at("tool", "source"), place_of_edge(edge)
    if caller.node.python is not None:
        message = f"`{caller.name}` is a Python function: it finds no tools"
        work.report.error("python-caller", message, where, place)
    elif caller.known and not imports_interface(caller, TOOLS):
        message = f"`{caller.name}` does not import `{TOOLS}`: it would not find the tool"
        help_ = ("a call edge answers what a component imports by itself",)
        work.report.error("no-tools", message, where, place, help=help_)


def _export(work: Work, edge: ToolEdge, callee: Draft) -> Export | None:
    where, place = edge.where.at("tool", "target"), place_of_edge(edge)
    try:
        export = find_export(callee.name, callee.exports, edge.callee.name)
    except NotFound as problem:
        work.report.error(problem.code, problem.message, where, place, help=problem.help)
        return None
    lines = unsupported_in(export.function) or handles_in(export.function)
    if lines:
        message = f"`{export}` of `{callee.name}` cannot be a tool: its values have no JSON form"
        work.report.error("tool-type", message, where, place, causes=lines)
        return None
    return export


def _distinct(work: Work, tools: list[_Tool]) -> list[_Tool]:
    """The tools, each function of a node once."""
    seen: dict[tuple[str, Export], _Tool] = {}
    for tool in tools:
        first = seen.setdefault((tool.callee.name, tool.export), tool)
        if first is not tool:
            message = f"`{tool.edge.caller}` has the tool `{tool.edge.callee}` twice"
            where = tool.edge.where.at("tool")
            help_ = ("remove one of the edges",)
            work.report.error("doubled-tool", message, where, place_of_edge(tool.edge), help=help_)
    return list(seen.values())


_Form = Callable[[_Tool], str]
_FORMS: tuple[_Form, ...] = (
    lambda tool: tool.export.function.name,
    lambda tool: f"{tool.callee.name}-{tool.export.function.name}",
    lambda tool: "-".join(filter(None, (tool.callee.name, _home(tool), tool.export.function.name))),
)


def _home(tool: _Tool) -> str:
    return tool.export.interface.interface if tool.export.interface else ""


def _names(tools: list[_Tool]) -> list[str]:
    names = [_FORMS[0](tool) for tool in tools]
    for form in _FORMS[1:]:
        many = Counter(names)
        names = [form(tool) if many[name] > 1 else name for tool, name in zip(tools, names, strict=True)]
    return names


def _named(work: Work, tools: list[_Tool]) -> list[LinkedTool]:
    names = _names(tools)
    many = Counter(names)
    for tool, name in zip(tools, names, strict=True):
        if many[name] > 1:
            message = f"`{tool.edge.caller}` would know two tools as `{name}`"
            where = tool.edge.where.at("tool")
            help_ = ("use two nodes with the same component, or give it one of the two",)
            work.report.error("doubled-tool", message, where, place_of_edge(tool.edge), help=help_)
    return [_linked(work, tool, name) for tool, name in zip(tools, names, strict=True)]


def _linked(work: Work, tool: _Tool, name: str) -> LinkedTool:
    edge, function = tool.edge, tool.export.function
    checks = checks_of_functions(work, edge, [function], tool.id)
    schema = json_schema(arguments(function))
    description = edge.description or function.docs or _docs(work, tool.export)
    return LinkedTool(
        id=tool.id,
        caller=edge.caller,
        callee=tool.callee.name,
        name=name,
        description=description,
        export=tool.export,
        schema=schema,
        contract=edge.contract,
        checks=checks.get(function.name),
        detectors=work.detectors.get(id(edge), ()),
        declassify=edge.declassify,
        where=edge.where,
    )


def _docs(work: Work, export: Export) -> str:
    """What the WIT that ships says of a function; a binary does not keep it."""
    if export.interface is None:
        return ""
    try:
        function = work.packages.interface(export.interface).function(export.function.name)
    except WitError:
        return ""
    return function.docs if function else ""
