"""Counts the calls of functions of a component in a memory of its own, for those who are given the counted ones.

A core function is called by one of a small module that adds one to a counter and calls on. It is lifted as the core
function was, with the same options to the same type, so that what crosses is not looked at and copied no further: any
type passes, handles of resources too. All of it stands in sections behind those that the component has; no index in it
changes, its own exports are not counted, and its code cannot name the memory of the counters. Not for who gets what:
see `_fuse`.

Source: https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from wasmtime import wat2wasm

from orchestrator.engine import _sections as s
from orchestrator.engine._flat import signature
from orchestrator.engine._fusable import CannotFuse
from orchestrator.engine._lifts import Instance, Lift, Lifts, lifts
from orchestrator.interface.types import Function, Interface

PREFIX = "orchestrator-counted-"
"""How the names of all added exports begin; a number stands behind it."""
COUNTER = 8
"""Bytes of a counter: a number of 64 bits, little-endian."""
_PAGE = 65_536
_ARGUMENTS = b"\1\0\x12"
"""Behind the module that is instantiated: one argument, its name, and that it is a core instance."""
_FUNCTION, _INSTANCE = b"\1", b"\5"
"""What an export is of."""
_AS_IT_IS = b"\0"
"""Behind an export: it is shown as the type it has."""

Asked = tuple[str, int]
"""An export, by its name, as one of those gets it that call it: their calls are counted apart."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A component that counts.

    Arguments:
        exports: the names of what is counted, by what was asked for: functions, and instances of interfaces.
        offsets: where in the memory of the counters a function has its own, in bytes. It is the last memory that an
            instance makes.
    """

    binary: bytes
    exports: Mapping[Asked, str]
    offsets: Mapping[tuple[Asked, str], int]


def count(binary: bytes, asked: Mapping[Asked, tuple[Interface | Function, Mapping[str, Function]]]) -> Counted:
    """The component with exports besides its own whose calls are counted.

    Arguments:
        asked: what it exports, and those functions of it, by name, that are to be counted.

    Raises:
        CannotFuse: it cannot be told from the binary what lies behind one of the functions.
    """
    names = {one: str(item.name) for one, (item, functions) in asked.items() if not functions}
    if len(names) == len(asked):
        return Counted(binary, names, {})
    try:
        found = lifts(binary)
    except (ValueError, IndexError) as problem:
        raise CannotFuse(f"a component's binary has a form that this engine does not know: {problem}") from problem
    if any(name.startswith(PREFIX) for name in found.exports):
        raise CannotFuse(f"a component exports `{PREFIX}…`, names that are kept for what counts its calls")
    added = _Added(found)
    names |= {one: added.item(one, item, functions) for one, (item, functions) in asked.items() if functions}
    return Counted(binary + added.sections(), names, added.offsets)


class _Added:
    """The sections that come behind a component's own.

    Arguments:
        found: what its index spaces are so far.
    """

    def __init__(self, found: Lifts) -> None:
        self._found = found
        self._functions: list[tuple[int, Function]] = []
        """The core functions that are called, in the order of their counters."""
        self._lifted: list[bytes] = []
        self._instances: list[bytes] = []
        self._exports: list[bytes] = []
        self.offsets: dict[tuple[Asked, str], int] = {}

    def item(self, one: Asked, item: Interface | Function, functions: Mapping[str, Function]) -> str:
        """Adds what the component exports with those functions counted; the name of that."""
        exported = self._exported(one, item, functions)
        if exported is None:
            raise CannotFuse(
                f"the calls of `{item.name}` cannot be counted: the binary of the component that answers does not say "
                "which code of its own they reach; a component that is composed of others does not"
            )
        name = f"{PREFIX}{len(self._exports)}"
        self._exports.append(b"\0" + s.text(name) + exported)
        return name

    def _exported(self, one: Asked, item: Interface | Function, functions: Mapping[str, Function]) -> bytes | None:
        """What stands behind the export's name: what it is of, the index, and the type it is shown as."""
        interface, name = item.name if isinstance(item, Interface) else None, str(item.name)
        lifted = {inner: self._found.find(interface, inner) for inner in functions}
        counted = {inner: self._function(one, functions[inner], lift) for inner, lift in lifted.items() if lift}
        if len(counted) < len(functions):
            return None
        found = self._found.exports[name]
        if not isinstance(found, Instance):
            return _FUNCTION + s.unsigned(counted[name]) + self._found.shown[name]
        made = found.instead(counted)
        if made is None:
            return None
        self._instances.append(made)
        return _INSTANCE + s.unsigned(len(self._found.instances) + len(self._instances) - 1) + _AS_IT_IS

    def _function(self, one: Asked, function: Function, lift: Lift) -> int:
        """Adds a function that is counted; its index in the component."""
        number = len(self._functions)
        self.offsets[one, function.name] = COUNTER * number
        self._functions.append((lift.function, function))
        self._lifted.append(b"\0\0" + s.unsigned(self._found.core_functions + number) + lift.rest)
        return len(self._found.functions) + number

    def sections(self) -> bytes:
        """The sections."""
        given = len(self._found.core_instances)
        numbers = range(len(self._functions))
        called = [s.text(f"f{n}") + b"\0" + s.unsigned(self._functions[n][0]) for n in numbers]
        made = b"\0" + s.unsigned(len(self._found.modules)) + _ARGUMENTS + s.unsigned(given)
        taken = [b"\0\0\1" + s.unsigned(given + 1) + s.text(f"f{n}") for n in numbers]
        entries = (
            (s.Section.CORE_INSTANCES, [b"\1" + s.vector(called), made]),
            (s.Section.ALIASES, taken),
            (s.Section.CANONS, self._lifted),
            (s.Section.INSTANCES, self._instances),
            (s.Section.EXPORTS, self._exports),
        )
        module = s.section(s.Section.CORE_MODULE, self._module())
        return module + b"".join(s.section(kind, s.vector(each)) for kind, each in entries if each)

    def _module(self) -> bytes:
        """The core module that counts: `f0`, `f1`, … call what it imports under these names."""
        types = [_core_type(function) for _, function in self._functions]
        pages = -(-COUNTER * len(types) // _PAGE)
        lines = [f'(import "" "f{number}" (func {type_}))' for number, type_ in enumerate(types)]
        lines.append(f"(memory {pages} {pages})")
        for number, (_, function) in enumerate(self._functions):
            body = " ".join(_body(number, len(signature(function).params)))
            lines.append(f'(func (export "f{number}") {types[number]} {body})')
        return bytes(wat2wasm(f"(module {' '.join(lines)})"))


def _core_type(function: Function) -> str:
    """The core type of a function that is lifted, as text."""
    core = signature(function)
    result = "i32" if core.by_pointer else core.result
    return f"(param {' '.join(core.params)})" + (f" (result {result})" if result else "")


def _body(number: int, params: int) -> Iterator[str]:
    counter = f"(i32.const {COUNTER * number})"
    yield f"(i64.store {counter} (i64.add (i64.load {counter}) (i64.const 1)))"
    yield from (f"(local.get {param})" for param in range(params))
    yield f"(call {number})"
