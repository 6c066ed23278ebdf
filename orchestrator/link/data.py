"""Data edges: the value at the end of the source's path, and the parameter that it fits.

The contract of an edge with `each` is asked for each element as it arrives; its `when` over the whole list.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.contract import compile_value_condition
from orchestrator.interface import explain_type, show_type
from orchestrator.interface.types import Field, List, Option, Type
from orchestrator.link.contracts import checks_of_value
from orchestrator.link.draft import Draft, Work
from orchestrator.link.model import LinkedData
from orchestrator.link.nodes import no_run_help
from orchestrator.link.report import place_of_edge
from orchestrator.link.sources import source_type
from orchestrator.manifest.model import DataEdge
from orchestrator.wording import listed


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why a value does not fit a parameter: what it is, what is taken, and the causes."""

    given: str
    taken: str
    causes: tuple[str, ...]


def mark_each(work: Work) -> None:
    """Notes which nodes run once for each element; two lists to take apart, and calls to such a node, are refused."""
    first: dict[str, DataEdge] = {}
    for _, edge in work.data_edges():
        draft = work.drafts.get(edge.node)
        if edge.each is None or draft is None:
            continue
        draft.each = True
        if first.setdefault(edge.node, edge) is not edge:
            message = f"`{edge.node}` takes two lists apart"
            causes = (f"first `{first[edge.node]}`",)
            help_ = ("join the lists in a node before it, and take that apart",)
            work.report.error("each", message, edge.where.at("each"), place_of_edge(edge), causes=causes, help=help_)
    for other in work.manifest.edges:
        called = () if isinstance(other, DataEdge) else (other.callee.node,)
        for name in (*called, *other.contract.detect):
            if name in first:
                message = f"`{name}` runs once for each element, in a fresh instance each: it answers no calls"
                help_ = ("use two nodes with the same component",)
                work.report.error("each", message, other.where, place_of_edge(other), help=help_)


def link_data(work: Work) -> None:
    """Links every data edge; what is linked stands in the target's draft."""
    for id_, edge in work.data_edges():
        type_ = source_type(work, edge.source, edge.where.at("data", "source"), place_of_edge(edge))
        target = work.node(edge.node, edge.where.at("data", "target"), edge)
        if target is not None:
            _arrive(work, edge, id_, target, type_)


def _arrive(work: Work, edge: DataEdge, id_: str, target: Draft, source: Type | None) -> None:
    where = edge.where.at("data", "target")
    if not target.runs:
        message = f"`{target.name}` runs nothing: it has no parameter to fill"
        work.report.error("no-run", message, where, place_of_edge(edge), help=no_run_help(target))
        return
    parameter = _parameter(work, edge, target) if target.run else None
    if source is None or parameter is None:
        return
    arriving = _taken_apart(work, edge, source)
    if arriving is None:
        return
    problem = misfit(parameter, arriving, target.name, str(edge.source))
    if problem is not None:
        message = f"`{edge.source}` gives {problem.given}, `{target.name}.{parameter.name}` takes {problem.taken}"
        help_ = _each_help(edge, parameter, arriving)
        where = edge.where.at("data")
        work.report.error("data-type", message, where, place_of_edge(edge), causes=problem.causes, help=help_)
    _link(work, edge, id_, target, parameter, source, arriving)


def _taken_apart(work: Work, edge: DataEdge, source: Type) -> Type | None:
    if edge.each is None:
        return source
    if isinstance(source, List):
        return source.element
    message = f"`each` takes a list apart, and `{edge.source}` is {show_type(source)}"
    help_ = ("remove `each`, or take a list",)
    work.report.error("each", message, edge.where.at("each"), place_of_edge(edge), help=help_)
    return None


def _each_help(edge: DataEdge, parameter: Field, arriving: Type) -> tuple[str, ...]:
    if isinstance(arriving, List) and edge.each is None and misfit(parameter, arriving.element, "", "") is None:
        return (f"to run `{edge.node}` once for each element, add `each: {{parallel: 1}}` to the edge",)
    if isinstance(arriving, Option) and arriving.some == parameter.type:
        return (f"write `{edge.source}?`; a run in which the value is missing ends there",)
    return ()


def _parameter(work: Work, edge: DataEdge, target: Draft) -> Field | None:
    assert target.run is not None
    params = target.run.function.params
    where, place = edge.where.at("data", "target"), place_of_edge(edge)
    if edge.parameter is None:
        return _only_open(work, edge, target, params)
    found = next((p for p in params if p.name == edge.parameter), None)
    if found is None:
        message = f"`{target.run}` of `{target.name}` has no parameter `{edge.parameter}`"
        help_ = work.report.suggest(edge.parameter, (p.name for p in params), "its parameters")
        work.report.error("unknown-parameter", message, where, place, help=help_)
    return found


def _only_open(work: Work, edge: DataEdge, target: Draft, params: tuple[Field, ...]) -> Field | None:
    """The one parameter that nothing else fills; of several, the one that has to be filled."""
    filled = work.filled(target.name) | set(target.node.args)
    left = [p for p in params if p.name not in filled]
    needed = [p for p in left if not isinstance(p.type, Option)]
    if len(left) == 1 or len(needed) == 1:
        return left[0] if len(left) == 1 else needed[0]
    where, place = edge.where.at("data", "target"), place_of_edge(edge)
    if not left:
        message = f"`{target.name}` has no parameter left for `{edge.source}`"
        help_: tuple[str, ...] = (f"its parameters are {listed(p.name for p in params)}",)
    else:
        message = f"`{target.name}` has {len(left)} parameters that `{edge.source}` could fill"
        example = f"`{edge.source} -> {target.name}.{left[0].name}`"
        help_ = (f"name one: {example}", f"open are {listed(p.name for p in left)}")
    work.report.error("which-parameter", message, where, place, help=help_)
    return None


def misfit(parameter: Field, type_: Type, taker: str, giver: str) -> Misfit | None:
    """Why a value of that type cannot fill the parameter; None when it can: an option takes what is inside it too."""
    wanted = parameter.type
    if type_ == wanted or is_wrapped(wanted, type_):
        return None
    given, taken = show_type(type_), show_type(wanted)
    if isinstance(wanted, Option) and not isinstance(type_, Option):
        wanted = wanted.some
    lines = explain_type(wanted, type_, taker, giver)
    return Misfit(given, taken, lines if given == taken else lines[1:])


def is_wrapped(wanted: Type, type_: Type) -> bool:
    """Whether a value of that type is put into the option that is wanted."""
    return isinstance(wanted, Option) and wanted != type_ and wanted.some == type_


def _link(work: Work, edge: DataEdge, id_: str, target: Draft, parameter: Field, source: Type, arriving: Type) -> None:
    when = None
    if edge.when:
        when, found = compile_value_condition(edge.when, source, edge.where.at("when"), id_)
        work.report.add(found)
    target.data.append(
        LinkedData(
            id=id_,
            source=edge.source,
            target=target.name,
            parameter=parameter.name,
            source_type=source,
            type=arriving,
            wrap=is_wrapped(parameter.type, arriving),
            when=when,
            when_text=edge.when,
            each=edge.each,
            contract=edge.contract,
            checks=checks_of_value(work, edge, arriving, id_),
            detectors=work.detectors.get(id(edge), ()),
            declassify=edge.declassify,
            where=edge.where,
        )
    )
