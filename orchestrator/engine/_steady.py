"""What of a core module's instance can change besides its memories: read from its binary, once, where it is compiled.

An instance is taken back to an earlier state by what the host and a keeper (see `_keep`) can write: memories and
globals of numbers. Nobody can write a table from outside, nor see whether a segment was dropped. So code is looked
through for the few instructions that do such things. The compilers of the guest languages use none of them.

Code is read by one regular expression, which steps over instructions at some tens of megabytes a second. It knows those
that leave no trace but in memories, globals and the stack; whatever it does not know stops it, and counts as a trace.

Source: https://webassembly.github.io/spec/core/binary/instructions.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestrator.engine._sections import IMPORTED_GLOBAL, IMPORTED_MEMORY, CoreSection, Reader, section, text, unsigned

MAX_GLOBALS = 10_000
"""Globals that can change of all modules of a component; one in Python has some hundreds."""
PREFIX = "orchestrator-keep-"
"""How the names of the exports begin that `exporting` is to add."""
_NUMBERS = {0x7F: "i32", 0x7E: "i64", 0x7D: "f32", 0x7C: "f64", 0x7B: "v128"}
_SHARED, _WIDE = 2, 4

_NUMBER = rb"[\x80-\xff]*+[\x00-\x7f]"
_PLACE = rb"(?:[\x00-\x3f]|[\x40-\x7f]" + _NUMBER + rb")" + _NUMBER
"""An alignment, which may say that a memory's index follows, and an offset."""
_CONSTANTS = rb"[\x41\x42\x23\xd2]" + _NUMBER + rb"|\xd0" + _NUMBER + rb"|\x43.{4}|\x44.{8}|\xfd\x0c.{16}"
_STEPS = re.compile(
    rb"(?s:[\x08\x0c\x0d\x10\x12\x20-\x25\x3f\x40]" + _NUMBER  # branches, calls, locals, globals, sizes
    + rb"|[\x00\x01\x05\x0b\x0f\x1a\x1b\x45-\xc4\xd1]"  # what takes its operands from the stack
    + rb"|[\x28-\x3e]" + _PLACE  # loads and stores
    + rb"|[\x02-\x04](?:[\x63\x64]" + _NUMBER + rb"|" + _NUMBER + rb")"  # blocks
    + rb"|[\x11\x13]" + _NUMBER + _NUMBER  # calls through a table
    + rb"|\x1c\x01[\x6f-\x7f]"  # a selection of one type
    + rb"|" + _CONSTANTS
    + rb"|\xfc(?:[\x00-\x07]|[\x08\x0a]" + _NUMBER + _NUMBER + rb"|[\x0b\x10]" + _NUMBER + rb")"
    + rb"|\xfd(?:[\x00-\x0b\x5c\x5d]" + _PLACE + rb"|\x0d.{16}|[\x15-\x22].|[\x54-\x5b]" + _PLACE + rb"."
    + rb"|[\x0e-\x14\x23-\x53\x5e-\x7f]|[\x80-\xff][\x01\x02])"  # vectors
    + rb")*+"
)  # fmt: skip
_EXPRESSION = re.compile(rb"(?s:(?:" + _CONSTANTS + rb"|[\x6a-\x6c\x7c-\x7e])*+\x0b)")
_BR_TABLE = 0x0E
_BEHIND_EXPORTS = (8, CoreSection.ELEMENTS, CoreSection.DATA_COUNT, CoreSection.CODE, CoreSection.DATA)
"""Sections that come behind that of exports; the first is that of the start function."""
_TRACES = {0x26: "it changes a table"}
_LONG_TRACES = {
    9: "it drops a segment of data",
    12: "it changes a table",
    13: "it drops a segment of a table",
    14: "it changes a table",
    15: "it changes a table",
    17: "it changes a table",
}


class Unsteady(Exception):
    """Something changes that nobody can take back; the text says what."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What of a module's instance can change.

    Arguments:
        globals: those that it defines and that can change: the index and the type of each.
        memories: those that it defines: the index of each, and whether its addresses have 64 bits.
    """

    globals: tuple[tuple[int, str], ...] = ()
    memories: tuple[tuple[int, bool], ...] = ()


def traits(module: Reader) -> Traits:
    """What can change in an instance of a module.

    Raises:
        Unsteady: something that neither the host nor a keeper can write.
        ValueError: the binary is cut, or has a form that is not known here.
    """
    module.preamble()
    imported, globals_, memories = {IMPORTED_GLOBAL: 0, IMPORTED_MEMORY: 0}, list[tuple[int, str]](), list[bool]()
    for kind, inner in module.sections():
        if kind == CoreSection.IMPORTS:
            for _ in range(inner.number()):
                found = inner.core_import()
                if found in imported:
                    imported[found] += 1
        elif kind == CoreSection.TAGS:
            raise Unsteady("it throws exceptions, which wasmtime keeps in a heap of its own")
        elif kind == CoreSection.MEMORIES:
            memories = [_memory(inner) for _ in range(inner.number())]
        elif kind == CoreSection.GLOBALS:
            globals_ = _changeable(inner, imported[IMPORTED_GLOBAL])
        elif kind == CoreSection.EXPORTS:
            _refuse_names(inner)
        elif kind == CoreSection.CODE:
            _refuse_traces(inner)
    first = imported[IMPORTED_MEMORY]
    return Traits(tuple(globals_), tuple((first + number, wide) for number, wide in enumerate(memories)))


def _memory(memories: Reader) -> bool:
    flags = memories.limits()[0]
    if flags & _SHARED:
        raise Unsteady("its memory is shared with other threads")
    return bool(flags & _WIDE)


def declared(globals_: Reader) -> Iterator[bytes]:
    """The type of each global that a module defines, as the binary has it; its last byte is 1 where it can change.

    Raises:
        ValueError: one begins with what is not known here.
    """
    for _ in range(globals_.number()):
        start = globals_.at
        globals_.core_type()
        globals_.byte()
        type_, at = globals_.since(start), globals_.at
        if globals_.skip(_EXPRESSION) == at:
            raise ValueError("an expression with an unknown operation")
        yield type_


def _changeable(globals_: Reader, imported: int) -> list[tuple[int, str]]:
    found = []
    for index, (first, *_, changes) in enumerate(declared(globals_), imported):
        type_ = _NUMBERS.get(first)
        if changes:
            if type_ is None:
                raise Unsteady("it has a global that can change and holds a reference")
            found.append((index, type_))
    return found


def _refuse_names(exports: Reader) -> None:
    for _ in range(exports.number()):
        if exports.name().startswith(PREFIX):
            raise Unsteady("a module of it has an export with a name that this engine adds")
        exports.byte()
        exports.number()


def _refuse_traces(code: Reader) -> None:
    """Steps over every instruction of every function."""
    for _ in range(code.number()):
        body = code.within(code.number())
        for _locals in range(body.number()):
            body.number()
            body.core_type()
        while body.skip(_STEPS) < body.end:
            _step_over(body)


def _step_over(body: Reader) -> None:
    """The one kind of instruction that no regular expression can step over: it says how many numbers follow."""
    operation = body.byte()
    if operation != _BR_TABLE:
        trace = _LONG_TRACES.get(body.byte()) if operation == 0xFC else _TRACES.get(operation)
        raise Unsteady(trace or "it has an instruction that is not known here")
    for _ in range(body.number() + 1):
        body.number()


def exporting(module: Reader, exports: Sequence[tuple[str, int, int]]) -> bytes:
    """The module with more exports: the name, the sort and the index of each."""
    added = b"".join(text(name) + bytes([sort]) + unsigned(index) for name, sort, index in exports)
    out, count, pending = [module.preamble()], len(exports), True
    for kind, body in module.sections():
        if kind == CoreSection.EXPORTS:
            out.append(section(kind, unsigned(body.number() + count) + body.rest() + added))
            pending = False
            continue
        if pending and kind in _BEHIND_EXPORTS:
            out.append(section(CoreSection.EXPORTS, unsigned(count) + added))
            pending = False
        out.append(section(kind, body.rest()))
    return b"".join([*out, section(CoreSection.EXPORTS, unsigned(count) + added)] if pending else out)
