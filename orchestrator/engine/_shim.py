"""The bulk path: a component around a guest through whose memory the host passes values as bytes.

The C interface of wasmtime passes a list as a value of 32 bytes for each of its own. So a guest is wrapped: the wrapper
has a memory that the host owns, functions of the guest are lowered into it and offered as functions of plain numbers,
and imports of the guest are served by functions of plain numbers in the same way. The engine's own adapters copy
between that memory and the guest's. Not for laying out values in it, nor for calling.

`wrap` gives a component that imports and exports all that the guest does, under the same names, and besides

- exports the instance `EXPORTS` with `f0`, `f1`, …: the given exported functions as a core module would call them,
  their parameters `p0`, `p1`, … and, where the result goes through memory, a last `ret`, its address;
- exports what the guest was given to be called without a shim, where it was (see `_direct`);
- imports the instance `IMPORTS` with `f0`, `f1`, …, where imports are given: they are called for these as a core
  module's function would be, and return what it would;
- does not import what the host serves through it (see `_shim_hosted`), whose functions follow among those of `IMPORTS`.

Its memory is the first that an instance makes with a page or more. How it is shared out is said in `_libc`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchestrator.engine import _component_text as ct
from orchestrator.engine._chosen import EXPORTS, IMPORTS, Chosen
from orchestrator.engine._flat import Signature, numbers, signature
from orchestrator.engine._guest import Guest, guest
from orchestrator.engine._lanes import LANES
from orchestrator.engine._libc import MOST_PAGES, OPTIONS, instance, post_return
from orchestrator.engine._shim_hosted import Hosted
from orchestrator.engine._splice import assemble
from orchestrator.interface.types import Function, Interface, Name, World

PAGES = MOST_PAGES
"""The memory's size, which does not change: pages cost when they are touched."""


def wrap(
    binary: bytes,
    world: World,
    exports: Chosen,
    imports: Chosen,
    hosted: Sequence[Interface] = (),
    lanes: Sequence[str] = (),
) -> bytes:
    """The component around a guest.

    Arguments:
        binary: the guest.
        world: as it was reflected from the guest.
        exports: functions that it exports, to be called through the memory; none may have a handle.
        imports: functions that it imports, to be served through the memory; none may have a handle.
        hosted: interfaces that it imports, all of whose functions are to be served so.
        lanes: which of their functions it was given lanes for, by `function_key`.

    Raises:
        ComponentError: the binary has what the world does not say, or a type that cannot cross.
    """
    inner = guest(binary, world, (str(LANES),) if lanes else ())
    return assemble(_Wrapper(inner).text(exports, imports, hosted, lanes), [binary])


class _Wrapper:
    """The text around one guest, written from top to bottom."""

    def __init__(self, inner: Guest) -> None:
        self._guest = inner
        self._text, self._scope = ct.Text(), ct.Scope()
        self._lifted = ct.Structural(self._text)
        self._arguments: dict[str, str] = {}

    def text(
        self, exports: Chosen, imports: Chosen, hosted: Sequence[Interface] = (), lanes: Sequence[str] = ()
    ) -> str:
        """The whole text."""
        ours = Hosted(self._text, hosted, len(imports), lanes)
        given = self._imports(ours)
        self._import_host(imports, ours)
        self._text.add(instance(PAGES, ours.prepare()))
        self._serve(imports, given)
        self._arguments |= ours.arguments(self._guest.imports)
        self._text.add("(component $Guest)")
        arguments = " ".join(f"(with {ct.quoted(name)} {value})" for name, value in self._arguments.items())
        self._text.add(f"(instance $guest (instantiate $Guest {arguments}))")
        self._offer(exports)
        for name, item in self._guest.exports.items():
            ct.export_item(self._text, self._scope, name, item, "$guest")
        for name in self._guest.exposed:
            self._text.add(f'(export "{name}" (func $guest "{name}"))')
        return self._text.component()

    def _imports(self, hosted: Hosted) -> dict[str, str]:
        """Imports what the guest does and the host does not serve through the shim; what its interfaces are called."""
        instances: dict[str, str] = {}
        for name, item in self._guest.imports.items():
            if hosted.answers(item):
                continue
            sort, here = ct.import_item(self._text, self._scope, name, item)
            self._arguments[name] = f"({sort} {here})"
            if isinstance(item, Interface):
                instances[name] = here
        return instances

    def _import_host(self, imports: Chosen, hosted: Hosted) -> None:
        """Imports what is called for the guest's imports."""
        functions = [*(function for _, function in imports), *hosted.functions()]
        if functions:
            wanted = [f'(export "f{n}" (func {_served(signature(f))}))' for n, f in enumerate(functions)]
            wanted += hosted.besides()
            self._text.add(f"(import {ct.quoted(str(IMPORTS))} (instance $host {' '.join(wanted)}))")

    def _serve(self, chosen: Chosen, instances: Mapping[str, str]) -> None:
        """Answers the guest's imports by functions of plain numbers."""
        answers: dict[Name | None, dict[str, str]] = {}
        for number, (interface, function) in enumerate(chosen):
            answers.setdefault(interface, {})[function.name] = self._served(number, function, signature(function))
        for name, answered in answers.items():
            if name is None:
                self._arguments |= {inner: f"(func {answer})" for inner, answer in answered.items()}
            else:
                self._arguments[str(name)] = f"(instance {self._mixed(str(name), instances, answered)})"

    def _served(self, number: int, function: Function, flat: Signature) -> str:
        core = self._text.named("h", f'(core func {{}} (canon lower (func $host "f{number}")))')
        return self._text.named(
            "f",
            f"(func {{}} {self._lifted.signature(function)} "
            f"(canon lift (core func {core}) {OPTIONS} {post_return(flat.returned)}))",
        )

    def _mixed(self, name: str, instances: Mapping[str, str], answered: Mapping[str, str]) -> str:
        """An instance of an imported interface, some of whose functions are answered here."""
        interface, real = self._guest.imports[name], instances[name]
        assert isinstance(interface, Interface)
        types = {d.name: ct.take(self._text, real, "type", d.name) for d in interface.types}
        functions = {
            f.name: answered.get(f.name) or ct.take(self._text, real, "func", f.name) for f in interface.functions
        }
        return ct.make_instance(self._text, self._scope, interface, types, functions)

    def _offer(self, chosen: Chosen) -> None:
        """Offers functions of the guest as functions of plain numbers."""
        offered = []
        for number, (interface, function) in enumerate(chosen):
            path = f"{'' if interface is None else ct.quoted(str(interface))} {ct.quoted(function.name)}"
            core = self._text.named("l", f"(core func {{}} (canon lower (func $guest {path}) {OPTIONS}))")
            here = self._text.named("f", f"(func {{}} {_offered(signature(function))} (canon lift (core func {core})))")
            offered.append(f'(export "f{number}" (func {here}))')
        self._text.add(f"(instance $shim {' '.join(offered)})")
        self._text.add(f"(export {ct.quoted(str(EXPORTS))} (instance $shim))")


def _served(flat: Signature) -> str:
    """The signature in plain numbers of a function that answers an import."""
    return numbers(flat.params, flat.returned)


def _offered(flat: Signature) -> str:
    """The signature in plain numbers of an exported function, as its callers see it."""
    ret = '(param "ret" u32)' if flat.by_pointer else ""
    return f"{numbers(flat.params, '')} {ret}" if ret else numbers(flat.params, flat.result)
