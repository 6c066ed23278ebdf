"""What answers a component's imports, put together once: then an instance costs an instantiation and nothing else.

A linker is made for a component, told what answers each import (another instance over a `Gate`, or a Python
function), and then makes any number of instances. A host function finds the instance that called it through its
store, never through anything it closed over, so a linker serves every run.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

from orchestrator.engine import _native as c
from orchestrator.engine._chosen import DROP, IMPORTS, PUT, function_key
from orchestrator.engine._live import dropped, let_go
from orchestrator.engine._serve import Gate, answer, forward, serve, unused
from orchestrator.engine.imports import MODULE, is_wasi, resource_numbers
from orchestrator.engine.instance import Instance
from orchestrator.engine.settings import InstanceSettings
from orchestrator.errors import ComponentError
from orchestrator.interface.allowance import See
from orchestrator.interface.types import Function, Interface, Name, Resource

if TYPE_CHECKING:
    from orchestrator.engine._serve_host import Write
    from orchestrator.engine.component import Component
    from orchestrator.engine.engine import Engine
    from orchestrator.engine.frame import Frame
    from orchestrator.engine.host import Served

HostFunction = Callable[[Instance, Sequence[Any]], Any]
"""(the calling instance, the arguments in their Python forms) -> the result in its Python form."""
Answering = Callable[[Instance, int, See], Any]
"""(the calling instance, the size of the arguments, what reads them in order) -> the result in its Python form."""


class Linker:
    """The answers to one component's imports.

    Arguments:
        engine: outlives the linker.
        component: loaded by that engine.
    """

    def __init__(self, engine: Engine, component: Component) -> None:
        self.engine, self.component = engine, component
        self.code = engine.code(component)
        self.resources: dict[Resource, int] = resource_numbers(component.world)
        self._callbacks: dict[tuple[Name | None, str], tuple[Any, int | None]] = {}
        """By import the callback, and the number that it is given."""
        self._lanes: dict[str, tuple[Any, int | None]] = {}
        """The same for lanes, by `function_key`."""
        self._native: _Native | None = None

    def forward(
        self, interface: Name | None, wanted: Function, target: Name | None, offered: Function, gate: Gate
    ) -> None:
        """Has an import answered by an exported function of the instance that `gate` gives at each call.

        Arguments:
            interface: the imported interface the function is in; None for a function of the world's own.
            wanted: the function as it is imported.
            target: the exported interface of the other component.
            offered: the function as it is exported there; its types equal `wanted`'s.
        """
        if self._number(interface, wanted) is None:
            self._answer(interface, wanted, forward(wanted, target, offered, gate))
            return
        from orchestrator.engine._serve_bulk import forward_bulk

        self._answer(interface, wanted, forward_bulk(wanted, target, offered, gate))

    def define(self, interface: Name | None, wanted: Function, function: HostFunction) -> None:
        """Has an import answered by a Python function."""
        if self._number(interface, wanted) is None:
            self._answer(interface, wanted, serve(wanted, function))
            return
        from orchestrator.engine._serve_bulk import serve_bulk

        self._answer(interface, wanted, serve_bulk(wanted, function))

    def answer(self, interface: Name | None, wanted: Function, answering: Answering) -> None:
        """Has an import answered by a Python function that may decide about a call before its arguments are read.

        Lists of numbers reach it as read-only memoryviews where they cross in bulk.
        """
        if self._number(interface, wanted) is None:
            self._answer(interface, wanted, answer(wanted, answering))
            return
        from orchestrator.engine._serve_bulk import answer_bulk

        self._answer(interface, wanted, answer_bulk(wanted, answering))

    def serve(self, interface: Name, wanted: Function, function: Served) -> None:
        """Has an import answered by a function of the host: see `host`.

        Arguments:
            function: takes what `wanted` says; nothing checks that.
        """
        from orchestrator.engine._serve_host import as_host_function, by_value, served, served_number

        shim, key = self.code.shim, function_key(interface, wanted.name)
        if shim is not None and key in shim.hosted:
            from orchestrator.engine._serve_hosted import written, written_beside

            lane = shim.lanes.get(key)
            if lane is not None:
                self._lanes[key] = served, served_number(wanted, function, _lane(lane))
            write = written if lane is None else written_beside
            self._answer(interface, wanted, served, served_number(wanted, function, write))
        elif self._number(interface, wanted) is None:
            self._answer(interface, wanted, served, served_number(wanted, function, by_value))
        else:
            self.define(interface, wanted, as_host_function(wanted, function))

    def _number(self, interface: Name | None, wanted: Function) -> int | None:
        """The number of the function of the shim that an import goes through; None where it goes through none."""
        shim = self.code.shim
        return None if shim is None else shim.imports.get(function_key(interface, wanted.name))

    @property
    def _hosts(self) -> bool:
        """Whether what the component imports of WASI is all answered through its shim."""
        return self.code.shim is not None and bool(self.code.shim.hosted)

    def _answer(self, interface: Name | None, wanted: Function, callback: Any, number: int | None = None) -> None:
        """Notes a callback; it is kept for good, since the native linker holds its address."""
        if (interface, wanted.name) in self._callbacks:
            raise ComponentError(f"the import {_path(interface, wanted)} has two answers")
        self._callbacks[interface, wanted.name] = callback, number

    def instantiate(self, frame: Frame, settings: InstanceSettings | None = None) -> Instance:
        """A fresh instance: its own store, memory, limits and WASI state. The caller closes it.

        Raises:
            LimitExceeded, Trapped, TimedOut, Cancelled: see `Instance.start`.
            ComponentError: an import is not answered, or a granted folder cannot be opened.
            ClosedError: the engine was closed.
        """
        native = self._ready()
        instance = Instance(self, settings or InstanceSettings())
        try:
            instance.start(frame, native.address)
        except BaseException:
            instance.close()
            raise
        return instance

    def prepare(self) -> None:
        """Makes the native linker, if it is not made.

        Raises:
            ComponentError: an import has no answer.
        """
        self._ready()

    def _ready(self) -> _Native:
        native = self._native
        if native is None:
            with self.engine.making:
                native = self._native = self._native or self._make()
        return native

    def _make(self) -> _Native:
        if self.component.world.refused:
            raise ComponentError(f"{self.component.name} cannot be run: it {self.component.world.refused[0]}")
        native = _Native(c.linker_new(self.code.engine))
        root = c.linker_root(native.address)
        try:
            for item in self.component.world.imports:
                if self._hosts and is_wasi(item):
                    continue
                self._define(root, item)
            self._define_shim(root)
            for number, module in enumerate(self.code.modules):
                name = f"{MODULE}{number}".encode()
                _check(c.linker_add_module(root, name, len(name), c.address(module.ptr())))
        finally:
            c.linker_instance_delete(root)
        return native

    def _define(self, root: int, item: Interface | Function) -> None:
        if isinstance(item, Function):
            self._add(root, None, item)
            return
        inner = ctypes.c_void_p()
        name = str(item.name).encode()
        _check(c.linker_add_instance(root, name, len(name), ctypes.addressof(inner)))
        try:
            for definition in item.types:
                if isinstance(definition.type, Resource) and definition.type in self.resources:
                    self._add_resource(inner.value or 0, definition.name, definition.type)
            for function in item.functions:
                self._add(inner.value or 0, item.name, function)
        finally:
            c.linker_instance_delete(inner)

    def _define_shim(self, root: int) -> None:
        """Defines the functions of plain numbers by which a shim has the guest's imports served."""
        numbers = {} if self.code.shim is None else self.code.shim.imports
        if not numbers:
            return
        inner, name = ctypes.c_void_p(), str(IMPORTS).encode()
        _check(c.linker_add_instance(root, name, len(name), ctypes.addressof(inner)))
        answers = {function_key(*key): answer for key, answer in self._callbacks.items()}
        functions = {f"f{number}": answers.get(key) or self._unanswered(key) for key, number in numbers.items()}
        functions |= {DROP: (let_go, None), **self._lane_functions()}
        try:
            for text, answer in functions.items():
                _check(c.linker_add_function(inner.value or 0, text.encode(), len(text), *answer, None))
        finally:
            c.linker_instance_delete(inner)

    def _lane_functions(self) -> dict[str, tuple[Any, int | None]]:
        """What the lanes of the guest call."""
        lanes = {} if self.code.shim is None else self.code.shim.lanes
        if not lanes:
            return {}
        from orchestrator.engine._serve_lane import elsewhere, put

        found = {f"h{number}": self._lanes.get(key, (elsewhere, None)) for number, key in enumerate(lanes)}
        return found | {PUT: (put, None)}

    def _add(self, place: int, interface: Name | None, function: Function) -> None:
        answer = self._callbacks.get((interface, function.name))
        if answer is None:
            self._unanswered(function_key(interface, function.name))
        if self._number(interface, function) is not None:
            answer = unused, None  # it is imported all the same, and the shim answers it
        name = function.name.encode()
        _check(c.linker_add_function(place, name, len(name), *answer, None))

    def _unanswered(self, key: str) -> NoReturn:
        """Refuses an import that nothing answers."""
        path = key.removeprefix("#").replace("#", ".")
        raise ComponentError(f"nothing answers the import {path} of {self.component.name}")

    def _add_resource(self, place: int, name: str, resource: Resource) -> None:
        type_ = c.resource_type_new(self.resources[resource])
        try:
            text = name.encode()
            _check(c.linker_add_resource(place, text, len(text), type_, dropped, None, None))
        finally:
            c.resource_type_delete(type_)

    def close(self) -> None:
        """Frees the native linker; instances made by it live on."""
        self._native = None


class _Native:
    """A native linker, freed when neither its `Linker` nor an instantiation on any thread holds it any more."""

    __slots__ = ("address",)

    def __init__(self, address: int) -> None:
        self.address = address

    def __del__(self, delete: Callable[[int], None] = c.linker_delete) -> None:
        delete(self.address)


@cache
def _lane(memory: int) -> Write:
    """What writes the answers of lanes whose bytes are in that memory."""
    from orchestrator.engine._serve_lane import written_lane

    return lambda wanted, function: written_lane(wanted, function, memory)


def _path(interface: Name | None, function: Function) -> str:
    return f"{interface}.{function.name}" if interface else function.name


def _check(error: int | None) -> None:
    if error:
        raise ComponentError(f"an import cannot be defined: {c.take_message(error)}")
