"""How large types and values are in the canonical ABI: what they take in a guest's linear memory.

Source: CanonicalABI.md, sections Alignment and Element Size,
https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from orchestrator.interface import types as t
from orchestrator.interface._mismatch import Cache
from orchestrator.interface._python_form import refused
from orchestrator.interface.convert import check

__all__ = ["layout", "offsets", "size", "sizer"]

_PRIMITIVES = {
    "bool": (1, 1), "s8": (1, 1), "u8": (1, 1), "s16": (2, 2), "u16": (2, 2), "s32": (4, 4), "u32": (4, 4),
    "s64": (8, 8), "u64": (8, 8), "f32": (4, 4), "f64": (8, 8), "char": (4, 4), "string": (8, 4),
}  # fmt: skip

Heap = Callable[[Any], int]


def layout(type_: t.Type) -> tuple[int, int]:
    """Size and alignment of the type, in bytes: of an element of a list of it."""
    found: tuple[int, int] = _layouts(type_)
    return found


def offsets(types: Iterable[t.Type]) -> tuple[int, ...]:
    """Where each of the types begins that stand one after the other, as the fields of a record do, in bytes."""
    found, end = [], 0
    for type_ in types:
        own, alignment = layout(type_)
        found.append(_up(end, alignment))
        end = found[-1] + own
    return tuple(found)


def size(type_: t.Type, value: Any) -> int:
    """How many bytes a Python value takes in the canonical ABI.

    The type's own size, and what it points to: a string its length in UTF-8, a list its elements' sizes (each a
    multiple of the element's alignment) and what they point to. Padding between separate allocations is not counted.
    Raises `ValueMismatch` for a value that does not fit.
    """
    heap: Heap | None = _heaps(type_)
    own = layout(type_)[0]
    if heap is None:
        return own
    try:
        return own + heap(value)
    except (TypeError, KeyError, AttributeError, ValueError):
        return own + heap(check(type_, value))


def sizer(type_: t.Type) -> Callable[[Any], int]:
    """`size` for one type: of one whose values all have one size, without a look at them."""
    own, heap = layout(type_)[0], _heaps(type_)
    return (lambda _value: own) if heap is None else (lambda value: size(type_, value))


def _layout(type_: t.Type) -> tuple[int, int]:
    match type_:
        case t.Primitive(name):
            return _PRIMITIVES[name]
        case t.List():
            return 8, 4
        case t.Record(fields):
            return _sequence(layout(f.type) for f in fields)
        case t.Tuple(items):
            return _sequence(layout(item) for item in items)
        case t.Variant(cases):
            return _cases(len(cases), (layout(c.type) for c in cases if c.type is not None))
        case t.Enum(names):
            return _cases(len(names), ())
        case t.Option(some):
            return _cases(2, (layout(some),))
        case t.Result(ok, err):
            return _cases(2, (layout(side) for side in (ok, err) if side is not None))
        case t.Flags(names):
            return _flags(len(names))
        case t.Own() | t.Borrow():
            return 4, 4
        case _:
            raise refused(type_)


def _up(offset: int, alignment: int) -> int:
    return -(-offset // alignment) * alignment


def _sequence(parts: Iterable[tuple[int, int]]) -> tuple[int, int]:
    end, widest = 0, 1
    for one, alignment in parts:
        end = _up(end, alignment) + one
        widest = max(widest, alignment)
    return _up(end, widest), widest


def _cases(count: int, payloads: Iterable[tuple[int, int]]) -> tuple[int, int]:
    discriminant = 1 if count <= 1 << 8 else 2 if count <= 1 << 16 else 4
    largest, widest = 0, 1
    for one, alignment in payloads:
        largest, widest = max(largest, one), max(widest, alignment)
    whole = max(widest, discriminant)
    return _up(_up(discriminant, widest) + largest, whole), whole


def _flags(count: int) -> tuple[int, int]:
    if count <= 16:
        return (1, 1) if count <= 8 else (2, 2)
    return 4 * -(-count // 32), 4


_layouts = Cache(_layout)
"""The layout of each type met so far."""


def _heap(type_: t.Type) -> Heap | None:
    """What values of the type point to, in bytes; None where they never point to anything."""
    match type_:
        case t.Primitive("string"):
            return _utf8
        case t.List(element):
            return len if element == t.U8 else _list(layout(element)[0], _heaps(element))
        case t.Option(some):
            return _option(_heaps(some), isinstance(some, t.Option))
        case t.Result(ok, err):
            return _choice({"ok": ok, "err": err}, lambda value: next(iter(value.items())))
        case t.Variant(cases):
            return _choice({c.name: c.type for c in cases}, lambda value: (value.case, value.value))
        case t.Tuple(items):
            return _sum(list(enumerate(items)))
        case t.Record(fields):
            return _sum([(f.name, f.type) for f in fields])
        case _:
            return None


_heaps = Cache(_heap)
"""The sizes behind a type's pointers, compiled: see `_heap`."""


def _utf8(value: str) -> int:
    return len(value) if value.isascii() else len(value.encode())


def _list(element: int, inner: Heap | None) -> Heap:
    if inner is None:
        return lambda value: element * len(value)
    return lambda value: element * len(value) + sum(map(inner, value))


def _option(inner: Heap | None, nested: bool) -> Heap | None:
    if inner is None:
        return None
    if nested:
        return lambda value: 0 if value is None else inner(value["some"])
    return lambda value: 0 if value is None else inner(value)


def _choice(sides: dict[str, t.Type | None], taken: Callable[[Any], tuple[str, Any]]) -> Heap | None:
    heaps = {name: inner for name, side in sides.items() if side is not None and (inner := _heaps(side))}
    if not heaps:
        return None

    def heap(value: Any) -> int:
        name, inner = taken(value)
        found = heaps.get(name)
        return 0 if found is None else found(inner)

    return heap


def _sum(parts: list[tuple[Any, t.Type]]) -> Heap | None:
    heaps = [(key, heap) for key, part in parts if (heap := _heaps(part))]
    if not heaps:
        return None
    return lambda value: sum(heap(value[key]) for key, heap in heaps)
