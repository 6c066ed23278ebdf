"""Components as WAT for tests of the engine: types written out, and guests that give back what they are given."""

from __future__ import annotations

from orchestrator.interface import types as t

MEMORY = """
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))
    (func $reset (export "reset") (global.set $next (i32.const 1024)))
    (func $realloc (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (loop $more
        (if (i32.gt_u (global.get $next) (i32.mul (memory.size) (i32.const 65536)))
          (then (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable)) (br $more))))
      (local.get $at))"""
"""A memory and an allocator that forgets everything at `reset`: the body of a core module."""


class Types:
    """Writes types as WAT; those that need a name are declared first, by `declare` with (number, name, definition).

    Arguments:
        imported: whether the names are imports of the component or exports.
    """

    def __init__(self, imported: bool) -> None:
        self._imported = imported
        self._names: dict[t.Type, str] = {}
        self.declarations: list[str] = []

    def show(self, type_: t.Type) -> str:
        """The type as it stands inside another."""
        match type_:
            case t.Primitive(name):
                return name
            case t.List(element):
                return f"(list {self.show(element)})"
            case t.Option(some):
                return f"(option {self.show(some)})"
            case t.Tuple(items):
                return f"(tuple {' '.join(map(self.show, items))})"
            case t.Result(ok, err):
                sides = [self.show(ok)] if ok is not None else []
                sides += [f"(error {self.show(err)})"] if err is not None else []
                return f"(result {' '.join(sides)})"
            case _:
                return self._named(type_)

    def _named(self, type_: t.Type) -> str:
        """The declared type's identifier, declared at its first use; equal types are one."""
        if type_ not in self._names:
            definition = self._definition(type_)
            number = len(self._names)
            name = f"type-x{number}"
            self._names[type_] = f"$named{number}"
            self.declarations.append(f"(type $plain{number} {definition})")
            if self._imported:
                self.declarations.append(f'(import "{name}" (type $named{number} (eq $plain{number})))')
            else:
                self.declarations.append(f'(export $named{number} "{name}" (type $plain{number}))')
        return self._names[type_]

    def _definition(self, type_: t.Type) -> str:
        match type_:
            case t.Record(fields):
                inner = " ".join(f'(field "{field.name}" {self.show(field.type)})' for field in fields)
                return f"(record {inner})"
            case t.Variant(cases):
                return f"(variant {' '.join(map(self._case, cases))})"
            case t.Enum(names):
                return f"(enum {_quoted(names)})"
            case t.Flags(names):
                return f"(flags {_quoted(names)})"
            case _:
                raise AssertionError(f"no WAT for {type_}")

    def _case(self, case: t.Case) -> str:
        payload = "" if case.type is None else f" {self.show(case.type)}"
        return f'(case "{case.name}"{payload})'


def _quoted(names: tuple[str, ...]) -> str:
    return " ".join(f'"{name}"' for name in names)


WIDE = 17
"""Numbers in front of a value: with them it is too wide for parameters, so it is passed by its address."""


def wide(type_: t.Type) -> t.Tuple:
    """The type behind enough numbers that a guest gets and gives it by its address."""
    return t.Tuple((t.U64,) * WIDE + (type_,))


def echo(*given: t.Type) -> str:
    """A component whose function `echo` gives back what it gets, without looking at it: the type must be `wide`.

    Of several types, which must be that together, it gives a tuple; its parameters are then `x0`, `x1` and so on.
    """
    types = Types(imported=False)
    several = len(given) > 1
    params = " ".join(f'(param "x{at if several else ""}" {types.show(type_)})' for at, type_ in enumerate(given))
    shown = types.show(t.Tuple(given) if several else given[0])
    return f"""(component
      {" ".join(types.declarations)}
      (core module $m {MEMORY}
        (func (export "echo") (param i32) (result i32) (local.get 0))
        (func (export "post") (param i32) (call $reset)))
      (core instance $i (instantiate $m))
      (func $echo {params} (result {shown})
        (canon lift (core func $i "echo") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))
          (post-return (core func $i "post"))))
      (export "echo" (func $echo)))"""


def relay(type_: t.Type, size: int) -> str:
    """A component whose `relay` gives back what its import `echo` gives; the type must be `wide`, of `size` bytes."""
    types = Types(imported=True)
    shown = types.show(type_)
    return f"""(component
      {" ".join(types.declarations)}
      (import "echo" (func $echo (param "x" {shown}) (result {shown})))
      (core module $libc {MEMORY})
      (core instance $libc (instantiate $libc))
      (core func $echo'
        (canon lower (func $echo) (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
      (core module $m
        (import "libc" "reset" (func $reset))
        (import "libc" "realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
        (import "env" "echo" (func $echo (param i32 i32)))
        (func (export "relay") (param i32) (result i32) (local $at i32)
          (local.set $at (call $realloc (i32.const 0) (i32.const 0) (i32.const 8) (i32.const {size})))
          (call $echo (local.get 0) (local.get $at))
          (local.get $at))
        (func (export "post") (param i32) (call $reset)))
      (core instance $i (instantiate $m
        (with "libc" (instance $libc)) (with "env" (instance (export "echo" (func $echo'))))))
      (func $relay (param "x" {shown}) (result {shown})
        (canon lift (core func $i "relay") (memory (core memory $libc "memory"))
          (realloc (core func $libc "realloc")) (post-return (core func $i "post"))))
      (export "relay" (func $relay)))"""
