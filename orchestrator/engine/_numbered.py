"""Types and values in which a resource of the host is the number that stands for it: so they lie in a shim's memory.

Not for what a guest knows a component's resource by: see `_values`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from orchestrator.interface.types import (
    U32,
    Borrow,
    Case,
    Field,
    List,
    Option,
    Own,
    Record,
    Result,
    Tuple,
    Type,
    Variant,
)
from orchestrator.interface.values import Variant as VariantValue
from orchestrator.interface.values import variant

if TYPE_CHECKING:
    from orchestrator.engine._resources import Handles

Change = Callable[[Any, "Handles"], Any]
"""(a value, the handles of the guest that it comes from or goes to) -> the value with others in place of handles."""
Leaf = Callable[[Own | Borrow], Change]


def numbered(type_: Type) -> Type:
    """The type with a number in place of each handle."""
    match type_:
        case Own() | Borrow():
            return U32
        case List(element):
            return List(numbered(element))
        case Option(some):
            return Option(numbered(some))
        case Tuple(items):
            return Tuple(tuple(map(numbered, items)))
        case Record(fields):
            return Record(tuple(Field(field.name, numbered(field.type)) for field in fields))
        case Result(ok, err):
            return Result(ok and numbered(ok), err and numbered(err))
        case Variant(cases):
            return Variant(tuple(Case(case.name, case.type and numbered(case.type)) for case in cases))
        case _:
            return type_


@lru_cache(maxsize=1024)
def to_resources(type_: Type) -> Change | None:
    """What puts resources in place of the numbers in a value that a guest passed; None where there are none."""
    return _changer(type_, _resource_of)


@lru_cache(maxsize=1024)
def to_numbers(type_: Type) -> Change | None:
    """What puts numbers in place of the resources in a value that goes to a guest; None where there are none."""
    return _changer(type_, _number_of)


def _resource_of(handle: Own | Borrow) -> Change:
    if isinstance(handle, Own):
        return lambda number, handles: handles.table.pop(number)
    return lambda number, handles: handles.table[number]


def _number_of(handle: Own | Borrow) -> Change:
    name = handle.resource.name
    return lambda resource, handles: handles.keep(name, resource)


def _changer(type_: Type | None, leaf: Leaf) -> Change | None:
    match type_:
        case Own() | Borrow():
            return leaf(type_)
        case List(element):
            return _in_list(_changer(element, leaf))
        case Option(some):
            return _in_option(_changer(some, leaf), isinstance(some, Option))
        case Tuple(items):
            return _in_tuple([_changer(item, leaf) for item in items])
        case Record(fields):
            return _in_mapping({field.name: _changer(field.type, leaf) for field in fields})
        case Result(ok, err):
            return _in_mapping({"ok": _changer(ok, leaf), "err": _changer(err, leaf)})
        case Variant(cases):
            return _in_variant({case.name: _changer(case.type, leaf) for case in cases})
        case _:
            return None


def _in_list(change: Change | None) -> Change | None:
    return change and (lambda value, handles: [change(item, handles) for item in value])


def _in_option(change: Change | None, nested: bool) -> Change | None:
    def changed(value: Any, handles: Handles) -> Any:
        if value is None or change is None:
            return value
        return {"some": change(value["some"], handles)} if nested else change(value, handles)

    return change and changed


def _in_tuple(changes: list[Change | None]) -> Change | None:
    def changed(value: Any, handles: Handles) -> Any:
        return tuple([change(item, handles) if change else item for change, item in zip(changes, value, strict=True)])

    return changed if any(changes) else None


def _in_mapping(changes: dict[str, Change | None]) -> Change | None:
    """A record, or a result, which has one of two keys."""
    some = {name: change for name, change in changes.items() if change}

    def changed(value: Any, handles: Handles) -> Any:
        # In the order of the type, in which the guest gets them, whatever order the value has.
        names = [name for name in changes if name in value]
        return {name: some[name](value[name], handles) if name in some else value[name] for name in names}

    return changed if some else None


def _in_variant(changes: dict[str, Change | None]) -> Change | None:
    def changed(value: VariantValue, handles: Handles) -> VariantValue:
        change = changes[value.case]
        return variant(value.case, change(value.value, handles)) if change else value

    return changed if any(changes.values()) else None
