"""Puts binaries into a component that was written as text: a guest is never text, and never decoded.

The text has an empty component, `(component $guest)`, wherever a guest is to be; assembling it checks nothing that it
says of what the guest has.

Source: https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wasmtime import wat2wasm

from orchestrator.engine._binary import leb

PREAMBLE = b"\0asm\x0d\0\1\0"
"""What a component's binary begins with."""
_CUSTOM, _COMPONENT = 0, 4


def assemble(text: str, guests: Sequence[bytes]) -> bytes:
    """The component in `text`, its empty components replaced by `guests` in their order.

    The identifiers of the text, which the assembler notes in custom sections, are left out.
    """
    outer = bytes(wat2wasm(text))
    left = iter(guests)
    parts = [PREAMBLE]
    for kind, content in _sections(outer):
        if kind == _CUSTOM:
            continue
        if kind == _COMPONENT and all(inner == _CUSTOM for inner, _ in _sections(content)):
            content = next(left)
        parts += (bytes([kind]), leb(len(content)), content)
    if next(left, None) is not None:
        raise ValueError("the text has fewer empty components than there are guests")
    return b"".join(parts)


def _sections(binary: bytes) -> Iterator[tuple[int, bytes]]:
    at = len(PREAMBLE)
    while at < len(binary):
        kind, at = binary[at], at + 1
        size = shift = 0
        while True:
            byte, at = binary[at], at + 1
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        yield kind, binary[at : at + size]
        at += size
