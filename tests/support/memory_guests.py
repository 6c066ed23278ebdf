"""Components as WAT whose memories are looked at from inside: bytes read and written, memories grown, data dropped."""

from __future__ import annotations

PAGE = 65536

LOOK = """
    (func (export "get") (param i32) (result i32) (i32.load8_u (local.get 0)))
    (func (export "set") (param i32 i32) (i32.store8 (local.get 0) (local.get 1)))
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "sum") (param i32 i32) (result i32) (local $sum i32)
      (loop $on
        (if (i32.lt_u (local.get 0) (local.get 1)) (then
          (local.set $sum (i32.add (local.get $sum) (i32.load8_u (local.get 0))))
          (local.set 0 (i32.add (local.get 0) (i32.const 1)))
          (br $on))))
      (local.get $sum))"""
"""The body of a core module: `sum` adds up the bytes from one place to another."""
_LIFTED = {
    "get": '(param "at" u32) (result u32)',
    "set": '(param "at" u32) (param "byte" u32)',
    "grow": '(param "pages" u32) (result s32)',
    "sum": '(param "from" u32) (param "to" u32) (result u32)',
    "again": '(param "from" u32) (param "size" u32)',
    "drop": "",
}


def looked(body: str, names: str = "get set grow sum") -> str:
    """A component of one module with a memory that is looked at; `names` are those of the functions it exports."""
    lifted = " ".join(
        f'(func (export "{name}") {_LIFTED[name]} (canon lift (core func $i "{name}")))' for name in names.split()
    )
    return f"(component (core module $m {LOOK} {body}) (core instance $i (instantiate $m)) {lifted})"


def data(at: int, size: int, byte: str = "x", more: str = "") -> str:
    """An active segment of `size` equal bytes."""
    return f'(data {more} (i32.const {at}) "{byte * size}")'


AGAIN = """
    (func (export "again") (param i32 i32) (memory.init $d (i32.const 0) (local.get 0) (local.get 1)))
    (func (export "drop") (data.drop $d))"""
"""`again` writes the segment `$d` a second time, `drop` drops it."""
