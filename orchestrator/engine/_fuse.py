"""Fuses components into one: calls between them are then the engine's own, at a fraction of what the host takes.

Parts share one store and one instance: they live and die together. What a part imports and no link answers, the fused
component imports under a new name (`p0-i1`: the first part's second import), so that two parts' imports of one name
stay two; WASI's keep their names and are shared, each the union of what the parts ask of it. All that the parts export
is exported under new names (`p0-e1`). What answers a link counts its calls, see `_counted`. Not for deciding what to
fuse.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from orchestrator.engine import _component_text as ct
from orchestrator.engine._binary import made
from orchestrator.engine._counted import Asked, Counted, count
from orchestrator.engine._fusable import CannotFuse, check_link, check_resources, wasi_imports
from orchestrator.engine._guest import Guest, Item, guest, item_name
from orchestrator.engine._splice import assemble
from orchestrator.engine.fused import Link
from orchestrator.engine.imports import is_wasi
from orchestrator.interface.types import Function, Interface, Resource, Type, TypeDef, World


@dataclass(frozen=True, slots=True)
class Part:
    """A component to fuse: its binary, and its world as it was reflected."""

    binary: bytes
    world: World


@dataclass(frozen=True, slots=True)
class Fused:
    """A fused component.

    Arguments:
        binary: the component.
        imports, exports: under which name it has what a part imports or exports: (part, the item's name) -> name.
            Imports that a link answers are not among them.
        counters: where the calls of a function are counted: (link, the function's name as it is wanted) -> which of
            those memories of an instance that begin with a page or more, and the offset there of a number of 64 bits,
            little-endian.
    """

    binary: bytes
    imports: Mapping[tuple[int, str], str]
    exports: Mapping[tuple[int, str], str]
    counters: Mapping[tuple[int, str], tuple[int, int]]


def fuse(parts: Sequence[Part], links: Sequence[Link]) -> Fused:
    """The component in which the parts are joined.

    Raises:
        CannotFuse: the links form a circle, two sides do not fit, or something crosses that cannot within one
            component.
        ComponentError: a part has what its world does not say.
    """
    guests = [guest(part.binary, part.world) for part in parts]
    for link in links:
        check_link(link.wanted, link.offered)
    order = _order(len(parts), links)
    check_resources(guests, [(j.caller, item_name(j.wanted), j.callee, j.functions()) for j in links])
    return _Fusion(guests, links).fused(order)


def _order(parts: int, links: Sequence[Link]) -> list[int]:
    """The parts, each after all that it calls."""
    calls: dict[int, list[int]] = {part: [] for part in range(parts)}
    for link in links:
        calls[link.caller].append(link.callee)
    try:
        return list(TopologicalSorter(calls).static_order())
    except CycleError as problem:
        names = " calls ".join(f"part {part}" for part in reversed(problem.args[1]))
        raise CannotFuse(f"the links form a circle: {names}") from None


def _counting(guests: Sequence[Guest], links: Sequence[Link]) -> tuple[list[Asked], list[Counted]]:
    """What of its callee each link gets, and each part so that it has that.

    Parts of one binary have all that any of them is asked for: their code stays one.
    """
    callers, asked = Counter[tuple[int, str]](), list[Asked]()
    wanted: dict[bytes, dict[Asked, tuple[Interface | Function, dict[str, Function]]]] = {}
    for link in links:
        name = item_name(link.offered)
        asked.append((name, callers[link.callee, name]))
        callers[link.callee, name] += 1
        of_binary = wanted.setdefault(guests[link.callee].binary, {})
        _, functions = of_binary.setdefault(asked[-1], (link.offered, {}))
        functions |= {offered.name: offered for _, offered in link.functions()}
    counted = {guest.binary: count(guest.binary, wanted.get(guest.binary, {})) for guest in guests}
    return asked, [counted[guest.binary] for guest in guests]


class _Names(ct.Scope):
    """What types are called for one part; one that has no name, since a link answers its interface, is imported."""

    def __init__(self, text: ct.Text, shared: ct.Scope, part: int) -> None:
        super().__init__(shared)
        self._text, self._shared, self._part, self._invented = text, shared, part, 0

    def _other_type(self, wanted: Type) -> str:
        if self._shared.knows(wanted):
            return self._shared.nominal(wanted)
        defined = TypeDef(f"p{self._part}-t{self._invented}", wanted)
        self._invented += 1
        return ct.import_type(self._text, self, defined.name, defined)


@dataclass(slots=True)
class _Placed:
    """A part in the text: what its imports are called for it, what types are, and its instance once it is made."""

    guest: Guest
    counted: Counted
    scope: ct.Scope
    arguments: dict[str, str] = field(default_factory=dict)
    instance: str = ""


class _Fusion:
    """The text of a fused component, written from top to bottom."""

    def __init__(self, guests: Sequence[Guest], links: Sequence[Link]) -> None:
        self._text, self._links = ct.Text(), links
        self._shared = ct.Scope()
        self._asked, counted = _counting(guests, links)
        names = [_Names(self._text, self._shared, number) for number in range(len(guests))]
        self._parts = [_Placed(*each) for each in zip(guests, counted, names, strict=True)]
        self._inside: dict[bytes, str] = {}
        self._imports: dict[tuple[int, str], str] = {}
        self._exports: dict[tuple[int, str], str] = {}

    def fused(self, order: Sequence[int]) -> Fused:
        """Writes it all; the parts in the order given, callees first."""
        self._take_imports()
        for number in order:
            self._make(number)
        for number in order:
            self._show(number)
        binary = assemble(self._text.component(), list(self._inside))
        return Fused(binary, self._imports, self._exports, self._counters(order))

    def _counters(self, order: Sequence[int]) -> dict[tuple[int, str], tuple[int, int]]:
        """Where calls are counted; the parts in the order in which they are made."""
        last = list(itertools.accumulate(len(made(self._parts[n].counted.binary).memories) for n in order))
        memory = {number: memories - 1 for number, memories in zip(order, last, strict=True)}
        return {
            (place, wanted.name): (memory[link.callee], self._parts[link.callee].counted.offsets[asked, offered.name])
            for place, (link, asked) in enumerate(zip(self._links, self._asked, strict=True))
            for wanted, offered in link.functions()
        }

    def _take_imports(self) -> None:
        joined = {(link.caller, item_name(link.wanted)) for link in self._links}
        left = [
            (number, name, item)
            for number, part in enumerate(self._parts)
            for name, item in part.guest.imports.items()
            if (number, name) not in joined or isinstance(item, TypeDef)
        ]
        merged = wasi_imports([item for _, _, item in left if isinstance(item, Interface) and is_wasi(item)])
        shared = {str(i.name): ct.import_interface(self._text, self._shared, str(i.name), i) for i in merged}
        for number, name, item in left:
            if name in shared:
                self._arrive(number, name, item, "instance", shared[name], name)
            else:
                outer = f"p{number}-i{list(self._parts[number].guest.imports).index(name)}"
                sort, here = ct.import_item(self._text, self._parts[number].scope, outer, item)
                self._arrive(number, name, item, sort, here, outer)

    def _arrive(self, number: int, name: str, item: Item, sort: str, here: str, outer: str) -> None:
        self._parts[number].arguments[name] = f"({sort} {here})"
        if not isinstance(item, TypeDef):
            self._imports[number, name] = outer

    def _make(self, number: int) -> None:
        """Instantiates a part; all that it calls is there."""
        part = self._parts[number]
        for place, link in self._links_of(number):
            self._join(place, link)
        component = self._inside.get(part.counted.binary)
        if component is None:
            component = self._inside[part.counted.binary] = self._text.named("Guest", "(component {})")
        arguments = " ".join(f"(with {ct.quoted(name)} {value})" for name, value in part.arguments.items())
        part.instance = self._text.named("p", f"(instance {{}} (instantiate {component} {arguments}))")

    def _links_of(self, caller: int) -> list[tuple[int, Link]]:
        """The links that answer a part, in the order of its imports: a resource comes before its users."""
        imports = list(self._parts[caller].guest.imports)
        found = [(place, link) for place, link in enumerate(self._links) if link.caller == caller]
        return sorted(found, key=lambda one: imports.index(item_name(one[1].wanted)))

    def _join(self, place: int, link: Link) -> None:
        """Gives a caller to come what the callee counts."""
        caller, callee = self._parts[link.caller], self._parts[link.callee]
        counted = callee.counted.exports[self._asked[place]]
        if isinstance(link.wanted, Function):
            caller.arguments[link.wanted.name] = f"(func {ct.take(self._text, callee.instance, 'func', counted)})"
            return
        assert isinstance(link.offered, Interface)
        source = ct.take(self._text, callee.instance, "instance", counted)
        lifted = ct.Structural(self._text, caller.scope)
        types = self._types(link.wanted, link.offered, source, caller.scope, lifted)
        functions = {f.name: ct.take(self._text, source, "func", f.name) for f in link.wanted.functions}
        instance = ct.make_instance(self._text, lifted, link.wanted, types, functions)
        caller.arguments[str(link.wanted.name)] = f"(instance {instance})"

    def _types(
        self, wanted: Interface, offered: Interface, source: str, scope: ct.Scope, lifted: ct.Scope
    ) -> dict[str, str]:
        """The types that an interface shows: resources are the callee's, all others are what they are made of."""
        has = {definition.name for definition in offered.types if isinstance(definition.type, Resource)}
        types: dict[str, str] = {}
        for definition in wanted.types:
            type_ = definition.type
            if not isinstance(type_, Resource):
                types[definition.name] = self._text.named("t", f"(type {{}} {lifted.define(type_)})")
            elif definition.name in has:
                types[definition.name] = ct.take(self._text, source, "type", definition.name)
                scope.note(type_, types[definition.name], wanted.name.version)
            else:
                types[definition.name] = scope.resource(type_)
        return types

    def _show(self, number: int) -> None:
        """Exports what a part does."""
        part = self._parts[number]
        for index, (name, item) in enumerate(part.guest.exports.items()):
            outer = f"p{number}-e{index}"
            ct.export_item(self._text, part.scope, outer, item, part.instance)
            if not isinstance(item, TypeDef):
                self._exports[number, name] = outer
