"""Small components as WAT for tests of whole pipelines; numbers mostly, so that each fits on a screen."""

from __future__ import annotations

NUM = "test:num/num"
SLEEP = "test:sleep/sleep"
TEXT = "test:text/text"
CHOICE = "test:choice/choice"

_HEAP = """
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 4096))
    (func $realloc (export "realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (loop $more
        (if (i32.gt_u (global.get $next) (i32.mul (memory.size) (i32.const 65536)))
          (then (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable)) (br $more))))
      (local.get $at))"""

_NUMBERS = {
    "double": "(i32.mul (local.get 0) (i32.const 2))",
    "trap": "unreachable",
    "spin": "(loop $on (br $on)) unreachable",
    "odd-traps": "(if (i32.and (local.get 0) (i32.const 1)) (then unreachable)) (local.get 0)",
    "count": "(global.set $count (i32.add (global.get $count) (local.get 0))) (global.get $count)",
    "hog": "(if (i32.eq (memory.grow (local.get 0)) (i32.const -1)) (then unreachable)) (memory.size)",
    "deep": "(call $deep (i32.add (local.get 0) (i32.const 1))) (i32.const 1) i32.add",
}
"""Of u32 to u32."""

NUMBERS = f"""(component
  (core module $m {_HEAP}
    (global $count (mut i32) (i32.const 0))
    {" ".join(f'(func ${n} (export "{n}") (param i32) (result i32) {body})' for n, body in _NUMBERS.items())}
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "maybe") (param i32 i32) (result i32)
      (if (result i32) (local.get 0) (then (local.get 1)) (else (i32.const 7))))
    (data (i32.const 256) "it is zero")
    (func (export "checked") (param i32) (result i32)
      (i32.store (i32.const 128) (i32.eqz (local.get 0)))
      (i32.store (i32.const 132) (select (i32.const 256) (local.get 0) (i32.eqz (local.get 0))))
      (i32.store (i32.const 136) (i32.const 10))
      (i32.const 128))
    (func (export "split") (param i32) (result i32)
      (i32.store (i32.const 128) (i32.div_u (local.get 0) (i32.const 10)))
      (i32.store (i32.const 132) (i32.rem_u (local.get 0) (i32.const 10)))
      (i32.const 128)))
  (core instance $i (instantiate $m))
  {" ".join(f'(func ${n} (param "n" u32) (result u32) (canon lift (core func $i "{n}")))' for n in _NUMBERS)}
  (func $add (param "a" u32) (param "b" u32) (result u32) (canon lift (core func $i "add")))
  (func $maybe (param "n" (option u32)) (result u32) (canon lift (core func $i "maybe")))
  (func $checked (param "n" u32) (result (result u32 (error string)))
    (canon lift (core func $i "checked") (memory (core memory $i "memory"))))
  (func $split (param "n" u32) (result (tuple u32 u32))
    (canon lift (core func $i "split") (memory (core memory $i "memory"))))
  (instance $num {" ".join(f'(export "{n}" (func ${n}))' for n in (*_NUMBERS, "add", "maybe", "checked", "split"))})
  (export "{NUM}" (instance $num)))"""
"""Exports `NUM`: `double`, `add`; `count` keeps a sum; `checked` answers 0 with an err; `hog` takes pages of memory."""


def relay(own: str, wanted: str = NUM, function: str = "double", times: int = 1) -> str:
    """A component whose `own.go`, u32 to u32, gives the sum of calling `function` of its import `wanted` so often."""
    return f"""(component
      (import "{wanted}" (instance $in (export "{function}" (func (param "n" u32) (result u32)))))
      (core func $f (canon lower (func $in "{function}")))
      (core module $m
        (import "in" "f" (func $f (param i32) (result i32)))
        (func (export "go") (param i32) (result i32) (local $left i32) (local $sum i32)
          (local.set $left (i32.const {times}))
          (loop $on
            (local.set $sum (i32.add (local.get $sum) (call $f (local.get 0))))
            (local.set $left (i32.sub (local.get $left) (i32.const 1)))
            (br_if $on (local.get $left)))
          (local.get $sum)))
      (core instance $i (instantiate $m (with "in" (instance (export "f" (func $f))))))
      (func $go (param "n" u32) (result u32) (canon lift (core func $i "go")))
      (instance $out (export "go" (func $go)))
      (export "{own}" (instance $out)))"""


def checker(own: str, wanted: str = NUM, function: str = "checked") -> str:
    """A component whose `own.checked` hands on what its import `wanted` answers, result<u32, string>."""
    return f"""(component
      (import "{wanted}" (instance $in
        (export "{function}" (func (param "n" u32) (result (result u32 (error string)))))))
      (core module $heap {_HEAP})
      (core instance $heap (instantiate $heap))
      (core func $f (canon lower (func $in "{function}")
        (memory (core memory $heap "memory")) (realloc (core func $heap "realloc"))))
      (core module $m
        (import "in" "f" (func $f (param i32 i32)))
        (func (export "go") (param i32) (result i32) (call $f (local.get 0) (i32.const 64)) (i32.const 64)))
      (core instance $i (instantiate $m (with "in" (instance (export "f" (func $f))))))
      (func $go (param "n" u32) (result (result u32 (error string)))
        (canon lift (core func $i "go") (memory (core memory $heap "memory"))))
      (instance $out (export "checked" (func $go)))
      (export "{own}" (instance $out)))"""


SLEEPER = f"""(component
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $pollable (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $pollable))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $outer))
    (export "pollable" (type $inner (eq $outer)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $inner))))))
  (core func $block (canon lower (func $poll "[method]pollable.block")))
  (core func $after (canon lower (func $clock "subscribe-duration")))
  (core module $m
    (import "wasi" "block" (func $block (param i32)))
    (import "wasi" "after" (func $after (param i64) (result i32)))
    (func (export "sleep") (param i32) (result i32)
      (call $block (call $after (i64.mul (i64.extend_i32_u (local.get 0)) (i64.const 1000000))))
      (local.get 0)))
  (core instance $i (instantiate $m
    (with "wasi" (instance (export "block" (func $block)) (export "after" (func $after))))))
  (func $sleep (param "n" u32) (result u32) (canon lift (core func $i "sleep")))
  (instance $out (export "sleep" (func $sleep)))
  (export "{SLEEP}" (instance $out)))"""
"""Exports `SLEEP`: `sleep` blocks in the host for `n` milliseconds."""

TEXTS = f"""(component
  (core module $m {_HEAP}
    (func (export "echo") (param i32 i32) (result i32)
      (i32.store (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1)) (i32.const 16))
    (func (export "refuse") (param i32 i32) (result i32)
      (i32.store (i32.const 16) (i32.const 1))
      (i32.store (i32.const 20) (local.get 0)) (i32.store (i32.const 24) (local.get 1)) (i32.const 16)))
  (core instance $i (instantiate $m))
  (func $echo (param "s" string) (result string)
    (canon lift (core func $i "echo") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (func $refuse (param "s" string) (result (result string (error string)))
    (canon lift (core func $i "refuse") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (instance $out (export "echo" (func $echo)) (export "refuse" (func $refuse)))
  (export "{TEXT}" (instance $out)))"""
"""Exports `TEXT`: `echo` of strings; `refuse` answers with an err that is its argument."""

TALKER = f"""(component
  (import "{TEXT}" (instance $in
    (export "echo" (func (param "s" string) (result string)))
    (export "refuse" (func (param "s" string) (result (result string (error string)))))))
  (core module $heap {_HEAP})
  (core instance $heap (instantiate $heap))
  (core func $echo (canon lower (func $in "echo")
    (memory (core memory $heap "memory")) (realloc (core func $heap "realloc"))))
  (core func $refuse (canon lower (func $in "refuse")
    (memory (core memory $heap "memory")) (realloc (core func $heap "realloc"))))
  (core module $m
    (import "in" "echo" (func $echo (param i32 i32 i32)))
    (import "in" "refuse" (func $refuse (param i32 i32 i32)))
    (func (export "echo") (param i32 i32) (result i32)
      (call $echo (local.get 0) (local.get 1) (i32.const 64)) (i32.const 64))
    (func (export "refuse") (param i32 i32) (result i32)
      (call $refuse (local.get 0) (local.get 1) (i32.const 64)) (i32.const 64)))
  (core instance $i (instantiate $m (with "in" (instance
    (export "echo" (func $echo)) (export "refuse" (func $refuse))))))
  (func $echo' (param "s" string) (result string)
    (canon lift (core func $i "echo") (memory (core memory $heap "memory")) (realloc (core func $heap "realloc"))))
  (func $refuse' (param "s" string) (result (result string (error string)))
    (canon lift (core func $i "refuse") (memory (core memory $heap "memory")) (realloc (core func $heap "realloc"))))
  (instance $out (export "echo" (func $echo')) (export "refuse" (func $refuse')))
  (export "test:talk/talk" (instance $out)))"""
"""Imports `TEXT` and exports `test:talk/talk` with the same functions, which hand on."""

_PROBLEM = '(variant (case "other") (case "denied" string))'
_PICK = '(param "n" u32) (result (result u32 (error {})))'


def _choice_shim() -> str:
    return f"""(component $shim
      (type $plain {_PROBLEM})
      (import "problem" (type $in (eq $plain)))
      (import "pick" (func $pick {_PICK.format("$in")}))
      (export $out "problem" (type $in))
      (export "pick" (func $pick) (func {_PICK.format("$out")})))"""


CHOOSER = f"""(component
  (type $problem {_PROBLEM})
  (core module $m {_HEAP}
    (func (export "pick") (param i32) (result i32)
      (i32.store (i32.const 64) (i32.eqz (local.get 0)))
      (i32.store (i32.const 68) (local.get 0))
      (i32.const 64)))
  (core instance $i (instantiate $m))
  (func $pick {_PICK.format("$problem")} (canon lift (core func $i "pick") (memory (core memory $i "memory"))))
  {_choice_shim()}
  (instance $out (instantiate $shim (with "problem" (type $problem)) (with "pick" (func $pick))))
  (export "{CHOICE}" (instance $out)))"""
"""Exports `CHOICE`: `pick` answers 0 with the err `other`, which can also be `denied(string)`."""

CHOICE_USER = f"""(component
  (type $plain {_PROBLEM})
  (import "{CHOICE}" (instance $in
    (alias outer 1 $plain (type $outer))
    (export "problem" (type $problem (eq $outer)))
    (export "pick" (func {_PICK.format("$problem")}))))
  (core module $heap {_HEAP})
  (core instance $heap (instantiate $heap))
  (core func $pick (canon lower (func $in "pick")
    (memory (core memory $heap "memory")) (realloc (core func $heap "realloc"))))
  (core module $m
    (import "in" "pick" (func $pick (param i32 i32)))
    (import "heap" "memory" (memory 1))
    (func (export "go") (param i32) (result i32)
      (call $pick (local.get 0) (i32.const 64))
      (if (i32.eqz (i32.load (i32.const 64))) (then (return (i32.load (i32.const 68)))))
      (if (i32.eqz (i32.load8_u (i32.const 68))) (then (return (i32.const 1000))))
      (i32.add (i32.const 2000) (i32.load (i32.const 76)))))
  (core instance $i (instantiate $m
    (with "in" (instance (export "pick" (func $pick)))) (with "heap" (instance $heap))))
  (func $go (param "n" u32) (result u32) (canon lift (core func $i "go")))
  (instance $out (export "go" (func $go)))
  (export "test:user/user" (instance $out)))"""
"""`go` gives what `pick` gives, 1000 for the err `other`, 2000 and the length of its text for `denied`."""

AGENT = "test:agent/agent"
_TOOL = '(record (field "name" string) (field "description" string) (field "schema" string))'
_CASES = ("denied", "not-found", "invalid-arguments", "failed")
_TOOL_ERROR = f"(variant {' '.join(f'(case {chr(34)}{case}{chr(34)} string)' for case in _CASES)})"


def _tools_shim() -> str:
    return f"""(component $shim
      (type $t {_TOOL}) (type $e {_TOOL_ERROR})
      (import "tool" (type $ti (eq $t)))
      (import "tool-error" (type $ei (eq $e)))
      (import "list" (func $list (result (list $ti))))
      (import "call" (func $call (param "name" string) (param "arguments" string) (result (result string (error $ei)))))
      (export $to "tool" (type $ti))
      (export $eo "tool-error" (type $ei))
      (export "list" (func $list) (func (result (list $to))))
      (export "call" (func $call)
        (func (param "name" string) (param "arguments" string) (result (result string (error $eo))))))"""


TOOL_USER = f"""(component
  (type $t {_TOOL}) (type $e {_TOOL_ERROR})
  (import "agent:core/tools@0.1.0" (instance $in
    (alias outer 1 $t (type $ot)) (alias outer 1 $e (type $oe))
    (export "tool" (type $tool (eq $ot)))
    (export "tool-error" (type $error (eq $oe)))
    (export "list" (func (result (list $tool))))
    (export "call" (func (param "name" string) (param "arguments" string) (result (result string (error $error)))))))
  (alias export $in "tool" (type $tool))
  (alias export $in "tool-error" (type $error))
  (core module $heap {_HEAP})
  (core instance $heap (instantiate $heap))
  (core func $list (canon lower (func $in "list")
    (memory (core memory $heap "memory")) (realloc (core func $heap "realloc"))))
  (core func $call (canon lower (func $in "call")
    (memory (core memory $heap "memory")) (realloc (core func $heap "realloc"))))
  (core module $m
    (import "in" "list" (func $list (param i32)))
    (import "in" "call" (func $call (param i32 i32 i32 i32 i32)))
    (func (export "list") (result i32) (call $list (i32.const 64)) (i32.const 64))
    (func (export "call") (param i32 i32 i32 i32) (result i32)
      (call $call (local.get 0) (local.get 1) (local.get 2) (local.get 3) (i32.const 64)) (i32.const 64)))
  (core instance $i (instantiate $m (with "in" (instance
    (export "list" (func $list)) (export "call" (func $call))))))
  (func $list' (result (list $tool)) (canon lift (core func $i "list")
    (memory (core memory $heap "memory")) (realloc (core func $heap "realloc"))))
  (func $call' (param "name" string) (param "arguments" string) (result (result string (error $error)))
    (canon lift (core func $i "call") (memory (core memory $heap "memory")) (realloc (core func $heap "realloc"))))
  {_tools_shim()}
  (instance $out (instantiate $shim (with "tool" (type $tool)) (with "tool-error" (type $error))
    (with "list" (func $list')) (with "call" (func $call'))))
  (export "{AGENT}" (instance $out)))"""
"""Imports `agent:core/tools`, and exports its functions as those of `AGENT`."""
