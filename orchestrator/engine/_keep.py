"""Gives a component a keeper: what saves its globals where the host can read and write them, and puts them back.

The host owns a guest's memories and can write them; its globals it can neither read nor write, and the size of a memory
is the guest's own until it grows that. So a module is added, in sections behind all that a component has, which is
given every global that can change and every memory of all modules. It has a memory of its own: `keep` copies the
globals there, `back` copies them from there to the globals. `look` has wasmtime read anew how large each memory is,
which it does whenever one grows, even by nothing. All that holds the component's state between calls is then memory.

That is so only where nothing else can change: a component that changes tables, has references in globals, makes
resources of its own or has modules in nested components is left as it is, and says so (`Way.reason`).

Not for what is done with such a component: see `snapshot`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wasmtime import wat2wasm

from orchestrator.engine import _sections as s
from orchestrator.engine import _steady as steady
from orchestrator.engine._direct import PREFIX, function_type
from orchestrator.engine._lifts import Lifts, lifts
from orchestrator.engine._sections import CORE_MODULE, Reader, Section
from orchestrator.engine._steady import MAX_GLOBALS, Traits, Unsteady, exporting, traits
from orchestrator.engine.component import Way

KEEP, BACK, LOOK = EXPORTED = f"{PREFIX}keep", f"{PREFIX}back", f"{PREFIX}look"
"""The exported functions: one saves the globals, one puts them back, one has wasmtime look at the memories' sizes."""
_WIDTH = 16
"""Bytes for each global."""
_PAGE = 65536
_RESOURCE_NEW = 2
"""The kind of canonical function by which a component makes a resource of its own."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A component with a keeper.

    Arguments:
        memory: bytes of the keeper's memory; 0 for one that needs none.
    """

    binary: bytes
    memory: int


class _Outline:
    """What the outermost component is made of, as far as a keeper needs to know."""

    def __init__(self, binary: bytes) -> None:
        self.traits: list[Traits] = []
        self.made: list[int | None] = []
        """The module of each core instance, None for one that is listed in place."""
        reader = Reader(binary, 0, len(binary))
        reader.preamble()
        for kind, section in reader.sections():
            self._read(kind, section)

    def _read(self, kind: int, section: Reader) -> None:
        if kind == Section.CORE_MODULE:
            self.traits.append(traits(section))
        elif kind == Section.COMPONENT:
            _refuse_modules(section, 1)
        elif kind == Section.CORE_INSTANCES:
            self.made += [_module_of(section) for _ in range(section.number())]
        elif kind == Section.CANONS:
            for _ in range(section.number()):
                if section.canon().kind == _RESOURCE_NEW:
                    raise Unsteady("it makes resources of its own, whose handles nobody can take back")
        elif kind == Section.EXPORTS:
            for _ in range(section.number()):
                if section.extern_name() in EXPORTED:
                    raise Unsteady("it has an export with a name that this engine adds")
                if section.exported()[0] == CORE_MODULE:
                    raise Unsteady("it exports a module, which is then another one by its number")
        elif kind in (Section.ALIASES, Section.IMPORTS):
            _refuse_foreign_modules(kind, section)

    def instances(self) -> Iterator[tuple[int, Traits]]:
        """The core instances of modules with something that can change."""
        return ((number, self.traits[module]) for number, module in enumerate(self.made) if module is not None)


def _module_of(section: Reader) -> int | None:
    """The module that the next core instance is one of; None for one that is listed in place."""
    module = None if section.byte() else section.number()
    for _ in range(section.number()):
        section.name()
        section.byte()
        section.number()
    return module


def _refuse_modules(component: Reader, depth: int) -> None:
    """Refuses a nested component that instantiates modules of its own: their globals are out of reach.

    One that lifts or lowers has a table of handles, in which nobody sees what comes and goes.
    """
    component.preamble(depth)
    for kind, section in component.sections():
        if kind == Section.COMPONENT:
            _refuse_modules(section, depth + 1)
        elif kind == Section.CORE_INSTANCES:
            raise Unsteady("a component nested in it has modules of its own")
        elif kind == Section.CANONS:
            raise Unsteady("a component nested in it has functions of its own")


def _refuse_foreign_modules(kind: int, section: Reader) -> None:
    for _ in range(section.number()):
        if kind == Section.IMPORTS:
            section.extern_name()
            sort = section.extern_type()
        else:
            sort = section.alias().sort
        if sort == CORE_MODULE:
            raise Unsteady("it takes modules from elsewhere")


def way_of(binary: bytes) -> Way:
    """How an instance of the component in `binary` is taken back."""
    try:
        globals_ = sum(len(one.globals) for _, one in _Outline(binary).instances())
    except Unsteady as why:
        return Way("fresh", str(why))
    except (ValueError, IndexError):
        return Way("fresh", "its binary has a form that is not known here")
    if globals_ > MAX_GLOBALS:
        return Way("fresh", f"it has {globals_} globals that can change, and {MAX_GLOBALS} are kept")
    return Way("instrumented" if globals_ else "proven")


def keep(binary: bytes) -> Kept:
    """The component with a keeper; `way_of` must say that it can have one."""
    found, spaces = _Outline(binary), lifts(binary)
    instances = [(number, one) for number, one in found.instances() if one.globals or one.memories]
    if not instances:
        return Kept(binary, 0)
    module, memory = _keeper(instances)
    return Kept(_exporting(binary, found.traits) + _added(spaces, instances, module), memory)


def _exporting(binary: bytes, every: Sequence[Traits]) -> bytes:
    """The component whose modules export what can change in them."""
    reader, numbers = Reader(binary, 0, len(binary)), iter(every)
    out = [reader.preamble()]
    for kind, inner in reader.sections():
        body = exporting(inner, _exports(next(numbers))) if kind == Section.CORE_MODULE else inner.rest()
        out.append(s.section(kind, body))
    return b"".join(out)


def _exports(one: Traits) -> list[tuple[str, int, int]]:
    globals_ = [(f"{steady.PREFIX}g{index}", s.IMPORTED_GLOBAL, index) for index, _ in one.globals]
    return globals_ + [(f"{steady.PREFIX}m{index}", s.IMPORTED_MEMORY, index) for index, _ in one.memories]


def _keeper(instances: Sequence[tuple[int, Traits]]) -> tuple[bytes, int]:
    """The keeper's module, and the bytes of its memory."""
    keeps, backs, looks = list[str](), list[str](), list[str]()
    imports, places = list[str](), itertools.count(0, _WIDTH)
    for number, one in instances:
        for index, type_ in one.globals:
            name, place = f"$g{number}.{index}", next(places)
            imports.append(f'(import "i{number}" "{steady.PREFIX}g{index}" (global {name} (mut {type_})))')
            keeps.append(f"({type_}.store $kept (i32.const {place}) (global.get {name}))")
            backs.append(f"(global.set {name} ({type_}.load $kept (i32.const {place})))")
        for index, wide in one.memories:
            name, address = f"$m{number}.{index}", "i64" if wide else "i32"
            imports.append(f'(import "i{number}" "{steady.PREFIX}m{index}" (memory {name} {address} 0))')
            looks.append(f"(drop (memory.grow {name} ({address}.const 0)))")
    pages = max(1, -(-next(places) // _PAGE))
    text = f"""(module {" ".join(imports)}
      (memory $kept {pages} {pages})
      (func (export "keep") {" ".join(keeps)})
      (func (export "back") {" ".join(backs)})
      (func (export "look") {" ".join(looks)}))"""
    return bytes(wat2wasm(text)), pages * _PAGE


def _added(spaces: Lifts, instances: Sequence[tuple[int, Traits]], module: bytes) -> bytes:
    """The sections that come behind a component's own: the keeper, its instance, its functions, exported."""
    given = [s.text(f"i{number}") + b"\x12" + s.unsigned(number) for number, _ in instances]
    keeper = s.unsigned(len(spaces.core_instances))
    made = b"\0" + s.unsigned(len(spaces.modules)) + s.vector(given)
    aliases = [b"\0\0\1" + keeper + s.text(name) for name in ("keep", "back", "look")]
    type_, core, function = s.unsigned(spaces.types), spaces.core_functions, len(spaces.functions)
    lifted = [b"\0\0" + s.unsigned(core + number) + b"\0" + type_ for number in range(len(EXPORTED))]
    exports = [
        b"\0" + s.text(name) + b"\1" + s.unsigned(function + number) + b"\0" for number, name in enumerate(EXPORTED)
    ]
    entries = (
        (Section.CORE_MODULE, module),
        (Section.CORE_INSTANCES, s.vector([made])),
        (Section.ALIASES, s.vector(aliases)),
        (Section.TYPES, s.vector([function_type((), "")])),
        (Section.CANONS, s.vector(lifted)),
        (Section.EXPORTS, s.vector(exports)),
    )
    return b"".join(s.section(kind, body) for kind, body in entries)
