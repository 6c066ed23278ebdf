"""A manifest, its components and the host -> a linked graph, or every reason why not, in one pass."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType

from orchestrator.capability import NOBODY, Operator
from orchestrator.capability.ceiling import networks
from orchestrator.capability.narrowing import Narrowed
from orchestrator.diagnostics import Diagnostic
from orchestrator.errors import InvalidPipeline
from orchestrator.graph.flow import Held
from orchestrator.interface import Packages
from orchestrator.link.answers import check_answers
from orchestrator.link.bindings import bind
from orchestrator.link.calls import link_calls
from orchestrator.link.config import link_config
from orchestrator.link.control import link_control
from orchestrator.link.data import link_data, mark_each
from orchestrator.link.detectors import link_detectors
from orchestrator.link.draft import Draft, HostImports, Work, unique
from orchestrator.link.flow import Checked, check_flow, of_node
from orchestrator.link.fusing import Groups, link_fused
from orchestrator.link.grants import check_grants
from orchestrator.link.inputs import link_inputs
from orchestrator.link.model import Flow, LinkedGraph, LinkedNode, LinkedOutput
from orchestrator.link.nodes import Load, draft_nodes
from orchestrator.link.outputs import link_outputs
from orchestrator.link.reverts import lifetime_of, link_reverts
from orchestrator.link.shape import Shape, find_shape
from orchestrator.link.tools import link_tools
from orchestrator.manifest.model import CallEdge, Manifest

STACK_BUDGET = 16
"""Stores that a chain of calls may enter, where the caller does not say: see the engine's stack."""


@dataclass(frozen=True, slots=True)
class Linking:
    """What one pass found: the graph, None where there is an error, and every diagnostic, warnings among them."""

    graph: LinkedGraph | None
    diagnostics: tuple[Diagnostic, ...]


def link(
    manifest: Manifest,
    load: Load,
    *,
    packages: Packages,
    host: HostImports,
    python_nodes: bool = False,
    stack_budget: int = STACK_BUDGET,
    operator: Operator = NOBODY,
) -> LinkedGraph:
    """The linked graph.

    Arguments:
        manifest: the pipeline, without errors of its own.
        load: gives a node's component; asked once a node, with the folder where relative paths start.
        packages: the WIT that ships: where named types of inputs are looked up, and docs of tools.
        host: whether the host answers an import: None when it is not the host's, `()` when it does, else why it cannot.
        python_nodes: whether nodes may be Python functions named by a text (a callable is always allowed).
        stack_budget: how many stores a chain of calls may enter.
        operator: what whoever runs it says.

    Raises `InvalidPipeline` with every reason. Warnings stand in the graph.
    """
    found = check(
        manifest, load, packages=packages, host=host, python_nodes=python_nodes, stack_budget=stack_budget,
        operator=operator,
    )  # fmt: skip
    if found.graph is None:
        raise InvalidPipeline(found.diagnostics)
    return found.graph


def check(
    manifest: Manifest,
    load: Load,
    *,
    packages: Packages,
    host: HostImports,
    python_nodes: bool = False,
    stack_budget: int = STACK_BUDGET,
    operator: Operator = NOBODY,
    partial: bool = False,
) -> Linking:
    """As `link`, with the diagnostics as data; arguments as there.

    Arguments:
        partial: the manifest has errors of its own, reported elsewhere, and what was faulty in it is left out: nothing
            is said of what is only missing for that, and there is no graph.
    """
    work = Work(manifest, packages, host, python_nodes, stack_budget, operator, partial)
    _name_edges(work)
    draft_nodes(work, load)
    link_inputs(work)
    link_detectors(work)
    link_calls(work)
    link_tools(work)
    check_answers(work)
    mark_each(work)
    link_data(work)
    bind(work)
    link_control(work)
    link_reverts(work)
    link_config(work)
    groups = link_fused(work)
    check_grants(work, groups)
    shape = find_shape(work, groups)
    outputs = link_outputs(work, shape.skippable)
    flow = check_flow(work)
    diagnostics = work.report.diagnostics()
    return Linking(None if partial or work.report.failed else _graph(work, shape, groups, flow, outputs), diagnostics)


def _name_edges(work: Work) -> None:
    """Data and tool edges are known as they are written; a call edge gets its id with its interface."""
    taken: set[str] = set()
    for at, edge in enumerate(work.manifest.edges):
        work.ids[at] = str(edge) if isinstance(edge, CallEdge) else unique(taken, str(edge))


def _graph(work: Work, shape: Shape, groups: Groups, flow: Checked, outputs: tuple[LinkedOutput, ...]) -> LinkedGraph:
    held = of_node(flow.flow, flow.held)
    nodes = {name: _node(draft, shape, groups, flow.flow, held.get(name, ())) for name, draft in work.drafts.items()}
    return LinkedGraph(
        name=work.manifest.name,
        manifest=work.manifest,
        inputs=tuple(found for found in work.inputs.values() if found is not None),
        outputs=tuple(replace(one, labels=flow.held.get(f"outputs.{one.name}", ())) for one in outputs),
        nodes=MappingProxyType(nodes),
        order=shape.order,
        limits=work.limits,
        depth=max(shape.depths.values(), default=1),
        groups=groups.members,
        operator=replace(work.operator, networks=networks(work.operator)),
        flow=flow.flow,
        warnings=work.report.diagnostics(),
    )


def _node(draft: Draft, shape: Shape, groups: Groups, flow: Flow, labels: tuple[Held, ...]) -> LinkedNode:
    node, sender = draft.node, flow.senders.get(draft.name)
    within = draft.within or Narrowed(draft.node.grants, draft.node.limits)
    return LinkedNode(
        name=node.name,
        component=draft.component,
        python=draft.python,
        exports=draft.exports,
        run=draft.run,
        bindings=draft.bindings,
        after=shape.after[node.name],
        calls=tuple(draft.calls),
        tools=tuple(draft.tools),
        grants=within.grants,
        limits=within.limits,
        places=within.places,
        bounds=draft.bounds,
        cuts=within.cuts,
        lifetime=lifetime_of(node),
        reverts=draft.reverts,
        bulk=node.bulk,
        repeat=node.repeat,
        until=draft.until,
        retry=node.retry,
        fallback=node.fallback,
        fallback_for=shape.stands_for.get(node.name, ""),
        config=MappingProxyType(dict(draft.config)),
        depth=shape.depths[node.name],
        group=groups.group(node.name),
        labels=labels,
        sends=sender.why if sender else "",
        where=node.where,
    )
