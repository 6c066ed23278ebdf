"""Components for tests of resources: one that has counters, and one that holds counters of another."""

from __future__ import annotations

API = "test:res/api@1.0.0"

_SIGNATURES = {
    "[constructor]counter": '(param "n" u32) (result (own $c))',
    "[method]counter.add": '(param "self" (borrow $c)) (param "n" u32) (result u32)',
    "[static]counter.merge": '(param "a" (own $c)) (param "b" (own $c)) (result (own $c))',
    "compare": '(param "a" (borrow $c)) (param "b" (borrow $c)) (result bool)',
    "live": "(result u32)",
    "fail": '(param "self" (borrow $c))',
}
_CORE = {
    "[constructor]counter": "new",
    "[method]counter.add": "add",
    "[static]counter.merge": "merge",
    "compare": "compare",
    "live": "live",
    "fail": "fail",
}


def _shim() -> str:
    taken = "\n".join(f'(import "f-{_CORE[n]}" (func ${_CORE[n]} {s}))' for n, s in _SIGNATURES.items())
    given = "\n".join(
        f'(export "{n}" (func ${_CORE[n]}) (func {s.replace("$c", "$shown")}))' for n, s in _SIGNATURES.items()
    )
    return f"""(component $shim
      (import "t" (type $c (sub resource)))
      {taken}
      (export $shown "counter" (type $c))
      {given})"""


def _lifted() -> str:
    return "\n".join(
        f'(func ${_CORE[n]} {s} (canon lift (core func $main "{_CORE[n]}")))' for n, s in _SIGNATURES.items()
    )


OWNER = f"""(component
  (core module $state
    (memory (export "memory") 1)
    (global $live (export "live") (mut i32) (i32.const 0))
    (func (export "dtor") (param i32)
      (if (i32.eq (i32.load (i32.mul (local.get 0) (i32.const 4))) (i32.const 666)) (then unreachable))
      (if (i32.eq (i32.load (i32.mul (local.get 0) (i32.const 4))) (i32.const 777)) (then (loop $on (br $on))))
      (global.set $live (i32.sub (global.get $live) (i32.const 1)))))
  (core instance $state (instantiate $state))
  (type $c (resource (rep i32) (dtor (core func $state "dtor"))))
  (core func $new (canon resource.new $c))
  (core func $rep (canon resource.rep $c))
  (core func $drop (canon resource.drop $c))
  (core module $main
    (import "state" "memory" (memory 1))
    (import "state" "live" (global $live (mut i32)))
    (import "c" "new" (func $new (param i32) (result i32)))
    (import "c" "rep" (func $rep (param i32) (result i32)))
    (import "c" "drop" (func $drop (param i32)))
    (global $made (mut i32) (i32.const 0))
    (func $value (param i32) (result i32) (i32.load (i32.mul (local.get 0) (i32.const 4))))
    (func $make (export "new") (param i32) (result i32)
      (global.set $made (i32.add (i32.rem_u (global.get $made) (i32.const 8000)) (i32.const 1)))
      (global.set $live (i32.add (global.get $live) (i32.const 1)))
      (i32.store (i32.mul (global.get $made) (i32.const 4)) (local.get 0))
      (call $new (global.get $made)))
    (func (export "add") (param i32 i32) (result i32)
      (i32.store (i32.mul (local.get 0) (i32.const 4)) (i32.add (call $value (local.get 0)) (local.get 1)))
      (call $value (local.get 0)))
    (func (export "merge") (param i32 i32) (result i32) (local $sum i32)
      (local.set $sum (i32.add (call $value (call $rep (local.get 0))) (call $value (call $rep (local.get 1)))))
      (call $drop (local.get 0)) (call $drop (local.get 1))
      (call $make (local.get $sum)))
    (func (export "compare") (param i32 i32) (result i32)
      (i32.eq (call $value (local.get 0)) (call $value (local.get 1))))
    (func (export "live") (result i32) (global.get $live))
    (func (export "fail") (param i32) unreachable))
  (core instance $main (instantiate $main
    (with "state" (instance $state))
    (with "c" (instance (export "new" (func $new)) (export "rep" (func $rep)) (export "drop" (func $drop))))))
  {_lifted()}
  {_shim()}
  (instance $api (instantiate $shim (with "t" (type $c))
    {" ".join(f'(with "f-{name}" (func ${name}))' for name in _CORE.values())}))
  (export "{API}" (instance $api)))"""
"""Exports `API`. A counter of 666 traps when it is dropped, one of 777 never ends."""


def _imported() -> str:
    inner = "\n".join(f'(export "{n}" (func {s}))' for n, s in _SIGNATURES.items())
    return f'(import "{API}" (instance $api (export "counter" (type $c (sub resource))) {inner}))'


def _lowered() -> str:
    return "\n".join(f'(core func ${_CORE[n]} (canon lower (func $api "{n}")))' for n in _SIGNATURES)


HOLDER = f"""(component
  {_imported()}
  (alias export $api "counter" (type $c))
  {_lowered()}
  (core func $drop (canon resource.drop $c))
  (core module $m
    (import "api" "new" (func $new (param i32) (result i32)))
    (import "api" "add" (func $add (param i32 i32) (result i32)))
    (import "api" "merge" (func $merge (param i32 i32) (result i32)))
    (import "api" "compare" (func $compare (param i32 i32) (result i32)))
    (import "api" "live" (func $live (result i32)))
    (import "api" "fail" (func $fail (param i32)))
    (import "api" "drop" (func $drop (param i32)))
    (func (export "make") (param i32) (result i32) (call $new (local.get 0)))
    (func (export "add") (param i32 i32) (result i32) (call $add (local.get 0) (local.get 1)))
    (func (export "merge") (param i32 i32) (result i32) (call $merge (local.get 0) (local.get 1)))
    (func (export "compare") (param i32 i32) (result i32) (call $compare (local.get 0) (local.get 1)))
    (func (export "live") (result i32) (call $live))
    (func (export "fail") (param i32) (call $fail (local.get 0)))
    (func (export "drop") (param i32) (call $drop (local.get 0)))
    (func (export "give") (param i32) (result i32) (local.get 0))
    (func (export "take") (param i32) (result i32) (local.get 0))
    (func (export "peek") (param i32) (result i32) (local $seen i32)
      (local.set $seen (call $add (local.get 0) (i32.const 0)))
      (call $drop (local.get 0)) (local.get $seen))
    (func (export "keep") (param i32))
    (func (export "hoard") (param i32) (loop $on
      (drop (call $new (i32.const 1)))
      (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
      (br_if $on (local.get 0)))))
  (core instance $m (instantiate $m (with "api" (instance
    {" ".join(f'(export "{name}" (func ${name}))' for name in (*_CORE.values(), "drop"))}))))
  (func (export "make") (param "n" u32) (result u32) (canon lift (core func $m "make")))
  (func (export "add") (param "h" u32) (param "n" u32) (result u32) (canon lift (core func $m "add")))
  (func (export "merge") (param "a" u32) (param "b" u32) (result u32) (canon lift (core func $m "merge")))
  (func (export "compare") (param "a" u32) (param "b" u32) (result bool) (canon lift (core func $m "compare")))
  (func (export "live") (result u32) (canon lift (core func $m "live")))
  (func (export "fail") (param "h" u32) (canon lift (core func $m "fail")))
  (func (export "drop") (param "h" u32) (canon lift (core func $m "drop")))
  (func (export "hoard") (param "n" u32) (canon lift (core func $m "hoard")))
  (func (export "give") (param "h" u32) (result (own $c)) (canon lift (core func $m "give")))
  (func (export "take") (param "c" (own $c)) (result u32) (canon lift (core func $m "take")))
  (func (export "peek") (param "c" (borrow $c)) (result u32) (canon lift (core func $m "peek")))
  (func (export "keep") (param "c" (borrow $c)) (canon lift (core func $m "keep"))))"""
"""Imports `API`; its exports deal in the numbers of its handles, and take and give counters themselves."""

PASSER = f"""(component
  {_imported()}
  (alias export $api "counter" (type $c))
  (import "take" (func $take (param "c" (own $c)) (result u32)))
  (import "peek" (func $peek (param "c" (borrow $c)) (result u32)))
  (import "give" (func $give (param "h" u32) (result (own $c))))
  (core func $new (canon lower (func $api "[constructor]counter")))
  (core func $add (canon lower (func $api "[method]counter.add")))
  (core func $drop (canon resource.drop $c))
  (core func $take (canon lower (func $take)))
  (core func $peek (canon lower (func $peek)))
  (core func $give (canon lower (func $give)))
  (core module $m
    (import "api" "new" (func $new (param i32) (result i32)))
    (import "api" "add" (func $add (param i32 i32) (result i32)))
    (import "api" "drop" (func $drop (param i32)))
    (import "api" "take" (func $take (param i32) (result i32)))
    (import "api" "peek" (func $peek (param i32) (result i32)))
    (import "api" "give" (func $give (param i32) (result i32)))
    (func (export "pass") (param i32) (result i32) (call $take (call $new (local.get 0))))
    (func (export "show") (param i32) (result i32) (local $h i32) (local $seen i32)
      (local.set $h (call $new (local.get 0)))
      (local.set $seen (call $peek (local.get $h)))
      (call $drop (local.get $h)) (local.get $seen))
    (func (export "fetch") (param i32) (result i32) (local $h i32) (local $seen i32)
      (local.set $h (call $give (local.get 0)))
      (local.set $seen (call $add (local.get $h) (i32.const 1)))
      (call $drop (local.get $h)) (local.get $seen)))
  (core instance $m (instantiate $m (with "api" (instance (export "new" (func $new)) (export "add" (func $add))
    (export "drop" (func $drop)) (export "take" (func $take)) (export "peek" (func $peek))
    (export "give" (func $give))))))
  (func (export "pass") (param "n" u32) (result u32) (canon lift (core func $m "pass")))
  (func (export "show") (param "n" u32) (result u32) (canon lift (core func $m "show")))
  (func (export "fetch") (param "h" u32) (result u32) (canon lift (core func $m "fetch"))))"""
"""Imports `API` and a holder's `take`, `peek` and `give`: counters pass through it."""
