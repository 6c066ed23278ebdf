"""The small core module that a shim has for a memory: room for values on their way.

Its memory is filled from `ROOM` on by `realloc`, which forgets rather than frees. The word at `NEXT` is where free room
begins (anything below `ROOM` stands for `ROOM`, so that a new memory needs no content), the word at `MARK` what `NEXT`
goes back to when a function that was served through this memory has returned. `realloc` gives no room past the word at
`END`, if that is not 0: the host sets it for a memory that is not counted against a guest's limit. What lies between
`RESULT` and `ROOM` is for the fixed part of a result, which is read as soon as it is there.
"""

from __future__ import annotations

from dataclasses import dataclass

NEXT = 0
MARK = 4
END = 8
RESULT = 16
ROOM = 64

MOST_PAGES = 65_535
"""The largest memory, in pages of 64 KiB: an address past its end has 32 bits too."""
POSTS = {"": "post", "i32": "post-i32", "i64": "post-i64", "f32": "post-f32", "f64": "post-f64"}
"""The functions that set `NEXT` to what `MARK` holds, by the core result of the function that returned."""


OPTIONS = '(memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))'
"""What a function is lifted or lowered with whose values lie in the memory of `$libc`, the instance of `instance`."""


@dataclass(frozen=True, slots=True)
class More:
    """What else the module has, so that it need not be two: an instance takes time to make.

    Arguments:
        imports, functions: as they stand in it; all it imports is of the module "".
        given: what it is given for that, as exports of an instance.
    """

    imports: str = ""
    functions: str = ""
    given: str = ""


NOTHING = More()


def post_return(core: str) -> str:
    """The option, beside `OPTIONS`, with which a function that returns that core type is lifted: room is given back."""
    return f'(post-return (core func $libc "{POSTS[core]}"))'


def instance(pages: int, more: More = NOTHING) -> str:
    """The module and an instance of it, `$libc`, as text; its memory has so many pages at first."""
    given = f'(with "" (instance {more.given}))' if more.given else ""
    return f"{libc('$Libc', pages, MOST_PAGES, more)}\n(core instance $libc (instantiate $Libc {given}))"


def libc(name: str, pages: int, most: int, more: More = NOTHING) -> str:
    """The module as text: `memory`, `realloc`, the functions of `POSTS`, and more.

    Arguments:
        name: its identifier, `$…`.
        pages, most: the memory's size at first and at most, in pages; `MOST_PAGES` at most.
    """
    posts = "\n".join(
        f'(func (export "{post}"){f" (param {core})" if core else ""} (i32.store (i32.const {NEXT}) '
        f"(i32.load (i32.const {MARK}))))"
        for core, post in POSTS.items()
    )
    return f"""(core module {name}
      {more.imports}
      (memory (export "memory") {pages} {most})
      {_REALLOC.format(next=NEXT, end=END, room=ROOM)}
      {posts}
      {more.functions})"""


# Addresses are computed in 64 bits, where nothing wraps but an `END` of 0, less 1, which is then larger than any. No
# block is asked for again under another alignment, so one that lies last, or shrinks, can stay where it is.
_REALLOC = """
      (func $grow (param $end i64)
        (local $missing i64)
        (local.set $missing (i64.sub (local.get $end) (i64.shl (i64.extend_i32_u (memory.size)) (i64.const 16))))
        (local.set $missing (i64.shr_u (i64.add (local.get $missing) (i64.const 0xffff)) (i64.const 16)))
        (if (i32.eq (memory.grow (i32.wrap_i64 (local.get $missing))) (i32.const -1)) (then unreachable)))
      (func (export "realloc") (param $old i32) (param $had i32) (param $align i32) (param $size i32) (result i32)
        (local $next i64) (local $at i64) (local $end i64)
        (local.set $next (i64.load32_u (i32.const {next})))
        (if (i64.lt_u (local.get $next) (i64.const {room})) (then (local.set $next (i64.const {room}))))
        (local.set $at (i64.and
          (i64.add (local.get $next) (i64.extend_i32_u (i32.sub (local.get $align) (i32.const 1))))
          (i64.extend_i32_s (i32.sub (i32.const 0) (local.get $align)))))
        (if (local.get $had)
          (then
            (local.set $end (i64.add (i64.extend_i32_u (local.get $old)) (i64.extend_i32_u (local.get $had))))
            (if (i64.eq (local.get $end) (local.get $next))
              (then (local.set $at (i64.extend_i32_u (local.get $old))))
              (else (if (i32.le_u (local.get $size) (local.get $had)) (then (return (local.get $old))))))))
        (local.set $end (i64.add (local.get $at) (i64.extend_i32_u (local.get $size))))
        (if (i64.gt_u (i64.sub (local.get $end) (i64.const 1))
                      (i64.sub (i64.load32_u (i32.const {end})) (i64.const 1)))
          (then unreachable))
        (if (i64.gt_u (local.get $end) (i64.shl (i64.extend_i32_u (memory.size)) (i64.const 16)))
          (then (call $grow (local.get $end))))
        (i32.store (i32.const {next}) (i32.wrap_i64 (local.get $end)))
        (if (i32.and (i32.ne (local.get $had) (i32.const 0)) (i32.ne (i32.wrap_i64 (local.get $at)) (local.get $old)))
          (then (memory.copy (i32.wrap_i64 (local.get $at)) (local.get $old) (local.get $had))))
        (i32.wrap_i64 (local.get $at)))"""
