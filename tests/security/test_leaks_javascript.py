"""No bit gets across a revert of a JavaScript guest: not by its objects, prototypes, timers, clock or collector."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from orchestrator.engine import CannotKeep, Engine, Snapshot
from orchestrator.errors import RunError
from tests.support.javascript import Scripts
from tests.support.keeping import Keeping, Kept, keeping

pytestmark = pytest.mark.slow

WARM = "console.log('ready'); console.error('x'); Date.now(); Math.random(); await null; return 1;"
LOOK = """
const seen = {};
const note = (name, make) => { try { seen[name] = String(make()); } catch (error) { seen[name] = `${error}`; } };
note("names", () => Object.getOwnPropertyNames(globalThis).sort());
for (const one of [Object, Array, Function, String, Promise, Map, RegExp, Error, JSON, Math, Reflect, Date])
  for (const place of [one, one.prototype ?? {}])
    note(`${one.name ?? one} ${place === one}`, () => Reflect.ownKeys(place).map(String).sort().map(
      (key) => `${key}=${typeof Object.getOwnPropertyDescriptor(place, key)?.value}`));
note("json", () => JSON.stringify({ a: [1, 2.5], b: "x" }));
note("parse", () => parseInt("12"));
note("sort", () => [3, 1, 2].sort());
note("match", () => [RegExp.$1, RegExp.lastMatch, "abc".match(/b/).index]);
note("random", () => [Math.random(), Math.random()]);
note("time", () => [Date.now(), new Date().getTimezoneOffset(), new Date(0).toString()]);
note("clock", () => typeof performance === "undefined" ? null : performance.now());
note("numbers", () => typeof crypto === "undefined" ? null : crypto.getRandomValues(new Uint8Array(8)));
note("identifier", () => typeof crypto === "undefined" ? null : crypto.randomUUID());
note("symbols", () => Symbol.for("bit").description);
note("timer", () => { const timer = setTimeout(() => 1, 0); clearTimeout(timer); return timer; });
note("stack", () => new Error("x").stack);
note("deep", () => { let depth = 0; const go = () => { depth++; go(); }; try { go(); } catch { return depth; } });
note("frozen", () => [Object.isFrozen(Object.prototype), Object.isExtensible(globalThis)]);
note("typed", () => new Uint8Array(new ArrayBuffer(16)).reduce((a, b) => a + b));
return seen;
"""
ATTACKS = {
    "a global": "globalThis.bit = 1;",
    "a global replaced": "globalThis.parseInt = () => 1;",
    "a prototype": "Object.prototype.bit = 1;",
    "a method replaced": "JSON.stringify = () => '\"bit\"';",
    "a function replaced": "Array.prototype.sort = function () { return 'bit'; };",
    "an object frozen": "Object.freeze(Object.prototype);",
    "a global that is closed": "Object.preventExtensions(globalThis);",
    "a match": "'the bit'.match(/(bit)/);",
    "numbers drawn": "Math.random();",
    "time passed": "await new Promise((done) => setTimeout(done, 5000));",
    "a promise that waits": "globalThis.kept = new Promise(() => 1); void Promise.resolve().then(() => 2);",
    "a timer that is cleared": "clearTimeout(setTimeout(() => 1, 10));",
    "a generator half way": "globalThis.kept = (function* () { yield 1; yield 2; })(); kept.next();",
    "memory": "globalThis.kept = new Array(100_000).fill('bit');",
    "much memory": "const kept = []; for (let n = 0; n < 40; n++) kept.push(new Uint8Array(1 << 20).fill(7));",
    "a weak reference": "globalThis.kept = new WeakRef({ bit: 1 });",
    "a symbol": "globalThis.kept = Symbol.for('bit');",
    "a text": "globalThis.kept = 'b'.repeat(10_000) + 'it';",
    "a function made": "globalThis.kept = new Function('return 1');",
    "an exception": "throw new Error('bit');",
    "an end in deep recursion": "const deep = () => deep(); deep();",
    "output": "console.log('bit'.repeat(1000));",
    "a prototype of errors": "Error.prototype.toString = () => 'bit'; Error.stackTraceLimit = 1;",
    "a setter": "Object.defineProperty(Object.prototype, 'x', { set(value) { globalThis.kept = value; } });",
}
SEEN_BY_NOBODY = {"a symbol", "an exception", "an end in deep recursion", "output", "much memory"}
"""The code that looks sees no trace of these even without a revert."""


@dataclass
class Node:
    """A guest in JavaScript with the state that it is taken back to."""

    kept: Kept
    state: Snapshot

    def run(self, code: str) -> Any:
        """What some code returned, or how it ended."""
        ((_, text),) = self.kept.call("run", code).items()
        try:
            return json.loads(text)
        except ValueError:
            return text


@pytest.fixture(scope="module")
def guests() -> Iterator[Keeping]:
    with Engine() as engine:
        component = Scripts.build(engine).component
        with keeping(engine, component, memory=256 << 20) as made:
            assert made.component.way.name == "instrumented"
            yield made


def node(guests: Keeping) -> Node:
    kept = guests.fresh()
    assert "ok" in kept.call("run", WARM)
    return Node(kept, kept.take())


@pytest.fixture(scope="module")
def one(guests: Keeping) -> Node:
    return node(guests)


@pytest.fixture(scope="module")
def clean(one: Node) -> Any:
    """What a guest sees to which nothing was done."""
    seen = one.run(LOOK)
    one.kept.put(one.state)
    return seen


def _again(guests: Keeping, one: Node) -> None:
    """The guest is as it was; another one where it cannot be."""
    try:
        one.kept.put(one.state)
    except (CannotKeep, RunError):
        fresh = node(guests)
        one.kept, one.state = fresh.kept, fresh.state


def test_a_guest_that_is_taken_back_sees_the_same_each_time(one: Node, clean: Any) -> None:
    assert isinstance(clean, dict)
    assert len(clean) > 30
    for _ in range(3):
        assert one.run(LOOK) == clean
        one.kept.put(one.state)


@pytest.mark.parametrize("name", ATTACKS)
def test_nothing_is_left_in_a_guest_in_javascript(guests: Keeping, one: Node, clean: Any, name: str) -> None:
    one.run(ATTACKS[name])
    try:
        one.kept.put(one.state)
        seen = one.run(LOOK)
    finally:
        _again(guests, one)
    assert seen == clean


@pytest.mark.parametrize("name", ATTACKS)
def test_it_is_an_attack(guests: Keeping, one: Node, clean: Any, name: str) -> None:
    one.run(ATTACKS[name])
    seen = one.run(LOOK)
    _again(guests, one)
    assert (seen != clean) or name in SEEN_BY_NOBODY


def test_another_instance_is_brought_to_a_state(guests: Keeping, one: Node, clean: Any) -> None:
    if one.state.portable:
        other = guests.fresh()
        other.put(one.state)
        assert Node(other, one.state).run(LOOK) == clean
    else:
        assert one.state.handles
        with pytest.raises(CannotKeep, match="does not hold what it held"):
            guests.fresh().put(one.state)
