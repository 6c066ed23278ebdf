"""From a linked pipeline to its plan."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator.capability.limits import OWN, SHOWN
from orchestrator.capability.powers import power_of, powers_of, uses
from orchestrator.engine.component import Way
from orchestrator.interface.types import Interface
from orchestrator.link.model import LinkedGraph, LinkedNode
from orchestrator.manifest.model import MISSING, Ceiling, Grants, Limits, Node, Ref, show_steps
from orchestrator.manifest.substitution import inputs_of
from orchestrator.plan.model import EdgePlan, NodePlan, Plan, Refused, Taken

DEFAULTS: Mapping[str, int] = {field: OWN[field] for field in ("memory", "tables", "handles")}
"""What the engine allows a node where nobody says a limit; of output what is kept is not what may be printed."""
_INSTEAD = {
    "environment": "empty",
    "clock": "1970",
    "random": "constant",
    "stdio": "goes nowhere",
}
"""What a component has of a power that it is not given; of the others nothing, but an error."""
_ROWS = ("storage", "http", "secrets")
"""The grants that are lists of places."""
NOT_GRANTED, NOT_CLAIMED = "nothing grants it", "its manifest does not claim it"
_NOTHING = Grants(stdio="none")


def plan_of(graph: LinkedGraph) -> Plan:
    """The plan of a linked pipeline."""
    asked = {node.name: node for node in graph.manifest.nodes}
    names = [*graph.order, *(name for name in graph.nodes if name not in graph.order)]
    return Plan(
        pipeline=graph.name,
        ceilings={ceiling.name: _digest(ceiling) for ceiling in graph.operator.ceilings},
        limits=graph.limits,
        sources=_run_sources(graph),
        addresses=tuple(map(str, graph.operator.networks)),
        inputs=_inputs(graph),
        nodes=tuple(_node(graph, graph.nodes[name], asked[name]) for name in names),
        edges=tuple(_edges(graph)),
    )


def _digest(ceiling: Ceiling) -> str:
    """Of what a ceiling says, wherever it is kept."""
    said = repr(replace(ceiling, folder=Path(), description=""))
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _inputs(graph: LinkedGraph) -> dict[str, str | None]:
    grants = [node.grants for node in graph.nodes.values()]
    texts = [*(one.path for each in grants for one in each.storage), *(one.url for each in grants for one in each.http)]
    used = {name for text in texts for name in inputs_of(text)}
    return {
        one.name: None if one.default is MISSING else str(one.default)
        for one in graph.manifest.inputs
        if one.name in used
    }


def _run_sources(graph: LinkedGraph) -> dict[str, str]:
    found = {}
    for key in ("timeout", "calls"):
        value = getattr(graph.limits, key)
        said = [one.name for one in graph.operator.ceilings if getattr(one.run, key) == value]
        own = getattr(graph.manifest.limits, key) is not None
        found[key] = "default" if value is None else "pipeline" if own else f"the ceiling `{said[0]}`"
    return found


def _node(graph: LinkedGraph, node: LinkedNode, asked: Node) -> NodePlan:
    function = asked.python
    target = "" if function is None else function.target
    return NodePlan(
        name=node.name,
        component=asked.component,
        digest=node.component.digest if node.component else "",
        python=target if isinstance(target, str) else getattr(target, "__qualname__", "a function"),
        runs="" if node.run is None or node.component is None else str(node.run),
        lifetime=node.lifetime,
        store=tuple(other for group in graph.groups if node.name in group for other in group if other != node.name),
        grants=node.grants,
        limits=_limits(node),
        places={key: tuple(_places(node, key)) for key in _ROWS},
        each_run={key: tuple(one.name for one in node.bounds if one.depends(key)) for key in _ROWS},
        sources=_sources(node, _stated(graph, node)) if node.component else {},
        reverts=_reverts(node),
        labels={held.label: held.seed.why for held in reversed(node.labels)},
        sends=node.sends,
        settings=dict(_settings(asked)),
        taken=tuple(_taken(node)),
        refused=tuple(_refused(node)),
    )


def _settings(asked: Node) -> Iterator[tuple[str, str]]:
    for key, values in (("args", asked.args), ("config", asked.config)):
        for name in sorted(values):
            said = json.dumps(values[name], sort_keys=True, default=repr)
            yield f"{key}.{name}", f"sha256:{hashlib.sha256(said.encode()).hexdigest()[:16]}"
    if asked.bulk != "auto":
        yield "bulk", asked.bulk
    if asked.retry is not None:
        yield "retry", f"{asked.retry.times} times after {', '.join(asked.retry.on)}, {asked.retry.wait:g} s apart"
    if asked.repeat is not None:
        feed = ", ".join(f"{name} by {show_steps(steps) or '.'}" for name, steps in asked.repeat.feed.items())
        most = f"{asked.repeat.max} at most, else {asked.repeat.at_max}"
        yield "repeat", f"until {asked.repeat.until}, {most}" + (f", {feed}" if feed else "")
    if asked.fallback:
        yield "fallback", asked.fallback


def _limits(node: LinkedNode) -> Limits:
    """The limits, with the engine's own where nobody says one."""
    own: dict[str, Any] = {field: value for field, value in DEFAULTS.items() if getattr(node.limits, field) is None}
    return replace(node.limits, **own)


def _places(node: LinkedNode, key: str) -> Iterator[str]:
    numbers = node.places.get(key) or range(len(getattr(node.grants, key)))
    return (f"grants.{key}[{number}]" for number in numbers)


def _stated(graph: LinkedGraph, node: LinkedNode) -> list[Limits]:
    """The limits that the pipeline states for a node's store."""
    group = next((group for group in graph.groups if node.name in group), (node.name,))
    return [each.limits for each in graph.manifest.nodes if each.name in group]


def _sources(node: LinkedNode, stated: list[Limits]) -> dict[str, str]:
    """Who says each limit."""
    found = {}
    for field in SHOWN:
        value = getattr(node.limits, field)
        if value is None:
            found[field] = "default"
        elif any(getattr(limits, field) == value for limits in stated):
            found[field] = "pipeline"
        else:
            found[field] = next(bound.name for bound in node.bounds if bound.most(field) == value)
    return found


def _reverts(node: LinkedNode) -> dict[str, Any] | None:
    if node.reverts is None or node.component is None:
        return None
    rules, way = node.reverts, node.component.way
    if node.group:
        way = Way("fresh", "it shares its store")
    return {
        "way": way.name,
        "reason": way.reason or None,
        "after": rules.after,
        "warm-up": None if rules.warm_up is None else str(rules.warm_up[0]),
        "violations": rules.violations,
        "denials": rules.denials,
        "steps": rules.steps,
        "quarantine": rules.quarantine,
    }


def _taken(node: LinkedNode) -> Iterator[Taken]:
    for cut in node.cuts:
        first, *rest = cut.path
        place = str(first) + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in rest)
        yield Taken(cut.key, place, cut.asked, cut.left, cut.bound.name)


def _refused(node: LinkedNode) -> Iterator[Refused]:
    """The powers that a component asks the host for, by its imports, and that it has not."""
    answered = [call.wanted for call in node.calls]
    world = node.component.world.imports if node.component else ()
    names = [str(one.name.base) for one in world if isinstance(one, Interface) and one not in answered]
    for power in powers_of(names):
        if power == "sockets" or getattr(node.grants, power) == getattr(_NOTHING, power):
            imports = tuple(name for name in names if power_of(name) == power)
            yield Refused(power, imports, _INSTEAD.get(power, ""), _why(node, power))


def _why(node: LinkedNode, power: str) -> str:
    if any(bound.party == "manifest" and not bound.allows_any(power) for bound in node.bounds):
        return NOT_CLAIMED
    for cut in node.cuts:
        if uses(cut.key, [power]) and cut.left in ("", "`none`"):
            return f"{cut.bound.name} does not allow it"
    return NOT_GRANTED


def _edges(graph: LinkedGraph) -> Iterator[EdgePlan]:
    for data in graph.data:
        source = f"inputs.{data.source.name}" if data.source.kind == "input" else data.source.name
        over = f"{_path(data.source)} -> {data.parameter}".strip()
        each = data.each.parallel if data.each else None
        yield EdgePlan(data.id, "data", source, data.target, over, data.contract, data.declassify, data.when_text, each)
    for call in graph.calls:
        yield EdgePlan(call.id, "call", call.caller, call.callee, str(call.wanted.name), call.contract, call.declassify)
    for tool in graph.tools:
        yield EdgePlan(tool.id, "tool", tool.caller, tool.callee, tool.name, tool.contract, tool.declassify)
    for output in graph.outputs:
        source = f"inputs.{output.source.name}" if output.source.kind == "input" else output.source.name
        yield EdgePlan(f"{output.source} -> outputs.{output.name}", "output", source, f"outputs.{output.name}",
                       _path(output.source))  # fmt: skip


def _path(ref: Ref) -> str:
    steps = show_steps(ref.steps)
    return f"err.{steps}".rstrip(".") if ref.kind == "error" else steps
