"""A component's machine code and its memories' images, loaded when it is first instantiated, and where exports are."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.engine import _native as c
from orchestrator.engine._chosen import function_key
from orchestrator.engine.cache import images_of
from orchestrator.errors import ComponentError

if TYPE_CHECKING:
    from wasmtime import Engine, Module
    from wasmtime import component as cm

    from orchestrator.engine._chosen import Shim
    from orchestrator.engine._direct import Direct
    from orchestrator.engine._image_file import Mapped
    from orchestrator.interface.types import Name

_NONE: Mapping[str, Direct] = {}


class Code:
    """Machine code that belongs to one native engine; it outlives every instance made of it."""

    def __init__(
        self,
        engine: Engine,
        component: cm.Component,
        images: tuple[Mapped | None, ...] = (),
        shim: Shim | None = None,
        direct: Mapping[str, Direct] = _NONE,
        modules: Sequence[Module] = (),
    ) -> None:
        self._component = component
        self._engine = engine  # its owner may be gone while instances live
        self.engine = c.address(engine.ptr())
        """The native engine: the stores and linkers for this code must be made of the same one."""
        self.images, self.shim, self.direct, self.modules = images, shim, direct, modules
        self.address = c.address(component.ptr())
        self._indices: dict[str, int] = {}
        self._lock = threading.Lock()

    @staticmethod
    def load(
        engine: Engine,
        path: Path,
        images: Sequence[Sequence[int] | None] = (),
        shim: Shim | None = None,
        direct: Mapping[str, Direct] = _NONE,
        modules: Sequence[Module] = (),
    ) -> Code:
        """The machine code of a file of the cache.

        Arguments:
            images: where the images of its memories are in the file beside it (see `_image_file`).
            shim: which of its functions go through a shim's memory, where one was written around it.
            direct: which of its exported functions are called in plain numbers, by `function_key`.
            modules: what it is given for the modules that it shares with others (see `_apart`).

        Raises:
            OSError, ValueError: one of the two files is not there any more, or that of images is cut.
            ComponentError: wasmtime does not take the machine code: another version's, or damaged.
        """
        from wasmtime import WasmtimeError
        from wasmtime import component as cm

        from orchestrator.engine._image_file import opened

        try:
            component = cm.Component.deserialize_file(engine, str(path))
            return Code(engine, component, opened(images_of(path), images), shim, direct, modules)
        except WasmtimeError as problem:
            raise _unusable("component", path, problem) from None

    def index(self, interface: Name | None, name: str) -> int:
        """The address of an export's index; it lives as long as this object.

        Raises:
            ComponentError: there is no such export.
        """
        key = function_key(interface, name)
        return self._indices.get(key) or self._look_up(key, interface, name)

    def _look_up(self, key: str, interface: Name | None, name: str) -> int:
        with self._lock:
            found = self._indices.get(key)
            if found is None:
                found = self._indices[key] = self._find(interface, name)
            return found

    def _find(self, interface: Name | None, name: str) -> int:
        outer = self._lookup(None, str(interface)) if interface is not None else None
        found = self._lookup(outer, name)
        if outer is not None:
            c.export_index_delete(outer)
        return found

    def _lookup(self, outer: int | None, name: str) -> int:
        text = name.encode()
        found = c.component_export_index(self.address, outer, text, len(text))
        if not found:
            raise ComponentError(f"the component has no export `{name}`")
        return int(found)

    def __del__(self) -> None:
        for index in getattr(self, "_indices", {}).values():
            c.export_index_delete(index)


def load_module(engine: Engine, path: Path) -> Module:
    """The module whose machine code a file of the cache holds.

    Raises:
        OSError, ComponentError: as `Code.load`.
    """
    from wasmtime import Module, WasmtimeError

    try:
        return Module.deserialize_file(engine, str(path))
    except WasmtimeError as problem:
        raise _unusable("module", path, problem) from None


def _unusable(what: str, path: Path, problem: Exception) -> ComponentError:
    """The error for a file that wasmtime does not take. Raises OSError: it has gone meanwhile."""
    path.stat()
    return ComponentError(f"the compiled {what} {path} cannot be loaded: {problem}; delete it")
