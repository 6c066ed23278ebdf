"""A component's imports and exports, read from wasmtime's reflection into the values of `interface`.

wasmtime keeps neither the names of declared types nor who declares a resource. Names come back from the types that an
interface exports; a resource belongs to the first interface that shows it, imports before exports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from wasmtime import Engine, _ffi
from wasmtime import component as cm

from orchestrator.engine._outline import Outline
from orchestrator.errors import ComponentError
from orchestrator.interface import types as t

_PRIMITIVES: dict[type, t.Primitive] = {
    getattr(cm, name.capitalize() if name in ("bool", "char", "string") else name.upper()): primitive
    for name, primitive in t.PRIMITIVES.items()
}
_UNSUPPORTED = {"FutureType": "future", "StreamType": "stream", "MapType": "map", "ErrorContext": "error-context"}

MAX_PARTS = 50_000
"""Functions and parts of all types together, each counted as often as it is used: a CPython component has 1,200."""
MAX_TEXT = 4 << 20
"""Characters of the names of all that, counted alike, one more each."""


def reflect(engine: Engine, component: cm.Component) -> t.World:
    """The world of a compiled component.

    Raises:
        ComponentError: its types are too large: a few bytes can describe what fills any memory.
    """
    return _Reflection(engine).world(component.type)


def imported_types(engine: Engine, found: Outline) -> list[t.TypeDef]:
    """The types that a component imports as such, which its own reflection does not show, in their order."""
    if not found.probe:
        return []
    names = [item.name for item in found.imports if item.is_type]
    shown = reflect(engine, cm.Component(engine, found.probe)).types[-len(names) :]
    return [t.TypeDef(name, definition.type) for name, definition in zip(names, shown, strict=True)]


class _Reflection:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._resources: list[tuple[cm.ResourceType, t.Resource]] = []
        self._refused: list[str] = []
        self._parts = self._text = 0

    def world(self, type_: cm.ComponentType) -> t.World:
        types: list[t.TypeDef] = []
        imports = tuple(self._items(type_.imports(self._engine), True, types))
        exports = tuple(self._items(type_.exports(self._engine), False, types))
        return t.World(imports=imports, exports=exports, types=tuple(types), refused=tuple(self._refused))

    def _items(
        self, externs: dict[str, Any], imported: bool, types: list[t.TypeDef]
    ) -> Iterator[t.Interface | t.Function]:
        names: dict[t.Type, str] = {}
        for name, extern in externs.items():
            match extern.ty:
                case cm.ComponentInstanceType() as instance:
                    yield self._interface(name, instance, imported)
                case cm.FuncType() as function:
                    yield self._function(name, function, names)
                case other:
                    self._type(name, other, "", imported, types, names)

    def _interface(self, name: str, instance: cm.ComponentInstanceType, imported: bool) -> t.Interface:
        full, names = t.Name.parse(self._named(name)), dict[t.Type, str]()
        types: list[t.TypeDef] = []
        functions: list[tuple[str, cm.FuncType]] = []
        for inner, extern in instance.exports(self._engine).items():
            if isinstance(extern.ty, cm.FuncType):
                functions.append((inner, extern.ty))
            else:
                self._type(inner, extern.ty, full.base, imported, types, names)
        return t.Interface(full, tuple(types), tuple(self._function(n, f, names) for n, f in functions))

    def _type(
        self, name: str, type_: Any, interface: str, imported: bool, types: list[t.TypeDef], names: dict[t.Type, str]
    ) -> None:
        """Notes a type that an interface or the world shows, or that it shows what no engine here carries."""
        self._count()
        self._named(name)
        if isinstance(type_, cm.ResourceType):
            if imported and not interface:
                self._refused.append(f"imports a resource of its own world, `{name}`; declare it in an interface")
            types.append(t.TypeDef(name, self._resource(type_, t.Resource(name, interface, imported))))
        elif isinstance(type_, cm.ValType):
            plain = self._value(type_, names)
            names.setdefault(plain, name)
            types.append(t.TypeDef(name, _named(plain, names)))
        else:
            side = "imports" if imported else "exports"
            kind = {"ModuleType": "a core module", "ComponentType": "a component"}.get(
                type(type_).__name__, "an item of a kind that is not carried"
            )
            self._refused.append(f"{side} {kind}, `{name}`" + (f" in {interface}" if interface else ""))

    def _resource(self, type_: cm.ResourceType, new: t.Resource) -> t.Resource:
        known = next((resource for other, resource in self._resources if other == type_), None)
        if known is None:
            self._resources.append((type_, new))
        return known or new

    def _function(self, name: str, function: cm.FuncType, names: dict[t.Type, str]) -> t.Function:
        self._count()
        if _ffi.wasmtime_component_func_type_async(function.ptr()):
            self._refused.append(f"has an async function, `{name}`")
        params = tuple(t.Field(self._named(n), self._value(p, names)) for n, p in function.params)
        return t.Function(
            self._named(name), params, None if function.result is None else self._value(function.result, names)
        )

    def _count(self) -> None:
        """Counts a part.

        Raises:
            ComponentError: there are too many.
        """
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise ComponentError(f"its functions and types have more than {MAX_PARTS} parts")

    def _named(self, name: str) -> str:
        """Counts a name; the name.

        Raises:
            ComponentError: they are too long together: a few bytes can use one again and again.
        """
        self._text += len(name) + 1
        if self._text > MAX_TEXT:
            raise ComponentError(f"the names of its functions and types have more than {MAX_TEXT} characters")
        return name

    def _value(self, type_: Any, names: dict[t.Type, str]) -> t.Type:
        self._count()
        return _named(self._plain(type_, names), names)

    def _plain(self, type_: Any, names: dict[t.Type, str]) -> t.Type:
        def inner(other: Any) -> t.Type:
            return self._value(other, names)

        def some(other: Any) -> t.Type | None:
            return None if other is None else inner(other)

        primitive = _PRIMITIVES.get(type(type_))
        return primitive or self._compound(type_, inner, some)

    def _compound(self, type_: Any, inner: Callable[[Any], t.Type], some: Callable[[Any], t.Type | None]) -> t.Type:
        match type_:
            case cm.ListType(element=element):
                return t.List(inner(element))
            case cm.RecordType(fields=fields):
                return t.Record(tuple(t.Field(self._named(name), inner(field)) for name, field in fields))
            case cm.TupleType(elements=elements):
                return t.Tuple(tuple(map(inner, elements)))
            case cm.VariantType(cases=cases):
                return t.Variant(tuple(t.Case(self._named(name), some(payload)) for name, payload in cases))
            case cm.EnumType(names=names):
                return t.Enum(tuple(map(self._named, names)))
            case cm.FlagsType(names=names):
                return t.Flags(tuple(map(self._named, names)))
            case cm.OptionType(payload=payload):
                return t.Option(inner(payload))
            case cm.ResultType(ok=ok, err=err):
                return t.Result(some(ok), some(err))
            case cm.OwnType(ty=resource):
                return t.Own(self._resource(resource, t.Resource(f"resource-{len(self._resources)}")))
            case cm.BorrowType(ty=resource):
                return t.Borrow(self._resource(resource, t.Resource(f"resource-{len(self._resources)}")))
            case _:
                return t.Unsupported(_UNSUPPORTED.get(type(type_).__name__, type(type_).__name__))


def _named(type_: t.Type, names: dict[t.Type, str]) -> t.Type:
    """The type under the name the interface declares it by, where it does."""
    name = names.get(type_)
    match type_:
        case t.Record(fields):
            return t.Record(fields, name)
        case t.Variant(cases):
            return t.Variant(cases, name)
        case t.Enum(cases):
            return t.Enum(cases, name)
        case t.Flags(flags):
            return t.Flags(flags, name)
        case _:
            return type_
