"""A component's skeleton: all of its types, imports and exports, nothing that takes time to compile.

What a component imports and exports must be known before the binary that is really compiled is put together, and
compiling 19 MB twice would take twice as long. Every function's body is `unreachable`, every data segment empty, so a
skeleton must never run. It may be valid where the component is not: compiling the component tells.
"""

from __future__ import annotations

from orchestrator.engine._sections import CoreSection, Reader, rewritten, section, unsigned
from orchestrator.errors import ComponentError

_BODY = bytes([3, 0, 0x00, 0x0B])
"""A function's body of three bytes: no locals, `unreachable`, `end`. No body is shorter."""
_SEGMENT = bytes([1, 0])
"""A passive segment of no bytes. None is shorter."""


def skeleton(binary: bytes) -> bytes:
    """The skeleton of a component.

    Raises:
        ComponentError: the binary is cut, or nested too deep.
    """
    try:
        return rewritten(binary, _bones)
    except ValueError as problem:
        raise ComponentError(f"the component's binary cannot be read: {problem}") from problem


def _bones(module: Reader) -> bytes:
    out = [module.preamble()]
    for kind, inner in module.sections():
        if kind == CoreSection.CODE:
            out.append(section(kind, _repeated(inner, _BODY, 3)))
        elif kind == CoreSection.DATA:
            out.append(section(kind, _repeated(inner, _SEGMENT, 2)))
        elif kind != CoreSection.CUSTOM:
            out.append(section(kind, inner.rest()))
    return b"".join(out)


def _repeated(inner: Reader, each: bytes, least: int) -> bytes:
    """As many of these as the section says it has; each of its own takes at least so many bytes."""
    count = inner.number()
    if count * least > inner.end - inner.at:
        raise ValueError("a section ends too early")
    return unsigned(count) + each * count
