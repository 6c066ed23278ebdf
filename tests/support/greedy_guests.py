"""Guests that want more than they may, as WAT. Each exports `ATTACK`: `go(n)`, harmless where `n` is 0, gives 1."""

from __future__ import annotations

ATTACK = "test:hostile/attack"
GO = f"{ATTACK}.go"
OUT = """(func $go (param "n" u32) (result u32) (canon lift (core func $i "go")))
  (instance $out (export "go" (func $go)))
  (export "test:hostile/attack" (instance $out))"""


def attacker(attack: str, more: str = "") -> str:
    """A guest of one module.

    Arguments:
        attack: instructions; local 0 is `n`.
        more: what the module has besides.
    """
    return f"""(component
      (core module $m {more}
        (func (export "go") (param i32) (result i32)
          (if (local.get 0) (then {attack}))
          (i32.const 1)))
      (core instance $i (instantiate $m))
      {OUT})"""


SPIN = "(loop $on (br $on))"
GROW = "(loop $on (br_if $on (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))"
"""Grows the module's memory as far as it goes."""
DIG = """(func $dig (param i32) (result i32)
  (i32.add (call $dig (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))"""
"""Calls itself without end."""
PING_PONG = """
  (func $ping (param i32) (result i32) (i32.add (call $pong (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))
  (func $pong (param i32) (result i32) (i32.add (call $ping (i32.add (local.get 0) (i32.const 3))) (i32.const 1)))"""
"""Two functions that call each other without end."""


def memories(count: int) -> str:
    """A guest of so many modules with a memory of a page each; `go(n)` has each grow by `n` pages, or trap."""
    instances = " ".join(f"(core instance $i{n} (instantiate $m))" for n in range(count))
    imports = " ".join(f'(import "{n}" "grow" (func $g{n} (param i32)))' for n in range(count))
    calls = " ".join(f"(call $g{n} (local.get 0))" for n in range(count))
    given = " ".join(f'(with "{n}" (instance $i{n}))' for n in range(count))
    return f"""(component
      (core module $m (memory 1)
        (func (export "grow") (param i32)
          (if (i32.eq (memory.grow (local.get 0)) (i32.const -1)) (then unreachable))
          (memory.fill (i32.const 0) (i32.const 1) (i32.mul (memory.size) (i32.const 65536)))))
      {instances}
      (core module $all {imports}
        (func (export "go") (param i32) (result i32) {calls} (i32.const 1)))
      (core instance $i (instantiate $all {given}))
      {OUT})"""


def tables(count: int, size: int = 1, most: str = "") -> str:
    """A guest of so many modules with a table each; `go(n)` gives how many of them could grow by `n`, and one."""
    instances = " ".join(f"(core instance $i{n} (instantiate $m))" for n in range(count))
    imports = " ".join(f'(import "{n}" "grow" (func $g{n} (param i32) (result i32)))' for n in range(count))
    calls = " ".join(f"(local.set 1 (i32.add (local.get 1) (call $g{n} (local.get 0))))" for n in range(count))
    given = " ".join(f'(with "{n}" (instance $i{n}))' for n in range(count))
    return f"""(component
      (core module $m (table $t {size} {most} funcref)
        (func (export "grow") (param i32) (result i32)
          (i32.ne (table.grow $t (ref.null func) (local.get 0)) (i32.const -1))))
      {instances}
      (core module $all {imports}
        (func (export "go") (param i32) (result i32) (local i32)
          (if (local.get 0) (then {calls}))
          (i32.add (local.get 1) (i32.const 1))))
      (core instance $i (instantiate $all {given}))
      {OUT})"""


CLOCK_LOOP = f"""(component
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock (export "now" (func (result u64)))))
  (core func $now (canon lower (func $clock "now")))
  (core module $m
    (import "" "now" (func $now (result i64)))
    (func (export "go") (param i32) (result i32)
      (loop $on
        (drop (call $now))
        (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
        (br_if $on (i32.gt_s (local.get 0) (i32.const 0))))
      (i32.const 1)))
  (core instance $i (instantiate $m (with "" (instance (export "now" (func $now))))))
  {OUT})"""
"""`go(n)` asks the host what time it is, `n` times, and once where `n` is 0."""

CONFIG_LOOP = f"""(component
  (type $plain (variant (case "upstream" string) (case "io" string)))
  (import "wasi:config/store@0.2.0-rc.1" (instance $store
    (alias outer 1 $plain (type $outer))
    (export "error" (type $error (eq $outer)))
    (export "get" (func (param "key" string) (result (result (option string) (error $error)))))))
  (core module $libc (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
  (core instance $libc (instantiate $libc))
  (core func $get (canon lower (func $store "get")
    (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core module $m
    (import "" "get" (func $get (param i32 i32 i32)))
    (func (export "go") (param i32) (result i32)
      (loop $on
        (call $get (i32.const 0) (i32.const 1) (i32.const 64))
        (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
        (br_if $on (i32.gt_s (local.get 0) (i32.const 0))))
      (i32.const 1)))
  (core instance $i (instantiate $m (with "" (instance (export "get" (func $get))))))
  {OUT})"""
"""`go(n)` reads a key of its configuration, `n` times, and once where `n` is 0."""

OWN_HANDLES = f"""(component
  (type $r (resource (rep i32)))
  (core func $new (canon resource.new $r))
  (core module $m
    (import "" "new" (func $new (param i32) (result i32)))
    (func (export "go") (param i32) (result i32)
      (loop $on
        (drop (call $new (i32.const 7)))
        (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
        (br_if $on (i32.gt_s (local.get 0) (i32.const 0))))
      (i32.const 1)))
  (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
  {OUT})"""
"""`go(n)` makes `n` resources of its own and drops none."""

TEXT_ATTACK = "test:hostile/text"


def text_attacker(realloc: str, post_return: str) -> str:
    """A guest of `TEXT_ATTACK`: `echo(s)`, whose allocator and post-return do that before they do their work."""
    return f"""(component
      (core module $m {DIG} (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) {realloc} (i32.const 1024))
        (func (export "done") (param i32) {post_return})
        (func (export "echo") (param i32 i32) (result i32)
          (i32.store (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1)) (i32.const 16)))
      (core instance $i (instantiate $m))
      (func $echo (param "s" string) (result string)
        (canon lift (core func $i "echo") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))
          (post-return (core func $i "done"))))
      (instance $out (export "echo" (func $echo)))
      (export "{TEXT_ATTACK}" (instance $out)))"""
