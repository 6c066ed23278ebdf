"""Call edges: the import that each answers, the export that answers it, and whether their types are the same."""

from __future__ import annotations

from orchestrator.interface.types import Function, Interface
from orchestrator.link.answers import edges_answer, open_imports
from orchestrator.link.carried import resources_in, unsupported_in
from orchestrator.link.contracts import checks_of_functions
from orchestrator.link.draft import Draft, Item, Work, unique
from orchestrator.link.items import functions_of, item_name, needs_answer
from orchestrator.link.matching import Ports, explain, named, pairs, ports_of, wrong_version
from orchestrator.link.model import LinkedCall
from orchestrator.link.report import place_of_edge
from orchestrator.manifest.model import CallEdge, Where
from orchestrator.wording import listed


def link_calls(work: Work) -> None:
    """Links every call edge; what is linked stands in the caller's draft."""
    taken: dict[tuple[str, str], CallEdge] = {}
    ids: set[str] = set()
    for edge in work.call_edges():
        _link(work, edge, taken, ids)
    for draft in work.drafts.values():
        for call in draft.calls:
            _homes(work, draft, call)


def _link(work: Work, edge: CallEdge, taken: dict[tuple[str, str], CallEdge], ids: set[str]) -> None:
    caller = work.node(edge.caller.node, _end(edge, "source"), edge)
    callee = work.node(edge.callee.node, _end(edge, "target"), edge)
    if caller is None:
        return
    if caller.python is not None or caller.node.python is not None:
        message = f"`{caller.name}` is a Python function: it imports nothing that an edge could answer"
        _error(work, edge, "python-caller", message, _end(edge, "source"))
        return
    ports = ports_of(edge)
    if ports is None:
        if not (work.partial and any(":" in port.name for port in (edge.caller, edge.callee))):
            message = "the edge names an interface twice, by a port and by `interface`"
            _error(work, edge, "conflicting-keys", message, edge.where.at("interface"), help=("leave out `interface`",))
        caller.excused.update(item_name(item) for item in caller.imports)
        return
    found = _choose(work, edge, ports, caller, callee)
    if found is not None and callee is not None:
        _join(work, edge, caller, callee, *found, taken, ids)


def _end(edge: CallEdge, side: str) -> Where:
    return edge.where.at("call", side)


def _error(
    work: Work,
    edge: CallEdge,
    code: str,
    message: str,
    where: Where,
    *,
    label: str = "",
    causes: tuple[str, ...] = (),
    help: tuple[str, ...] = (),
) -> None:
    work.report.error(code, message, where, place_of_edge(edge), label=label, causes=causes, help=help)


def _choose(work: Work, edge: CallEdge, ports: Ports, caller: Draft, callee: Draft | None) -> tuple[Item, Item] | None:
    """The import and the export that the edge joins; what goes wrong is reported and excuses the imports meant."""
    wanted = named(caller.imports, ports.wanted) if ports.wanted else open_imports(work, caller)
    if not caller.known:
        return None
    if ports.wanted and not wanted:
        _no_import(work, edge, ports, caller)
        return None
    found: list[tuple[Item, Item]] = []
    if callee is not None and callee.known:
        offered = named(callee.exports, ports.offered)
        if ports.offered and not offered:
            _no_export(work, edge, ports, callee)
        else:
            found = pairs(wanted, offered, ports)
            if not found:
                _nothing_fits(work, edge, ports, caller, callee, wanted, offered)
            elif len(found) > 1:
                _ambiguous(work, edge, caller, callee, found)
    if len(found) == 1:
        return found[0]
    caller.excused.update(item_name(item) for item in wanted)
    return None


def _no_import(work: Work, edge: CallEdge, ports: Ports, caller: Draft) -> None:
    known = [item_name(item) for item in caller.imports if edges_answer(work, item)]
    where = _end(edge, "source") if edge.caller.name else edge.where.at("interface")
    message = f"`{caller.name}` does not import `{ports.wanted}`"
    help_ = work.report.suggest(ports.wanted, known, "it imports")
    caller.excused.update(name for name in known if help_ == (f"did you mean `{name}`?",))
    _error(work, edge, "unknown-import", message, where, help=help_)


def _no_export(work: Work, edge: CallEdge, ports: Ports, callee: Draft) -> None:
    known = [item_name(item) for item in callee.exports]
    where = _end(edge, "target") if edge.callee.name else edge.where.at("interface")
    message = f"`{callee.name}` does not export `{ports.offered}`"
    _error(work, edge, "unknown-export", message, where, help=work.report.suggest(ports.offered, known, "it exports"))


def _nothing_fits(
    work: Work, edge: CallEdge, ports: Ports, caller: Draft, callee: Draft, wanted: list[Item], offered: list[Item]
) -> None:
    where = edge.where.at("call")
    old = next(((i, x) for i in wanted for x in offered if wrong_version(i, x)), None)
    if old is not None:
        asked, there = (item_name(item) for item in old)
        message = f"`{callee.name}` exports `{there}`, which cannot answer `{asked}` of `{caller.name}`"
        advice = "an export answers imports of its own version and of older ones that semantic versioning says fit it"
        _error(work, edge, "interface-version", message, where, help=(advice,))
        return
    asked = listed(item_name(item) for item in wanted)
    there = listed(item_name(item) for item in offered)
    if ports.wanted and len(wanted) == 1:
        message = f"`{callee.name}` does not export {asked}, which `{caller.name}` imports"
    else:
        message = f"`{callee.name}` answers no import of `{caller.name}`"
    causes = (f"`{caller.name}` imports {asked}", f"`{callee.name}` exports {there}")
    others = [] if work.report.full else _able(work, wanted, callee)
    help_ = (f"it could be answered by {listed(others)}",) if others else ()
    _error(work, edge, "no-interface", message, where, causes=causes, help=help_)


def _able(work: Work, wanted: list[Item], callee: Draft) -> list[str]:
    """The other nodes that export what is wanted."""
    drafts = (draft for draft in work.drafts.values() if draft is not callee)
    return [draft.name for draft in drafts if pairs(wanted, list(draft.exports), Ports("", ""))]


def _ambiguous(work: Work, edge: CallEdge, caller: Draft, callee: Draft, found: list[tuple[Item, Item]]) -> None:
    causes = tuple(f"import `{item_name(i)}`, export `{item_name(x)}`" for i, x in found[:12])
    first_import, first_export = (item_name(item) for item in found[0])
    same_import = len({item_name(i) for i, _ in found}) == 1
    choice = f"`call: {caller.name}.{first_import} -> {callee.name}.{first_export}`"
    if same_import:
        message = f"`{callee.name}` could answer `{first_import}` of `{caller.name}` in more than one way"
        help_ = f"name the export: {choice}"
    else:
        message = f"`{caller.name}` and `{callee.name}` have more than one interface in common"
        help_ = f"write one edge for each, with `interface: {first_import}`"
    _error(work, edge, "ambiguous-interface", message, edge.where.at("call"), causes=causes, help=(help_,))


def _join(
    work: Work,
    edge: CallEdge,
    caller: Draft,
    callee: Draft,
    wanted: Item,
    offered: Item,
    taken: dict[tuple[str, str], CallEdge],
    ids: set[str],
) -> None:
    first = taken.setdefault((caller.name, item_name(wanted)), edge)
    if first is not edge:
        message = f"`{item_name(wanted)}` of `{caller.name}` is answered twice"
        help_ = ("remove one of the two edges; to call both, import the interface under two names",)
        causes = (f"first by `{first}`" + _line(first.where),)
        _error(work, edge, "doubled-import", message, edge.where.at("call"), causes=causes, help=help_)
        return
    caller.excused.add(item_name(wanted))
    id_ = unique(ids, _id(edge, wanted))
    if _fits(work, edge, caller, callee, wanted, offered):
        checks = checks_of_functions(work, edge, functions_of(wanted), id_)
        rules = (edge.contract, checks, edge.fuse, edge.declassify, edge.where, work.detectors.get(id(edge), ()))
        caller.calls.append(LinkedCall(id_, caller.name, callee.name, wanted, offered, *rules))
        if not any(function.result for function in _callable(edge, wanted)):
            work.silent.add(id(edge))


def _callable(edge: CallEdge, wanted: Item) -> list[Function]:
    """The functions that the edge lets through."""
    allowed = edge.contract.functions
    return [function for function in functions_of(wanted) if allowed is None or function.name in allowed]


def _line(where: Where) -> str:
    return f", line {where.span.line}" if where.span else ""


def _id(edge: CallEdge, wanted: Item) -> str:
    base = wanted.name.base if isinstance(wanted, Interface) else wanted.name
    return str(edge) if base in str(edge) else f"{edge} ({base})"


def _fits(work: Work, edge: CallEdge, caller: Draft, callee: Draft, wanted: Item, offered: Item) -> bool:
    where = edge.where.at("call")
    if not needs_answer(wanted):
        message = f"`{item_name(wanted)}` of `{caller.name}` has types alone: there is nothing to call"
        _error(work, edge, "nothing-to-call", message, where, help=("remove the edge",))
        return False
    lines = tuple(line for function in functions_of(wanted) for line in unsupported_in(function))
    if lines:
        message = f"`{item_name(wanted)}` has types that are not carried by this version"
        _error(work, edge, "unsupported-type", message, where, causes=lines)
        return False
    causes = explain(wanted, offered, caller.name, callee.name)
    if causes:
        _differs(work, edge, wanted, offered, causes)
        return False
    return _own_resources(work, edge, wanted)


def _differs(work: Work, edge: CallEdge, wanted: Item, offered: Item, causes: tuple[str, ...]) -> None:
    caller, callee = edge.caller.node, edge.callee.node
    message = f"`{callee}` does not answer what `{caller}` asks of {item_name(wanted)}"
    label, rest = (causes[0], causes[1:]) if len(causes) > 1 and isinstance(wanted, Interface) else ("", causes)
    help_: tuple[str, ...] = ()
    if isinstance(wanted, Interface) and isinstance(offered, Interface) and wanted.name.base == offered.name.base:
        package = wanted.name.base.partition("/")[0]
        help_ = (f"the two were built against different versions of {package}; rebuild `{callee}`",)
    _error(work, edge, "edge-type", message, edge.where.at("call"), label=label, causes=rest, help=help_)


def _own_resources(work: Work, edge: CallEdge, wanted: Item) -> bool:
    """WASI's resources stand for what the host gave one node: they do not cross."""
    for function in functions_of(wanted):
        for resource in resources_in(function):
            if resource.interface.startswith("wasi:"):
                message = f"`{item_name(wanted)}` passes a resource of WASI, `{resource.interface}.{resource.name}`"
                causes = (f"in function `{function.name}`", "it stands for what the host granted to one node")
                help_ = ("pass what it holds: bytes instead of a stream, a path instead of a descriptor",)
                _error(work, edge, "wasi-resource", message, edge.where.at("call"), causes=causes, help=help_)
                return False
    return True


def _homes(work: Work, draft: Draft, call: LinkedCall) -> None:
    """A resource of a third interface must come from one node for both sides, or its handles would mean nothing."""
    own = call.wanted.name.base if isinstance(call.wanted, Interface) else ""
    for function in functions_of(call.wanted):
        for resource in resources_in(function):
            ours = _home(draft, resource.interface)
            theirs = _home(work.drafts[call.callee], resource.interface)
            if resource.interface not in ("", own) and ours and theirs and ours != theirs:
                message = f"`{draft.name}` and `{call.callee}` take resource `{resource.name}` from different nodes"
                causes = (f"`{draft.name}` has `{resource.interface}` from `{ours}`, `{call.callee}` from `{theirs}`",)
                help_ = (f"let one node answer `{resource.interface}` for both",)
                where = call.where.at("call")
                work.report.error("resource-home", message, where, place_of_edge(call.id), causes=causes, help=help_)
                return


def _home(draft: Draft, interface: str) -> str:
    """The node from which a node has the resources of an interface; empty where that is not known."""
    if any(isinstance(item, Interface) and item.name.base == interface for item in draft.exports):
        return draft.name
    for call in draft.calls:
        if isinstance(call.wanted, Interface) and call.wanted.name.base == interface:
            return call.callee
    return ""
