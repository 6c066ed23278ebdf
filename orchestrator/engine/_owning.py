"""What the core module of a shim has for functions that take or give handles for good.

What such a function gives has the number of a resource wherever a handle is to be, and handles are made of them here.
Of what it takes, numbers are made of the handles, which are dropped when the function has returned: the host has taken
the resources from under them by then. Handles that are lent need none of this. Not for what the functions do.

Source: CanonicalABI.md, sections Storing, Flattening and `canon resource.new`,
https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from orchestrator.engine._flat import flat, signature
from orchestrator.engine._leaves import Row, discriminant_code, sides
from orchestrator.engine._libc import More
from orchestrator.errors import UnsupportedType
from orchestrator.interface.sizes import layout
from orchestrator.interface.types import Function, List, Own, Record, Resource, Tuple, Type, children, walk

_LOADS = {"B": "i32.load8_u", "H": "i32.load16_u", "I": "i32.load"}
_BUILT_IN = {"new": "(param i32) (result i32)", "rep": "(param i32) (result i32)", "drop": "(param i32)"}

BuiltIn = Callable[[str, Resource], str]
"""(`new`, `rep` or `drop`; a resource) -> what that function is called in the module."""


def owns(function: Function) -> bool:
    """Whether a function takes or gives handles for good."""
    return any(map(_has_own, function.types))


def _has_own(type_: Type | None) -> bool:
    return type_ is not None and any(isinstance(part, Own) for part in walk(type_))


class Owning:
    """The functions, which are part of the module of `$libc`.

    Arguments:
        resources: what the type of each resource is called in the component around.
    """

    def __init__(self, resources: Mapping[Resource, str]) -> None:
        self._resources = resources
        self._numbers = {resource: number for number, resource in enumerate(resources)}
        self._imports: dict[str, tuple[str, str]] = {}
        """What the module imports: by name the core function that it is given, and its type."""
        self._canons: list[str] = []
        self._functions: list[str] = []

    def add(self, name: str, function: Function, core: str) -> str:
        """Adds a function; the core function that stands for it.

        Arguments:
            name: that it has and no other.
            core: the core function that answers it.

        Raises:
            UnsupportedType: it takes so much, or a list of handles, for good.
        """
        flats = signature(function)
        self._imports[name] = core, _type(flats.params, flats.returned)
        self._functions.append(_Passed(name, function, self._built_in).text())
        return f'(core func $libc "{name}")'

    def _built_in(self, name: str, resource: Resource) -> str:
        own = f"{name}-{self._numbers[resource]}"
        if own not in self._imports:
            self._canons.append(f"(core func ${own} (canon resource.{name} {self._resources[resource]}))")
            self._imports[own] = f"${own}", _BUILT_IN[name]
        return f"${own}"

    def built_ins(self) -> Sequence[str]:
        """Lines of the component around for what the functions call; they come before the module's instance."""
        return self._canons

    def more(self, function: str) -> More:
        """What the module has besides, a function as text among it."""
        imports = [f'(import "" "{name}" (func ${name} {type_}))' for name, (_, type_) in self._imports.items()]
        given = [f'(export "{name}" (func {core}))' for name, (core, _) in self._imports.items()]
        return More("\n".join(imports), "\n".join([*self._functions, function]), " ".join(given))


def _type(params: Sequence[str], result: str) -> str:
    """A core function's type."""
    shown = [f"(param {' '.join(params)})"] if params else []
    return " ".join(shown + ([f"(result {result})"] if result else []))


class _Passed:
    """The text of one function, which calls the one that it stands for."""

    def __init__(self, name: str, function: Function, built_in: BuiltIn) -> None:
        self._name, self._function, self._built_in = name, function, built_in
        self._flats = signature(function)
        self._locals: list[str] = []
        self._drops: list[str] = []

    def text(self) -> str:
        """All of it."""
        params, result = self._flats.params, self._flats.returned
        before = self._taken()
        given = " ".join(f"(local.get {number})" for number in range(len(params)))
        call = f"(call ${self._name} {given})"
        after: list[str] = []
        if result:
            at = self._local(result)
            call, after = f"(local.set {at} {call})", self._made(at)
        body = "\n".join([*before, call, *after, *self._drops, *([f"(local.get {at})"] if result else [])])
        return f"""(func (export "{self._name}") {_type(params, result)} {" ".join(self._locals)}
        {body})"""

    def _local(self, core: str) -> str:
        name = f"$x{len(self._locals)}"
        self._locals.append(f"(local {name} {core})")
        return name

    def _taken(self) -> list[str]:
        """Lines that make numbers of the handles among the parameters."""
        types = tuple(field.type for field in self._function.params)
        if not any(map(_has_own, types)):
            return []
        if self._flats.spilled:
            raise UnsupportedType(f"`{self._function.name}` takes a handle among more than can be passed as numbers")
        slots = [(str(number), core) for number, core in enumerate(self._flats.params)]
        return self._in_slots(Tuple(types), slots, self._taken_one)

    def _taken_one(self, resource: Resource, handle: str) -> str:
        """The expression for the number of a handle, which is kept to be dropped: no handle is 0."""
        kept = self._local("i32")
        drop = self._built_in("drop", resource)
        self._drops.append(f"(if (local.get {kept}) (then (call {drop} (local.get {kept}))))")
        return f"(call {self._built_in('rep', resource)} (local.tee {kept} {handle}))"

    def _made(self, at: str) -> list[str]:
        """Lines that make handles of the numbers in the result."""
        result = self._function.result
        if result is None or not _has_own(result):
            return []
        if self._flats.by_pointer:
            return self._in_memory(result, at, 0)
        return self._in_slots(result, [(at, self._flats.result)], self._made_one)

    def _made_one(self, resource: Resource, number: str) -> str:
        return f"(call {self._built_in('new', resource)} {number})"

    def _in_slots(
        self, type_: Type, slots: Sequence[tuple[str, str]], change: Callable[[Resource, str], str]
    ) -> list[str]:
        """Lines that change the handles of a value that is passed in locals: their names and core types."""
        if not _has_own(type_):
            return []
        match type_:
            case Own(resource):
                local, core = slots[0]
                held = f"(local.get {local})" if core == "i32" else f"(i32.wrap_i64 (local.get {local}))"
                changed = change(resource, held)
                changed = changed if core == "i32" else f"(i64.extend_i32_u {changed})"
                return [f"(local.set {local} {changed})"]
            case Record() | Tuple():
                lines, at = list[str](), 0
                for part in children(type_):
                    lines += self._in_slots(part, slots[at:], change)
                    at += len(flat((part,)))
                return lines
            case List():
                raise UnsupportedType(f"`{self._function.name}` takes a list of handles for good")
            case _:
                cases = [self._in_slots(case, slots[1:], change) if case else [] for _, case in sides(type_)]
                return _chosen(f"(local.get {slots[0][0]})", cases)

    def _in_memory(self, type_: Type, base: str, at: int) -> list[str]:
        """Lines that make handles in a value that lies at an offset from an address in a local."""
        if not _has_own(type_):
            return []
        match type_:
            case Own(resource):
                number = f"(i32.load offset={at} (local.get {base}))"
                return [f"(i32.store offset={at} (local.get {base}) {self._made_one(resource, number)})"]
            case Record() | Tuple():
                inside = Row(iter(())).inside(children(type_), at)
                return [line for part, place in inside for line in self._in_memory(part, base, place)]
            case List(element):
                return self._in_list(element, base, at)
            case _:
                cases, payload = sides(type_), Row(iter(())).payload(type_, at)
                load = _LOADS[discriminant_code(len(cases))]
                inner = [self._in_memory(case, base, payload) if case else [] for _, case in cases]
                return _chosen(f"({load} offset={at} (local.get {base}))", inner)

    def _in_list(self, element: Type, base: str, at: int) -> list[str]:
        first, left = self._local("i32"), self._local("i32")
        return [
            f"(local.set {first} (i32.load offset={at} (local.get {base})))",
            f"(local.set {left} (i32.load offset={at + 4} (local.get {base})))",
            "(block (loop",
            f"(br_if 1 (i32.eqz (local.get {left})))",
            *self._in_memory(element, first, 0),
            f"(local.set {first} (i32.add (local.get {first}) (i32.const {layout(element)[0]})))",
            f"(local.set {left} (i32.sub (local.get {left}) (i32.const 1)))",
            "(br 0)))",
        ]


def _chosen(number: str, cases: Sequence[Sequence[str]]) -> list[str]:
    """Lines for that one of several cases whose number an expression gives."""
    return [
        f"(if (i32.eq {number} (i32.const {index})) (then {' '.join(lines)}))"
        for index, lines in enumerate(cases)
        if lines
    ]
