"""What a component's binary imports and exports, in its own order, types among them.

A reflected world has neither the order nor the types that are imported as such.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator.engine._sections import TYPE, Reader, Section, section, unknown_form, unsigned


@dataclass(frozen=True, slots=True)
class Named:
    """A component's import or export: its name, and whether it is a type."""

    name: str
    is_type: bool


@dataclass(slots=True)
class Outline:
    """What a component imports and exports, in the binary's order.

    Arguments:
        probe: where types are imported, a component with the same imports up to the last of them, and no code, that
            exports them as `t0`, `t1`, …: wasmtime reflects exported types, and no imported ones.
    """

    imports: list[Named] = field(default_factory=list)
    exports: list[Named] = field(default_factory=list)
    probe: bytes = b""


def outline(binary: bytes) -> Outline:
    """What the component in `binary` imports and exports.

    Raises:
        ComponentError: the binary uses a form that is not known here.
    """
    try:
        return _outline(binary)
    except (ValueError, IndexError) as problem:
        raise unknown_form(problem) from problem


def _outline(binary: bytes) -> Outline:
    found, types, imported, end = Outline(), 0, list[int](), 0
    reader = Reader(binary, 0, len(binary))
    reader.preamble()
    for kind, inner in reader.sections():
        if kind == Section.TYPES:
            types += inner.number()
        elif kind == Section.ALIASES:
            types += sum(inner.alias()[0] == TYPE for _ in range(inner.number()))
        elif kind == Section.IMPORTS:
            for _ in range(inner.number()):
                found.imports.append(Named(inner.extern_name(), inner.extern_type() == TYPE))
                if found.imports[-1].is_type:
                    imported.append(types)
                    types, end = types + 1, inner.end
        elif kind == Section.EXPORTS:
            for _ in range(inner.number()):
                found.exports.append(Named(inner.extern_name(), inner.exported()[0] == TYPE))
                types += found.exports[-1].is_type
    if imported:
        found.probe = binary[:end] + _type_exports(imported)
    return found


def _type_exports(indices: list[int]) -> bytes:
    """A section that exports types as `t0`, `t1` and so on."""
    names = (f"t{number}".encode() for number in range(len(indices)))
    items = (
        bytes((0, len(name))) + name + bytes((TYPE[1],)) + unsigned(index) + b"\0"
        for name, index in zip(names, indices, strict=True)
    )
    return section(Section.EXPORTS, unsigned(len(indices)) + b"".join(items))
