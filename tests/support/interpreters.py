"""Interpreters of a language of one-letter commands, as WAT: what tests of sandboxes run, without a toolchain.

A snippet is a letter and a text:

    v TEXT    TEXT is the value             e TEXT    raised, with TEXT as its message
    p TEXT    TEXT is printed               s, i, r, d TEXT    invalid-source, -input, -result, denied
    j         the first input is the value  x TEXT    calls the tool `it` with TEXT as its arguments
    n         counts, in memory and in a global: the value is the two digits, of at most 9 calls
    g         its memory grows by a page; the value is how many there are
    R         how often it was reseeded
    t         it traps                      l         it never ends

Whatever else it is has no value, and leaves no trace.
"""

from __future__ import annotations

from tests.support.wat import MEMORY

_OUTCOME = '(record (field "value" string) (field "printed" string) (field "cut" bool) (field "calls" u32))'
_FAILURE = '(record (field "message" string) (field "traceback" string) (field "printed" string))'
_INPUT = '(record (field "name" string) (field "value" string))'
_CASES = ("denied", "invalid-source", "invalid-input", "raised", "invalid-result")
_LETTERS = {"d": 0, "s": 1, "i": 2, "r": 4}
_TOOL = '(record (field "name" string) (field "description" string) (field "schema" string))'
_TOOL_ERROR = (
    '(variant (case "denied" string) (case "not-found" string) (case "invalid-arguments" string) '
    '(case "failed" string))'
)

_TOOLS = f"""
  (type $t {_TOOL}) (type $e {_TOOL_ERROR})
  (import "agent:core/tools@0.1.0" (instance $in
    (alias outer 1 $t (type $ot)) (alias outer 1 $e (type $oe))
    (export "tool" (type $tool (eq $ot)))
    (export "tool-error" (type $error (eq $oe)))
    (export "list" (func (result (list $tool))))
    (export "call" (func (param "name" string) (param "arguments" string) (result (result string (error $error)))))))
  (core func $call (canon lower (func $in "call")
    (memory (core memory $heap "memory")) (realloc (core func $heap "realloc"))))"""

_CALL = """
    (call $call (i32.const 27) (i32.const 2) (local.get $rest) (local.get $left) (i32.const 96))
    (if (i32.load8_u (i32.const 96))
      (then (call $text (i32.const 76) (i32.load offset=8 (i32.const 96)) (i32.load offset=12 (i32.const 96))))
      (else (call $text (i32.const 68) (i32.load offset=4 (i32.const 96)) (i32.load offset=8 (i32.const 96)))))
    (i32.store (i32.const 88) (i32.const 1))"""
"""What the tool gives is the value; of its error the text is printed."""


def _codes(failure: str) -> str:
    return " ".join(f'(case "{case}" {failure if case == "raised" else "string"})' for case in _CASES)


def interpreter(*, tools: bool = False, fresh: bool = False, reseed: bool = False) -> str:
    """A component that exports `agent:code/interpreter`.

    Arguments:
        tools: whether it imports `agent:core/tools`; then `x` calls one.
        fresh: whether it does what nobody can take back, so that only fresh instances are clean.
        reseed: whether it exports `agent:code/reseed`.
    """
    return f"""(component
  (core module $heap {MEMORY})
  (core instance $heap (instantiate $heap))
  {_TOOLS if tools else ""}
  (core module $m
    {'(import "in" "call" (func $call (param i32 i32 i32 i32 i32)))' if tools else ""}
    (import "heap" "memory" (memory 1))
    (import "heap" "reset" (func $reset))
    (data (i32.const 8) "nullat line 1beforeit")
    (table 1 funcref)
    (global $count (mut i32) (i32.const 0))
    (global $seeds (mut i32) (i32.const 0))
    (func $text (param $place i32) (param $at i32) (param $length i32)
      (i32.store (local.get $place) (local.get $at))
      (i32.store offset=4 (local.get $place) (local.get $length)))
    (func $digit (param $at i32) (param $number i32)
      (i32.store8 (local.get $at) (i32.add (i32.const 48) (local.get $number))))
    (func $failed (param $case i32) (param $at i32) (param $length i32)
      (i32.store (i32.const 64) (i32.const 1))
      (i32.store (i32.const 68) (local.get $case))
      (call $text (i32.const 72) (local.get $at) (local.get $length)))
    (func (export "reseed") (global.set $seeds (i32.add (global.get $seeds) (i32.const 1))))
    (func (export "post") (param i32) (call $reset))
    (func (export "run") (param $source i32) (param $length i32) (param $inputs i32) (param $many i32) (result i32)
      (local $letter i32) (local $rest i32) (local $left i32)
      (memory.fill (i32.const 64) (i32.const 0) (i32.const 64))
      (call $text (i32.const 68) (i32.const 8) (i32.const 4))
      (if (i32.eqz (local.get $length)) (then (return (i32.const 64))))
      (local.set $letter (i32.load8_u (local.get $source)))
      (local.set $rest (i32.add (local.get $source) (i32.const 2)))
      (local.set $left (i32.sub (local.get $length) (i32.const 2)))
      {"(table.set (i32.const 0) (ref.null func))" if fresh else ""}
      {_commands(tools)}
      (i32.const 64)))
  (core instance $i (instantiate $m (with "heap" (instance $heap))
    {'(with "in" (instance (export "call" (func $call))))' if tools else ""}))
  (type $input {_INPUT}) (type $outcome {_OUTCOME}) (type $failure {_FAILURE})
  (type $code-error (variant {_codes("$failure")}))
  (func $run (param "source" string) (param "inputs" (list $input)) (result (result $outcome (error $code-error)))
    (canon lift (core func $i "run") (memory (core memory $heap "memory")) (realloc (core func $heap "realloc"))
      (post-return (core func $i "post"))))
  {_SHIM}
  (instance $out (instantiate $shim (with "input" (type $input)) (with "outcome" (type $outcome))
    (with "failure" (type $failure)) (with "code-error" (type $code-error)) (with "run" (func $run))))
  (export "agent:code/interpreter@0.1.0" (instance $out))
  {_RESEED if reseed else ""})"""


_SHIM = f"""(component $shim
    (type $i {_INPUT}) (type $o {_OUTCOME}) (type $f {_FAILURE})
    (import "input" (type $ii (eq $i)))
    (import "outcome" (type $oi (eq $o)))
    (import "failure" (type $fi (eq $f)))
    (type $e (variant {_codes("$fi")}))
    (import "code-error" (type $ei (eq $e)))
    (import "run" (func $run (param "source" string) (param "inputs" (list $ii)) (result (result $oi (error $ei)))))
    (export $ie "input" (type $ii))
    (export $oe "outcome" (type $oi))
    (export $fe "failure" (type $fi))
    (type $x (variant {_codes("$fe")}))
    (export $ee "code-error" (type $x))
    (export "run" (func $run)
      (func (param "source" string) (param "inputs" (list $ie)) (result (result $oe (error $ee))))))"""

_RESEED = """(func $reseed (canon lift (core func $i "reseed")))
  (instance $seeding (export "reseed" (func $reseed)))
  (export "agent:code/reseed@0.1.0" (instance $seeding))"""


def _commands(tools: bool) -> str:
    failed = {letter: f"(call $failed (i32.const {case}) (local.get $rest) (local.get $left))"
              for letter, case in _LETTERS.items()}  # fmt: skip
    bodies = failed | {
        "v": "(call $text (i32.const 68) (local.get $rest) (local.get $left))",
        "p": "(call $text (i32.const 76) (local.get $rest) (local.get $left))",
        "j": "(call $text (i32.const 68) (i32.load offset=8 (local.get $inputs)) "
        "(i32.load offset=12 (local.get $inputs)))",
        "e": "(call $failed (i32.const 3) (local.get $rest) (local.get $left))"
        "(call $text (i32.const 80) (i32.const 12) (i32.const 9))"
        "(call $text (i32.const 88) (i32.const 21) (i32.const 6))",
        "n": "(i32.store (i32.const 40) (i32.add (i32.load (i32.const 40)) (i32.const 1)))"
        "(global.set $count (i32.add (global.get $count) (i32.const 1)))"
        "(call $digit (i32.const 48) (i32.load (i32.const 40)))"
        "(call $digit (i32.const 49) (global.get $count))"
        "(call $text (i32.const 68) (i32.const 48) (i32.const 2))",
        "g": "(drop (memory.grow (i32.const 1))) (call $digit (i32.const 48) (memory.size))"
        "(call $text (i32.const 68) (i32.const 48) (i32.const 1))",
        "R": "(call $digit (i32.const 48) (global.get $seeds))"
        "(call $text (i32.const 68) (i32.const 48) (i32.const 1))",
        "t": "unreachable",
        "l": "(loop $l (br $l))",
    }  # fmt: skip
    bodies |= {"x": _CALL} if tools else {}
    return "\n      ".join(
        f"(if (i32.eq (local.get $letter) (i32.const {ord(letter)})) (then {body}))" for letter, body in bodies.items()
    )
