"""Gives a component lanes, in sections behind all that it has: see `_lanes`.

A lane knows a handle's number by asking the shim, since the resources are the shim's. In its place of the table was the
function that it calls where the host has no bytes for it.

Source: https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wasmtime import wat2wasm

from orchestrator.engine import _sections as s
from orchestrator.engine._binary import made
from orchestrator.engine._chosen import PUT, function_key
from orchestrator.engine._direct import function_type
from orchestrator.engine._flat import flat, signature
from orchestrator.engine._lane_sites import A_TABLE, Found, Site, found_in, sites_of
from orchestrator.engine._lanes import LANES, Lane, lent, qualifies, signature_of, takes
from orchestrator.engine._lifts import Lifts, lifts
from orchestrator.engine._sections import Section
from orchestrator.errors import ComponentError
from orchestrator.interface.types import U64, Borrow, Function, Interface, Resource

SMALL = 1024
"""Bytes up to which a guest that asks for so many gets them as other values: a lane calls the host twice for them."""
MOST_SITES = 500
"""Places of a table that get a lane, each a function more to compile; of what tools make it has some ten."""
_ELSE = -1
"""What the host answers where the lane is to call what was in its place."""


@dataclass(frozen=True, slots=True)
class Laid:
    """A component with lanes.

    Arguments:
        lanes: by `function_key`, in the order of their numbers, which memory the bytes of each are in: its number among
            those that an instance makes with a page or more.
    """

    binary: bytes
    lanes: Mapping[str, int]


def lay(binary: bytes, interfaces: Sequence[Interface]) -> Laid:
    """The component with lanes for those functions of interfaces that it imports for which there can be one.

    Only what is certain gets one: the memory is known, one that a module defines with a page or more, and made once;
    and nothing else changes the table.
    """
    known = {
        (str(interface.name), function.name): Lane(interface, function)
        for interface in interfaces
        for function in interface.functions
        if qualifies(function)
    }
    try:
        spaces, found, places = lifts(binary), found_in(binary), made(binary).memories
        memories, sites = sites_of(found, spaces, known, places)
    except (ValueError, IndexError, KeyError, ComponentError):
        return Laid(binary, {})
    if not 0 < len(sites) <= MOST_SITES:
        return Laid(binary, {})
    added = _Added(spaces, found, list(memories), sites).sections()
    keys = (function_key(lane.interface.name, lane.function.name) for lane in memories)
    return Laid(binary + added, dict(zip(keys, memories.values(), strict=True)))


class _Added:
    """The sections that come behind a component's own.

    Arguments:
        spaces, found: what its index spaces are so far.
        lanes: in the order of their numbers.
    """

    def __init__(self, spaces: Lifts, found: Found, lanes: Sequence[Lane], sites: Sequence[Site]) -> None:
        self._spaces, self._found, self._lanes, self._sites = spaces, found, lanes, sites
        self._lent = lent(lanes)
        self._functions = [f"n{number}" for number in range(len(self._lent))]
        self._functions += [*(f"h{number}" for number in range(len(lanes))), PUT]
        """What is imported, in the order of its indices."""
        table = found.filled[0].table
        self._table = (b"", table) if isinstance(table, int) else (_table_alias(*table), spaces.tables)
        """What makes an alias of the table, if there must be one, and its index."""

    def sections(self) -> bytes:
        """The sections."""
        first, core = len(self._found.functions), len(self._found.core_functions)
        instance = s.unsigned(len(self._found.instances))
        aliases = [b"\1\0" + instance + s.text(name) for name in self._functions]
        lowered = [b"\1\0" + s.unsigned(first + number) + b"\0" for number in range(len(self._functions))]
        type_ = s.unsigned(self._spaces.types + len(self._lent))
        entries = (
            (
                Section.ALIASES,
                s.vector([*(self._aliased(*one) for one in self._lent), *filter(None, [self._table[0]])]),
            ),
            (Section.TYPES, s.vector([self._type()])),
            (Section.IMPORTS, s.vector([b"\0" + s.text(str(LANES)) + b"\5" + type_])),
            (Section.ALIASES, s.vector(aliases)),
            (Section.CANONS, s.vector(lowered)),
            (Section.CORE_MODULE, self._module()),
            (Section.CORE_INSTANCES, s.vector(self._instances(core))),
        )
        return b"".join(s.section(kind, body) for kind, body in entries)

    def _aliased(self, interface: Interface, resource: Resource) -> bytes:
        """An alias of a resource's type, which an interface shows."""
        name = next(definition.name for definition in interface.types if definition.type == resource)
        return b"\3\0" + s.unsigned(self._found.instances.index(str(interface.name))) + s.text(name)

    def _type(self) -> bytes:
        """The type of the instance that is imported."""
        inside, exports = list[bytes](), list[bytes]()

        def define(what: bytes) -> int:
            inside.append(what)
            return len(inside) - 1

        def export(name: str, type_: bytes) -> None:
            exports.append(b"\4\0" + s.text(name) + b"\1" + s.unsigned(define(b"\1" + type_)))

        for number in range(len(self._lent)):
            outer = define(b"\2\3\2\1" + s.unsigned(self._spaces.types + number))
            handle = define(b"\1\x68" + s.unsigned(outer))
            export(f"n{number}", b"\x40" + s.vector([s.text("self") + _as_type(handle)]) + _RETURNS_U32)
        for number, lane in enumerate(self._lanes):
            cores = enumerate(signature_of(lane.function))
            export(f"h{number}", function_type([(f"p{place}", core) for place, core in cores], "i32"))
        export(PUT, function_type([("p0", "i32"), ("p1", "i32")], ""))
        return b"\x42" + s.vector([*inside, *exports])

    def _module(self) -> bytes:
        """The module with the lanes, which puts them into the table."""
        slots = max(site.slot for site in self._sites) + 1
        lines = [f'(import "" "table" (table {slots} funcref))']
        numbers = range(len(self._lent))
        lines += [f'(import "" "n{number}" (func $n{number} (param i32) (result i32)))' for number in numbers]
        for number, lane in enumerate(self._lanes):
            params = " ".join(signature_of(lane.function))
            lines.append(f'(import "" "h{number}" (func $h{number} (param {params}) (result i32)))')
        lines.append(f'(import "" "{PUT}" (func ${PUT} (param i32 i32)))')
        for site in self._sites:
            lines.append(f'(import "" "c{site.slot}" (func $c{site.slot} {_core_type(site.lane.function)}))')
            if site.realloc is not None:
                lines.append(f'(import "" "r{site.slot}" (func $r{site.slot} {_REALLOC}))')
        for site in self._sites:
            lines.append(self._function(site))
            lines.append(f"(elem (i32.const {site.slot}) func $l{site.slot})")
        return bytes(wat2wasm(f"(module {chr(10).join(lines)})"))

    def _function(self, site: Site) -> str:
        function, slot = site.lane.function, site.slot
        count = len(signature(function).params)
        every = " ".join(f"(local.get {place})" for place in range(count + 1))
        otherwise = f"(call $c{slot} {every})"
        if takes(function):
            call = f"(call $h{self._lanes.index(site.lane)} {self._given(site.lane, count + 1)})"
            body = f"(if {call} (then {otherwise}))"
        else:
            call = f"(call $h{self._lanes.index(site.lane)} {self._given(site.lane, count)})"
            body = f"""{_small(function, otherwise)}
              (local.set $size {call})
              (if (i32.eq (local.get $size) (i32.const {_ELSE})) (then {otherwise} (return)))
              (call ${PUT} (call $r{slot} (i32.const 0) (i32.const 0) (i32.const 1) (local.get $size))
                (local.get {count}))"""
        return f"(func $l{slot} {_core_type(function)} (local $size i32) {body})"

    def _given(self, lane: Lane, count: int) -> str:
        """What the host is given: the first so many parameters, a number in the place of each handle."""
        found, place = [f"(local.get {number})" for number in range(count)], 0
        for param in lane.function.params:
            if isinstance(param.type, Borrow):
                number = self._lent.index((lane.interface, param.type.resource))
                found[place] = f"(call $n{number} {found[place]})"
            place += len(flat((param.type,)))
        return " ".join(found)

    def _instances(self, core: int) -> list[bytes]:
        """The instance of the module, and before it that of all it imports."""
        given = {name: (0, core + number) for number, name in enumerate(self._functions)}
        given["table"] = A_TABLE, self._table[1]
        for site in self._sites:
            given[f"c{site.slot}"] = 0, site.core
            if site.realloc is not None:
                given[f"r{site.slot}"] = 0, site.realloc
        listed = [s.text(name) + bytes([sort]) + s.unsigned(index) for name, (sort, index) in given.items()]
        arguments = s.text("") + b"\x12" + s.unsigned(len(self._found.core_instances))
        return [b"\1" + s.vector(listed), b"\0" + s.unsigned(len(self._found.modules)) + s.vector([arguments])]


def _table_alias(instance: int, name: str) -> bytes:
    return b"\0\1\1" + s.unsigned(instance) + s.text(name)


def _as_type(index: int) -> bytes:
    """The index of a type where a type may stand that has none: a number with a sign."""
    data = s.unsigned(index)
    return data if data[-1] < 64 else data[:-1] + bytes((data[-1] | 128, 0))


_RETURNS_U32 = b"\0\x79"
_REALLOC = "(param i32 i32 i32 i32) (result i32)"


def _core_type(function: Function) -> str:
    """The core type of a function that is lowered and whose result goes through memory."""
    return f"(param {' '.join(signature(function).params)} i32)"


def _small(function: Function, otherwise: str) -> str:
    """The line for a call that asks for few bytes: it tells by a number of 64 bits how many."""
    place = 0
    for param in function.params:
        if param.type == U64:
            few = f"(i64.le_u (local.get {place}) (i64.const {SMALL}))"
            return f"(if {few} (then {otherwise} (return)))"
        place += len(flat((param.type,)))
    return ""
