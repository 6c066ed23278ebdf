"""Fuses components into one: calls between them are then the engine's own, at a fraction of what the host takes.

Parts share one store and one instance: they live and die together. What a part imports and no joint answers, the fused
component imports under a new name (`p0-i1`: the first part's second import), so that two parts' imports of one name
stay two; WASI's keep their names and are shared, each the union of what the parts ask of it. All that the parts export
is exported under new names (`p0-e1`). What answers a joint counts its calls, see `_counted`. Not for deciding what to
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
from orchestrator.engine._fusable import CannotFuse, check_joint, check_resources, wasi_imports
from orchestrator.engine._guest import Guest, Item, guest, item_name
from orchestrator.engine._splice import assemble
from orchestrator.engine.imports import is_wasi
from orchestrator.interface.types import Function, Interface, Resource, Type, TypeDef, World

__all__ = ["CannotFuse", "Fused", "Joint", "Part", "fuse"]


@dataclass(frozen=True, slots=True)
class Part:
    """A component to fuse: its binary, and its world as it was reflected."""

    binary: bytes
    world: World


@dataclass(frozen=True, slots=True)
class Joint:
    """An edge that is to be inside.

    Arguments:
        caller, callee: which parts.
        wanted: what the caller imports, as its world has it.
        offered: what answers it, as the callee's world exports it: an interface may have more functions, a function
            another name.
    """

    caller: int
    wanted: Interface | Function
    callee: int
    offered: Interface | Function

    def functions(self) -> Sequence[tuple[Function, Function]]:
        """The functions of the edge, as they are wanted and as they are offered."""
        if isinstance(self.wanted, Function) and isinstance(self.offered, Function):
            return ((self.wanted, self.offered),)
        assert isinstance(self.wanted, Interface)
        assert isinstance(self.offered, Interface)
        offered = {function.name: function for function in self.offered.functions}
        return [(function, offered[function.name]) for function in self.wanted.functions]


@dataclass(frozen=True, slots=True)
class Fused:
    """A fused component.

    Arguments:
        binary: the component.
        imports, exports: under which name it has what a part imports or exports: (part, the item's name) -> name.
            Imports that a joint answers are not among them.
        counters: where the calls of a function are counted: (joint, the function's name as it is wanted) -> which of
            those memories of an instance that begin with a page or more, and the offset there of a number of 64 bits,
            little-endian.
    """

    binary: bytes
    imports: Mapping[tuple[int, str], str]
    exports: Mapping[tuple[int, str], str]
    counters: Mapping[tuple[int, str], tuple[int, int]]


def fuse(parts: Sequence[Part], joints: Sequence[Joint]) -> Fused:
    """The component in which the parts are joined.

    Raises:
        CannotFuse: the joints form a circle, two sides do not fit, or something crosses that cannot within one
            component.
        ComponentError: a part has what its world does not say.
    """
    guests = [guest(part.binary, part.world) for part in parts]
    for joint in joints:
        check_joint(joint.wanted, joint.offered)
    order = _order(len(parts), joints)
    check_resources(guests, [(j.caller, item_name(j.wanted), j.callee, j.functions()) for j in joints])
    return _Fusion(guests, joints).fused(order)


def _order(parts: int, joints: Sequence[Joint]) -> list[int]:
    """The parts, each after all that it calls."""
    calls: dict[int, list[int]] = {part: [] for part in range(parts)}
    for joint in joints:
        calls[joint.caller].append(joint.callee)
    try:
        return list(TopologicalSorter(calls).static_order())
    except CycleError as problem:
        names = " calls ".join(f"part {part}" for part in reversed(problem.args[1]))
        raise CannotFuse(f"the joints form a circle: {names}") from None


def _counting(guests: Sequence[Guest], joints: Sequence[Joint]) -> tuple[list[Asked], list[Counted]]:
    """What of its callee each joint gets, and each part so that it has that.

    Parts of one binary have all that any of them is asked for: their code stays one.
    """
    callers, asked = Counter[tuple[int, str]](), list[Asked]()
    wanted: dict[bytes, dict[Asked, tuple[Interface | Function, dict[str, Function]]]] = {}
    for joint in joints:
        name = item_name(joint.offered)
        asked.append((name, callers[joint.callee, name]))
        callers[joint.callee, name] += 1
        of_binary = wanted.setdefault(guests[joint.callee].binary, {})
        _, functions = of_binary.setdefault(asked[-1], (joint.offered, {}))
        functions |= {offered.name: offered for _, offered in joint.functions()}
    counted = {guest.binary: count(guest.binary, wanted.get(guest.binary, {})) for guest in guests}
    return asked, [counted[guest.binary] for guest in guests]


class _Names(ct.Scope):
    """What types are called for one part; one that has no name, since a joint answers its interface, is imported."""

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

    def __init__(self, guests: Sequence[Guest], joints: Sequence[Joint]) -> None:
        self._text, self._joints = ct.Text(), joints
        self._shared = ct.Scope()
        self._asked, counted = _counting(guests, joints)
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
            (place, wanted.name): (memory[joint.callee], self._parts[joint.callee].counted.offsets[asked, offered.name])
            for place, (joint, asked) in enumerate(zip(self._joints, self._asked, strict=True))
            for wanted, offered in joint.functions()
        }

    def _take_imports(self) -> None:
        joined = {(joint.caller, item_name(joint.wanted)) for joint in self._joints}
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
        for place, joint in self._joints_of(number):
            self._join(place, joint)
        component = self._inside.get(part.counted.binary)
        if component is None:
            component = self._inside[part.counted.binary] = self._text.named("Guest", "(component {})")
        arguments = " ".join(f"(with {ct.quoted(name)} {value})" for name, value in part.arguments.items())
        part.instance = self._text.named("p", f"(instance {{}} (instantiate {component} {arguments}))")

    def _joints_of(self, caller: int) -> list[tuple[int, Joint]]:
        """The joints that answer a part, in the order of its imports: a resource comes before its users."""
        imports = list(self._parts[caller].guest.imports)
        found = [(place, joint) for place, joint in enumerate(self._joints) if joint.caller == caller]
        return sorted(found, key=lambda one: imports.index(item_name(one[1].wanted)))

    def _join(self, place: int, joint: Joint) -> None:
        """Gives a caller to come what the callee counts."""
        caller, callee = self._parts[joint.caller], self._parts[joint.callee]
        counted = callee.counted.exports[self._asked[place]]
        if isinstance(joint.wanted, Function):
            caller.arguments[joint.wanted.name] = f"(func {ct.take(self._text, callee.instance, 'func', counted)})"
            return
        assert isinstance(joint.offered, Interface)
        source = ct.take(self._text, callee.instance, "instance", counted)
        lifted = ct.Structural(self._text, caller.scope)
        types = self._types(joint.wanted, joint.offered, source, caller.scope, lifted)
        functions = {f.name: ct.take(self._text, source, "func", f.name) for f in joint.wanted.functions}
        instance = ct.make_instance(self._text, lifted, joint.wanted, types, functions)
        caller.arguments[str(joint.wanted.name)] = f"(instance {instance})"

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
