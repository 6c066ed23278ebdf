"""A component to which handles are lent in every way, and one that lends them, as WAT."""

from __future__ import annotations

from tests.support.wat import MEMORY

API = "test:lend/api"

_NUMBERS = " ".join(f'(param "p{number}" u32)' for number in range(16))
_SIGNATURES = {
    "new": '(param "n" u32) (result (own $b))',
    "all": '(param "boxes" (list (borrow $b))) (result u32)',
    "maybe": '(param "box" (option (tuple (borrow $b) u8))) (result u32)',
    "many": f'(param "box" (borrow $b)) {_NUMBERS} (result u32)',
}
_EXPORTED = {name: "[constructor]box" if name == "new" else name for name in _SIGNATURES}
_OPTIONS = '(memory (core memory $h "memory"))'


def _lines(line: str) -> str:
    """A line for each function: `NAME` stands for its name, `OUTER` for that of its export, `TYPE` for its type."""
    return "\n".join(
        line.replace("NAME", name).replace("OUTER", _EXPORTED[name]).replace("TYPE", type_)
        for name, type_ in _SIGNATURES.items()
    )


LENT = f"""(component
  (type $b (resource (rep i32)))
  (core func $new (canon resource.new $b))
  (core module $m
    (import "" "new" (func $new (param i32) (result i32)))
    {MEMORY}
    (func $sum (export "all") (param $at i32) (param $count i32) (result i32) (local $sum i32)
      (loop $next
        (if (local.get $count) (then
          (local.set $sum (i32.add (local.get $sum) (i32.load (local.get $at))))
          (local.set $at (i32.add (local.get $at) (i32.const 4)))
          (local.set $count (i32.sub (local.get $count) (i32.const 1)))
          (br $next))))
      (local.get $sum))
    (func (export "new") (param i32) (result i32) (call $new (local.get 0)))
    (func (export "maybe") (param i32 i32 i32) (result i32) (i32.add (local.get 1) (local.get 2)))
    (func (export "many") (param i32) (result i32) (call $sum (local.get 0) (i32.const 17))))
  (core instance $h (instantiate $m (with "" (instance (export "new" (func $new))))))
  {_lines(f'(func $NAME TYPE (canon lift (core func $h "NAME") {_OPTIONS} (realloc (core func $h "realloc"))))')}
  (component $shim
    (import "box" (type $box (sub resource)))
    {_lines('(import "f-NAME" (func $NAME TYPE))').replace("$b", "$box")}
    (export $b "box" (type $box))
    {_lines('(export "OUTER" (func $NAME) (func TYPE))')})
  (instance $api (instantiate $shim (with "box" (type $b)) {_lines('(with "f-NAME" (func $NAME))')}))
  (export "{API}" (instance $api)))"""
"""Exports `API`: each function gives the sum of the numbers in the boxes that it is lent, and of all others it gets."""

LENDER = f"""(component
  (import "{API}" (instance $api
    (export "box" (type $b (sub resource)))
    {_lines('(export "OUTER" (func TYPE))')}))
  (alias export $api "box" (type $b))
  (core module $h (memory (export "memory") 1))
  (core instance $h (instantiate $h))
  {_lines(f'(core func $NAME (canon lower (func $api "OUTER") {_OPTIONS}))')}
  (core func $drop (canon resource.drop $b))
  (core module $m
    (import "h" "memory" (memory 1))
    (import "" "new" (func $new (param i32) (result i32)))
    (import "" "all" (func $all (param i32 i32) (result i32)))
    (import "" "maybe" (func $maybe (param i32 i32 i32) (result i32)))
    (import "" "many" (func $many (param i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (func (export "go") (param $n i32) (result i32) (local $one i32) (local $two i32) (local $sum i32)
      (local.set $one (call $new (local.get $n)))
      (local.set $two (call $new (i32.const 7)))
      (i32.store (i32.const 0) (local.get $one))
      (i32.store (i32.const 4) (local.get $one))
      (i32.store (i32.const 8) (local.get $two))
      (i32.store (i32.const 256) (local.get $one))
      (i32.store (i32.const 320) (i32.const 15))
      (local.set $sum (call $all (i32.const 0) (i32.const 3)))
      (local.set $sum (i32.add (local.get $sum) (call $maybe (i32.const 1) (local.get $one) (i32.const 1))))
      (local.set $sum (i32.add (local.get $sum) (call $many (i32.const 256))))
      (call $drop (local.get $one)) (call $drop (local.get $two))
      (local.get $sum)))
  (core instance $m (instantiate $m (with "h" (instance $h))
    (with "" (instance {_lines('(export "NAME" (func $NAME))')} (export "drop" (func $drop))))))
  (func (export "go") (param "n" u32) (result u32) (canon lift (core func $m "go"))))"""
"""Lends `LENT` its own boxes in every way: one with `n` four times, one with 7 once, and 1 and 15 beside them."""
