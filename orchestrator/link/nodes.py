"""Nodes: their components loaded, their Python functions found, and the export that each runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from orchestrator.engine.component import Component
from orchestrator.errors import InvalidPipeline, OrchestratorError
from orchestrator.interface.types import Function
from orchestrator.link.carried import handles_in, unsupported_in
from orchestrator.link.draft import Draft, Work, answering
from orchestrator.link.items import NotFound, callables, find_export
from orchestrator.link.report import place_of_node
from orchestrator.manifest.model import Node
from orchestrator.wording import listed

Load = Callable[[Node, Path], Component]
"""Gives a node's component; the folder is where relative paths start. Raises `ComponentError`."""


def draft_nodes(work: Work, load: Load) -> None:
    """A draft for each node, with its component or function, and what it runs."""
    idle = answering(work.manifest)
    for node in work.manifest.nodes:
        if node.name in work.drafts:
            message = f"there are two nodes `{node.name}`"
            work.report.error("duplicate-name", message, node.where, place_of_node(node.name), help=("rename one",))
            continue
        draft = work.drafts[node.name] = Draft(node, answers_only=node.name in idle, unread=_unread(work, node))
        _load(work, draft, load)
        if draft.known and node.run:
            _find_run(work, draft)


def _load(work: Work, draft: Draft, load: Load) -> None:
    node = draft.node
    if node.python is not None:
        from orchestrator.link.python_nodes import load_python

        load_python(work, draft)
    elif not node.component and not work.partial:
        message = f"node `{node.name}` has neither a component nor a Python function"
        help_ = ("give it `component: path` or `python: module:function`",)
        work.report.error("no-component", message, node.where, place_of_node(node.name), help=help_)
    elif node.component:
        _load_component(work, draft, load)


def _unread(work: Work, node: Node) -> bool:
    lost_run = not node.run and _lost(work, node, "run")
    return lost_run or (node.python is None and _lost(work, node, "python"))


def _lost(work: Work, node: Node, *keys: str) -> bool:
    """Whether one of the keys is written in a faulty manifest; asked where its value is not there."""
    return work.partial and any(key in node.where.inner for key in keys)


def _load_component(work: Work, draft: Draft, load: Load) -> None:
    node = draft.node
    where, place = node.where.at("component"), place_of_node(node.name)
    try:
        component = load(node, work.manifest.folder)
    except InvalidPipeline as error:
        message = f"the component of `{node.name}` cannot be used"
        work.report.error("component", message, where, place, causes=(d.message for d in error.diagnostics))
        work.report.add(error.diagnostics)
    except (OrchestratorError, OSError) as error:
        first, *rest = str(error).splitlines() or [type(error).__name__]
        message = f"the component of `{node.name}` cannot be loaded: {first}"
        work.report.error("component", message, where, place, causes=(line for line in rest if line.strip()))
    else:
        draft.component, draft.exports, draft.known = component, component.world.exports, True
        _refused(work, draft, component)


def _refused(work: Work, draft: Draft, component: Component) -> None:
    if component.world.refused:
        message = f"the component of `{draft.name}` has parts that this engine does not carry"
        where = draft.node.where.at("component")
        work.report.error(
            "unsupported-component", message, where, place_of_node(draft.name), causes=component.world.refused
        )


def _find_run(work: Work, draft: Draft) -> None:
    where, place = draft.node.where.at("run"), place_of_node(draft.name)
    try:
        export = find_export(draft.name, draft.exports, draft.node.run)
    except NotFound as problem:
        work.report.error(problem.code, problem.message, where, place, help=problem.help)
        return
    if may_run(work, draft, export.function):
        draft.run = export


def may_run(work: Work, draft: Draft, function: Function) -> bool:
    """Whether values can be given to a function and taken from it; what cannot be carried is reported."""
    where, place = draft.node.where.at("run"), place_of_node(draft.name)
    if lines := unsupported_in(function):
        message = f"`{draft.name}` cannot run `{function.name}`: a type in it is not carried by this version"
        work.report.error("unsupported-type", message, where, place, causes=lines)
    elif lines := handles_in(function):
        message = f"`{draft.name}` cannot run `{function.name}`: data edges carry values, not resources"
        help_ = ("let another component call it over a call edge, which carries resources",)
        work.report.error("resource-in-value", message, where, place, causes=lines, help=help_)
    else:
        return True
    return False


def no_run_help(draft: Draft) -> tuple[str, ...]:
    """What to do about a node that runs nothing and should."""
    known = [str(export) for export in callables(draft.exports)]
    return (f"give `{draft.name}` a `run:`; it exports {listed(known)}",)
