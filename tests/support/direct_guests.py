"""Components as WAT whose lists the host lays out itself, in each form that leads to a core function; some that lie."""

from __future__ import annotations

BODY = """
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (loop $more
        (if (i32.gt_u (global.get $next) (i32.mul (memory.size) (i32.const 65536)))
          (then (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable)) (br $more))))
      (local.get $at))
    (func (export "echo") (param i32 i32) (result i32)
      (i32.store (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1)) (i32.const 16))
    (func (export "post") (param i32) (global.set $next (i32.const 1024)))"""
"""A core module's body: `echo` gives its list back; `post` frees everything."""
MODULE = f"(core module $m {BODY}) (core instance $i (instantiate $m))"
OPTIONS = '(memory (core memory $i "memory")) (realloc (core func $i "realloc")) (post-return (core func $i "post"))'
SIGNATURE = '(param "x" (list u8)) (result (list u8))'
LIFTED = f'{SIGNATURE} (canon lift (core func $i "echo") {OPTIONS})'
MIRROR = f"""(component $mirror
      (import "import-func-echo" (func $f {SIGNATURE}))
      (export "echo" (func $f)))"""

OWN = f'(component {MODULE} (func (export "echo") {LIFTED}))'
LISTED = f"""(component {MODULE} (func $echo {LIFTED})
  (instance $api (export "echo" (func $echo))) (export "test:direct/api" (instance $api)))"""
MIRRORED = f"""(component {MODULE} (func $echo {LIFTED}) {MIRROR}
  (instance $api (instantiate $mirror (with "import-func-echo" (func $echo))))
  (export "test:direct/api" (instance $api)))"""
ALIASED = f"""(component {MODULE} (func $echo {LIFTED}) {MIRROR}
  (instance $api (instantiate $mirror (with "import-func-echo" (func $echo))))
  (alias export $api "echo" (func $again)) (instance $out (export "echo" (func $again)))
  (export "test:direct/api" (instance $out)))"""
BAGGED = f"""(component {MODULE}
  (core instance $bag (export "heap" (memory $i "memory")))
  (func (export "echo") {SIGNATURE} (canon lift (core func $i "echo")
    (memory (core memory $bag "heap")) (realloc (core func $i "realloc")) (post-return (core func $i "post")))))"""


def counting(body: str = "", realloc: str = "(global.get $room)") -> str:
    """A component that counts the calls of its realloc and its post-return, and what the latter got.

    Arguments:
        body: more of the core module.
        realloc: what the realloc gives; `$room` is a global, 1024 at first.
    """
    memory = '(memory (core memory $i "memory"))'
    alloc = f'{memory} (realloc (core func $i "realloc"))'
    return f"""(component
  (core module $m {body}
    (memory (export "memory") 1)
    (global $room (mut i32) (i32.const 1024)) (global $reallocs (mut i32) (i32.const 0))
    (global $posts (mut i32) (i32.const 0)) (global $last (mut i32) (i32.const 0))
    (func (export "realloc") (param $old i32) (param $had i32) (param $align i32) (param $size i32) (result i32)
      (global.set $reallocs (i32.add (global.get $reallocs) (i32.const 1)))
      {realloc})
    (func (export "echo") (param i32 i32) (result i32)
      (i32.store (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1)) (i32.const 16))
    (func (export "length") (param i32 i32) (result i32) (local.get 1))
    (func (export "at") (param i32) (result i32)
      (i32.store (i32.const 16) (i32.const 32)) (i32.store (i32.const 20) (i32.const 3)) (local.get 0))
    (func (export "span") (param i32 i32) (result i32)
      (i32.store (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1)) (i32.const 16))
    (func (export "post") (param i32)
      (global.set $posts (i32.add (global.get $posts) (i32.const 1))) (global.set $last (local.get 0)))
    (func (export "reallocs") (result i32) (global.get $reallocs))
    (func (export "posts") (result i32) (global.get $posts))
    (func (export "last") (result i32) (global.get $last))
    (func (export "pages") (result i32) (memory.size)))
  (core instance $i (instantiate $m))
  (func (export "echo") (param "x" (list u8)) (result (list u8))
    (canon lift (core func $i "echo") {alloc} (post-return (core func $i "post"))))
  (func (export "wide") (param "x" (list u64)) (result (list u64))
    (canon lift (core func $i "echo") {alloc} (post-return (core func $i "post"))))
  (func (export "length") (param "x" (list f32)) (result u32)
    (canon lift (core func $i "length") {alloc} (post-return (core func $i "post"))))
  (func (export "at") (param "x" u32) (result (list u8)) (canon lift (core func $i "at") {memory}))
  (func (export "span") (param "start" u32) (param "count" u32) (result (list u32))
    (canon lift (core func $i "span") {memory}))
  (func (export "reallocs") (result u32) (canon lift (core func $i "reallocs")))
  (func (export "posts") (result u32) (canon lift (core func $i "posts")))
  (func (export "last") (result u32) (canon lift (core func $i "last")))
  (func (export "pages") (result u32) (canon lift (core func $i "pages"))))"""
