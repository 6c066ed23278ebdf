"""A pipeline as a graph to draw: of a manifest what is written, of a linked graph the types and functions as well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from orchestrator.capability import limits
from orchestrator.graph import Arc, Graph, Vertex, VertexKind
from orchestrator.interface import show_type
from orchestrator.link.detectors import asking
from orchestrator.link.draft import answering, unique
from orchestrator.link.fusing import groups_of
from orchestrator.link.items import functions_of
from orchestrator.link.labels import flow_of
from orchestrator.link.model import LinkedCall, LinkedGraph, LinkedTool
from orchestrator.link.shape import implied_pairs
from orchestrator.link.tags import Tags, tags_of
from orchestrator.manifest.model import (
    CallEdge,
    Contract,
    DataEdge,
    Declassify,
    Each,
    Edge,
    Grants,
    Limits,
    Manifest,
    Node,
    Ref,
    ToolEdge,
    show_steps,
)
from orchestrator.manifest.scalars import show_rate, show_size
from orchestrator.manifest.substitution import inputs_of


def draw(pipeline: LinkedGraph | Manifest) -> Graph:
    """The graph of a pipeline; of a manifest, edges from or to nodes that are not there are left out."""
    manifest = pipeline.manifest if isinstance(pipeline, LinkedGraph) else pipeline
    linked = pipeline if isinstance(pipeline, LinkedGraph) else None
    tags = tags_of(linked.flow if linked else flow_of(manifest))
    vertices = {
        vertex.id: replace(vertex, tags=tags.of(vertex.id), alarm=tags.alarm(vertex.id))
        for vertex in _vertices(manifest, linked)
    }
    taken: set[str] = set()
    arcs = [
        _renamed(arc, unique(taken, arc.id))
        for arc in _arcs(manifest, linked, tags)
        if arc.source in vertices and arc.target in vertices
    ]
    return Graph(manifest.name, tuple(vertices.values()), tuple(arcs))


def _renamed(arc: Arc, id_: str) -> Arc:
    return arc if arc.id == id_ else replace(arc, id=id_)


def _vertices(manifest: Manifest, linked: LinkedGraph | None) -> Iterator[Vertex]:
    inputs = {found.name: found.type for found in linked.inputs} if linked else {}
    for input_ in manifest.inputs:
        type_ = "path" if input_.is_path else show_type(inputs.get(input_.name, input_.type))
        yield Vertex(f"inputs.{input_.name}", "input", input_.name, type_)
    group = {name: names[0] for names in _groups(manifest) for name in names}
    for node in manifest.nodes:
        kind: VertexKind = "python" if node.python else "node"
        yield Vertex(node.name, kind, node.name, "", tuple(_details(node)), group.get(node.name, ""))
    outputs = {found.name: show_type(found.type) for found in linked.outputs} if linked else {}
    for output in manifest.outputs:
        yield Vertex(f"outputs.{output.name}", "output", output.name, outputs.get(output.name, ""))


def _groups(manifest: Manifest) -> tuple[tuple[str, ...], ...]:
    calls = (edge for edge in manifest.edges if isinstance(edge, CallEdge))
    return groups_of(list(dict.fromkeys(node.name for node in manifest.nodes)), calls)


def _details(node: Node) -> Iterator[str]:
    if node.component:
        yield node.component
    if node.python:
        target = node.python.target
        yield target if isinstance(target, str) else f"{getattr(target, '__name__', 'a function')}()"
    if node.run:
        yield f"run {node.run}"
    if node.lifetime != "run":
        yield f"lifetime {node.lifetime}"
    if node.revert_after != "never":
        yield f"reverted after each {node.revert_after}"
    if node.bulk != "auto":
        yield f"bulk {node.bulk}"
    yield from _grants(node.grants)
    yield from _limits(node.limits)
    if node.repeat:
        yield f"repeat until {node.repeat.until}, at most {node.repeat.max}"
    if node.retry:
        yield f"retry {node.retry.times} times"
    if node.fallback:
        yield f"fallback {node.fallback}"


def _grants(grants: Grants) -> Iterator[str]:
    for storage in grants.storage:
        yield f"storage {storage.path} at {storage.at}, {storage.access}"
    for http in grants.http:
        yield f"http {http.url}, {', '.join(http.methods)}"
    for secret in grants.secrets:
        yield f"secret {secret.name} to {secret.to}"
    if grants.environment:
        yield f"environment {', '.join(grants.environment)}"
    if grants.clock != "none":
        yield f"clock {grants.clock}"
    if grants.random != "none":
        yield f"random {grants.random}"
    if grants.stdio != "captured":
        yield f"stdio {grants.stdio}"


def _limits(stated: Limits) -> Iterator[str]:
    for field, show in limits.SHOWN.items():
        value = getattr(stated, field)
        if value is not None:
            yield f"{limits.key_of(field)} {f'{value:g}s' if field == 'timeout' else show(value)}"


def _arcs(manifest: Manifest, linked: LinkedGraph | None, tags: Tags) -> Iterator[Arc]:
    calls: list[LinkedCall | LinkedTool] = [*linked.calls, *linked.tools] if linked else []
    types = {edge.id: show_type(edge.type) for edge in linked.data} if linked else {}
    taken: set[str] = set()
    for at, edge in enumerate(manifest.edges):
        if isinstance(edge, DataEdge):
            arc = _data(edge, unique(taken, str(edge)), types)
        else:
            arc = _call(edge, _find(calls, edge))
        yield _labelled(arc, edge.declassify, tags.over(at))
        yield from _judged(edge, arc)
    for output in manifest.outputs:
        ref = output.source
        yield Arc(f"{ref} -> outputs.{output.name}", _end(ref), f"outputs.{output.name}", "data", _path(ref))
    yield from _granted(manifest)
    yield from _implied(manifest)


def _judged(edge: Edge, arc: Arc) -> Iterator[Arc]:
    """From where something comes to the nodes that judge it."""
    what = "what crosses to" if isinstance(edge, DataEdge) else "calls of"
    for name in edge.contract.detect:
        yield Arc(f"detect: {arc.id} -> {name}", arc.source, name, "detect", f"{what} {arc.target}")


def _labelled(arc: Arc, rule: Declassify | None, carried: tuple[str, ...]) -> Arc:
    if rule is None:
        return replace(arc, alarm=carried) if carried else arc
    return replace(arc, stops=rule.labels, side=rule.of, reason=rule.reason, alarm=carried)


def _find(edges: list[LinkedCall | LinkedTool], edge: CallEdge | ToolEdge) -> LinkedCall | LinkedTool | None:
    """Takes from the linked edges the first that this edge of the manifest became."""
    written = str(edge)
    found = next((other for other in edges if other.id == written or other.id.startswith(f"{written} ")), None)
    if found is not None:
        edges.remove(found)
    return found


def _end(ref: Ref) -> str:
    return f"inputs.{ref.name}" if ref.kind == "input" else ref.name


def _path(ref: Ref) -> str:
    steps = show_steps(ref.steps)
    return f"err.{steps}".rstrip(".") if ref.kind == "error" else steps


def _data(edge: DataEdge, id_: str, types: dict[str, str]) -> Arc:
    label = " -> ".join(filter(None, (_path(edge.source), edge.parameter)))
    each = _each(edge.each) if edge.each else ""
    rules = tuple(rules_of(edge.contract))
    return Arc(id_, _end(edge.source), edge.node, "data", label, types.get(id_, ""), rules, edge.when, each)


def _each(each: Each) -> str:
    return f"each, {each.parallel} at a time"


def _call(edge: CallEdge | ToolEdge, linked: LinkedCall | LinkedTool | None) -> Arc:
    rules = tuple(rules_of(edge.contract))
    if isinstance(edge, ToolEdge):
        label = linked.name if isinstance(linked, LinkedTool) else edge.callee.name
        return Arc(str(edge), edge.caller, edge.callee.node, "tool", label, "", rules)
    label, types = edge.interface or edge.callee.name or edge.caller.name, ""
    if isinstance(linked, LinkedCall):
        label = str(linked.wanted.name)
        types = ", ".join(function.name for function in functions_of(linked.wanted))
    id_ = linked.id if linked else str(edge)
    return Arc(id_, edge.caller.node, edge.callee.node, "call", label, types, rules, fused=edge.fuse)


def rules_of(contract: Contract) -> Iterator[str]:
    """The rules of a contract, a line each, as the manifest writes them."""
    if contract.functions is not None:
        yield f"functions: {', '.join(contract.functions)}"
    if contract.max_calls is not None:
        yield f"max-calls: {contract.max_calls}"
    if contract.rate is not None:
        yield f"rate: {_rate(contract.rate)}"
    if contract.timeout is not None:
        yield f"timeout: {contract.timeout:g}s"
    for key, size in _sizes(contract):
        yield f"{key}: {show_size(size)}"
    yield from (f"require: {text}" for text in contract.require)
    yield from (f"ensure: {text}" for text in contract.ensure)
    yield from (f"reject: {reject.pattern} in {reject.path}" for reject in contract.reject)
    yield from (f"redact: {path}" for path in contract.redact)
    yield from (f"detect: {node}" for node in contract.detect)
    if contract.on_violation != "fail":
        yield f"on-violation: {contract.on_violation}"


def _rate(rate: tuple[int, float]) -> str:
    try:
        return show_rate(rate)
    except ValueError:
        # One from Python, over a time that the language has no word for.
        return f"{rate[0]} in {rate[1]:g}s"


def _sizes(contract: Contract) -> Iterator[tuple[str, int]]:
    for key in ("max-request", "max-response", "max-bytes"):
        size = getattr(contract, key.replace("-", "_"))
        if size is not None:
            yield key, size


def _granted(manifest: Manifest) -> Iterator[Arc]:
    """From an input to each node of which a grant uses it."""
    for node in manifest.nodes:
        uses = [(f"storage at {storage.at}", storage.path) for storage in node.grants.storage]
        uses += [(f"http {number}", http.url) for number, http in enumerate(node.grants.http, 1)]
        for label, text in uses:
            for name in inputs_of(text):
                yield Arc(f"inputs.{name} -> {node.name} ({label})", f"inputs.{name}", node.name, "grant", label)


def _implied(manifest: Manifest) -> Iterator[Arc]:
    calls = [_ends(edge) for edge in manifest.edges if not isinstance(edge, DataEdge)]
    calls += [(asking(edge), name) for edge in manifest.edges for name in edge.contract.detect]
    running = {node.name for node in manifest.nodes if node.run or node.python} - answering(manifest)
    for source, target in implied_pairs([node.name for node in manifest.nodes], running, calls):
        yield Arc(f"{source} -> {target} (runs first)", source, target, "implied", "runs first")


def _ends(edge: CallEdge | ToolEdge) -> tuple[str, str]:
    return (edge.caller if isinstance(edge, ToolEdge) else edge.caller.node), edge.callee.node
