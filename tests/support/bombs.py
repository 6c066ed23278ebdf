"""Components that are small, or quickly made, and take a compiler or its host far more than they should."""

from __future__ import annotations

from orchestrator.engine._sections import section as section
from orchestrator.engine._sections import text, unsigned, vector

MODULE, COMPONENT = b"\0asm\1\0\0\0", b"\0asm\x0d\0\1\0"
NOTHING = b"\x60\0\0"
"""The type of a function without parameters and results."""


def component(*sections: bytes) -> bytes:
    """A component of those sections."""
    return COMPONENT + b"".join(sections)


def module(bodies: list[bytes]) -> bytes:
    """A component of one module, of functions that take and give nothing; a body is its locals and instructions."""
    functions = section(1, vector([NOTHING])) + section(3, unsigned(len(bodies)) + b"\0" * len(bodies))
    code = section(10, vector([unsigned(len(body)) + body for body in bodies]))
    return component(section(1, MODULE + functions + code))


def endless() -> bytes:
    """Some kilobytes: loops inside one another, in which as many variables change. It would take hours."""
    loops, variables = 600, 1200
    names = [unsigned(number) for number in range(variables)]
    read = b"".join(b"\x20" + name + b"\x1a" for name in names)
    changed = b"".join(b"\x20" + name + b"\x41\x01\x6a\x21" + name for name in names)
    body = b"\x03\x40" * loops + read + changed + b"\x41\0\x0d\0\x0b" * loops + b"\x0b"
    return module([vector([unsigned(variables) + b"\x7f"]) + body])


def many_functions(count: int) -> bytes:
    """So many empty functions: each takes kilobytes of a compiler."""
    return module([b"\0\x0b"] * count)


def many_exports(count: int) -> bytes:
    """So many exports of one type, `u8`."""
    entries = [b"\0" + text(f"t{number}") + b"\3" + unsigned(0) + b"\0" for number in range(count)]
    return component(section(7, vector([b"\x7d"])), section(11, vector(entries)))


def many_imports(count: int) -> bytes:
    """So many imports of functions."""
    entries = [b"\0" + text(f"f{number}") + b"\1" + unsigned(0) for number in range(count)]
    return component(section(7, vector([b"\x40\0\1\0"])), section(10, vector(entries)))


def numbered(number: int) -> bytes:
    """A small component unlike those of other numbers; no bomb."""
    return component(section(0, text(f"n{number}")))


def padded(size: int) -> bytes:
    """A component that is nothing but so many bytes of no meaning."""
    return component(section(0, text("x") + bytes(size)))


def nested(depth: int) -> bytes:
    """Components inside one another."""
    found = component()
    for _ in range(depth):
        found = component(section(4, found))
    return found


def deep_type(depth: int) -> bytes:
    """A list of lists of lists, and so on, of `u8`, exported."""
    types = [b"\x7d", *(b"\x70" + _index(number) for number in range(depth))]
    return _shown(types)


def doubled_type(depth: int) -> bytes:
    """A pair of a pair of a pair, and so on, of `u8`, exported."""
    types = [b"\x7d", *(b"\x6f" + vector([_index(number)] * 2) for number in range(depth))]
    return _shown(types)


def long_names(uses: int, size: int) -> bytes:
    """A tuple of one record again and again, whose field has a long name."""
    record = b"\x72" + vector([text("a" * size) + b"\x7d"])
    named = section(7, vector([record])) + section(11, vector([b"\0" + text("r") + b"\3\0\0"]))
    pair = section(7, vector([b"\x6f" + vector([unsigned(1)] * uses)]))
    return component(named, pair, section(11, vector([b"\0" + text("t") + b"\3" + unsigned(2) + b"\0"])))


def _index(number: int) -> bytes:
    """The index of a type where a type may stand: a signed number."""
    low = number & 127
    return bytes([low]) if number < 64 else bytes([low | 128]) + _index(number >> 7)


def _shown(types: list[bytes]) -> bytes:
    """Types of which the last is exported."""
    shown = b"\0" + text("t") + b"\3" + unsigned(len(types) - 1) + b"\0"
    return component(section(7, vector(types)), section(11, vector([shown])))
