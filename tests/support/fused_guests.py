"""Small components for tests of fusing, as WAT."""

from __future__ import annotations

from tests.support.parts import TEXT
from tests.support.resource_guests import API
from tests.support.wat import MEMORY

ADDER = """(component
  (import "left" (func $left (result u32)))
  (import "right" (func $right (result u32)))
  (core func $left' (canon lower (func $left)))
  (core func $right' (canon lower (func $right)))
  (core module $m
    (import "" "left" (func $left (result i32)))
    (import "" "right" (func $right (result i32)))
    (func (export "sum") (result i32) (i32.add (call $left) (call $right))))
  (core instance $m (instantiate $m (with "" (instance (export "left" (func $left')) (export "right" (func $right'))))))
  (func (export "sum") (result u32) (canon lift (core func $m "sum"))))"""
"""Imports `left` and `right`; `sum` calls both."""

BOXES = """(component
  (type $box (resource (rep i32)))
  (core module $m
    (func (export "weigh") (param i32) (result i32) (local.get 0))
    (func (export "both") (param i32 i32 i32) (result i32)
      (i32.add (local.get 0) (i32.add (local.get 1) (local.get 2)))))
  (core instance $i (instantiate $m))
  (core func $new (canon resource.new $box))
  (core module $n (import "" "new" (func $new (param i32) (result i32)))
    (func (export "new") (param i32) (result i32) (call $new (local.get 0))))
  (core instance $n (instantiate $n (with "" (instance (export "new" (func $new))))))
  (type $pair (record (field "n" u32) (field "box" (borrow $box))))
  (func $make (param "n" u32) (result (own $box)) (canon lift (core func $n "new")))
  (func $both (param "pair" $pair) (param "other" (borrow $box)) (result u32) (canon lift (core func $i "both")))
  (component $shim
    (import "box" (type $b (sub resource)))
    (type $p' (record (field "n" u32) (field "box" (borrow $b))))
    (import "pair" (type $p (eq $p')))
    (import "make" (func $make (param "n" u32) (result (own $b))))
    (import "both" (func $both (param "pair" $p) (param "other" (borrow $b)) (result u32)))
    (export $b2 "box" (type $b))
    (type $p2' (record (field "n" u32) (field "box" (borrow $b2))))
    (export $p2 "pair" (type $p2'))
    (export "[constructor]box" (func $make) (func (param "n" u32) (result (own $b2))))
    (export "both" (func $both) (func (param "pair" $p2) (param "other" (borrow $b2)) (result u32))))
  (instance $api (instantiate $shim (with "box" (type $box)) (with "pair" (type $pair))
    (with "make" (func $make)) (with "both" (func $both))))
  (export $shown "test:box/api" (instance $api))
  (alias export $shown "box" (type $shown-box))
  (func $weigh (param "b" (borrow $box)) (result u32) (canon lift (core func $i "weigh")))
  (component $more
    (import "box" (type $b (sub resource)))
    (import "weigh" (func $weigh (param "b" (borrow $b)) (result u32)))
    (export $b2 "box" (type $b))
    (export "weigh" (func $weigh) (func (param "b" (borrow $b2)) (result u32))))
  (instance $more (instantiate $more (with "box" (type $shown-box)) (with "weigh" (func $weigh))))
  (export "test:box/more" (instance $more)))"""
"""Exports an interface to which handles are lent inside a record, and one that uses its resource."""

BOXER = """(component
  (import "test:box/api" (instance $api
    (export "box" (type $b (sub resource)))
    (type $p' (record (field "n" u32) (field "box" (borrow $b)))) (export "pair" (type $p (eq $p')))
    (export "[constructor]box" (func (param "n" u32) (result (own $b))))
    (export "both" (func (param "pair" $p) (param "other" (borrow $b)) (result u32)))))
  (core func $make (canon lower (func $api "[constructor]box")))
  (core func $both (canon lower (func $api "both")))
  (core module $m
    (import "" "make" (func $make (param i32) (result i32)))
    (import "" "both" (func $both (param i32 i32 i32) (result i32)))
    (func (export "go") (param i32) (result i32)
      (call $both (local.get 0) (call $make (i32.const 20)) (call $make (i32.const 3)))))
  (core instance $m (instantiate $m (with "" (instance (export "make" (func $make)) (export "both" (func $both))))))
  (func (export "go") (param "n" u32) (result u32) (canon lift (core func $m "go"))))"""
"""Calls what `BOXES` exports."""

LOOPER = f"""(component
  (import "{TEXT}" (instance $in (export "echo" (func (param "s" string) (result string)))))
  (core module $heap {MEMORY})
  (core instance $heap (instantiate $heap))
  (core func $echo (canon lower (func $in "echo")
    (memory (core memory $heap "memory")) (realloc (core func $heap "realloc"))))
  (core module $m
    (import "heap" "memory" (memory 1)) (import "heap" "reset" (func $reset))
    (import "in" "echo" (func $echo (param i32 i32 i32)))
    (func (export "echo") (param i32 i32) (result i32) (local $i i32)
      (memory.copy (i32.const 40000) (local.get 0) (local.get 1))
      (loop $again
        (call $reset)
        (call $echo (i32.const 40000) (local.get 1) (i32.const 64))
        (br_if $again (i32.lt_u
          (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 100))))
      (i32.const 64)))
  (core instance $i (instantiate $m (with "heap" (instance $heap)) (with "in" (instance (export "echo" (func $echo))))))
  (func $echo' (param "s" string) (result string)
    (canon lift (core func $i "echo") (memory (core memory $heap "memory")) (realloc (core func $heap "realloc"))))
  (instance $out (export "echo" (func $echo')))
  (export "test:talk/talk" (instance $out)))"""
"""Calls what it imports a hundred times for each call."""

STREAMS = """(component
  (import "wasi:io/error@0.2.0" (instance $error (export "error" (type (sub resource)))))
  (alias export $error "error" (type $error))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (export "output-stream" (type (sub resource)))))
  (alias export $streams "output-stream" (type $out))
  (import "wasi:cli/stdout@0.2.0" (instance
    (alias outer 1 $out (type $o)) (export "output-stream" (type $os (eq $o)))
    (export "get-stdout" (func (result (own $os)))))))"""
"""Asks WASI for streams."""

POLLS = """(component
  (import "wasi:io/poll@0.2.0" (instance $poll (export "pollable" (type (sub resource)))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (alias outer 1 $pollable (type $p)) (export "pollable" (type $ps (eq $p)))
    (export "output-stream" (type $o (sub resource)))
    (export "[method]output-stream.subscribe" (func (param "self" (borrow $o)) (result (own $ps))))))
  (alias export $streams "output-stream" (type $out))
  (import "wasi:cli/stdout@0.2.1" (instance $stdout
    (alias outer 1 $out (type $o)) (export "output-stream" (type $os (eq $o)))
    (export "get-stdout" (func (result (own $os))))))
  (core func $get (canon lower (func $stdout "get-stdout")))
  (core module $m (import "" "get" (func $get (result i32))) (func (export "go") (result i32) (call $get)))
  (core instance $m (instantiate $m (with "" (instance (export "get" (func $get))))))
  (func (export "go") (result u32) (canon lift (core func $m "go"))))"""
"""Asks WASI for streams with their pollables, and for another version of its output."""

USERS = f"""(component
  (import "{API}" (instance $api (export "counter" (type $c (sub resource)))))
  (alias export $api "counter" (type $c))
  (import "test:res/users" (instance
    (alias outer 1 $c (type $c')) (export "counter" (type $u (eq $c')))
    (export "use" (func (param "c" (borrow $u)) (param "n" (list u8)))))))"""
"""Imports an interface that uses the resource of another."""

WEIGHER = """(component
  (import "test:box/api" (instance $api
    (export "box" (type $b (sub resource))) (export "[constructor]box" (func (param "n" u32) (result (own $b))))))
  (alias export $api "box" (type $b))
  (import "test:box/more" (instance $more
    (alias outer 1 $b (type $b')) (export "box" (type $c (eq $b')))
    (export "weigh" (func (param "b" (borrow $c)) (result u32)))))
  (core func $make (canon lower (func $api "[constructor]box")))
  (core func $weigh (canon lower (func $more "weigh")))
  (core module $m
    (import "" "make" (func $make (param i32) (result i32)))
    (import "" "weigh" (func $weigh (param i32) (result i32)))
    (func (export "go") (param i32) (result i32) (call $weigh (call $make (local.get 0)))))
  (core instance $m (instantiate $m (with "" (instance (export "make" (func $make)) (export "weigh" (func $weigh))))))
  (func (export "go") (param "n" u32) (result u32) (canon lift (core func $m "go"))))"""
"""Makes a box by one interface of `BOXES` and lends it to the other."""
