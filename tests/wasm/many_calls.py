"""A program: very many calls on one path, good ones and failing ones, and how much memory the process has more after.

    python -X faulthandler -m tests.wasm.many_calls CACHE PATH

Prints what went wrong, and nothing when all is well. A value that leaks once a call would be seen: small calls are
many, and failing ones, which cost more, bring large values.
"""

from __future__ import annotations

import gc
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orchestrator import Contract, Engine, LinkedPipeline, Pipeline, RunError
from orchestrator.engine import Frame
from orchestrator.interface.types import Function

VALUE = "record { name: string, numbers: list<u16>, tags: list<string> }"
_VALUE = '(record (field "name" string) (field "numbers" (list u16)) (field "tags" (list string)))'
WELL, TRAPS, DENIED, VIOLATES, MISFIT = range(5)
"""What `work` is asked to do. DENIED never reaches it; VIOLATES gives no numbers; MISFIT, in Python, another type."""

_HEAP = """
    (memory (export "memory") 1)
    (global $next (export "next") (mut i32) (i32.const 1024))
    (func $realloc (export "realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (loop $more
        (if (i32.gt_u (global.get $next) (i32.mul (memory.size) (i32.const 65536)))
          (then (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable)) (br $more))))
      (local.get $at))"""
_OPTIONS = '(memory (core memory $heap "memory")) (realloc (core func $heap "realloc"))'
_RECORD = "(param i32 i32 i32 i32 i32 i32)"

WORKER = f"""(component
  (type $v {_VALUE}) (export $value "value" (type $v))
  (core module $m {_HEAP}
    (func (export "work") (param $how i32) {_RECORD} (result i32)
      (if (i32.eq (local.get $how) (i32.const {TRAPS})) (then unreachable))
      (i32.store8 (i32.const 64) (i32.const 0))
      (i32.store (i32.const 68) (local.get 1)) (i32.store (i32.const 72) (local.get 2))
      (i32.store (i32.const 76) (local.get 3))
      (i32.store (i32.const 80)
        (select (i32.const 0) (local.get 4) (i32.eq (local.get $how) (i32.const {VIOLATES}))))
      (i32.store (i32.const 84) (local.get 5)) (i32.store (i32.const 88) (local.get 6))
      (i32.const 64))
    (func (export "post") (param i32) (global.set $next (i32.const 1024))))
  (core instance $heap (instantiate $m))
  (func (export "work") (param "how" u32) (param "x" $value) (result (result $value (error string)))
    (canon lift (core func $heap "work") {_OPTIONS} (post-return (core func $heap "post")))))"""
"""Exports `work`, which gives `x` back."""

CALLER = f"""(component
  (type $v {_VALUE}) (import "value" (type $value (eq $v)))
  (import "work" (func $work (param "how" u32) (param "x" $value) (result (result $value (error string)))))
  (core module $libc {_HEAP})
  (core instance $heap (instantiate $libc))
  (core func $work' (canon lower (func $work) {_OPTIONS}))
  (core module $m
    (import "heap" "memory" (memory 1))
    (import "heap" "next" (global $next (mut i32)))
    (import "work" "work" (func $work (param i32) {_RECORD} (param i32)))
    (func (export "go") (param $times i32) (param $how i32) {_RECORD} (result i32)
      (local $errors i32) (local $free i32)
      (local.set $free (global.get $next))
      (loop $again
        (global.set $next (local.get $free))
        (call $work (local.get $how) (local.get 2) (local.get 3) (local.get 4) (local.get 5) (local.get 6)
          (local.get 7) (i32.const 64))
        (local.set $errors (i32.add (local.get $errors) (i32.load8_u (i32.const 64))))
        (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
      (global.set $next (i32.const 1024))
      (local.get $errors)))
  (core instance $i (instantiate $m
    (with "heap" (instance $heap)) (with "work" (instance (export "work" (func $work'))))))
  (func (export "go") (param "times" u32) (param "how" u32) (param "x" $value) (result u32)
    (canon lift (core func $i "go") {_OPTIONS})))"""
"""Exports `go`, which calls `work` so often and counts the errors."""

SMALL: dict[str, Any] = {"name": "x" * 16_000, "numbers": [1, 65535], "tags": ["bc"]}
LARGE: dict[str, Any] = {"name": "x" * 100_000, "numbers": list(range(100)), "tags": ["y" * 1000] * 20}
CALLS = 100_000
AT_ONCE = 1000
FAILING = 250
SLACK = 8 << 20
"""Bytes by which the process may grow between the first and the second half of the calls. If one kind of the calls
leaked its values, it would be 12 MB and more."""
RULES = Contract(
    require=(f"args.how != {DENIED}",),
    ensure=("size(result.ok.numbers) > 0",),
    on_violation="deny",
)


def work(how: int, x: Any) -> Any:
    """`work` in Python."""
    if how == TRAPS:
        raise RuntimeError("no")
    if how == MISFIT:
        return {"ok": {**x, "tags": ["a", 5]}}
    return {"ok": {**x, "numbers": []} if how == VIOLATES else x}


def pipeline(engine: Engine, one: Any, other: Any, *, fuse: bool = False, rules: bool = False) -> Pipeline:
    """`caller` calls `worker`; `other` is how values cross there, or "python"."""
    found = (
        Pipeline("calls").input("times", "u32").input("how", "u32").input("x", VALUE)
        .node("caller", engine.from_text(CALLER, "caller"), run="go", bulk=one, lifetime="session")
    )  # fmt: skip
    if other == "python":
        found.node("worker", python=work, signature=f"func(how: u32, x: {VALUE}) -> result<{VALUE}, string>")
    else:
        found.node("worker", engine.from_text(WORKER, "worker"), bulk=other, lifetime="session")
    for name in ("times", "how", "x"):
        found.data(f"inputs.{name}", f"caller.{name}")
    target = "worker" if other == "python" else "worker.work"
    found.call("caller.work", target, fuse=fuse, contract=RULES if rules else None)
    return found.output("errors", "caller")


class Calls:
    """What is done over and over, and what each of it must give."""

    def __init__(self, plain: LinkedPipeline, ruled: LinkedPipeline | None, failing: tuple[int, ...]) -> None:
        self._plain, self._ruled, self._failing = plain, ruled, failing

    def __call__(self, share: float) -> None:
        """Does a share of it all."""
        for _ in range(int(CALLS * 0.88 * share) // AT_ONCE):
            self._goes(self._plain, WELL, 0)
        for how, errors in ((WELL, 0), (DENIED, AT_ONCE), (VIOLATES, AT_ONCE)):
            for _ in range(int(CALLS * 0.04 * share) // AT_ONCE):
                if self._ruled is not None:
                    self._goes(self._ruled, how, errors)
        for how in self._failing:
            for _ in range(int(FAILING * share)):
                self._fails(self._plain, how)
                if self._ruled is not None:
                    self._fails(self._ruled, how)

    def _goes(self, linked: LinkedPipeline, how: int, errors: int) -> None:
        found = linked.run(times=AT_ONCE, how=how, x=SMALL)["errors"]
        assert found == errors, f"{found} errors of {errors}"

    def _fails(self, linked: LinkedPipeline, how: int) -> None:
        try:
            linked.run(times=3, how=how, x=LARGE)
        except RunError:
            return
        raise AssertionError("it did not fail")


def calls(engine: Engine, one: str, other: str) -> Callable[[float], None]:
    """The calls over one edge."""
    if other == "fused":
        return Calls(pipeline(engine, one, one, fuse=True).link(engine), None, (TRAPS,))
    failing = (TRAPS, MISFIT) if other == "python" else (TRAPS,)
    plain, ruled = (pipeline(engine, one, other, rules=rules).link(engine) for rules in (False, True))
    return Calls(plain, ruled, failing)


def data(engine: Engine, one: Any, other: Any) -> Callable[[float], None]:
    """Values over data edges, one of them used twice; the second node traps, or a rule ends the run before it."""
    component = engine.from_text(WORKER, "worker")
    linked = (
        Pipeline("data").input("how", "u32").input("x", VALUE)
        .node("first", component, run="work", args={"how": WELL}, bulk=one, lifetime="session")
        .node("second", component, run="work", bulk=other, lifetime="session")
        .node("third", component, run="work", args={"how": WELL}, bulk=one, lifetime="session")
        .data("inputs.x", "first.x")
        .data("inputs.how", "second.how")
        .data("first", "second.x")
        .data("second", "third.x", contract=Contract(ensure=("size(value.numbers) > 0",)))
        .output("first", "first")
        .output("third", "third")
    ).link(engine)  # fmt: skip

    def run(share: float) -> None:
        for _ in range(int(CALLS * 0.04 * share)):
            found = linked.run(how=WELL, x=SMALL)
            assert found["first"] == found["third"] == SMALL
        for how in (TRAPS, VIOLATES):
            for _ in range(int(FAILING * share)):
                try:
                    linked.run(how=how, x=LARGE)
                except RunError:
                    continue
                raise AssertionError("it did not fail")

    return run


def arguments(engine: Engine, bulk: Any, _other: str) -> Callable[[float], None]:
    """Calls of an instance whose second argument is wrong, behind one that was already brought into its form."""
    component = engine.variant(engine.from_text(WORKER, "worker"), bulk)
    made = engine.linker(component).instantiate(Frame())
    function = next(item for item in component.world.exports if isinstance(item, Function))
    swapped = {**LARGE, "tags": ["a" * 1000] * 20 + [7]}

    def run(share: float) -> None:
        for _ in range(int(CALLS * 0.1 * share)):
            with made.entered(Frame()):
                assert made.call(None, function, [WELL, SMALL]) == {"ok": SMALL}
        for _ in range(int(5 * FAILING * share)):
            with made.entered(Frame()):
                try:
                    made.call(None, function, [WELL, swapped], checked=True)
                except Exception:
                    continue
                raise AssertionError("it did not fail")

    return run


PATHS: dict[str, tuple[Callable[[Engine, str, str], Callable[[float], None]], str, str]] = {
    "forward": (calls, "never", "never"),
    "bulk": (calls, "auto", "auto"),
    "bulk to values": (calls, "always", "never"),
    "values to bulk": (calls, "never", "always"),
    "fused": (calls, "auto", "fused"),
    "python by values": (calls, "never", "python"),
    "python in bulk": (calls, "auto", "python"),
    "data": (data, "auto", "never"),
    "data in bulk": (data, "always", "auto"),
    "arguments": (arguments, "never", ""),
    "arguments in bulk": (arguments, "auto", ""),
}


def _resident() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def main(cache: str, path: str) -> None:
    """See the module."""
    making, one, other = PATHS[path]
    with Engine(Path(cache)) as engine:
        run = making(engine, one, other)
        run(0.05)
        taken = [_after(run) for _ in range(4)]
        grown = min(taken[2:]) - min(taken[:2])
        if grown > SLACK:
            sys.stdout.write(f"{path}: {[size >> 10 for size in taken]} KiB\n")


def _after(run: Callable[[float], None]) -> int:
    """What the process takes after a quarter of the calls."""
    run(0.25)
    return _resident()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
