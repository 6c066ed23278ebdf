"""Compiles a component and says what is known of it: in a process of its own, since the binary is not trusted.

Two steps: a skeleton of the component tells its world; what is compiled is then prepared from both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wasmtime import Engine, Module, WasmtimeError
from wasmtime import component as cm

from orchestrator.engine import _image_file
from orchestrator.engine._apart import apart
from orchestrator.engine._binary import MAX_INSTANCES, MAX_MEMORIES, MAX_TABLES, TooMany, made
from orchestrator.engine._chosen import EXPORTS, IMPORTS, Chosen, chosen, function_key, hosted, without
from orchestrator.engine._config import DEEP, DEEP_STACK, HOST_MEMORY, STACK
from orchestrator.engine._direct import Direct, expose, qualifies
from orchestrator.engine._image_file import Image
from orchestrator.engine._images import strip
from orchestrator.engine._keep import Kept, keep, way_of
from orchestrator.engine._lanes import LANES
from orchestrator.engine._lay import lay
from orchestrator.engine._reflect import reflect
from orchestrator.engine._sections import check_form
from orchestrator.engine._shim import wrap
from orchestrator.engine._skeleton import skeleton
from orchestrator.engine._wasi_check import wasi_problems
from orchestrator.engine.cache import images_of, module_beside
from orchestrator.engine.component import NOT_OURS, Way
from orchestrator.engine.imports import unserved
from orchestrator.errors import ComponentError
from orchestrator.interface.serial import world_to_data
from orchestrator.interface.types import World

if TYPE_CHECKING:
    from orchestrator.manifest.model import Bulk

_OURS = {str(EXPORTS), str(IMPORTS), str(LANES)}


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is really compiled of a component.

    Arguments:
        images: what its memories hold at first, in the order in which an instantiation makes those that begin with a
            page or more; None for one that is made empty, () where all are.
        shimmed: whether a shim was written around it, whose memory is then the first.
        direct: how functions that need no shim are called, by `function_key`.
        lanes: see `_lay.Laid`.
        keeper: bytes of the keeper's memory, the last of all; 0 where it has none.
    """

    binary: bytes
    images: tuple[Image | None, ...] = ()
    shimmed: bool = False
    direct: Mapping[str, Direct] = field(default_factory=dict)
    lanes: Mapping[str, int] = field(default_factory=dict)
    keeper: int = 0


@dataclass(frozen=True, slots=True)
class Compiled:
    """A compiled component.

    Arguments:
        images: what its memories hold at first.
        modules: the binaries of those that it is given, by their digests: they are compiled by themselves.
        known: what is kept of it in the cache.
    """

    component: cm.Component
    images: tuple[Image | None, ...]
    modules: Mapping[str, bytes]
    known: dict[str, Any]

    def write(self, code: Path) -> None:
        """Writes the machine code into a file, and beside it the images, if there are any, and the modules."""
        if any(self.images):
            _image_file.write(images_of(code), self.images)
        for digest, binary in self.modules.items():
            module_beside(code, digest).write_bytes(binary)
        code.write_bytes(self.component.serialize())


def compile_module(engine: Engine, binary: bytes) -> bytes:
    """The machine code of a module that components share.

    Raises:
        ComponentError: it is not valid.
    """
    try:
        return bytes(Module(engine, binary).serialize())
    except WasmtimeError as problem:
        raise ComponentError(f"not a valid module: {_first_lines(str(problem))}") from None


def prepare(engine: Engine, binary: bytes, world: World, bulk: Bulk, *, kept: bool = False) -> Prepared:
    """What is compiled of a component whose imports and exports are known.

    Arguments:
        bulk: which of its functions go through memory.
        kept: whether it gets a keeper.

    Raises:
        ComponentError: the binary uses a form that is not known here.
    """
    if not HOST_MEMORY:
        return Prepared(binary)
    stripped, images = strip(binary, partial(_is_valid, engine))
    bulk = "never" if _has_ours(world) else bulk
    exports, imports = chosen(world, bulk)
    exposed, direct = _exposed(stripped, exports)
    exports, served = without(exports, direct), hosted(world, bulk)
    laid = lay(exposed, served)
    inner = keep(laid.binary) if kept else Kept(laid.binary, 0)
    images = (*images, None) if images and inner.memory else images
    if not exports and not imports and not served:
        return Prepared(inner.binary, images, direct=direct, keeper=inner.memory)
    wrapped = wrap(inner.binary, world, exports, imports, served, list(laid.lanes))
    behind = {key: one._replace(memory=one.memory + 1) for key, one in direct.items()}
    lanes = {key: memory + 1 for key, memory in laid.lanes.items()}
    images = (None, *images) if images else ()
    return Prepared(wrapped, images, shimmed=True, direct=behind, lanes=lanes, keeper=inner.memory)


def _has_ours(world: World) -> bool:
    """Whether a component imports or exports something under a name that is a shim's, which it cannot have then."""
    return any(str(item.name) in _OURS for item in (*world.imports, *world.exports))


def _exposed(binary: bytes, exports: Chosen) -> tuple[bytes, dict[str, Direct]]:
    """The component with those functions exposed that need no shim, and how they are called."""
    functions = [one for one in exports if qualifies(one[1])]
    exposed = expose(binary, functions)
    keys = [function_key(interface, function.name) for interface, function in functions]
    return exposed.binary, {keys[number]: direct for number, direct in exposed.functions.items()}


def _is_valid(engine: Engine, module: bytes) -> bool:
    try:
        Module.validate(engine, module)
    except WasmtimeError:
        return False
    return True


def compile_binary(engine: Engine, binary: bytes, bulk: Bulk = "auto", *, kept: bool = False) -> Compiled:
    """Compiles a component and says what is known of it.

    Arguments:
        bulk: which of its functions go through memory.
        kept: whether it gets a keeper, if it can have one.

    Raises:
        ComponentError: the binary is no component, or not one that this engine takes.
    """
    check_form(binary)
    _refuse_bomb(binary)
    world, problems = _described(engine, binary)
    refused = [*world.refused, *problems]
    way = way_of(binary) if HOST_MEMORY else Way("fresh", NOT_OURS)
    prepared = prepare(engine, binary, world, "never" if refused else bulk, kept=kept and way.name != "fresh")
    component, modules = _apart(engine, prepared.binary)
    digests = [hashlib.sha256(module).hexdigest() for module in modules]
    found = made(binary)
    known = {
        "memories": found.parts.memories,
        "tables": found.tables,
        "instances": found.parts.instances,
        "images": _image_file.places(prepared.images),
        "shimmed": prepared.shimmed,
        "direct": prepared.direct,
        "lanes": prepared.lanes,
        "way": way,
        "keeper": prepared.keeper,
        "modules": digests,
        "stack": DEEP_STACK if found.stack >= DEEP else STACK,
        "refused": refused,
        "world": world_to_data(world),
    }
    return Compiled(component, prepared.images, dict(zip(digests, modules, strict=True)), known)


def _described(engine: Engine, binary: bytes) -> tuple[World, tuple[str, ...]]:
    """The component's world, and why what it imports cannot be served, found without compiling its code."""
    try:
        bones = skeleton(binary)
    except ComponentError:
        _component(engine, binary)  # wasmtime says better what is wrong with it
        raise
    component = _component(engine, bones)
    world = reflect(engine, component)
    return world, (*unserved(world), *wasi_problems(world))


def _apart(engine: Engine, binary: bytes) -> tuple[cm.Component, tuple[bytes, ...]]:
    """The component, and the modules that it is to be given."""
    found = apart(binary)
    try:
        return _component(engine, found.binary), found.modules
    except ComponentError:
        if not found.modules:
            raise
    return _component(engine, binary), ()  # it has what is valid only as long as it is whole, or what is not at all


def _component(engine: Engine, binary: bytes) -> cm.Component:
    try:
        return cm.Component(engine, binary)
    except WasmtimeError as problem:
        raise ComponentError(f"not a valid component: {_first_lines(str(problem))}") from None


def _refuse_bomb(binary: bytes) -> None:
    """Refuses what takes too much of the compiler or of every store; a form not known is first judged by wasmtime."""
    try:
        found = made(binary).parts
    except TooMany:
        raise
    except ComponentError:
        return
    for count, most, what in (
        (found.instances, MAX_INSTANCES, "instances of modules and components"),
        (found.memories, MAX_MEMORIES, "memories"),
        (found.tables, MAX_TABLES, "tables"),
    ):
        if count > most:
            raise ComponentError(f"it consists of {count} {what}, and {most} are allowed")


def _first_lines(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip() not in ("", "Caused by:")]
    return "; ".join(lines[:4])[:600]
