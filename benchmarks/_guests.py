"""Small components, as WAT, for benchmarks: guests that echo any one value, call in a loop, add one, work.

Not for what they measure. A value is described by a `Payload`; the guests for it are generated. The interfaces:

    bench:guest/echoing   echo: func(value: T) -> T
    bench:guest/looping   loop: func(times: u32) -> u32      that many calls of `echo`
    bench:guest/bytes     measure: func(value: list<u8>) -> u32, make: func(count: u32) -> list<u8>
    bench:guest/steps     step: func(value: u32) -> u32      one more
    bench:guest/working   work: func(rounds: u32) -> u32     that many multiplications, one after the other
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

PAGE = 1 << 16
RESULT = 16
"""Where a guest's result area lies: of an echo what it returns, of a caller what it is given back."""
HELD = 128
"""Where a caller's own value lies, encoded, what it points to behind it."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One core value of a flattened payload.

    Arguments:
        core: its core type.
        offset: where it lies in the encoded value.
        narrow: "8" where a byte in memory stands for it.
    """

    core: str
    offset: int
    narrow: str = ""

    def load(self, base: int) -> str:
        """The instruction that reads it."""
        return f"({self.core}.load{self.narrow}{'_u' if self.narrow else ''} (i32.const {base + self.offset}))"

    def store(self, base: int, value: str) -> str:
        """The instruction that writes it."""
        return f"({self.core}.store{self.narrow} (i32.const {base + self.offset}) {value})"


@dataclass(frozen=True, slots=True)
class Payload:
    """A value as guests pass it on: its type, what it flattens to, and its bytes.

    Arguments:
        type: in WAT; `$item` is the record of `ITEM`.
        encoded: the value in canonical form, laid out for the address `HELD`.
        room: bytes from `HELD` on that a caller keeps free for it, zeros where `encoded` ends.
    """

    type: str
    slots: tuple[Slot, ...]
    encoded: bytes
    room: int = 0

    @property
    def core(self) -> str:
        """The core types of its slots."""
        return " ".join(slot.core for slot in self.slots)

    @property
    def end(self) -> int:
        """The first address behind the value, for an allocator to begin at."""
        return (HELD + max(len(self.encoded), self.room) + 15) & -16


SPAN = (Slot("i32", 0), Slot("i32", 4))
"""A string or a list: where it lies, and how many elements it has."""

ITEM = """(type $fields (record (field "id" u64) (field "name" string) (field "score" f64) (field "kind" u8)
      (field "active" bool) (field "initial" char) (field "change" s32) (field "weight" f32)))"""
_ITEM = struct.Struct("<QIIdB?xxIif")
_SLOTS = (
    Slot("i64", 0), Slot("i32", 8), Slot("i32", 12), Slot("f64", 16), Slot("i32", 24, "8"),
    Slot("i32", 25, "8"), Slot("i32", 28), Slot("i32", 32), Slot("f32", 36),
)  # fmt: skip
_NAME = b"one of ten"


def text(size: int) -> Payload:
    """A string of so many ASCII characters."""
    return Payload("string", SPAN, struct.pack("<II", HELD + 8, size) + b"x" * size)


def items(count: int | None = None) -> Payload:
    """A record of eight fields of different types, or a list of so many of them."""
    if count is None:
        return Payload("$item", _SLOTS, _item(HELD + _ITEM.size) + _NAME)
    # What a list points to is aligned like its elements, to 8 bytes, as HELD + 8 is.
    names = HELD + 8 + count * _ITEM.size
    return Payload("(list $item)", SPAN, struct.pack("<II", HELD + 8, count) + _item(names) * count + _NAME)


def _item(name: int) -> bytes:
    return _ITEM.pack(1 << 40, name, len(_NAME), 0.25, 200, True, ord("ж"), -7, 1.5)


def numbers(element: str, count: int, size: int) -> Payload:
    """A list of so many zeros of a WIT number type, each of `size` bytes."""
    return Payload(f"(list {element})", SPAN, struct.pack("<II", HELD + 8, count), 8 + count * size)


def memory(first: int) -> str:
    """A memory that hands out space from an address on, and takes all of it back at once."""
    return f"""
    (memory (export "memory") {first // PAGE + 1})
    (global $next (mut i32) (i32.const {first}))
    (func $reset (export "reset") (global.set $next (i32.const {first})))
    (func $realloc (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (loop $more
        (if (i32.gt_u (global.get $next) (i32.mul (memory.size) (i32.const {PAGE})))
          (then (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable)) (br $more))))
      (local.get $at))"""


_OPTIONS = '(memory (core memory $i "memory")) (realloc (core func $i "realloc"))'
_LIFT = f'{_OPTIONS} (post-return (core func $i "post"))'


def echo(payload: Payload) -> str:
    """A component that exports `echoing` for the payload's type."""
    stores = " ".join(slot.store(RESULT, f"(local.get {index})") for index, slot in enumerate(payload.slots))
    named = payload.type.replace("$item", "$fields")
    return f"""(component
  {ITEM}
  (core module $m {memory(1024)}
    (func (export "echo") (param {payload.core}) (result i32) {stores} (i32.const {RESULT}))
    (func (export "post") (param i32) (call $reset)))
  (core instance $i (instantiate $m))
  (func $echo (param "value" {named}) (result {named}) (canon lift (core func $i "echo") {_LIFT}))
  (component $typed
    {ITEM}
    (import "item" (type $given (eq $fields)))
    (import "echo" (func $echo (param "value" {payload.type.replace("$item", "$given")})
      (result {payload.type.replace("$item", "$given")})))
    (export $item "item" (type $fields))
    (export "echo" (func $echo) (func (param "value" {payload.type}) (result {payload.type}))))
  (instance $echoing (instantiate $typed (with "item" (type $fields)) (with "echo" (func $echo))))
  (export "bench:guest/echoing" (instance $echoing)))"""


def caller(payload: Payload, *, bare: bool = False) -> str:
    """A component that exports `looping`: it holds the payload and passes it to the `echo` that it imports.

    Arguments:
        bare: whether `echo` is imported as a function by itself, which a function in Python can be.
    """
    signature = f'(param "value" {payload.type}) (result {payload.type})'
    if bare:
        wanted = f'(import "echo" (func $wanted {signature}))'
    else:
        wanted = f"""(import "bench:guest/echoing" (instance $back
    {ITEM} (export "item" (type $item (eq $fields))) (export "echo" (func {signature}))))
  (alias export $back "echo" (func $wanted))"""
    loads = " ".join(slot.load(HELD) for slot in payload.slots)
    return f"""(component
  {wanted}
  (core module $libc {memory(payload.end)} (data (i32.const {HELD}) "{_escaped(payload.encoded)}"))
  (core instance $i (instantiate $libc))
  (core func $echo (canon lower (func $wanted) {_OPTIONS}))
  (core module $m
    (import "libc" "memory" (memory 1))
    (import "libc" "reset" (func $reset))
    (import "back" "echo" (func $echo (param {payload.core} i32)))
    (func (export "loop") (param i32) (result i32) (local $i i32)
      (loop $again
        (call $echo {loads} (i32.const {RESULT})) (call $reset)
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $i) (local.get 0))))
      (local.get $i)))
  (core instance $main (instantiate $m
    (with "libc" (instance $i)) (with "back" (instance (export "echo" (func $echo))))))
  (func $loop (param "times" u32) (result u32) (canon lift (core func $main "loop")))
  (instance $looping (export "loop" (func $loop)))
  (export "bench:guest/looping" (instance $looping)))"""


def _escaped(data: bytes) -> str:
    return "".join(f"\\{byte:02x}" for byte in data)


def lists(element: str, width: int) -> str:
    """A component that exports `lists`: takes a list of numbers and answers its length; makes one, all its bytes 7.

    Arguments:
        element: the WIT type of a number.
        width: its bytes.
    """
    return f"""(component
  (core module $m {memory(1024)}
    (func (export "measure") (param i32 i32) (result i32) (call $reset) (local.get 1))
    (func (export "make") (param $count i32) (result i32) (local $at i32) (local $size i32)
      (local.set $size (i32.mul (local.get $count) (i32.const {width})))
      (local.set $at (call $realloc (i32.const 0) (i32.const 0) (i32.const {width}) (local.get $size)))
      (memory.fill (local.get $at) (i32.const 7) (local.get $size))
      (i32.store (i32.const {RESULT}) (local.get $at)) (i32.store (i32.const {RESULT + 4}) (local.get $count))
      (i32.const {RESULT}))
    (func (export "post") (param i32) (call $reset)))
  (core instance $i (instantiate $m))
  (func $measure (param "value" (list {element})) (result u32) (canon lift (core func $i "measure") {_OPTIONS}))
  (func $make (param "count" u32) (result (list {element})) (canon lift (core func $i "make") {_LIFT}))
  (instance $lists (export "measure" (func $measure)) (export "make" (func $make)))
  (export "bench:guest/lists" (instance $lists)))"""


STEP = """(component
  (core module $m (func (export "step") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1))))
  (core instance $i (instantiate $m))
  (func $step (param "value" u32) (result u32) (canon lift (core func $i "step")))
  (instance $steps (export "step" (func $step)))
  (export "bench:guest/steps" (instance $steps)))"""
"""Exports `steps`: a node that does nothing but add one."""

STEP_AND_CALL = """(component
  (import "bench:guest/steps" (instance $next (export "step" (func (param "value" u32) (result u32)))))
  (core func $next (canon lower (func $next "step")))
  (core module $m
    (import "next" "step" (func $next (param i32) (result i32)))
    (func (export "step") (param i32) (result i32) (call $next (i32.add (local.get 0) (i32.const 1)))))
  (core instance $i (instantiate $m (with "next" (instance (export "step" (func $next))))))
  (func $step (param "value" u32) (result u32) (canon lift (core func $i "step")))
  (instance $steps (export "step" (func $step)))
  (export "bench:guest/steps" (instance $steps)))"""
"""Exports `steps` and imports it: adds one and has another node go on."""

WORK = """(component
  (core module $m
    (func (export "work") (param $rounds i32) (result i32) (local $x i32)
      (local.set $x (i32.const 1))
      (loop $again
        (local.set $x (i32.add (i32.mul (local.get $x) (i32.const 1664525)) (i32.const 1013904223)))
        (local.set $rounds (i32.sub (local.get $rounds) (i32.const 1)))
        (br_if $again (local.get $rounds)))
      (local.get $x)))
  (core instance $i (instantiate $m))
  (func $work (param "rounds" u32) (result u32) (canon lift (core func $i "work")))
  (instance $working (export "work" (func $work)))
  (export "bench:guest/working" (instance $working)))"""
"""Exports `working`: numbers of which each needs the one before it, so that no compiler shortens the loop."""
