"""What widened and what narrowed since a plan was saved. What cannot be told to be narrower counts as widened."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from posixpath import normpath
from typing import Any, Literal

from orchestrator.capability.http import BODY, Rule, rule_of
from orchestrator.capability.narrowing import KNOWS, RANDOMS, STDIOS
from orchestrator.capability.url import NotAnAddress
from orchestrator.errors import OrchestratorError
from orchestrator.manifest.model import Http
from orchestrator.plan import words
from orchestrator.plan.model import Plan
from orchestrator.plan.saved import checked

Kind = Literal["widened", "narrowed", "changed"]
Item = Mapping[str, Any]
_VIOLATIONS = ("fail", "revert", "deny")


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is not as it was.

    Arguments:
        kind: `changed` is neither wider nor narrower: another component that may do the same.
        where: "node `files`", "edge `a -> b`", "the run".
        what: in words.
    """

    kind: Kind
    where: str
    what: str

    def to_json(self) -> dict[str, str]:
        """The change as JSON."""
        return {"kind": self.kind, "where": self.where, "what": self.what}


def compare(saved: Any, now: Plan, name: str = "the saved plan") -> tuple[Change, ...]:
    """What is not as it was when a plan was saved: what widened first.

    Arguments:
        saved: its JSON form, as `Plan.to_json` gave it.
        name: what messages call it.

    Raises:
        OrchestratorError: it is no plan, or damaged.
    """
    before = checked(saved, name)
    try:
        found = list(_all(before, now.to_json()))
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError):
        raise OrchestratorError(f"{name} is damaged: what stands in it is not what a plan has") from None
    kinds = ("widened", "narrowed", "changed")
    return tuple(sorted(dict.fromkeys(found), key=lambda change: kinds.index(change.kind)))


def _all(before: Item, after: Item) -> Iterator[Change]:
    yield from _of_the_run(before, after)
    old, new = before["nodes"], after["nodes"]
    for name in new:
        if name not in old:
            yield Change("widened", f"node `{name}`", "is new")
        else:
            yield from (Change(kind, f"node `{name}`", what) for kind, what in _node(old[name], new[name]))
    yield from (Change("narrowed", f"node `{name}`", "is gone") for name in old if name not in new)
    yield from _edges(before["edges"], after["edges"])


_Found = Iterator[tuple[Kind, str]]


def _of_the_run(before: Item, after: Item) -> Iterator[Change]:
    found = [
        *(change for key in ("timeout", "calls") for change in _limit(key, before["run"][key], after["run"][key])),
        *_addresses(before["addresses"], after["addresses"]),
        *_ceilings(before["ceilings"], after["ceilings"]),
    ]
    yield from (Change(kind, "the run", what) for kind, what in found)
    old, new = before["inputs"], after["inputs"]
    for name in new:
        if name in old and old[name] != new[name]:
            inside = None not in (old[name], new[name]) and _is_inside(str(new[name]), str(old[name]))
            was, now = (f"`{one}`" if one is not None else "none" for one in (old[name], new[name]))
            yield Change("narrowed" if inside else "widened", f"input `{name}`", f"its default was {was} and is {now}")


def _addresses(old: list[str], new: list[str]) -> _Found:
    yield from (("widened", f"requests may go to {one}") for one in new if not any(_within(one, each) for each in old))
    yield from (
        ("narrowed", f"requests may not go to {one} any more") for one in old
        if not any(_within(one, each) for each in new)
    )  # fmt: skip


def _within(one: str, other: str) -> bool:
    ours, theirs = ipaddress.ip_network(one), ipaddress.ip_network(other)
    if isinstance(ours, ipaddress.IPv4Network):
        return isinstance(theirs, ipaddress.IPv4Network) and ours.subnet_of(theirs)
    return isinstance(theirs, ipaddress.IPv6Network) and ours.subnet_of(theirs)


def _ceilings(old: list[Item], new: list[Item]) -> _Found:
    was, now = ({one["name"]: one["digest"] for one in row} for row in (old, new))
    yield from (("widened", f"the ceiling `{name}` does not hold any more") for name in was if name not in now)
    yield from (("narrowed", f"the ceiling `{name}` holds") for name in now if name not in was)
    yield from (
        ("changed", f"the ceiling `{name}` says something else")
        for name in was
        if now.get(name, was[name]) != was[name]
    )


def _limit(key: str, old: Item, new: Item) -> _Found:
    was, now = old["value"], new["value"]
    if was != now:
        shown = [words.limit(key, value) for value in (was, now)]
        kind: Kind = "narrowed" if _at_most(now, was) else "widened"
        yield kind, f"`{key}` was {shown[0]} and is {shown[1]}"


def _at_most(value: Any, most: Any) -> bool:
    """Whether a bound is no wider than another; None is no bound."""
    return most is None or (value is not None and value <= most)


def _node(old: Item, new: Item) -> _Found:
    if old["trusted"] != new["trusted"]:
        yield ("widened", "runs in the host, trusted") if new["trusted"] else ("narrowed", "runs in a sandbox")
    if old["digest"] != new["digest"] or old["python"] != new["python"]:
        was, now = (str(one["digest"] or one["python"])[:19] for one in (old, new))
        may = "; it may do anything within its grants" if new["digest"] else ""
        yield "changed", f"what it runs was {was} and is {now}{may}"
    if old["runs"] != new["runs"]:
        yield "changed", f"`run` was {_quoted(old['runs'])} and is {_quoted(new['runs'])}"
    yield from _settings(old.get("settings"), new["settings"])
    yield from _lifetime(old["lifetime"], new["lifetime"])
    if old.get("reverts") != new.get("reverts"):
        yield "changed", "what takes it back, or how, is not what it was"
    yield from _names("shares its memory with", old["shares-store-with"], new["shares-store-with"])
    yield from _grants(old["grants"], new["grants"])
    if not new["trusted"] and not old["trusted"]:
        for key in new["limits"]:
            yield from _limit(key, old["limits"][key], new["limits"][key])
    was, now = old["labels"], new["labels"]
    yield from (("changed", f"holds what is `{label}`") for label in now if label not in was)
    yield from (("changed", f"holds what is `{label}` no more") for label in was if label not in now)
    if bool(old["sends"]) != bool(new["sends"]):
        yield ("widened", f"can send: {new['sends']}") if new["sends"] else ("narrowed", "cannot send any more")
    asks = [{one["power"] for one in each["refused"]} for each in (old, new)]
    yield from (("changed", f"imports `{power}`, and is refused it") for power in sorted(asks[1] - asks[0]))


def _names(what: str, old: list[str], new: list[str]) -> _Found:
    yield from (("widened", f"{what} `{name}`") for name in new if name not in old)
    yield from (("narrowed", f"{what} `{name}` no more") for name in old if name not in new)


def _ordered(key: str, old: str, new: str, order: tuple[str, ...]) -> _Found:
    if old != new:
        kind: Kind = "widened" if order.index(new) > order.index(old) else "narrowed"
        yield kind, f"`{key}` was `{old}` and is `{new}`"


def _settings(old: Item | None, new: Item) -> _Found:
    """What else is said of a node; nothing where the plan was saved by a version that did not keep it."""
    for key in sorted({*old, *new}) if old is not None else ():
        was, now = (each.get(key) for each in (old or {}, new))
        if was == now:
            continue
        if key.startswith(("args.", "config.")):
            how = "is new" if was is None else "is gone" if now is None else "has another value"
            yield "changed", f"`{key}` {how}"
        else:
            yield "changed", f"`{key}` was {_quoted(was)} and is {_quoted(now)}"


def _lifetime(old: str, new: str) -> _Found:
    """An instance that outlives runs remembers more; of the others each has what the other has not.

    With one for each call none knows of another call, and there are many, each with memory of its own.
    """
    if old != new:
        kind: Kind = "widened" if new == "session" else "narrowed" if old == "session" else "changed"
        yield kind, f"`lifetime` was `{old}` and is `{new}`"


def _grants(old: Item, new: Item) -> _Found:
    for key, covers in _COVERS.items():
        yield from _row(key, old[key], new[key], covers)
    yield from _names("is given the variable", old["environment"], new["environment"])
    if old["clock"] != new["clock"]:
        less = KNOWS[new["clock"]] <= KNOWS[old["clock"]]
        yield "narrowed" if less else "widened", f"`clock` was `{old['clock']}` and is `{new['clock']}`"
    elif old["clock-at"] != new["clock-at"]:
        yield "changed", f"its clock was {words.clock(old)} and is {words.clock(new)}"
    yield from _ordered("random", old["random"], new["random"], RANDOMS)
    yield from _ordered("stdio", old["stdio"], new["stdio"], STDIOS)


_Covers = Callable[[Item, Item], bool]


def _row(key: str, old: list[Item], new: list[Item], covers: _Covers) -> _Found:
    """What stands in a row of grants that nothing of the other one covers."""
    say = words.ROWS[key]
    was, now = ([{**one, "place": "", "each-run": []} for one in row] for row in (old, new))
    pairs = [(one, other) for one in was for other in now if _same_place(key, one, other)]
    for one, other in pairs:
        yield from _bounds(key, one, other, any(covers(each, other) for each in was))
    left, right = ([one for one in row if not any(one in pair for pair in pairs)] for row in (was, now))
    yield from (("widened", f"{key}: {say(one)}") for one in right if not any(covers(each, one) for each in was))
    for one in left:
        if not any(covers(each, one) for each in now):
            yield "narrowed", f"{key}: no more {say(one)}"
        elif one not in now and any(covers(one, each) and covers(each, one) for each in now):
            yield "changed", f"{key}: {say(one)} is said otherwise"


def _same_place(key: str, one: Item, other: Item) -> bool:
    """Whether two grants are of the same, and say other bounds of it."""
    bounds = _BOUNDS.get(key, ())
    return one != other and all(one[each] == other[each] for each in one if each not in bounds)


def _bounds(key: str, old: Item, new: Item, covered: bool) -> _Found:
    """Which bounds of a grant are others.

    Arguments:
        covered: whether something else was granted that is no narrower than it is now.
    """
    what = words.ROWS[key]({**new, **dict.fromkeys(_BOUNDS[key])})
    for each in _BOUNDS[key]:
        was, now = (_effective(each, one.get(each)) for one in (old, new))
        if was != now:
            shown = [words.limit(each, value) for value in (was, now)]
            kind: Kind = "narrowed" if _at_most(now, was) else "changed" if covered else "widened"
            yield kind, f"{key}: {what}: `{each}` was {shown[0]} and is {shown[1]}"


def _effective(key: str, value: Any) -> Any:
    """What holds of a grant where a bound is not said."""
    return _DEFAULTS.get(key) if value is None else value


def _covers_folder(one: Item, other: Item) -> bool:
    return (
        _is_inside(other["path"], one["path"])
        and (one["access"] == "write" or other["access"] == "read")
        and (other["access"] == "read" or all(_at_most(other[key], one[key]) for key in ("quota", "files")))
        and (one["hidden"] or not other["hidden"])
    )


def _is_inside(path: str, folder: str) -> bool:
    """Whether a path lies in a folder, as they are written; one with an input in it lies in one that begins with it."""
    inner, outer = PurePosixPath(normpath(path)), PurePosixPath(normpath(folder))
    return inner.is_relative_to(outer) and ".." not in inner.parts[len(outer.parts) :]


def _covers_address(one: Item, other: Item) -> bool:
    rules = _rule(one), _rule(other)
    if rules[0] is None or rules[1] is None:
        wider = one["url"] == other["url"] and set(other["methods"]) <= set(one["methods"])
    else:
        wider = rules[0].covers(rules[1])
    bounds = ([_effective(key, each.get(key)) for key in _BOUNDS["http"]] for each in (other, one))
    return wider and all(_at_most(*pair) for pair in zip(*bounds, strict=True))


def _rule(item: Item) -> Rule | None:
    try:
        return None if "${" in item["url"] else rule_of(Http(item["url"], tuple(item["methods"])))
    except NotAnAddress:
        return None


def _covers_secret(one: Item, other: Item) -> bool:
    return all(one[key] == other[key] for key in ("name", "to", "header"))


_COVERS: Mapping[str, _Covers] = {
    "storage": _covers_folder,
    "http": _covers_address,
    "secrets": _covers_secret,
}
_BOUNDS = {"storage": ("quota", "files"), "http": ("max-request", "max-response", "timeout", "trace")}
"""The keys of a grant that say how much of it may be used."""
_DEFAULTS = {"max-request": BODY, "max-response": BODY, "trace": True}


def _edges(old: list[Item], new: list[Item]) -> Iterator[Change]:
    was, now = ({one["id"]: one for one in row} for row in (old, new))
    for id_, edge in now.items():
        if id_ not in was:
            yield Change("widened", f"edge `{id_}`", "is new")
        else:
            yield from (Change(kind, f"edge `{id_}`", what) for kind, what in _edge(was[id_], edge))
    yield from (Change("narrowed", f"edge `{id_}`", "is gone") for id_ in was if id_ not in now)


def _edge(old: Item, new: Item) -> _Found:
    if old["when"] != new["when"]:
        kind: Kind = "narrowed" if old["when"] is None else "widened"
        yield kind, f"`when` was {_quoted(old['when'])} and is {_quoted(new['when'])}"
    if (old["over"], old["each"]) != (new["over"], new["each"]):
        yield "changed", f"goes over {new['over']}" + (f", {new['each']} at a time" if new["each"] else "")
    yield from _declassified(old["declassify"], new["declassify"])
    was, now = old["contract"], new["contract"]
    for key in ("max-calls", "timeout", "max-request", "max-response", "max-bytes"):
        yield from _limit(key, {"value": was[key]}, {"value": now[key]})
    yield from _rate(was["rate"], now["rate"])
    yield from _functions(was["functions"], now["functions"])
    for key in ("require", "ensure", "reject", "redact", "detect"):
        yield from (("widened", f"`{key}` no more: {_said(one)}") for one in was[key] if one not in now[key])
        yield from (("narrowed", f"`{key}`: {_said(one)}") for one in now[key] if one not in was[key])
    yield from _ordered("on-violation", was["on-violation"], now["on-violation"], _VIOLATIONS)


def _declassified(old: Item | None, new: Item | None) -> _Found:
    """Labels that are taken off: of more of them, or in another direction, is wider."""
    was, now = (set() if one is None else {(label, one["of"]) for label in one["labels"]} for one in (old, new))
    yield from (("widened", f"takes the label `{label}` off") for label, _ in sorted(now - was, key=str))
    yield from (("narrowed", f"takes the label `{label}` off no more") for label, _ in sorted(was - now, key=str))
    if old is not None and new is not None and old["reason"] != new["reason"]:
        yield "changed", f"takes labels off for another reason: {new['reason']}"


def _said(rule: Any) -> str:
    return rule if isinstance(rule, str) else f"{rule[1]} in {rule[0]}"


def _quoted(text: str | None) -> str:
    return "none" if text is None else f"`{text}`"


def _rate(old: list[float] | None, new: list[float] | None) -> _Found:
    if old != new:
        was, now = (None if one is None else one[0] / one[1] for one in (old, new))
        shown = ["no bound" if one is None else f"{one[0]:g} in {one[1]:g}s" for one in (old, new)]
        kind: Kind = "narrowed" if was != now and _at_most(now, was) else "widened"
        yield kind, f"`rate` was {shown[0]} and is {shown[1]}"


def _functions(old: list[str] | None, new: list[str] | None) -> _Found:
    if old is None or new is None:
        if old != new:
            yield ("narrowed", f"only {', '.join(new)} may be called") if new is not None else (
                "widened", "every function may be called"
            )  # fmt: skip
        return
    yield from _names("may call", old, new)
