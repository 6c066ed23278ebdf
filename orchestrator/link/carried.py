"""Types that a crossing cannot carry: streams and the like anywhere, handles in values, WASI's resources on edges."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.interface import show_type
from orchestrator.interface.compare import title
from orchestrator.interface.types import Borrow, Function, Own, Resource, Type, Unsupported, walk


def types_of(function: Function) -> Iterator[tuple[str, Type]]:
    """Every type in a function's signature, and where it is: "parameter `x`" or "result"."""
    yield from ((f"parameter `{parameter.name}`", parameter.type) for parameter in function.params)
    if function.result is not None:
        yield "result", function.result


def unsupported_in(function: Function) -> tuple[str, ...]:
    """A line for each parameter or result that holds a type which is not carried."""
    return tuple(
        f"{title(function.name)}, {place}: `{show_type(found)}`"
        for place, type_ in types_of(function)
        if (found := first_unsupported(type_)) is not None
    )


def first_unsupported(type_: Type) -> Type | None:
    """The first type inside that is recognised and not carried."""
    return next((inner for inner in walk(type_) if isinstance(inner, Unsupported)), None)


def handles_in(function: Function) -> tuple[str, ...]:
    """A line for each parameter or result that holds a handle of a resource."""
    return tuple(
        f"{place}: `{show_type(type_)}` holds a handle of resource `{found.name}`"
        for place, type_ in types_of(function)
        for found in list(resources_of(type_))[:1]
    )


def resources_of(type_: Type) -> Iterator[Resource]:
    """The resources that a type has handles of."""
    return (inner.resource for inner in walk(type_) if isinstance(inner, Own | Borrow))


def resources_in(function: Function) -> Iterator[Resource]:
    """The resources that a function's signature has handles of."""
    for _, type_ in types_of(function):
        yield from resources_of(type_)
