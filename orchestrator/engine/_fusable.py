"""Whether parts can be fused, and what they ask of WASI together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from orchestrator.engine._guest import Guest, Item
from orchestrator.errors import ComponentError
from orchestrator.interface.compare import explain_function, explain_interface, title
from orchestrator.interface.types import Borrow, Function, Interface, Own, Resource, TypeDef, walk

Joined = tuple[int, str, int, Sequence[tuple[Function, Function]]]
"""The caller, the name of what it imports, the callee, and the functions as they are wanted and offered."""


class CannotFuse(ComponentError):
    """Components cannot be joined within one component; the message says why. Over an edge of the host they can."""


def check_link(wanted: Interface | Function, offered: Interface | Function) -> None:
    """Refuses a link whose sides do not fit."""
    if isinstance(wanted, Function) and isinstance(offered, Function):
        causes = explain_function(wanted, offered)
    elif isinstance(wanted, Interface) and isinstance(offered, Interface):
        causes = explain_interface(wanted, offered)
    else:
        raise CannotFuse(f"`{wanted.name}` and `{offered.name}` are an interface and a function")
    if causes:
        raise CannotFuse(f"`{offered.name}` does not answer `{wanted.name}`: {'; '.join(causes)}")


def check_resources(guests: Sequence[Guest], joined: Sequence[Joined]) -> None:
    """Refuses links over which resources pass that are not the callee's, or that must pass elsewhere too."""
    answered: dict[int, dict[str, int]] = {number: {} for number in range(len(guests))}
    for caller, name, callee, functions in joined:
        if name in answered[caller]:
            raise CannotFuse(f"`{name}` of part {caller} is answered twice")
        if name not in guests[caller].imports:
            raise CannotFuse(f"part {caller} does not import `{name}`")
        answered[caller][name] = callee
        for _, offered in functions:
            _refuse_foreign(offered, name)
    for guest, inside in zip(guests, answered.values(), strict=True):
        _refuse_torn(guest.imports, inside)


def _refuse_foreign(offered: Function, name: str) -> None:
    for resource in _resources(offered):
        if resource.imported:
            raise CannotFuse(
                f"{title(offered.name)} of `{name}` passes on `{resource.name}`, a resource of "
                f"{resource.interface or 'the world'} that both sides get from a third"
            )


def _refuse_torn(imports: Mapping[str, Item], inside: Mapping[str, int]) -> None:
    """Refuses what is answered elsewhere than the interface whose resource it mentions."""
    home = {
        definition.type: callee
        for name, callee in inside.items()
        for definition in _types(imports[name])
        if isinstance(definition.type, Resource) and definition.type.interface == name.partition("@")[0]
    }
    for name, item in imports.items():
        for resource in _mentioned(item):
            if resource in home and inside.get(name) != home[resource]:
                raise CannotFuse(
                    f"`{name}` mentions `{resource.name}`, a resource of {resource.interface}, "
                    "and another component answers it than that interface"
                )


def _types(item: Item) -> Sequence[TypeDef]:
    return item.types if isinstance(item, Interface) else ()


def _mentioned(item: Item) -> Iterator[Resource]:
    match item:
        case Interface(_, types, functions):
            yield from (definition.type for definition in types if isinstance(definition.type, Resource))
            for function in functions:
                yield from _resources(function)
        case Function():
            yield from _resources(item)


def _resources(function: Function) -> Iterator[Resource]:
    for type_ in function.types:
        yield from (part.resource for part in walk(type_) if isinstance(part, Own | Borrow))


def wasi_imports(asked: Sequence[Interface]) -> list[Interface]:
    """What parts ask of WASI, each interface the union of what is asked of it, after those that it uses."""
    merged: dict[str, Interface] = {}
    for interface in asked:
        known = merged.get(str(interface.name))
        merged[str(interface.name)] = interface if known is None else _union(known, interface)
    uses = {
        name: [n for n, i in merged.items() if i.name.base in _used(interface)] for name, interface in merged.items()
    }
    try:
        return [merged[name] for name in TopologicalSorter(uses).static_order()]
    except CycleError:
        raise CannotFuse("the parts' interfaces of WASI use each other's resources in a circle") from None


def _used(interface: Interface) -> set[str]:
    """The other interfaces whose resources an interface shows."""
    return {d.type.interface for d in interface.types if isinstance(d.type, Resource)} - {interface.name.base}


def _union(one: Interface, other: Interface) -> Interface:
    types = {definition.name: definition for definition in one.types}
    functions = {function.name: function for function in one.functions}
    for definition in other.types:
        if types.setdefault(definition.name, definition) != definition:
            raise CannotFuse(f"two parts mean different types by `{definition.name}` of {one.name}")
    for function in other.functions:
        if functions.setdefault(function.name, function) != function:
            raise CannotFuse(f"two parts mean different functions by `{function.name}` of {one.name}")
    return Interface(one.name, tuple(types.values()), tuple(functions.values()))
