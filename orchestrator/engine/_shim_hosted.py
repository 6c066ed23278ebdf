"""What a shim gives its guest in place of WASI: interfaces whose functions the host serves in plain numbers.

The resources are the shim's own. A resource is the number that the host knows it by, so that a guest's handle reaches
the host as that number, and nothing is looked up on the way; when a guest drops its last handle, the host is told the
number. Where a function takes or gives handles for good, handles are made of numbers, and numbers of handles, on the
way (`_owning`). Whatever its version, an interface's resource is the same one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from orchestrator.engine import _component_text as ct
from orchestrator.engine._chosen import DROP, PUT, function_key
from orchestrator.engine._flat import numbers, signature
from orchestrator.engine._guest import Item
from orchestrator.engine._lanes import LANES, Lane, lent, signature_of
from orchestrator.engine._libc import NOTHING, OPTIONS, More, post_return
from orchestrator.engine._owning import Owning, owns
from orchestrator.engine.imports import is_wasi_resource
from orchestrator.interface.types import Function, Interface, Name, Resource, Type, TypeDef

_NUMBER = '(func (export "number") (param i32) (result i32) (local.get 0))'
"""A handle that is lent reaches the core function as the number of its resource."""


class Hosted:
    """The interfaces, in the text of a shim.

    Arguments:
        first: the number of the first of their functions among those of `$host`; the others follow.
        lanes: which of their functions the guest has lanes for, by `function_key`, in the order of their numbers.
    """

    def __init__(self, text: ct.Text, interfaces: Sequence[Interface], first: int, lanes: Sequence[str] = ()) -> None:
        self._text, self._interfaces = text, interfaces
        self._scope = ct.Structural(text)
        self._functions = list(enumerate(_functions(interfaces), start=first))
        known = {function_key(i.name, f.name): Lane(i, f) for _, (i, f) in self._functions}
        self._lanes = [known[key] for key in lanes]
        self._cores: dict[tuple[Name, str], str] = {}
        """The core function of each function, by its interface and name."""

    def answers(self, item: Item) -> bool:
        """Whether an import of the guest is one of the interfaces, or a resource of theirs."""
        if isinstance(item, TypeDef):
            return bool(self._interfaces) and isinstance(item.type, Resource) and is_wasi_resource(item.type)
        return item in self._interfaces

    def functions(self) -> Sequence[Function]:
        """What the host is called for, in the order of their numbers."""
        return [function for _, (_, function) in self._functions]

    def besides(self) -> Sequence[str]:
        """What else it is called for, as exports of an instance's type."""
        if not self._interfaces:
            return []
        found = {DROP: numbers(("i32",), "")}
        found |= {f"h{number}": numbers(signature_of(lane.function), "i32") for number, lane in enumerate(self._lanes)}
        found |= {PUT: numbers(("i32", "i32"), "")} if self._lanes else {}
        return [f'(export "{name}" (func {type_}))' for name, type_ in found.items()]

    def prepare(self) -> More:
        """Writes their resources and core functions, `$host` being there; what `$libc` has for them."""
        if not self._interfaces:
            return NOTHING
        owning = Owning(self._resources())
        for number, (interface, function) in self._functions:
            core = self._text.named("h", f'(core func {{}} (canon lower (func $host "f{number}")))')
            self._cores[interface.name, function.name] = (
                owning.add(f"f{number}", function, core) if owns(function) else f"(core func {core})"
            )
        for line in owning.built_ins():
            self._text.add(line)
        return owning.more(_NUMBER if self._lanes else "")

    def _resources(self) -> dict[Resource, str]:
        """Writes them; what their types are called."""
        drop = self._text.named("d", f'(core func {{}} (canon lower (func $host "{DROP}")))')
        shown = (definition.type for interface in self._interfaces for definition in interface.types)
        resources = dict.fromkeys(type_ for type_ in shown if isinstance(type_, Resource))
        defined = f"(type {{}} (resource (rep i32) (dtor (core func {drop}))))"
        names = {resource: self._text.named("r", defined) for resource in resources}
        for resource, name in names.items():
            self._scope.note(resource, name, "")
        return names

    def arguments(self, imports: Mapping[str, Item]) -> dict[str, str]:
        """Writes their instances, `$libc` being there; what answers the guest's imports, by their names."""
        found = {str(item.name): f"(instance {self._instance(item)})" for item in self._interfaces}
        types = {name: item.type for name, item in imports.items() if isinstance(item, TypeDef) and self.answers(item)}
        found |= {name: f"(type {self._type(type_)})" for name, type_ in types.items()}
        return found | ({str(LANES): f"(instance {self._lanes_instance()})"} if self._lanes else {})

    def _lanes_instance(self) -> str:
        """What the guest's lanes call."""
        functions = {name: f'(func $host "{name}")' for name in (PUT, *(f"h{n}" for n in range(len(self._lanes))))}
        for number, (_, resource) in enumerate(lent(self._lanes)):
            handle = f'(param "self" (borrow {self._scope.resource(resource)}))'
            core = '(canon lift (core func $libc "number"))'
            functions[f"n{number}"] = f"(func {self._text.named('f', f'(func {{}} {handle} (result u32) {core})')})"
        exports = " ".join(f'(export "{name}" {function})' for name, function in functions.items())
        return self._text.named("i", f"(instance {{}} {exports})")

    def _instance(self, interface: Interface) -> str:
        types = {definition.name: self._type(definition.type) for definition in interface.types}
        functions = {f.name: self._lifted(f, self._cores[interface.name, f.name]) for f in interface.functions}
        return ct.make_instance(self._text, self._scope, interface, types, functions)

    def _type(self, type_: Type | Resource) -> str:
        if isinstance(type_, Resource):
            return self._scope.resource(type_)
        return self._text.named("t", f"(type {{}} {self._scope.define(type_)})")

    def _lifted(self, function: Function, core: str) -> str:
        post = post_return(signature(function).returned)
        return self._text.named(
            "f", f"(func {{}} {self._scope.signature(function)} (canon lift {core} {OPTIONS} {post}))"
        )


def _functions(interfaces: Sequence[Interface]) -> Iterator[tuple[Interface, Function]]:
    return ((interface, function) for interface in interfaces for function in interface.functions)
