"""Puts binaries into a component that was written as text: a guest is never text, and never decoded.

The text has an empty component, `(component $guest)`, wherever a guest is to be; assembling it checks nothing that it
says of what the guest has.

Source: https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md
"""

from __future__ import annotations

from collections.abc import Sequence

from wasmtime import wat2wasm

from orchestrator.engine._sections import Reader, Section, section


def assemble(text: str, guests: Sequence[bytes]) -> bytes:
    """The component in `text`, its empty components replaced by `guests` in their order.

    The identifiers of the text, which the assembler notes in custom sections, are left out.
    """
    outer, left = bytes(wat2wasm(text)), iter(guests)
    reader = Reader(outer, 0, len(outer))
    parts = [reader.preamble()]
    for kind, inner in reader.sections():
        content = inner.rest()
        if kind == Section.COMPONENT and _is_empty(inner):
            content = next(left)
        if kind != Section.CUSTOM:
            parts.append(section(kind, content))
    if next(left, None) is not None:
        raise ValueError("the text has fewer empty components than there are guests")
    return b"".join(parts)


def _is_empty(component: Reader) -> bool:
    component.preamble()
    return all(kind == Section.CUSTOM for kind, _ in component.sections())
