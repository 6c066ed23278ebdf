"""Components as WAT that give back a value of any type but handles, however it is passed: flat, or through memory.

    ECHO    exports `echo: func(x: T) -> T`, `give: func(x: T) -> result<T, string>`, which is always ok, and
            `fail: func(x: T) -> result<string, T>`, which is always an err, and
            `both: func(x: T, n: u32, y: T) -> tuple<T, T>`
    RELAY   imports `echo`, and exports `relay: func(x: T) -> T`, which calls it

What is flat is written to memory by the canonical ABI, so that the guests are its second reader. Not for guests that
look at values: `canonical` has what reads them.
"""

from __future__ import annotations

from orchestrator.interface import types as t
from tests.support.canonical import (
    align,
    alignment,
    despecialized,
    discriminant,
    element_size,
    flattened,
    payload_alignment,
)
from tests.support.wat import MEMORY, Types

RESULT = 64
"""Where a result that was flat is laid out; 16 flat numbers end long before what `MEMORY` hands out."""
_MOST = 16
_STORES = {"bool": "i32.store8", "u8": "i32.store8", "s8": "i32.store8", "u16": "i32.store16", "s16": "i32.store16",
           "s64": "i64.store", "u64": "i64.store", "f32": "f32.store", "f64": "f64.store"}  # fmt: skip
_NARROWED = {
    ("i32", "f32"): "(f32.reinterpret_i32 {})",
    ("i64", "i32"): "(i32.wrap_i64 {})",
    ("i64", "f32"): "(f32.reinterpret_i32 (i32.wrap_i64 {}))",
    ("i64", "f64"): "(f64.reinterpret_i64 {})",
}
"""(what cases share, what one of them is) -> the number of that one."""


def _stored(type_: t.Type, at: int, numbers: list[str]) -> str:
    """Instructions that lay a value out at an address; `numbers`: its flat form, an expression each."""
    match despecialized(type_):
        case t.Primitive("string") | t.List():
            return f"(i32.store (i32.const {at}) {numbers[0]}) (i32.store (i32.const {at + 4}) {numbers[1]})"
        case t.Primitive(name):
            return f"({_STORES.get(name, 'i32.store')} (i32.const {at}) {numbers[0]})"
        case t.Record(fields):
            found, left = [], list(numbers)
            for field in fields:
                at = align(at, alignment(field.type))
                count = len(flattened(field.type))
                found.append(_stored(field.type, at, left[:count]))
                at, left = at + element_size(field.type), left[count:]
            return " ".join(found)
        case t.Flags():
            store = {1: "i32.store8", 2: "i32.store16"}.get(element_size(type_), "i32.store")
            return " ".join(f"({store} (i32.const {at + 4 * n}) {number})" for n, number in enumerate(numbers))
        case t.Variant(cases):
            return _variant(cases, flattened(type_), at, numbers)
        case _:
            raise AssertionError(type_)


def _variant(cases: tuple[t.Case, ...], shared: list[str], at: int, numbers: list[str]) -> str:
    width = discriminant(len(cases))
    store = {1: "i32.store8", 2: "i32.store16", 4: "i32.store"}[width]
    found = [f"({store} (i32.const {at}) {numbers[0]})"]
    start = align(at + width, payload_alignment(cases))
    for index, case in enumerate(cases):
        if case.type is not None:
            cores = zip(flattened(case.type), shared[1:], numbers[1:], strict=False)
            own = [_NARROWED.get((held, core), "{}").format(number) for core, held, number in cores]
            body = _stored(case.type, start, own)
            found.append(f"(if (i32.eq {numbers[0]} (i32.const {index})) (then {body}))")
    return " ".join(found)


def _passed(type_: t.Type) -> tuple[list[str], bool]:
    """How a value is passed as the only parameter: as those numbers, or, True, by its address."""
    cores = flattened(type_)
    return (["i32"], True) if len(cores) > _MOST else (cores, False)


def _echo(type_: t.Type) -> str:
    cores, spilled = _passed(type_)
    if spilled or len(cores) == 1:
        body = "(local.get 0)"
    else:
        numbers = [f"(local.get {n})" for n in range(len(cores))]
        body = f"{_stored(type_, RESULT, numbers)} (i32.const {RESULT})"
    result = cores[0] if len(cores) == 1 else "i32"
    return f'(func (export "echo") (param {" ".join(cores)}) (result {result}) {body})'


def _wrapping(name: str, type_: t.Type, case: int) -> str:
    """A function that puts its parameter into a case of a result whose other case has a string."""
    cores, spilled = _passed(type_)
    wrapped = t.Result(type_, t.STRING)
    size, payload = element_size(wrapped), align(1, alignment(wrapped))
    if spilled:
        room = f"(call $realloc (i32.const 0) (i32.const 0) (i32.const 16) (i32.const {size}))"
        body = f"""(local $at i32) (local.set $at {room}) (i32.store8 (local.get $at) (i32.const {case}))
          (memory.copy (i32.add (local.get $at) (i32.const {payload})) (local.get 0) (i32.const {element_size(type_)}))
          (local.get $at)"""
    else:
        numbers = [f"(local.get {n})" for n in range(len(cores))]
        body = f"""(i32.store8 (i32.const {RESULT}) (i32.const {case}))
          {_stored(type_, RESULT + payload, numbers)} (i32.const {RESULT})"""
    return f'(func (export "{name}") (param {" ".join(cores)}) (result i32) {body})'


def _both(type_: t.Type) -> str:
    """A function that gives two of its parameters as a tuple; between them stands a number."""
    size, start = element_size(type_), align(element_size(type_), alignment(type_))
    cores = flattened(type_)
    count = len(cores)
    if 2 * count + 1 > _MOST:
        cores, second = ["i32"], align(align(size, 4) + 4, alignment(type_))
        room = f"(call $realloc (i32.const 0) (i32.const 0) (i32.const 16) (i32.const {start + size}))"
        body = f"""(local $at i32) (local.set $at {room})
          (memory.copy (local.get $at) (local.get 0) (i32.const {size}))
          (memory.copy (i32.add (local.get $at) (i32.const {start}))
            (i32.add (local.get 0) (i32.const {second})) (i32.const {size}))
          (local.get $at)"""
    else:
        x, y = ([f"(local.get {first + n})" for n in range(count)] for first in (0, count + 1))
        cores = [*cores, "i32", *cores]
        body = f"{_stored(type_, RESULT, x)} {_stored(type_, RESULT + start, y)} (i32.const {RESULT})"
    return f'(func (export "both") (param {" ".join(cores)}) (result i32) {body})'


_OPTIONS = '(memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))'


def echo(type_: t.Type) -> str:
    """ECHO for a type."""
    types = Types(imported=False)
    shown = types.show(type_)
    flat = len(flattened(type_)) == 1
    return f"""(component
      {" ".join(types.declarations)}
      (core module $m {MEMORY}
        {_echo(type_)}
        {_wrapping("give", type_, 0)}
        {_wrapping("fail", type_, 1)}
        {_both(type_)}
        (func (export "post") (param i32) (call $reset)))
      (core instance $libc (instantiate $m))
      (func (export "echo") (param "x" {shown}) (result {shown})
        (canon lift (core func $libc "echo") {_OPTIONS}
          {"" if flat else '(post-return (core func $libc "post"))'}))
      (func (export "give") (param "x" {shown}) (result (result {shown} (error string)))
        (canon lift (core func $libc "give") {_OPTIONS} (post-return (core func $libc "post"))))
      (func (export "fail") (param "x" {shown}) (result (result string (error {shown})))
        (canon lift (core func $libc "fail") {_OPTIONS} (post-return (core func $libc "post"))))
      (func (export "both") (param "x" {shown}) (param "n" u32) (param "y" {shown}) (result (tuple {shown} {shown}))
        (canon lift (core func $libc "both") {_OPTIONS} (post-return (core func $libc "post")))))"""


def relay(type_: t.Type) -> str:
    """RELAY for a type."""
    types = Types(imported=True)
    shown = types.show(type_)
    cores, _ = _passed(type_)
    flat, arguments = len(flattened(type_)) == 1, " ".join(f"(local.get {n})" for n in range(len(cores)))
    if flat:
        result, body = f"(result {cores[0]})", f"(call $echo {arguments})"
    else:
        result = ""
        room = f"(call $realloc (i32.const 0) (i32.const 0) (i32.const 16) (i32.const {element_size(type_)}))"
        body = f"(local $at i32) (local.set $at {room}) (call $echo {arguments} (local.get $at)) (local.get $at)"
    return f"""(component
      {" ".join(types.declarations)}
      (import "echo" (func $echo (param "x" {shown}) (result {shown})))
      (core module $libc {MEMORY})
      (core instance $libc (instantiate $libc))
      (core func $echo' (canon lower (func $echo) {_OPTIONS}))
      (core module $m
        (import "libc" "reset" (func $reset))
        (import "libc" "realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
        (import "env" "echo" (func $echo (param {" ".join(cores)} {"" if flat else "i32"}) {result}))
        (func (export "relay") (param {" ".join(cores)}) (result {cores[0] if flat else "i32"}) {body})
        (func (export "post") (param i32) (call $reset)))
      (core instance $i (instantiate $m
        (with "libc" (instance $libc)) (with "env" (instance (export "echo" (func $echo'))))))
      (func (export "relay") (param "x" {shown}) (result {shown})
        (canon lift (core func $i "relay") {_OPTIONS} {"" if flat else '(post-return (core func $i "post"))'})))"""
