"""Instances and calls for the engine's tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from orchestrator.engine import Denial, Engine, Frame, Handle, Instance, InstanceSettings
from orchestrator.interface.types import Function, Interface, World
from tests.support.gates import Pass
from tests.support.resource_guests import OWNER


def function(world: World, name: str) -> Function:
    return next(item for item in (*world.exports, *world.imports) if isinstance(item, Function) and item.name == name)


@contextmanager
def instance(engine: Engine, text: str, settings: InstanceSettings | None = None, **answers: Any) -> Iterator[Instance]:
    """An instance whose imports Python functions answer."""
    component = engine.from_text(text)
    linker = engine.linker(component)
    for name, answer in answers.items():
        linker.define(None, function(component.world, name), answer)
    made = linker.instantiate(Frame(), settings)
    try:
        yield made
    finally:
        made.close()
        linker.close()


def call(made: Instance, name: str, *values: Any, frame: Frame | None = None) -> Any:
    with made.entered(frame or Frame()):
        return made.call(None, function(made.linker.component.world, name), values)


class Denies(Pass):
    """Denies at one of its three places."""

    def __init__(self, callee: Instance, where: str, value: Any) -> None:
        super().__init__(callee)
        self.where, self.value = where, value

    def begin(self, caller: Frame | None, size: int, args: Any) -> Frame | Denial:
        return Denial(self.value) if self.where == "enter" else super().begin(caller, size, args)

    def end(self, frame: Frame, size: int, result: Any) -> Denial | None:
        super().end(frame, size, result)
        if self.where == "raise":
            raise RuntimeError("leaving")
        return Denial(self.value) if self.where == "leave" else None

    def fail(self, caller: Instance, frame: Frame | None, problem: BaseException) -> Denial:
        return Denial(self.value)


TEXT_FRONT = """(component
  (import "f" (func $f (param "x" string) (result string)))
  (core module $libc (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64)))
  (core instance $libc (instantiate $libc))
  (core func $f' (canon lower (func $f) (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core module $m (import "" "f" (func $f (param i32 i32 i32)))
    (func (export "call") (param i32 i32) (result i32)
      (call $f (local.get 0) (local.get 1) (i32.const 16)) (i32.const 16)))
  (core instance $i (instantiate $m (with "" (instance (export "f" (func $f'))))))
  (func (export "call") (param "x" string) (result string)
    (canon lift (core func $i "call") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc")))))"""
TEXT_BACK = """(component
  (core module $m (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64))
    (func (export "f") (param i32 i32) (result i32)
      (if (i32.eqz (local.get 1)) (then unreachable))
      (i32.store (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1)) (i32.const 16)))
  (core instance $i (instantiate $m))
  (func (export "f") (param "x" string) (result string)
    (canon lift (core func $i "f") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))"""


def constructed(engine: Engine, count: int) -> tuple[Instance, list[Handle]]:
    """An instance that owns that many counters, and their handles."""
    component = engine.from_text(OWNER)
    made = engine.linker(component).instantiate(Frame())
    api = component.world.exports[0]
    assert isinstance(api, Interface)
    new = api.function("[constructor]counter")
    assert new is not None
    with made.entered(Frame()):
        return made, [made.call(api.name, new, [n]) for n in range(count)]
