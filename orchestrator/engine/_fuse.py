"""Fuses components into one: calls between them are then the engine's own, at a fraction of what the host takes.

Parts share one store and one instance: they live and die together. What a part imports and no link answers, the fused
component imports under a new name (`p0-i1`: the first part's second import), so that two parts' imports of one name
stay two; WASI's keep their names and are shared, each the union of what the parts ask of it. All that the parts export
is exported under new names (`p0-e1`). Each link has a tap that counts its calls. Not for deciding what to fuse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from orchestrator.engine import _component_text as ct
from orchestrator.engine._flat import signature
from orchestrator.engine._fusable import check_link, check_resources, wasi_imports
from orchestrator.engine._guest import Guest, Item, guest, item_name
from orchestrator.engine._image_file import PAGE
from orchestrator.engine._libc import OPTIONS, instance, post_return
from orchestrator.engine._splice import assemble
from orchestrator.engine._tap import CannotFuse, borrowed, module, passes_memory, places
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
        taps: where the calls of a function are counted: (link, the function's name as it is wanted) -> the offset of a
            number of 64 bits, little-endian, in the first memory of an instance.
    """

    binary: bytes
    imports: Mapping[tuple[int, str], str]
    exports: Mapping[tuple[int, str], str]
    taps: Mapping[tuple[int, str], int]


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
    scope: ct.Scope
    arguments: dict[str, str] = field(default_factory=dict)
    instance: str = ""


class _Fusion:
    """The text of a fused component, written from top to bottom."""

    def __init__(self, guests: Sequence[Guest], links: Sequence[Link]) -> None:
        self._text, self._links = ct.Text(), links
        self._shared = ct.Scope()
        self._parts = [_Placed(g, _Names(self._text, self._shared, n)) for n, g in enumerate(guests)]
        self._inside: dict[bytes, str] = {}
        self._imports: dict[tuple[int, str], str] = {}
        self._exports: dict[tuple[int, str], str] = {}
        functions = {(n, wanted.name): wanted for n, link in enumerate(links) for wanted, _ in link.functions()}
        self._places = places(functions)

    def fused(self, order: Sequence[int]) -> Fused:
        """Writes it all; the parts in the order given, callees first."""
        self._take_imports()
        room = self._places.room
        self._text.add(instance(room // PAGE + 1, room))
        for number in order:
            self._make(number)
        for number in order:
            self._show(number)
        binary = assemble(self._text.component(), list(self._inside))
        return Fused(binary, self._imports, self._exports, self._places.counters)

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
        component = self._inside.get(part.guest.binary)
        if component is None:
            component = self._inside[part.guest.binary] = self._text.named("Guest", "(component {})")
        arguments = " ".join(f"(with {ct.quoted(name)} {value})" for name, value in part.arguments.items())
        part.instance = self._text.named("p", f"(instance {{}} (instantiate {component} {arguments}))")

    def _links_of(self, caller: int) -> list[tuple[int, Link]]:
        """The links that answer a part, in the order of its imports: a resource comes before its users."""
        imports = list(self._parts[caller].guest.imports)
        found = [(place, link) for place, link in enumerate(self._links) if link.caller == caller]
        return sorted(found, key=lambda one: imports.index(item_name(one[1].wanted)))

    def _join(self, place: int, link: Link) -> None:
        """Puts a tap between a callee that is there and a caller to come."""
        caller, callee = self._parts[link.caller], self._parts[link.callee]
        source = callee.instance
        lifted = ct.Structural(self._text, caller.scope)
        if isinstance(link.wanted, Function):
            tapped = self._tap(place, link, source, lifted)
            caller.arguments[link.wanted.name] = f"(func {tapped[link.wanted.name]})"
            return
        assert isinstance(link.offered, Interface)
        source = ct.take(self._text, source, "instance", str(link.offered.name))
        types = self._types(link.wanted, link.offered, source, caller.scope, lifted)
        tapped = self._tap(place, link, source, lifted)
        made = ct.make_instance(self._text, lifted, link.wanted, types, tapped)
        caller.arguments[str(link.wanted.name)] = f"(instance {made})"

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

    def _tap(self, place: int, link: Link, source: str, lifted: ct.Scope) -> dict[str, str]:
        """The functions of a link as the caller gets them, by name."""
        functions, given = link.functions(), ['(export "memory" (memory $libc "memory"))']
        for n, (wanted, offered) in enumerate(functions):
            inner = f"{source} {ct.quoted(offered.name)}"
            lowered = self._text.named("l", f"(core func {{}} (canon lower (func {inner}) {OPTIONS}))")
            given.append(f'(export "f{n}" (func {lowered}))')
            for at, (_, resource) in enumerate(borrowed(wanted)):
                drop = self._text.named("d", f"(core func {{}} (canon resource.drop {lifted.resource(resource)}))")
                given.append(f'(export "d{n}-{at}" (func {drop}))')
        counters = [self._places.counters[place, wanted.name] for wanted, _ in functions]
        code = self._text.new("Tap")
        self._text.add(module(code, [wanted for wanted, _ in functions], counters, self._places.returned))
        arguments = f'(with "" (instance {" ".join(given)}))'
        made = self._text.named("tap", f"(core instance {{}} (instantiate {code} {arguments}))")
        return {wanted.name: self._lift(made, n, wanted, lifted) for n, (wanted, _) in enumerate(functions)}

    def _lift(self, tap: str, number: int, function: Function, lifted: ct.Scope) -> str:
        options = OPTIONS
        if passes_memory(function):
            options += f" {post_return(signature(function).returned)}"
        lift = f'(canon lift (core func {tap} "f{number}") {options})'
        return self._text.named("f", f"(func {{}} {lifted.signature(function)} {lift})")

    def _show(self, number: int) -> None:
        """Exports what a part does."""
        part = self._parts[number]
        for index, (name, item) in enumerate(part.guest.exports.items()):
            outer = f"p{number}-e{index}"
            ct.export_item(self._text, part.scope, outer, item, part.instance)
            if not isinstance(item, TypeDef):
                self._exports[number, name] = outer
