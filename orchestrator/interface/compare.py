"""Whether what one component offers is what another asks for, and if not, why: as a chain of causes.

Interfaces are compared by structure: field and case names with their order, parameter names, types. Names that types
were declared under do not count. A resource is itself: its name, and the interface that declares it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest

from orchestrator.interface import types as t
from orchestrator.interface.show import short_type
from orchestrator.interface.versions import fits, version_fits

__all__ = ["explain_function", "explain_interface", "explain_type", "fits", "title", "version_fits"]

Causes = tuple[str, ...]


def explain_type(wanted: t.Type, offered: t.Type, caller: str = "caller", callee: str = "callee") -> Causes:
    """Why the two types are not the same, outermost cause first; empty when they are the same.

    Arguments:
        caller, callee: names for the side that has `wanted` and the side that has `offered`.
    """
    sides = _Sides(caller, callee)
    if sides.equal(wanted, offered):
        return ()
    return (sides.differ("", "has", wanted, "has", offered), *sides.inside(wanted, offered))


def explain_function(wanted: t.Function, offered: t.Function, caller: str = "caller", callee: str = "callee") -> Causes:
    """Why a call of `wanted` cannot be answered by `offered`, outermost cause first; empty when it can.

    Names of the functions do not count; those of their parameters do.
    """
    return _Sides(caller, callee).function(wanted, offered)


def explain_interface(
    wanted: t.Interface, offered: t.Interface, caller: str = "caller", callee: str = "callee"
) -> Causes:
    """Why `offered` does not answer what is asked of `wanted`, outermost cause first; empty when it does.

    `offered` may have more functions. Names and versions of the interfaces do not count (see `fits`); a resource that
    each declares itself is the same when its name is.
    """
    missing = [f for f in wanted.functions if offered.function(f.name) is None]
    if missing:
        return _missing(missing, offered, callee)
    sides = _Sides(caller, callee, wanted.name.base, offered.name.base)
    for function in wanted.functions:
        other = offered.function(function.name)
        causes = sides.function(function, other) if other else ()
        if causes:
            return (title(function.name), *causes)
    return ()


def _missing(functions: list[t.Function], offered: t.Interface, callee: str) -> Causes:
    names = ", ".join(title(f.name) for f in functions[:5]) + (", …" if len(functions) > 5 else "")
    have = ", ".join(f"`{f.name}`" for f in offered.functions[:12]) + (", …" if len(offered.functions) > 12 else "")
    return (f"`{callee}` does not have {names}; it has {have or 'no functions'}",)


def title(name: str) -> str:
    """A function's name in words: method `m` of resource `r` for `[method]r.m`."""
    kind, bracket, rest = name.removeprefix("[").partition("]")
    if not (name.startswith("[") and bracket):
        return f"function `{name}`"
    resource, dot, member = rest.partition(".")
    what = {"method": "method", "static": "static function"}.get(kind, kind)
    return f"{what} `{member}` of resource `{resource}`" if dot else f"{what} of resource `{resource}`"


@dataclass(frozen=True, slots=True)
class _Sides:
    """Two sides: their names, and the interface on each whose own resources count as the same."""

    caller: str
    callee: str
    wanted_home: str = ""
    offered_home: str = ""

    def function(self, wanted: t.Function, offered: t.Function) -> Causes:
        if len(wanted.params) != len(offered.params):
            return (f"`{self.caller}` passes {_parameters(wanted)}, `{self.callee}` takes {_parameters(offered)}",)
        for number, (want, offer) in enumerate(zip(wanted.params, offered.params, strict=True), 1):
            if want.name != offer.name:
                names = f"`{self.caller}` calls it `{want.name}`, `{self.callee}` calls it `{offer.name}`"
                return (f"parameter {number}: {names}",)
            if not self.equal(want.type, offer.type):
                head = self.differ(f"parameter `{want.name}`: ", "passes", want.type, "takes", offer.type)
                return (head, *self.inside(want.type, offer.type))
        if self._same_side(wanted.result, offered.result):
            return ()
        return self._side("result: ", "expects", wanted.result, "returns", offered.result)

    def differ(self, place: str, verb: str, wanted: t.Type, other_verb: str, offered: t.Type) -> str:
        """The line that says which type each side has; the types written out where their names are the same."""
        left, right = short_type(wanted), short_type(offered)
        if left == right:
            return f"{place}`{self.caller}` and `{self.callee}` mean different types by {left}"
        return f"{place}`{self.caller}` {verb} {left}, `{self.callee}` {other_verb} {right}"

    def equal(self, wanted: t.Type, offered: t.Type) -> bool:
        if self.wanted_home == self.offered_home:
            return wanted == offered
        return not self._different(wanted, offered)

    def _different(self, wanted: t.Type, offered: t.Type) -> bool:
        if type(wanted) is not type(offered):
            return True
        match wanted, offered:
            case (t.Own(a), t.Own(b)) | (t.Borrow(a), t.Borrow(b)):
                return not self._same_resource(a, b)
        inner, other = t.children(wanted), t.children(offered)
        if not inner and not other:
            return wanted != offered
        if len(inner) != len(other) or _outline(wanted) != _outline(offered):
            return True
        return any(self._different(a, b) for a, b in zip(inner, other, strict=True))

    def _same_resource(self, wanted: t.Resource, offered: t.Resource) -> bool:
        own = wanted.interface == self.wanted_home and offered.interface == self.offered_home
        return wanted.name == offered.name if own else wanted == offered

    def inside(self, wanted: t.Type, offered: t.Type) -> Causes:
        """What differs inside two different types; empty where the types themselves say it all."""
        match wanted, offered:
            case t.List(a), t.List(b):
                return self._part("element: ", a, b)
            case t.Option(a), t.Option(b):
                return self._part("inside the option: ", a, b)
            case t.Result(), t.Result():
                return self._result(wanted, offered)
            case t.Tuple(a), t.Tuple(b):
                return self._tuple(a, b)
            case t.Record(), t.Record():
                return self._record(wanted, offered)
            case t.Variant(), t.Variant():
                return self._variant(wanted, offered)
            case (t.Enum(a), t.Enum(b)) | (t.Flags(a), t.Flags(b)):
                kind = "enum" if isinstance(wanted, t.Enum) else "flags"
                return self._names(_called(kind, wanted), "case" if kind == "enum" else "flag", a, b)
            case (t.Own(c), t.Own(d)) | (t.Borrow(c), t.Borrow(d)):
                return (self._resources(c, d),)
            case _:
                return ()

    def _part(self, place: str, wanted: t.Type, offered: t.Type) -> Causes:
        return (self.differ(place, "has", wanted, "has", offered), *self.inside(wanted, offered))

    def _same_side(self, wanted: t.Type | None, offered: t.Type | None) -> bool:
        if wanted is None or offered is None:
            return wanted is offered
        return self.equal(wanted, offered)

    def _side(self, place: str, verb: str, wanted: t.Type | None, other_verb: str, offered: t.Type | None) -> Causes:
        if wanted is not None and offered is not None:
            return (self.differ(place, verb, wanted, other_verb, offered), *self.inside(wanted, offered))
        left = "nothing" if wanted is None else short_type(wanted)
        right = "nothing" if offered is None else short_type(offered)
        return (f"{place}`{self.caller}` {verb} {left}, `{self.callee}` {other_verb} {right}",)

    def _result(self, wanted: t.Result, offered: t.Result) -> Causes:
        if not self._same_side(wanted.ok, offered.ok):
            return self._side("ok: ", "has", wanted.ok, "has", offered.ok)
        return self._side("err: ", "has", wanted.err, "has", offered.err)

    def _tuple(self, wanted: tuple[t.Type, ...], offered: tuple[t.Type, ...]) -> Causes:
        if len(wanted) != len(offered):
            return (f"`{self.caller}` has {len(wanted)} items, `{self.callee}` has {len(offered)}",)
        number, a, b = next(
            (i, a, b) for i, (a, b) in enumerate(zip(wanted, offered, strict=True)) if not self.equal(a, b)
        )
        return self._part(f"item {number}: ", a, b)

    def _record(self, wanted: t.Record, offered: t.Record) -> Causes:
        names = tuple(f.name for f in wanted.fields), tuple(f.name for f in offered.fields)
        if names[0] != names[1]:
            return self._names(_called("record", wanted), "field", *names)
        a, b = next(
            (a, b) for a, b in zip(wanted.fields, offered.fields, strict=True) if not self.equal(a.type, b.type)
        )
        return self._part(f"field `{a.name}` of {_called('record', wanted)}: ", a.type, b.type)

    def _variant(self, wanted: t.Variant, offered: t.Variant) -> Causes:
        names = tuple(c.name for c in wanted.cases), tuple(c.name for c in offered.cases)
        if names[0] != names[1]:
            return self._names(_called("variant", wanted), "case", *names)
        a, b = next(
            (a, b) for a, b in zip(wanted.cases, offered.cases, strict=True) if not self._same_side(a.type, b.type)
        )
        return self._side(f"case `{a.name}` of {_called('variant', wanted)}: ", "has", a.type, "has", b.type)

    def _names(self, what: str, part: str, wanted: tuple[str, ...], offered: tuple[str, ...]) -> Causes:
        for name in wanted:
            if name not in offered:
                return (f"{what}: `{self.caller}` has the {part} `{name}`, `{self.callee}` does not",)
        for name in offered:
            if name not in wanted:
                return (f"{what}: `{self.callee}` has the {part} `{name}`, `{self.caller}` does not",)
        place, a, b = next((i, a, b) for i, (a, b) in enumerate(zip_longest(wanted, offered), 1) if a != b)
        return (f"{what}: {part} {place} is `{a}` in `{self.caller}` and `{b}` in `{self.callee}`; the order counts",)

    def _resources(self, wanted: t.Resource, offered: t.Resource) -> str:
        return f"`{self.caller}` means resource {_whole(wanted)}, `{self.callee}` means resource {_whole(offered)}"


def _outline(type_: t.Type) -> tuple[object, ...]:
    """What a type has beside the types inside it."""
    match type_:
        case t.Record(fields):
            return tuple(f.name for f in fields)
        case t.Variant(cases):
            return tuple((c.name, c.type is None) for c in cases)
        case t.Result(ok, err):
            return (ok is None, err is None)
        case t.Unsupported(kind):
            return (kind,)
        case _:
            return ()


def _called(kind: str, type_: t.Type) -> str:
    name = getattr(type_, "name", None)
    return f"{kind} `{name}`" if name else f"the {kind}"


def _whole(resource: t.Resource) -> str:
    return f"`{resource.interface}.{resource.name}`" if resource.interface else f"`{resource.name}`"


def _parameters(function: t.Function) -> str:
    names = ", ".join(f"`{p.name}`" for p in function.params[:8]) + (", …" if len(function.params) > 8 else "")
    count = len(function.params)
    return f"{count} parameter{'' if count == 1 else 's'} ({names})" if count else "no parameters"
