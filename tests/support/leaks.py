"""Ways in which a guest tries to carry one bit across a revert: components that set something, and look for it later.

Each exports `set`, which leaves a trace, and `get`, which tells whether there is one. What `get` says after `set` is
something else than before it: that is how a test knows that the attack is one.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.keeping import component, one_module


@dataclass(frozen=True)
class Attack:
    """A way.

    Arguments:
        text: the component.
        way: how it has to be taken back.
        reason: why only a fresh instance will do, or a part of it.
    """

    text: str
    way: str
    reason: str = ""


def _memory(where: str, size: str = "1", index: str = "i32", more: str = "") -> Attack:
    body = f"""(memory {index if index == "i64" else ""} {size}) {more}
      (func (export "set") (param i32) (result i32) (i32.store8 ({index}.const {where}) (local.get 0)) (i32.const 0))
      (func (export "get") (result i32) (i32.load8_u ({index}.const {where})))"""
    return Attack(one_module(body), "proven")


def _global(type_: str, first: str, make: str, tell: str) -> Attack:
    """A global of a type: `make` makes a value of it from the parameter, `tell` a number of the global."""
    body = f"""(global $g (mut {type_}) ({type_}.const {first}))
      (func (export "set") (param i32) (result i32) (global.set $g {make}) (i32.const 0))
      (func (export "get") (result i32) {tell.replace("$$", "(global.get $g)")})"""
    return Attack(one_module(body), "instrumented")


_GROWN = """(memory 1 64)
  (func (export "set") (param i32) (result i32) (local $at i32)
    (local.set $at (i32.mul (i32.const 65536) (memory.grow (i32.const 2))))
    (i32.store8 offset=70000 (local.get $at) (local.get 0)) (i32.const 0))
  (func (export "get") (result i32) {get})"""
_TABLE = """(memory 1) (table $t {size} {most} funcref) (type $f (func (result i32)))
  (func $one (result i32) (i32.const 1)) (func $two (result i32) (i32.const 2))
  (elem (table $t) (i32.const 0) func $one $two) (elem $e func $two $two) (elem declare func $one $two)
  (func (export "set") (param i32) (result i32) {set} (i32.const 0))
  (func (export "get") (result i32) {get})"""
_FIRST = "(call_indirect $t (type $f) (i32.const 0))"


def _table(do: str, reason: str, get: str = _FIRST) -> Attack:
    return Attack(one_module(_TABLE.format(size=2, most=9, set=do, get=get)), "fresh", reason)


def _stateful(body: str, way: str, reason: str = "") -> Attack:
    return Attack(one_module(body), way, reason)


_SHARED_GLOBAL = """
  (core module $a (global (export "g") (mut i32) (i32.const 0)))
  (core module $b (import "a" "g" (global $g (mut i32)))
    (func (export "set") (param i32) (result i32) (global.set $g (local.get 0)) (i32.const 0)))
  (core module $c (import "a" "g" (global $g (mut i32))) (import "b" "set" (func $set (param i32) (result i32)))
    (func (export "set") (param i32) (result i32) (call $set (local.get 0)))
    (func (export "get") (result i32) (global.get $g)))
  (core instance $a (instantiate $a))
  (core instance $b (instantiate $b (with "a" (instance $a))))
  (core instance $i (instantiate $c (with "a" (instance $a)) (with "b" (instance $b))))"""
_TWO_OF_ONE = """
  (core module $m (memory 1) (global $g (mut i32) (i32.const 0))
    (func (export "set") (param i32) (result i32)
      (i32.store (i32.const 9) (local.get 0)) (global.set $g (local.get 0)) (i32.const 0))
    (func (export "get") (result i32) (i32.add (global.get $g) (i32.load (i32.const 9)))))
  (core instance $one (instantiate $m)) (core instance $two (instantiate $m))
  (core module $f
    (import "one" "set" (func $1 (param i32) (result i32))) (import "two" "set" (func $2 (param i32) (result i32)))
    (import "one" "get" (func $3 (result i32))) (import "two" "get" (func $4 (result i32)))
    (func (export "set") (param i32) (result i32)
      (drop (call $1 (i32.mul (local.get 0) (i32.const 100)))) (call $2 (local.get 0)))
    (func (export "get") (result i32) (i32.add (call $3) (call $4))))
  (core instance $i (instantiate $f (with "one" (instance $one)) (with "two" (instance $two))))"""
_SHARED_MEMORY_OF_TWO = """
  (core module $a (memory (export "m") 1 9))
  (core module $b (import "a" "m" (memory 1))
    (func (export "set") (param i32) (result i32)
      (drop (memory.grow (i32.const 1))) (i32.store (i32.const 66000) (local.get 0)) (i32.const 0))
    (func (export "get") (result i32) (memory.size)))
  (core instance $a (instantiate $a)) (core instance $i (instantiate $b (with "a" (instance $a))))"""
_OWN_RESOURCE = """(type $r (resource (rep i32)))
  (core func $new (canon resource.new $r)) (core func $drop (canon resource.drop $r))"""
_OWN_HANDLES = component(
    """(core module $m
      (import "" "new" (func $new (param i32) (result i32))) (import "" "drop" (func $drop (param i32)))
      (func (export "set") (param i32) (result i32) (call $new (local.get 0)))
      (func (export "get") (result i32) (local $h i32)
        (local.set $h (call $new (i32.const 1))) (call $drop (local.get $h)) (local.get $h)))
    (core instance $i (instantiate $m (with "" (instance (export "new" (func $new)) (export "drop" (func $drop))))))""",
    ("set/1", "get/0"),
    before=_OWN_RESOURCE,
)
_NESTED_HANDLES = component(
    """(core module $m (import "" "new" (func $new (param i32) (result i32)))
      (func (export "set") (param i32) (result i32) (call $new (local.get 0)))
      (func (export "get") (result i32) (call $new (i32.const 1))))
    (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))""",
    ("set/1", "get/0"),
    before="""(component $n (type $r (resource (rep i32))) (core func $new (canon resource.new $r))
      (func (export "new") (param "a" u32) (result u32) (canon lift (core func $new))))
    (instance $n (instantiate $n)) (core func $new (canon lower (func $n "new")))""",
)
_NESTED_MODULE = """(component
  (component $n
    (core module $m (global $g (mut i32) (i32.const 0))
      (func (export "set") (param i32) (result i32) (global.set $g (local.get 0)) (i32.const 0))
      (func (export "get") (result i32) (global.get $g)))
    (core instance $i (instantiate $m))
    (func (export "set") (param "p0" u32) (result u32) (canon lift (core func $i "set")))
    (func (export "get") (result u32) (canon lift (core func $i "get"))))
  (instance $n (instantiate $n))
  (export "set" (func $n "set")) (export "get" (func $n "get")))"""
_ALIASED_MODULE = """(component
  (core module $m (global $g (mut i32) (i32.const 0))
    (func (export "set") (param i32) (result i32) (global.set $g (local.get 0)) (i32.const 0))
    (func (export "get") (result i32) (global.get $g)))
  (component $n (alias outer 1 0 (core module $m)) (core instance $i (instantiate $m))
    (func (export "set") (param "p0" u32) (result u32) (canon lift (core func $i "set")))
    (func (export "get") (result u32) (canon lift (core func $i "get"))))
  (instance $n (instantiate $n))
  (export "set" (func $n "set")) (export "get" (func $n "get")))"""
_SELF_ALIASED_MODULE = """(component
  (core module $a (global $g (mut i32) (i32.const 0))
    (func (export "set") (param i32) (result i32) (global.set $g (local.get 0)) (i32.const 0))
    (func (export "get") (result i32) (global.get $g)))
  (alias outer 0 0 (core module $again))
  (core module $b (func (export "get") (result i32) (i32.const 0)))
  (core instance $i (instantiate $again))
  (func (export "set") (param "p0" u32) (result u32) (canon lift (core func $i "set")))
  (func (export "get") (result u32) (canon lift (core func $i "get"))))"""
_OURS = component(
    """(core module $m (global $g (mut i32) (i32.const 0))
      (func (export "orchestrator-keep-g0") (result i32) (global.get $g))
      (func (export "set") (param i32) (result i32) (global.set $g (local.get 0)) (i32.const 0))
      (func (export "get") (result i32) (global.get $g)))
    (core instance $i (instantiate $m))""",
    ("set/1", "get/0"),
)
_OURS_OUTSIDE = """(component
  (core module $m (global $g (mut i32) (i32.const 0))
    (func (export "set") (param i32) (result i32) (global.set $g (local.get 0)) (i32.const 0))
    (func (export "get") (result i32) (global.get $g)) (func (export "nothing")))
  (core instance $i (instantiate $m))
  (func (export "orchestrator-direct-keep") (canon lift (core func $i "nothing")))
  (func (export "set") (param "p0" u32) (result u32) (canon lift (core func $i "set")))
  (func (export "get") (result u32) (canon lift (core func $i "get"))))"""

_ADDED = "(i32.add (i32.load8_u (i32.const 0)) (i32.load8_u (i32.const 65535)))"
ATTACKS: dict[str, Attack] = {
    "memory, its first byte": _memory("0"),
    "memory, its last byte": _memory("65535"),
    "memory, over a page's end": _stateful(
        """(memory 1) (func (export "set") (param i32) (result i32)
          (i64.store (i32.const 4092) (i64.extend_i32_u (i32.shl (local.get 0) (i32.const 24)))) (i32.const 0))
        (func (export "get") (result i32) (i32.load (i32.const 4092)))""",
        "proven",
    ),
    "memory, its data": _memory("5", more='(data (i32.const 0) "secrets") (data $p "passive")'),
    "memory, much data, which is an image": _memory("9000", more=f'(data (i32.const 8192) "{"x" * 40000}")'),
    "memory, far up": _memory("20000000", "400"),
    "memory of 64 bits": _memory("65530", index="i64"),
    "memory, filled": _stateful(
        f"""(memory 1) (func (export "set") (param i32) (result i32)
          (memory.fill (i32.const 0) (local.get 0) (i32.const 65536)) (i32.const 0))
        (func (export "get") (result i32) {_ADDED})""",
        "proven",
    ),
    "memory, copied": _stateful(
        f"""(memory 1) (data (i32.const 100) "xyz") (func (export "set") (param i32) (result i32)
          (memory.copy (i32.const 0) (i32.const 100) (local.get 0)) (i32.const 0))
        (func (export "get") (result i32) {_ADDED})""",
        "proven",
    ),
    "memory, out of a segment": _stateful(
        f"""(memory 1) (data $d "xyz") (func (export "set") (param i32) (result i32)
          (memory.init $d (i32.const 0) (i32.const 0) (i32.const 3)) (i32.const 0))
        (func (export "get") (result i32) {_ADDED})""",
        "proven",
    ),
    "memory, by a vector": _stateful(
        """(memory 1) (func (export "set") (param i32) (result i32)
          (v128.store (i32.const 32) (i8x16.splat (local.get 0))) (i32.const 0))
        (func (export "get") (result i32) (i32x4.extract_lane 2 (v128.load (i32.const 32))))""",
        "proven",
    ),
    "memory that has grown, its size": _stateful(_GROWN.format(get="(memory.size)"), "proven"),
    "memory that has grown, its size as it grows": _stateful(
        _GROWN.format(get="(memory.grow (i32.const 1))"), "proven"
    ),
    "memory that has grown, what is there": _stateful(
        _GROWN.format(
            get="""(drop (memory.grow (i32.const 8)))
              (i32.load8_u (i32.add (i32.const 70000) (i32.const 65536)))"""
        ),
        "proven",
    ),
    "memory that has grown, whether it ends": _stateful(_GROWN.format(get="(memory.grow (i32.const 62))"), "proven"),
    "memory that has grown up to the limit": _stateful(
        """(memory 1) (func (export "set") (param i32) (result i32) (memory.grow (i32.const 900)))
        (func (export "get") (result i32) (memory.grow (i32.const 900)))""",
        "proven",
    ),
    "memory without a page, grown": _stateful(
        """(memory 0 9) (func (export "set") (param i32) (result i32)
          (drop (memory.grow (i32.const 1))) (i32.store8 (i32.const 7) (local.get 0)) (i32.const 0))
        (func (export "get") (result i32)
          (i32.add (i32.mul (i32.const 1000) (memory.grow (i32.const 1))) (i32.load8_u (i32.const 7))))""",
        "proven",
    ),
    "memory of 64 bits, grown": _stateful(
        """(memory i64 1 9) (func (export "set") (param i32) (result i32)
          (drop (memory.grow (i64.const 3))) (i32.store8 (i64.const 190000) (local.get 0)) (i32.const 0))
        (func (export "get") (result i32) (i32.wrap_i64 (memory.size)))""",
        "proven",
    ),
    "a second memory": _stateful(
        """(memory $a 1) (memory $b 2) (func (export "set") (param i32) (result i32)
          (i32.store8 $b (i32.const 90000) (local.get 0)) (drop (memory.grow $b (i32.const 1))) (i32.const 0))
        (func (export "get") (result i32) (i32.add (memory.size $b) (i32.load8_u $b (i32.const 90000))))""",
        "proven",
    ),
    "a memory of another module": Attack(component(_SHARED_MEMORY_OF_TWO, ("set/1", "get/0")), "proven"),
    "a stack, beneath its pointer": _stateful(
        """(memory 1) (global $sp (mut i32) (i32.const 4096))
        (func (export "set") (param i32) (result i32)
          (global.set $sp (i32.sub (global.get $sp) (i32.const 16)))
          (i32.store (global.get $sp) (local.get 0))
          (global.set $sp (i32.add (global.get $sp) (i32.const 16))) (i32.const 0))
        (func (export "get") (result i32) (i32.load (i32.sub (global.get $sp) (i32.const 16))))""",
        "instrumented",
    ),
    "a global of 32 bits": _global("i32", "5", "(local.get 0)", "$$"),
    "a global of 64 bits, its upper half": _global(
        "i64",
        "5",
        "(i64.shl (i64.extend_i32_u (local.get 0)) (i64.const 40))",
        "(i32.wrap_i64 (i64.shr_u $$ (i64.const 40)))",
    ),
    "a global of a float": _global("f32", "0.5", "(f32.convert_i32_u (local.get 0))", "(i32.reinterpret_f32 $$)"),
    "a global of a float, the bits of a NaN": _global(
        "f32",
        "nan:0x200001",
        "(f32.reinterpret_i32 (i32.or (i32.const 0x7f800000) (local.get 0)))",
        "(i32.reinterpret_f32 $$)",
    ),
    "a global of a long float": _global(
        "f64",
        "-0.0",
        "(f64.convert_i32_u (local.get 0))",
        "(i32.wrap_i64 (i64.shr_u (i64.reinterpret_f64 $$) (i64.const 32)))",
    ),
    "a global of a vector": _global(
        "v128", "i32x4 1 2 3 4", "(i32x4.splat (local.get 0))", "(i32x4.extract_lane 3 $$)"
    ),
    "a global that three modules share": Attack(component(_SHARED_GLOBAL, ("set/1", "get/0")), "instrumented"),
    "globals and memories of two instances of one module": Attack(
        component(_TWO_OF_ONE, ("set/1", "get/0")), "instrumented"
    ),
    "a global that a start function sets": _stateful(
        """(global $g (mut i32) (i32.const 0)) (memory 1)
        (func $start (global.set $g (i32.const 77)) (drop (memory.grow (i32.const 1)))) (start $start)
        (func (export "set") (param i32) (result i32) (global.set $g (local.get 0)) (memory.grow (i32.const 1)))
        (func (export "get") (result i32) (i32.add (global.get $g) (memory.size)))""",
        "instrumented",
    ),
    "a global behind a branch of many ways": _stateful(
        """(global $g (mut i32) (i32.const 0))
        (func (export "set") (param i32) (result i32)
          (block $a (block $b (block $c (br_table $a $b $c (local.get 0)))) (global.set $g (i32.const 9)))
          (i32.const 0))
        (func (export "get") (result i32) (global.get $g))""",
        "instrumented",
    ),
    "a table, an element set": _table("(table.set $t (i32.const 0) (ref.func $two))", "it changes a table"),
    "a table, grown": _table(
        "(drop (table.grow $t (ref.null func) (i32.const 1)))", "it changes a table", "(table.size $t)"
    ),
    "a table, filled": _table("(table.fill $t (i32.const 0) (ref.func $two) (i32.const 2))", "it changes a table"),
    "a table, copied": _table("(table.copy $t $t (i32.const 0) (i32.const 1) (i32.const 1))", "it changes a table"),
    "a table, out of a segment": _table(
        "(table.init $t $e (i32.const 0) (i32.const 0) (i32.const 1))", "it changes a table"
    ),
    "a global of a function": _stateful(
        """(type $f (func (result i32))) (func $one (result i32) (i32.const 1))
        (elem declare func $one) (global $g (mut funcref) (ref.null func))
        (func (export "set") (param i32) (result i32) (global.set $g (ref.func $one)) (i32.const 0))
        (func (export "get") (result i32) (ref.is_null (global.get $g)))""",
        "fresh",
        "it has a global that can change and holds a reference",
    ),
    "a segment of data, dropped": _stateful(
        """(memory 1) (data $d "x") (func (export "set") (param i32) (result i32) (data.drop $d) (i32.const 0))
        (func (export "get") (result i32) (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1)) (i32.const 1))""",
        "fresh",
        "it drops a segment of data",
    ),
    "a segment of a table, dropped": _stateful(
        """(table 1 funcref) (func $f) (elem $e func $f)
        (func (export "set") (param i32) (result i32) (elem.drop $e) (i32.const 0))
        (func (export "get") (result i32) (table.init $e (i32.const 0) (i32.const 0) (i32.const 1)) (i32.const 1))""",
        "fresh",
        "it drops a segment of a table",
    ),
    "a handle of its own": Attack(_OWN_HANDLES, "fresh", "it makes resources of its own"),
    "a handle of a component nested in it": Attack(_NESTED_HANDLES, "fresh", "nested in it has functions of its own"),
    "a module of a component nested in it": Attack(_NESTED_MODULE, "fresh", "nested in it has modules of its own"),
    "a module that a nested component takes": Attack(_ALIASED_MODULE, "fresh", "nested in it has modules of its own"),
    "a module under a second number": Attack(_SELF_ALIASED_MODULE, "fresh", "it takes modules from elsewhere"),
    "a module with an export of ours": Attack(_OURS, "fresh", "an export with a name that this engine adds"),
    "an export of ours": Attack(_OURS_OUTSIDE, "fresh", "an export with a name that this engine adds"),
    "an exception that is caught": _stateful(
        """(tag $e (param i32)) (global $g (mut i32) (i32.const 0))
        (func (export "set") (param i32) (result i32)
          (global.set $g (block $caught (result i32) (try_table (catch $e $caught) (throw $e (local.get 0)))
            (i32.const 0)))
          (i32.const 0))
        (func (export "get") (result i32) (global.get $g))""",
        "fresh",
        "it throws exceptions",
    ),
    "an object in a global": _stateful(
        """(type $box (struct (field (mut i32)))) (global $g (mut (ref null $box)) (ref.null $box))
        (func (export "set") (param i32) (result i32) (global.set $g (struct.new $box (local.get 0))) (i32.const 0))
        (func (export "get") (result i32) (ref.is_null (global.get $g)))""",
        "fresh",
        "it has a global that can change and holds a reference",
    ),
    "an object in a global that stays": _stateful(
        """(type $box (struct (field (mut i32)))) (global $g (ref $box) (struct.new $box (i32.const 0)))
        (func (export "set") (param i32) (result i32) (struct.set $box 0 (global.get $g) (local.get 0)) (i32.const 0))
        (func (export "get") (result i32) (struct.get $box 0 (global.get $g)))""",
        "fresh",
        "its binary has a form that is not known here",
    ),
    "memory, by an atomic operation": _stateful(
        """(memory 1)
        (func (export "set") (param i32) (result i32) (i32.atomic.rmw.add (i32.const 8) (local.get 0)))
        (func (export "get") (result i32) (i32.load (i32.const 8)))""",
        "fresh",
        "it has an instruction that is not known here",
    ),
}
"""By what is tried; see also `WASI`, where the host is asked."""
