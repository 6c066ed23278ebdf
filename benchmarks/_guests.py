"""Small components, as WAT, for benchmarks: one that echoes a string, one that calls it in a loop."""

from __future__ import annotations

MEMORY = """
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))
    (func $reset (export "reset") (global.set $next (i32.const 1024)))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (loop $more
        (if (i32.gt_u (global.get $next) (i32.mul (memory.size) (i32.const 65536)))
          (then (drop (memory.grow (i32.const 16))) (br $more))))
      (local.get $at))"""
"""A memory that hands out space from its start and takes all of it back at once."""

ECHO = f"""(component
  (core module $m {MEMORY}
    (func (export "echo") (param i32 i32) (result i32)
      (i32.store (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1)) (i32.const 16))
    (func (export "post") (param i32) (call $reset)))
  (core instance $i (instantiate $m))
  (func $echo (param "text" string) (result string)
    (canon lift (core func $i "echo") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))
      (post-return (core func $i "post"))))
  (instance $echoing (export "echo" (func $echo)))
  (export "bench:hop/echoing" (instance $echoing)))"""
"""Exports `bench:hop/echoing.echo: func(text: string) -> string`."""

CALLER = f"""(component
  (import "bench:hop/echoing" (instance $back (export "echo" (func (param "text" string) (result string)))))
  (core module $libc {MEMORY})
  (core instance $libc (instantiate $libc))
  (core func $echo (canon lower (func $back "echo")
    (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core module $m
    (import "libc" "memory" (memory 1))
    (import "libc" "reset" (func $reset))
    (import "back" "echo" (func $echo (param i32 i32 i32)))
    (func (export "loop") (param i32) (result i32) (local $i i32)
      (loop $again
        (call $echo (i32.const 512) (i32.const 10) (i32.const 16)) (call $reset)
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $i) (local.get 0))))
      (local.get $i)))
  (core instance $i (instantiate $m
    (with "libc" (instance $libc)) (with "back" (instance (export "echo" (func $echo))))))
  (func $loop (param "times" u32) (result u32) (canon lift (core func $i "loop")))
  (instance $looping (export "loop" (func $loop)))
  (export "bench:hop/looping" (instance $looping)))"""
"""Imports `bench:hop/echoing`, exports `bench:hop/looping.loop: func(times: u32) -> u32`: that many calls of `echo`."""
