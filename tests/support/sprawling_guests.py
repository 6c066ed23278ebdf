"""Guests whose values are small where they lie and large as Python has them, as WAT: lists out of untouched memory."""

from __future__ import annotations

from tests.support.greedy_guests import ATTACK, OUT

SPRAWL = "test:hostile/sprawl"
GIVE, TAKE = f"{SPRAWL}.give", f"{SPRAWL}.take"
TYPE = "list<tuple<tuple<tuple<u8>>>>"
OBJECTS = 4
"""Of each element: three tuples and a number, out of one byte."""
_TYPE = "(list (tuple (tuple (tuple u8))))"
_LIST = f"(result {_TYPE})"
_LENGTH = f'(param "l" {_TYPE}) (result u32)'
_PAGES = 24
"""Pages of memory: room for 1.5 million elements."""

SPRAWLER = f"""(component
  (core module $m (memory (export "memory") {_PAGES})
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64))
    (func (export "give") (param i32) (result i32)
      (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (local.get 0)) (i32.const 0))
    (func (export "take") (param i32 i32) (result i32) (local.get 1)))
  (core instance $i (instantiate $m))
  (func $give (param "n" u32) {_LIST} (canon lift (core func $i "give") (memory (core memory $i "memory"))))
  (func $take {_LENGTH} (canon lift (core func $i "take")
    (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (instance $out (export "give" (func $give)) (export "take" (func $take)))
  (export "{SPRAWL}" (instance $out)))"""
"""Exports `SPRAWL`: `give` of a list of that many elements, and `take` of one, which tells how many it has."""


def caller(function: str) -> str:
    """Imports `SPRAWL` and exports `ATTACK`: `go(n)` calls one of its functions, a list of `n` crossing."""
    call = {
        "give": "(call $give (local.get 0) (i32.const 0))",
        "take": "(drop (call $take (i32.const 64) (local.get 0)))",
    }[function]
    return f"""(component
      (import "{SPRAWL}" (instance $in
        (export "give" (func (param "n" u32) {_LIST})) (export "take" (func {_LENGTH}))))
      (core module $libc (memory (export "memory") {_PAGES})
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64)))
      (core instance $libc (instantiate $libc))
      (core func $give (canon lower (func $in "give")
        (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
      (core func $take (canon lower (func $in "take") (memory (core memory $libc "memory"))))
      (core module $m
        (import "in" "give" (func $give (param i32 i32))) (import "in" "take" (func $take (param i32 i32) (result i32)))
        (func (export "go") (param i32) (result i32) {call} (i32.const 1)))
      (core instance $i (instantiate $m
        (with "in" (instance (export "give" (func $give)) (export "take" (func $take))))))
      {OUT})"""


ASKER = f"""(component
  (import "take" (func $take {_LENGTH}))
  (core module $libc (memory (export "memory") {_PAGES}))
  (core instance $libc (instantiate $libc))
  (core func $take' (canon lower (func $take) (memory (core memory $libc "memory"))))
  (core module $m
    (import "in" "take" (func $take (param i32 i32) (result i32)))
    (func (export "go") (param i32) (result i32) (drop (call $take (i32.const 64) (local.get 0))) (i32.const 1)))
  (core instance $i (instantiate $m (with "in" (instance (export "take" (func $take'))))))
  {OUT})"""
"""Imports `take` as a function of its world, and exports `ATTACK`: `go(n)` calls it with a list of `n`."""

HEADERS = f"""(component
  (import "wasi:http/types@0.2.0" (instance $types
    (type $plain (variant (case "invalid-syntax") (case "forbidden") (case "immutable")))
    (export "header-error" (type $error (eq $plain)))
    (export "fields" (type $fields (sub resource)))
    (export "[static]fields.from-list"
      (func (param "entries" (list (tuple string (list u8)))) (result (result (own $fields) (error $error)))))))
  (core module $libc (memory (export "memory") 400))
  (core instance $libc (instantiate $libc))
  (core func $make (canon lower (func $types "[static]fields.from-list") (memory (core memory $libc "memory"))))
  (core module $m
    (import "in" "make" (func $make (param i32 i32 i32)))
    (func (export "go") (param i32) (result i32)
      (call $make (i32.const 64) (local.get 0) (i32.const 0)) (i32.const 1)))
  (core instance $i (instantiate $m (with "in" (instance (export "make" (func $make))))))
  {OUT})"""
"""Exports `ATTACK`: `go(n)` asks the host for so many headers without a name."""

__all__ = ["ASKER", "ATTACK", "GIVE", "HEADERS", "OBJECTS", "SPRAWL", "SPRAWLER", "TAKE", "TYPE", "caller"]
