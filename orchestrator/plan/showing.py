"""A plan and its changes as text: for a terminal, and to paste into a review. Colours only where `paint` makes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from orchestrator.capability.limits import SHOWN, key_of
from orchestrator.diagnostics import Paint, plain, printable
from orchestrator.plan import words
from orchestrator.plan.comparing import Change
from orchestrator.plan.making import NOT_CLAIMED, NOT_GRANTED
from orchestrator.plan.model import Plan
from orchestrator.wording import counted

WIDTH = 100
"""Columns of a line, where it is not said."""
_LABEL = 16
_NARROWEST = 40
_TIE = "\u00a0"
"""A space at which no line ends."""
_MARKS = {"widened": "+", "narrowed": "-", "changed": "~"}

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a node: what it is about, what is said, and who says so."""

    label: str
    text: str
    source: str = ""


def show(plan: Plan, paint: Paint = plain, width: int = WIDTH) -> str:
    """The plan as text of several lines, without a final line end."""
    data = plan.to_json()
    lines = [paint("name", f"plan of {plan.pipeline}") + _beneath(data), *_block(_of_the_run(data), paint, width)]
    for name, node in data["nodes"].items():
        lines += ["", paint("node", printable(name)) + printable(_title(node))]
        lines += _block(_of_node(name, node, data["edges"]), paint, width)
    return "\n".join(lines)


def _beneath(data: Item) -> str:
    names = [f"`{one['name']}`" for one in data["ceilings"]]
    return (
        f", beneath the ceiling{'s' if len(names) > 1 else ''} {' and '.join(names)}"
        if names
        else ", beneath no ceiling"
    )


def _block(lines: Iterable[_Line], paint: Paint, width: int) -> Iterator[str]:
    for line in lines:
        source = _said(line.source) if line.source else ""
        room = max(_NARROWEST, width - _LABEL - 2)
        rows = wrap(printable(line.text) + source, room, break_long_words=False, break_on_hyphens=False) or [""]
        role = "warning" if line.label in ("will be refused", "taken", "trusted") else "help"
        for number, row in enumerate(rows):
            label = line.label if number == 0 else ""
            yield f"  {paint(role, f'{label:<{_LABEL}}') if label else ' ' * _LABEL}{row}".replace(_TIE, " ").rstrip()


def _said(source: str) -> str:
    """Who says something, behind it; kept on one line."""
    return f" [{printable(source).replace(' ', _TIE)}]"


def _of_the_run(data: Item) -> Iterator[_Line]:
    stated = {key: one for key, one in data["run"].items() if one["value"] is not None}
    yield from _limits("run", stated, [key for key in data["run"] if key not in stated])
    own = {key: value for node in data["nodes"].values() for key, value in _of_the_engine(node)}
    if own:
        text = ", ".join(f"{key} {words.limit(key, own[key])}" for key in map(key_of, SHOWN) if key in own)
        yield _Line("engine", f"{text} where no other is said", "default")
    if data["addresses"]:
        yield _Line("addresses", ", ".join(data["addresses"]), "besides public ones")
    for name, default in data["inputs"].items():
        yield _Line(
            "input", f"{name}, {'`' + default + '` where none is given' if default is not None else 'required'}"
        )


def _of_the_engine(node: Item) -> Iterator[tuple[str, Any]]:
    """The limits of a node that are the engine's own."""
    limits = node["limits"].items()
    return ((key, one["value"]) for key, one in limits if one["from"] == "default" and one["value"] is not None)


def _limits(label: str, stated: Mapping[str, Item], unbounded: Sequence[str]) -> Iterator[_Line]:
    by_source: dict[str, list[str]] = {}
    for key, one in stated.items():
        by_source.setdefault(one["from"], []).append(f"{key} {words.limit(key, one['value'])}")
    parts = [f"{', '.join(texts)}{_said(source)}" for source, texts in by_source.items()]
    if unbounded:
        parts.append(f"unbounded {', '.join(unbounded)}{_said('default')}")
    yield _Line(label, "; ".join(parts))


def _title(node: Item) -> str:
    what = f"  {node['component'] or 'Python function ' + node['python']}"
    kept = f", kept for {node['lifetime']}" if node["lifetime"] != "run" else ""
    together = f", in one store with {', '.join(node['shares-store-with'])}" if node["shares-store-with"] else ""
    runs = f", runs {node['runs']}" if node["runs"] else ""
    return f"{what}{runs}{kept}{together}"


def _of_node(name: str, node: Item, edges: Sequence[Item]) -> Iterator[_Line]:
    if node["trusted"]:
        yield _Line("trusted", "runs in the host, without a sandbox and without limits", "--allow-python")
    else:
        yield from _granted(node)
        limits = node["limits"]
        stated = {key: one for key, one in limits.items() if one["from"] != "default"}
        yield from _limits("limits", stated, [key for key, one in limits.items() if one["value"] is None])
        yield from _reverts(node)
        yield from _taken(node)
        yield from _refused(node)
    if node["labels"] or node["sends"]:
        said = [", ".join(node["labels"])] if node["labels"] else []
        yield _Line("labels", "; ".join([*said, *([node["sends"]] if node["sends"] else [])]))
    yield from _edges(name, edges)


def _granted(node: Item) -> Iterator[_Line]:
    grants = node["grants"]
    for key, say in words.ROWS.items():
        yield from (_Line(key, say(one), _granting(one)) for one in grants[key])
    if grants["environment"]:
        yield _Line("environment", ", ".join(grants["environment"]), "pipeline")
    modes = {"clock": words.clock(grants), "random": grants["random"], "stdio": grants["stdio"]}
    given = [f"{key} {mode}" for key, mode in modes.items() if mode not in ("none", "captured")]
    if given:
        yield _Line("host", ", ".join(given), "pipeline")
    if not given and not any(grants[key] for key in (*words.ROWS, "environment")):
        yield _Line("grants", "nothing", "default")


def _granting(one: Item) -> str:
    within = f"; in each run within {' and '.join(one['each-run'])}" if one["each-run"] else ""
    return f"pipeline, {one['place']}{within}"


def _reverts(node: Item) -> Iterator[_Line]:
    found = node["reverts"]
    if not found:
        return
    after = {"never": [], "call": ["after each call"], "run": ["after each run"]}[found["after"]]
    counts = [f"at {counted(found[key], key[:-1])}" for key in ("violations", "denials") if found[key] is not None]
    kept = [
        f"{found[key]} {what} kept" for key, what in (("steps", "steps"), ("quarantine", "dirty states")) if found[key]
    ]
    how = "by a fresh instance" if found["way"] == "fresh" else f"in place ({found['way']})"
    why = f": {found['reason']}" if found["reason"] else ""
    yield _Line("taken back", "; ".join([*after, *counts, f"{how}{why}", *kept]), "pipeline")


def _taken(node: Item) -> Iterator[_Line]:
    for one in node["taken"]:
        left = f", is left {one['left']}" if one["left"] else ", is left nothing"
        yield _Line("taken", f"{one['key']}: asks {one['asked']}{left}", one["by"])


_BRIEFLY = {NOT_GRANTED: "", NOT_CLAIMED: "unclaimed"}


def _refused(node: Item) -> Iterator[_Line]:
    """What is imported in vain, a line for each reason."""
    by_reason: dict[str, list[str]] = {}
    for one in node["refused"]:
        text = one["power"] + (f" ({one['instead']})" if one["instead"] else "")
        by_reason.setdefault(one["why"], []).append(text)
    for why, texts in by_reason.items():
        yield _Line("will be refused", ", ".join(texts), _BRIEFLY.get(why, why))


def _edges(name: str, edges: Sequence[Item]) -> Iterator[_Line]:
    takes = [edge for edge in edges if edge["kind"] == "data" and edge["to"] == name]
    gives = [edge for edge in edges if edge["kind"] in ("data", "output") and edge["from"] == name]
    calls = [edge for edge in edges if edge["kind"] in ("call", "tool") and edge["from"] == name]
    answers = [edge for edge in edges if edge["kind"] in ("call", "tool") and edge["to"] == name]
    if takes:
        yield _Line("takes", "; ".join(f"{edge['id'].partition(' -> ')[0]}{_rules(edge)}" for edge in takes))
    if gives:
        yield _Line("gives", ", ".join(dict.fromkeys(edge["to"] for edge in gives)))
    for edge in calls:
        what = "as the tool" if edge["kind"] == "tool" else "over"
        yield _Line("calls", f"{edge['to']} {what} {edge['over']}{_rules(edge)}")
    judges = [edge for edge in edges if name in edge["contract"]["detect"]]
    if answers:
        yield _Line("answers", ", ".join(dict.fromkeys(f"{edge['from']} over {edge['over']}" for edge in answers)))
    if judges:
        yield _Line("judges", "; ".join(edge["id"] for edge in judges))


def _rules(edge: Item) -> str:
    every = [*([f"when: {edge['when']}"] if edge["when"] else []), *words.contract(edge["contract"])]
    if edge["declassify"] is not None:
        every.append(f"takes off {', '.join(edge['declassify']['labels'])}: {edge['declassify']['reason']}")
    if edge["each"] is not None:
        every.append(f"each, {edge['each']} at a time")
    return f" ({'; '.join(every)})" if every else ""


def show_changes(changes: Sequence[Change], paint: Paint = plain) -> str:
    """What is not as it was, a line each, and how much of it widened."""
    roles = {"widened": "error", "narrowed": "good", "changed": "warning"}
    lines = [
        f"{paint(roles[one.kind], f'{_MARKS[one.kind]} {one.kind:<8}')}  {printable(f'{one.where}: {one.what}')}"
        for one in changes
    ]
    widened = sum(one.kind == "widened" for one in changes)
    if not changes:
        return "nothing changed"
    return "\n".join([*lines, "", f"{counted(widened, 'thing')} widened" if widened else "nothing widened"])
