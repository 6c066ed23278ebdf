"""Small components for tests of limits and failures, as WAT, and the answer of one that has a single function."""

from __future__ import annotations

from orchestrator.engine import Component, Engine, Frame
from orchestrator.interface.types import Function


def answer_of(engine: Engine, component: Component) -> int:
    """What a fresh instance answers whose component exports one function first, of no parameters."""
    instance = engine.linker(component).instantiate(Frame())
    function = component.world.exports[0]
    assert isinstance(function, Function)
    with instance.entered(Frame()):
        found: int = instance.call(None, function, [])
    instance.close()
    return found


def plain(body: str, **signatures: str) -> str:
    """A component of one core module; its exports by name (`_` for `-`), with their WIT signatures in WAT."""
    lifted = "\n".join(
        f'(func (export "{name.replace("_", "-")}") {signature} (canon lift (core func $i "{name.replace("_", "-")}")))'
        for name, signature in signatures.items()
    )
    return f"(component (core module $m {body}) (core instance $i (instantiate $m)) {lifted})"


BAD = """(component
  (core module $m
    (memory (export "memory") 1)
    (func $deep (param i32) (result i32)
      (i32.add (call $deep (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))
    (func (export "recurse") (result i32) (call $deep (i32.const 0)))
    (func (export "spin") (loop $on (br $on)))
    (func (export "trap") unreachable)
    (func (export "divide") (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "far") (result i32)
      (i32.store (i32.const 16) (i32.const 65000)) (i32.store (i32.const 20) (i32.const 1000)) (i32.const 16))
    (func (export "huge") (result i32)
      (i32.store (i32.const 16) (i32.const 0)) (i32.store (i32.const 20) (i32.const -1)) (i32.const 16))
    (func (export "many") (param i32) (result i32)
      (i32.store (i32.const 16) (i32.const 0)) (i32.store (i32.const 20) (local.get 0)) (i32.const 16))
    (func (export "not-text") (result i32)
      (i32.store (i32.const 16) (i32.const 32)) (i32.store (i32.const 20) (i32.const 1))
      (i32.store8 (i32.const 32) (i32.const 255)) (i32.const 16))
    (func (export "astray") (result i32) (i32.const -4))
    (func (export "askew") (result i32) (i32.const 17))
    (func (export "no-char") (result i32) (i32.const 0xD800))
    (func (export "no-case") (result i32) (i32.const 9))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const -8))
    (func (export "take") (param i32 i32)))
  (core instance $i (instantiate $m))
  (type $e' (enum "a" "b")) (export $e "e" (type $e'))
  (func (export "recurse") (result u32) (canon lift (core func $i "recurse")))
  (func (export "spin") (canon lift (core func $i "spin")))
  (func (export "trap") (canon lift (core func $i "trap")))
  (func (export "divide") (param "by" u32) (result u32) (canon lift (core func $i "divide")))
  (func (export "grow") (param "pages" u32) (result s32) (canon lift (core func $i "grow")))
  (func (export "far") (result string) (canon lift (core func $i "far") (memory (core memory $i "memory"))))
  (func (export "huge") (result string) (canon lift (core func $i "huge") (memory (core memory $i "memory"))))
  (func (export "huge-list") (result (list u64)) (canon lift (core func $i "huge") (memory (core memory $i "memory"))))
  (func (export "many") (param "n" u32) (result (list u8))
    (canon lift (core func $i "many") (memory (core memory $i "memory"))))
  (func (export "not-text") (result string) (canon lift (core func $i "not-text") (memory (core memory $i "memory"))))
  (func (export "astray") (result string) (canon lift (core func $i "astray") (memory (core memory $i "memory"))))
  (func (export "askew") (result string) (canon lift (core func $i "askew") (memory (core memory $i "memory"))))
  (func (export "no-char") (result char) (canon lift (core func $i "no-char")))
  (func (export "no-case") (result $e) (canon lift (core func $i "no-case")))
  (func (export "take") (param "s" string)
    (canon lift (core func $i "take") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))"""
"""Everything that a guest can do wrong, a function each."""

CALLER = """(component
  (import "f" (func $f (param "x" u32) (result u32)))
  (core func $f' (canon lower (func $f)))
  (core module $m (import "" "f" (func $f (param i32) (result i32)))
    (global $deep (mut i32) (i32.const 0))
    (func $down (param i32) (result i32)
      (if (result i32) (i32.eqz (local.get 0))
        (then (call $f (global.get $deep)))
        (else (i32.add (call $down (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))))
    (func (export "call") (param i32) (result i32) (call $f (local.get 0)))
    (func (export "dig") (param i32) (result i32)
      (global.set $deep (local.get 0)) (call $down (local.get 0))))
  (core instance $i (instantiate $m (with "" (instance (export "f" (func $f'))))))
  (func (export "call") (param "x" u32) (result u32) (canon lift (core func $i "call")))
  (func (export "dig") (param "x" u32) (result u32) (canon lift (core func $i "dig"))))"""
"""Calls its import `f` with what it got: at once, or from a recursion as deep as that."""


def with_stack(size: int) -> str:
    """`CALLER` with so much stack in its memory, as linkers of C lay it out."""
    return CALLER.replace("(global $deep", f"(global (mut i32) (i32.const {size}))\n    (global $deep")
