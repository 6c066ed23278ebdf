"""Detectors as WAT, without a toolchain: what they say depends on a word in the JSON that they are shown."""

from __future__ import annotations

from tests.support.parts import _HEAP

_VERDICT = '(record (field "clean" bool) (field "reason" string))'
_ERROR = '(variant (case "denied" string) (case "invalid-value" string) (case "failed" string))'
_RESULT = '(param "value" string) (result (result {} (error {})))'
_WORDS = ("bad", "trap", "spin", "broken", "twice")


def _shim() -> str:
    return f"""(component $shim
      (type $v {_VERDICT}) (type $e {_ERROR})
      (import "verdict" (type $vi (eq $v)))
      (import "detector-error" (type $ei (eq $e)))
      (import "detect" (func $detect {_RESULT.format("$vi", "$ei")}))
      (export $vo "verdict" (type $vi))
      (export $eo "detector-error" (type $ei))
      (export "detect" (func $detect) (func {_RESULT.format("$vo", "$eo")})))"""


def _has(word: str) -> str:
    at = 256 + 16 * _WORDS.index(word)
    return f"(call $has (local.get 0) (local.get 1) (i32.const {at}) (i32.const {len(word)}))"


DETECTOR = f"""(component
  (type $verdict {_VERDICT}) (type $error {_ERROR})
  (core module $m {_HEAP}
    {" ".join(f'(data (i32.const {256 + 16 * at}) "{word}")' for at, word in enumerate(_WORDS))}
    (global $asked (mut i32) (i32.const 0))
    (func $is (param $a i32) (param $b i32) (param $n i32) (result i32)
      (loop $on
        (if (i32.eqz (local.get $n)) (then (return (i32.const 1))))
        (if (i32.ne (i32.load8_u (local.get $a)) (i32.load8_u (local.get $b))) (then (return (i32.const 0))))
        (local.set $a (i32.add (local.get $a) (i32.const 1)))
        (local.set $b (i32.add (local.get $b) (i32.const 1)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br $on))
      unreachable)
    (func $has (param $text i32) (param $size i32) (param $word i32) (param $n i32) (result i32)
      (loop $on
        (if (i32.lt_u (local.get $size) (local.get $n)) (then (return (i32.const 0))))
        (if (call $is (local.get $text) (local.get $word) (local.get $n)) (then (return (i32.const 1))))
        (local.set $text (i32.add (local.get $text) (i32.const 1)))
        (local.set $size (i32.sub (local.get $size) (i32.const 1)))
        (br $on))
      unreachable)
    (func (export "detect") (param i32 i32) (result i32)
      (global.set $asked (i32.add (global.get $asked) (i32.const 1)))
      (if {_has("trap")} (then unreachable))
      (if {_has("spin")} (then (loop $on (br $on))))
      (i32.store (i32.const 64) {_has("broken")})
      (i32.store (i32.const 68) (i32.eqz (i32.or {_has("bad")}
        (i32.and {_has("twice")} (i32.gt_u (global.get $asked) (i32.const 1))))))
      (i32.store (i32.const 72) (local.get 0))
      (i32.store (i32.const 76) (local.get 1))
      (if {_has("broken")} (then
        (i32.store (i32.const 68) (i32.const 2))))
      (i32.const 64)))
  (core instance $i (instantiate $m))
  (func $detect {_RESULT.format("$verdict", "$error")}
    (canon lift (core func $i "detect") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  {_shim()}
  (instance $out (instantiate $shim (with "verdict" (type $verdict)) (with "detector-error" (type $error))
    (with "detect" (func $detect))))
  (export "agent:core/detector@0.1.0" (instance $out)))"""
"""Exports `agent:core/detector`: finds `bad`, for the whole of its value as a reason; `twice` from the second time on.

Traps at `trap`, never ends at `spin`, and answers `broken` with the err `failed`, of its value again.
"""
