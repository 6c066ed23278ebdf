"""A guest that does nothing by itself: each function that it imports can be called from outside, in plain numbers.

So a test plays a guest that nobody would write: it lays arguments out in the guest's memory, with the handles that the
guest has, and with such as it has not, and reads results there. See `canonical` for the layout.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from orchestrator import resources
from orchestrator.engine import Engine, Frame, HostResource, Instance, InstanceSettings
from orchestrator.engine import _component_text as ct
from orchestrator.engine._flat import CROSSES_AS, signature
from orchestrator.engine._wasi_check import NEWEST
from orchestrator.engine.imports import is_wasi
from orchestrator.interface import Packages
from orchestrator.interface import types as t
from orchestrator.interface._transform import transform
from orchestrator.interface.values import Variant
from orchestrator.manifest.model import Bulk
from tests.support.canonical import Reference

ROOM, ARGUMENTS = 2 << 20, 1 << 16
"""Where the guest's allocator begins, and where a test lays arguments out."""
_MEMORY = f"""(core module $Libc (memory (export "memory") 64)
    (global $next (mut i32) (i32.const {ROOM}))
    (func (export "reset") (global.set $next (i32.const {ROOM})))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (loop $more
        (if (i32.gt_u (global.get $next) (i32.mul (memory.size) (i32.const 65536)))
          (then (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable)) (br $more))))
      (local.get $at)))
  (core instance $libc (instantiate $Libc))"""
LIAR = f"""(core module $Libc (memory (export "memory") 64) (func (export "reset"))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const {(64 << 16) - 8})))
  (core instance $libc (instantiate $Libc))"""
"""What a guest takes room by that has none."""


def wasi() -> list[t.Interface]:
    """Every interface of WASI that the host serves, those first whose resources others use."""
    packages = Packages.read(sorted(path for path in resources.wit().iterdir() if path.name.startswith("wasi-")))
    left = [item for item in map(packages.interface, map(str, packages.interfaces())) if is_wasi(item)]
    ordered: list[t.Interface] = []
    while left:
        known = {item.name.base for item in ordered}
        ready = [item for item in left if all(r.interface in known | {item.name.base} for r in _resources(item))]
        ordered += ready
        left = [item for item in left if item not in ready]
    return ordered


def _resources(interface: t.Interface) -> list[t.Resource]:
    return [definition.type for definition in interface.types if isinstance(definition.type, t.Resource)]


def text(interfaces: Sequence[t.Interface], *, by_table: bool, memory: str = _MEMORY) -> str:
    """The guest, as WAT.

    Arguments:
        by_table: whether it calls what it imports through a table that is filled in the end, as tools make components.
        memory: its memory and what takes room there.
    """
    out, scope = ct.Text(), ct.Scope()
    instances = [ct.import_interface(out, scope, str(item.name), item) for item in interfaces]
    out.add(memory)
    functions = [(place, f) for item, place in zip(interfaces, instances, strict=True) for f in item.functions]
    options = '(memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))'
    cores = [
        out.named("c", f"(core func {{}} (canon lower (func {place} {ct.quoted(f.name)}) {options}))")
        for place, f in functions
    ]
    called = _by_table(out, cores, [f for _, f in functions]) if by_table else [f"(core func {core})" for core in cores]
    for number, (_, function) in enumerate(functions):
        shown = " ".join(f'(param "p{n}" {CROSSES_AS[core]})' for n, core in enumerate(_params(function)))
        result = signature(function).result
        shown += f" (result {CROSSES_AS[result]})" if result else ""
        out.add(f'(func (export "call-{number}") {shown} (canon lift {called[number]}))')
    for number, resource in enumerate(_own(interfaces)):
        drop = out.named("d", f"(core func {{}} (canon resource.drop {scope.resource(resource)}))")
        out.add(f'(func (export "drop-{number}") (param "p0" u32) (canon lift (core func {drop})))')
    out.add('(func (export "reset") (canon lift (core func $libc "reset")))')
    return out.component()


def _own(interfaces: Sequence[t.Interface]) -> list[t.Resource]:
    return list(dict.fromkeys(resource for item in interfaces for resource in _resources(item)))


def _params(function: t.Function) -> tuple[str, ...]:
    """The core parameters of a function that is lowered."""
    flats = signature(function)
    return (*flats.params, "i32") if flats.by_pointer else flats.params


def _by_table(out: ct.Text, cores: Sequence[str], functions: Sequence[t.Function]) -> list[str]:
    """Core functions that call others through a table, which is filled when all of those are there."""
    types = [
        f"(param {' '.join(_params(f))}) {f'(result {signature(f).result})' if signature(f).result else ''}"
        for f in functions
    ]
    count = len(cores)
    calls = "\n".join(
        f'(type $t{n} (func {type_})) (func (export "{n}") (type $t{n}) '
        f"{' '.join(f'(local.get {p})' for p in range(len(_params(functions[n]))))} "
        f"(call_indirect (type $t{n}) (i32.const {n})))"
        for n, type_ in enumerate(types)
    )
    imports = " ".join(f'(import "" "{n}" (func {type_}))' for n, type_ in enumerate(types))
    out.add(f'(core module $Table (table (export "$imports") {count} funcref) {calls})')
    out.add("(core instance $table (instantiate $Table))")
    given = " ".join(f'(export "{n}" (func {core}))' for n, core in enumerate(cores))
    out.add(
        f'(core module $Fill {imports} (import "" "$imports" (table {count} funcref)) '
        f"(elem (i32.const 0) func {' '.join(map(str, range(count)))}))"
        f'(alias core export $table "$imports" (core table $imports))'
        f'(core instance (instantiate $Fill (with "" (instance (export "$imports" (table $imports)) {given}))))'
    )
    return [f'(core func $table "{n}")' for n in range(count)]


def plain(type_: t.Type) -> t.Type:
    """The type as a core module has it: a handle is a number."""
    return transform(type_, lambda leaf: t.U32 if isinstance(leaf, t.Own | t.Borrow) else leaf)


def swapped(type_: t.Type | None, value: Any, leaf: Callable[[t.Own | t.Borrow, Any], Any]) -> Any:
    """A value with something else in place of each handle."""
    match type_:
        case t.Own() | t.Borrow():
            return leaf(type_, value)
        case t.List(element) if element != t.U8:
            return [swapped(element, item, leaf) for item in value]
        case t.Option(some):
            if value is None or not isinstance(some, t.Option):
                return None if value is None else swapped(some, value, leaf)
            return {"some": swapped(some, value["some"], leaf)}
        case t.Tuple(items):
            return tuple(swapped(item, one, leaf) for item, one in zip(items, value, strict=True))
        case t.Record(fields):
            return {f.name: swapped(f.type, value[f.name], leaf) for f in fields}
        case t.Result(ok, err):
            ((side, inner),) = value.items()
            return {side: swapped(ok if side == "ok" else err, inner, leaf)}
        case t.Variant(cases):
            carried = {case.name: case.type for case in cases}[value.case]
            return Variant(value.case, swapped(carried, value.value, leaf))
        case _:
            return value


class Thing(HostResource):
    """A resource of a test's."""

    def __init__(self) -> None:
        self.dropped = 0

    def drop(self, frame: Frame | None = None) -> None:
        """Counts it."""
        self.dropped += 1


Answer = Callable[..., Any]
"""(the values of the parameters) -> the value of the result, as `engine.host` has it."""


def key(interface: t.Interface) -> str:
    """What a test calls an interface: its name, with the version where that is not the newest."""
    return interface.name.base if interface.name.version == NEWEST else str(interface.name)


@dataclass
class Puppet:
    """An instance of the guest.

    Arguments:
        answers: what answers a function, by its interface's key and its name; a test sets it.
    """

    instance: Instance
    interfaces: Sequence[t.Interface]
    answers: dict[tuple[str, str], Answer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        every = [(key(item), function) for item in self.interfaces for function in item.functions]
        self._functions = {(name, f.name): (f, f"call-{number}") for number, (name, f) in enumerate(every)}
        world = self.instance.linker.component.world
        self._exports = {item.name: item for item in world.exports if isinstance(item, t.Function)}

    @property
    def memory(self) -> memoryview:
        """The guest's memory as it is now."""
        assert self.instance.bank is not None
        keeper = self.instance.linker.component.keeper
        return self.instance.bank.begun[-2 if keeper else -1].view()

    def function(self, interface: str, name: str) -> t.Function:
        """An imported function."""
        return self._functions[interface, name][0]

    def call(self, interface: str, name: str, *values: Any) -> Any:
        """Has the guest call a function it imports, handles being its own numbers; what it gets."""
        function, room = self.function(interface, name), Reference(self.memory, ARGUMENTS)
        params = [plain(f.type) for f in function.params]
        numbers = [n for type_, value in zip(params, values, strict=True) for n in room.lower(type_, value)]
        if not signature(function).by_pointer:
            number = self.raw(interface, name, *numbers)
            return number if function.result is None else _single(plain(function.result), number)
        assert function.result is not None
        at = room.room(256, 8)
        self.raw(interface, name, *numbers, at)
        return Reference(self.memory, 0).load(plain(function.result), at)

    def raw(self, interface: str, name: str, *numbers: Any) -> Any:
        """Has the guest call it with those very numbers."""
        self._run("reset")
        return self._run(self._functions[interface, name][1], *numbers)

    def have(self, interface: str, name: str, *numbers: Any) -> Any:
        """The same, in a stay that the test has begun."""
        return self.instance.call(None, self._exports[self._functions[interface, name][1]], numbers)

    def drop(self, resource: str, handle: int) -> None:
        """Has the guest drop a handle."""
        names = [r.name for r in _own(self.interfaces)]
        self._run(f"drop-{names.index(resource)}", handle)

    def _run(self, name: str, *numbers: Any) -> Any:
        with self.instance.entered(Frame()):
            return self.instance.call(None, self._exports[name], numbers)


def _single(type_: t.Type, number: Any) -> Any:
    """The value of a type that is passed as one number."""
    memory = bytearray(8)
    memory[:] = int(number).to_bytes(8, "little")
    return Reference(memory, 0).load(type_, 0)


@contextmanager
def puppet(
    engine: Engine,
    interfaces: Sequence[t.Interface],
    bulk: Bulk = "auto",
    *,
    by_table: bool = False,
    memory: str = _MEMORY,
    settings: Mapping[str, Any] | None = None,
) -> Iterator[Puppet]:
    """A puppet whose functions are answered by what the test puts into `answers`."""
    guest = engine.from_text(text(interfaces, by_table=by_table, memory=memory), "puppet")
    component = engine.variant(guest, bulk)
    assert component.world.refused == ()
    linker = engine.linker(component)
    made: list[Puppet] = []

    def answering(key: tuple[str, str]) -> Answer:
        return lambda _host, *values: made[0].answers[key](*values)

    for item in component.world.imports:
        assert isinstance(item, t.Interface)
        for function in item.functions:
            linker.serve(item.name, function, answering((key(item), function.name)))
    instance = linker.instantiate(Frame(), InstanceSettings(**(settings or {})))
    made.append(Puppet(instance, interfaces))
    try:
        yield made[0]
    finally:
        instance.close()
        linker.close()
