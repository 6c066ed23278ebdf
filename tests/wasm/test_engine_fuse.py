"""Components fused into one: calls, resources and counts inside it, and what of the parts is seen from outside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wasmtime import Engine, Trap, WasmtimeError
from wasmtime import component as cm

from orchestrator.engine import Engine as OwnEngine
from orchestrator.engine._chosen import EXPORTS as EXPORTED
from orchestrator.engine._chosen import chosen
from orchestrator.engine._fusable import CannotFuse
from orchestrator.engine._fuse import Fused, Part, fuse
from orchestrator.engine._shim import wrap
from orchestrator.engine.fused import Link
from orchestrator.errors import ComponentError
from orchestrator.interface import types as t
from orchestrator.interface.sizes import layout
from tests.support import lending_guests as lending
from tests.support import parts as texts
from tests.support.composing import EXPORTER, RICH, VERSIONS, link, named, part, world
from tests.support.fused_guests import ADDER, BOXER, BOXES, LOOPER, POLLS, STREAMS, USERS, WEIGHER
from tests.support.host_memory import Answer, Guest, new_engine
from tests.support.resource_guests import API, HOLDER, OWNER, PASSER
from tests.support.strategies import same, types, values
from tests.support.wat import echo, relay, wide

EXPORTS = str(EXPORTED)

_COMPONENTS = Path(__file__).parents[2] / "components"
_TALK = "test:talk/talk"


@pytest.fixture(scope="module")
def plain() -> Engine:
    return new_engine()


class _Fused:
    """A fused component and an instance of it, called by the names that the parts give."""

    def __init__(self, engine: Engine, fused: Fused, interfaces: dict[str, dict[str, Answer]] | None = None) -> None:
        self.fused = fused
        self.guest = Guest(engine, fused.binary, interfaces=interfaces)

    def __call__(self, number: int, path: str, *values: Any) -> Any:
        item, _, name = path.rpartition("#")
        outer = self.fused.exports[number, item or name]
        return self.guest.function(name if item else outer, outer if item else None)(*values)

    def counts(self) -> dict[tuple[int, str], int]:
        """The calls that were counted, where there were some."""
        found = {at: _word(self.guest, *place) for at, place in self.fused.counters.items()}
        return {at: count for at, count in found.items() if count}


def _word(guest: Guest, memory: int, offset: int) -> int:
    return int.from_bytes(guest.memories[memory].read(offset, 8), "little")


def _fused(engine: Engine, given: Sequence[str | Part], *edges: tuple[int, str, int, str], **more: Any) -> _Fused:
    parts = [one if isinstance(one, Part) else part(engine, one) for one in given]
    return _Fused(engine, fuse(parts, [link(parts, *edge) for edge in edges]), **more)


def _refused(engine: Engine, given: Sequence[str], *edges: tuple[int, str, int, str]) -> str:
    with pytest.raises(CannotFuse) as caught:
        _fused(engine, given, *edges)
    return str(caught.value)


def test_strings_pass_inside_and_calls_are_counted(plain: Engine) -> None:
    fused = _fused(plain, [texts.TALKER, texts.TEXTS], (0, texts.TEXT, 1, texts.TEXT))
    assert fused.fused.imports == {}
    assert fused.fused.exports == {(1, texts.TEXT): "p1-e0", (0, _TALK): "p0-e0"}
    assert fused.fused.counters == {(0, "echo"): (1, 0), (0, "refuse"): (1, 8)}
    for size in (0, 5, 1000):
        assert fused(0, f"{_TALK}#echo", "x" * size) == "x" * size
    assert repr(fused(0, f"{_TALK}#refuse", "no").payload) == "'no'"
    assert fused.counts() == {(0, "echo"): 3, (0, "refuse"): 1}


def test_the_callee_can_still_be_called_by_itself_which_is_not_counted(plain: Engine) -> None:
    fused = _fused(plain, [texts.TALKER, texts.TEXTS], (0, texts.TEXT, 1, texts.TEXT))
    assert fused(1, f"{texts.TEXT}#echo", "alone") == "alone"
    assert fused.counts() == {}


def test_a_fused_component_has_the_parts_worlds_under_new_names(plain: Engine) -> None:
    parts = [part(plain, texts.TALKER), part(plain, texts.TEXTS)]
    found = world(plain, fuse(parts, [link(parts, 0, texts.TEXT, 1, texts.TEXT)]).binary)
    text, talk = named(parts[1].world.exports, texts.TEXT), named(parts[0].world.exports, _TALK)
    assert isinstance(text, t.Interface)
    assert isinstance(talk, t.Interface)
    assert found == t.World(
        exports=(
            t.Interface(t.Name("p1-e0"), text.types, text.functions),
            t.Interface(t.Name("p0-e0"), talk.types, talk.functions),
        )
    )


def test_a_chain_of_ten(plain: Engine) -> None:
    chain = [texts.TALKER] * 9 + [texts.TEXTS]
    edges = [(n, texts.TEXT, n + 1, _TALK) for n in range(8)] + [(8, texts.TEXT, 9, texts.TEXT)]
    fused = _fused(plain, chain, *edges)
    for word in ("a", "longer than that"):
        assert fused(0, f"{_TALK}#echo", word) == word
    assert fused.counts() == {(n, "echo"): 2 for n in range(9)}


def test_parts_of_the_same_binary_share_its_code_and_nothing_else(plain: Engine) -> None:
    once = _fused(plain, [texts.TALKER, texts.TEXTS], (0, texts.TEXT, 1, texts.TEXT))
    twice = _fused(plain, [texts.TALKER, texts.TEXTS, texts.TEXTS], (0, texts.TEXT, 1, texts.TEXT))
    assert len(twice.fused.binary) - len(once.fused.binary) < len(part(plain, texts.TEXTS).binary)
    assert [len(guest.memories) for guest in (once.guest, twice.guest)] == [1 + 2, 1 + 2 + 2]


def test_parts_of_the_same_binary_that_are_called_by_more_or_less_share_its_code_too(plain: Engine) -> None:
    once = _fused(plain, [ADDER, _counting(0)], (0, "left", 1, "next-number"), (0, "right", 1, "next-number"))
    twice = _fused(
        plain, [ADDER, _counting(0), _counting(0)], (0, "left", 1, "next-number"), (0, "right", 2, "next-number")
    )
    assert len(twice.fused.binary) - len(once.fused.binary) < len(part(plain, _counting(0)).binary)
    assert [once(0, "sum"), twice(0, "sum")] == [3, 2]
    assert once.counts() == twice.counts() == {(0, "left"): 1, (1, "right"): 1}


def _counting(start: int) -> str:
    return f"""(component
      (core module $m (global $n (mut i32) (i32.const {start}))
        (func (export "next") (result i32)
          (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))
      (core instance $i (instantiate $m))
      (func (export "next-number") (result u32) (canon lift (core func $i "next"))))"""


def test_functions_of_the_world_are_joined_under_other_names(plain: Engine) -> None:
    fused = _fused(
        plain, [ADDER, _counting(100), _counting(0)], (0, "left", 1, "next-number"), (0, "right", 2, "next-number")
    )
    assert [fused(0, "sum"), fused(0, "sum")] == [102, 104]
    assert fused.counts() == {(0, "left"): 2, (1, "right"): 2}


def test_two_callers_share_one_callee(plain: Engine) -> None:
    edges = [(caller, side, 2, "next-number") for caller in (0, 1) for side in ("left", "right")]
    fused = _fused(plain, [ADDER, ADDER, _counting(0)], *edges)
    assert [fused(0, "sum"), fused(1, "sum"), fused(2, "next-number")] == [3, 7, 5]
    assert fused.counts() == {(0, "left"): 1, (1, "right"): 1, (2, "left"): 1, (3, "right"): 1}


def test_imports_of_one_name_stay_two(plain: Engine) -> None:
    parts = [part(plain, text) for text in (ADDER, ADDER)]
    fused = fuse(parts, [])
    assert fused.imports == {(0, "left"): "p0-i0", (0, "right"): "p0-i1", (1, "left"): "p1-i0", (1, "right"): "p1-i1"}
    answers = {outer: lambda number=number: number for number, outer in enumerate(fused.imports.values())}
    guest = Guest(plain, fused.binary, own=answers)
    assert [guest.function(fused.exports[number, "sum"])() for number in (0, 1)] == [0 + 1, 2 + 3]


def _versioned(version: str, more: str = "") -> str:
    return texts.TEXTS.replace(f'"{texts.TEXT}"', f'"{texts.TEXT}@{version}"').replace(
        '(instance $out (export "echo"', f'(instance $out {more} (export "echo"'
    )


def test_a_newer_callee_with_more_functions_answers(plain: Engine) -> None:
    caller = texts.TALKER.replace(f'"{texts.TEXT}"', f'"{texts.TEXT}@0.2.1"')
    callee = _versioned("0.2.7", '(export "another" (func $echo))')
    fused = _fused(plain, [caller, callee], (0, f"{texts.TEXT}@0.2.1", 1, f"{texts.TEXT}@0.2.7"))
    assert fused(0, f"{_TALK}#echo", "new") == "new"
    assert fused.fused.counters == {(0, "echo"): (1, 0), (0, "refuse"): (1, 8)}


def test_resources_pass_and_are_dropped_where_they_were_made(plain: Engine) -> None:
    fused = _fused(plain, [HOLDER, OWNER], (0, API, 1, API))
    first, second = fused(0, "make", 5), fused(0, "make", 7)
    assert fused(0, "live") == 2
    assert fused(0, "add", first, 3) == 8
    assert not fused(0, "compare", first, second)
    assert fused(0, "add", second, 1) == 8
    assert fused(0, "compare", first, second)
    fused(0, "drop", first)
    assert fused(0, "live") == 1
    merged = fused(0, "merge", second, fused(0, "make", 10))
    assert fused(0, "add", merged, 0) == 18
    assert fused(0, "live") == fused(1, f"{API}#live") == 1
    assert fused.counts() == {
        (0, "[constructor]counter"): 3,
        (0, "[method]counter.add"): 3,
        (0, "[static]counter.merge"): 1,
        (0, "compare"): 2,
        (0, "live"): 3,
    }


def test_a_handle_that_leaves_the_caller_is_one_of_the_callees(plain: Engine) -> None:
    fused = _fused(plain, [HOLDER, OWNER], (0, API, 1, API))
    counter = fused(0, "give", fused(0, "make", 40))
    assert fused(1, f"{API}#[method]counter.add", counter, 2) == 42
    assert fused(0, "peek", counter) == 42
    assert fused(0, "take", fused(1, f"{API}#[constructor]counter", 1)) > 0
    assert fused(0, "live") == 2


def test_a_destructor_that_traps_reaches_the_caller(plain: Engine) -> None:
    fused = _fused(plain, [HOLDER, OWNER], (0, API, 1, API))
    bad = fused(0, "make", 666)
    with pytest.raises((Trap, WasmtimeError), match="unreachable"):
        fused(0, "drop", bad)


def test_a_trap_of_the_callee_ends_the_call_and_is_counted(plain: Engine) -> None:
    fused = _fused(plain, [HOLDER, OWNER], (0, API, 1, API))
    made = fused(0, "make", 1)
    with pytest.raises((Trap, WasmtimeError), match="unreachable"):
        fused(0, "fail", made)
    assert fused.counts() == {(0, "[constructor]counter"): 1, (0, "fail"): 1}


def test_a_handle_that_is_lent_inside_a_record_is_let_go(plain: Engine) -> None:
    fused = _fused(plain, [BOXER, BOXES], (0, "test:box/api", 1, "test:box/api"))
    assert [fused(0, "go", 100), fused(0, "go", 200)] == [123, 223]
    assert fused.counts() == {(0, "[constructor]box"): 4, (0, "both"): 2}


def test_two_interfaces_share_a_resource_whatever_the_order_of_the_links(plain: Engine) -> None:
    edges = [(0, name, 1, name) for name in ("test:box/more", "test:box/api")]
    for order in (edges, edges[::-1]):
        fused = _fused(plain, [WEIGHER, BOXES], *order)
        assert fused(0, "go", 5) == 5


_VALUES = types().flatmap(lambda type_: st.tuples(st.just(type_), values(type_)))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=_VALUES)
def test_every_type_passes_inside_and_through_a_shim_around_it_all(plain: Engine, case: tuple[t.Type, Any]) -> None:
    type_, value = case
    whole, sent = wide(type_), (*range(17), value)
    parts = [part(plain, relay(whole, layout(whole)[0])), part(plain, echo(whole))]
    fused = fuse(parts, [link(parts, 0, "echo", 1, "echo")])
    found = world(plain, fused.binary)
    exports, _ = chosen(found, "always")
    guest = Guest(plain, wrap(fused.binary, found, exports, ()))
    room = guest.values()
    number = [function.name for _, function in exports].index(fused.exports[0, "relay"])
    at, ret = room.placed(whole, sent), room.room(*layout(whole))
    guest.function(f"f{number}", EXPORTS)(at, ret)
    assert same(whole, room.load(whole, ret), sent)
    memory, offset = fused.counters[0, "echo"]
    assert _word(guest, memory + 1, offset) == 1


def test_calls_within_calls_are_counted_each_on_its_own(plain: Engine) -> None:
    fused = _fused(plain, [LOOPER, LOOPER, texts.TEXTS], (0, texts.TEXT, 1, _TALK), (1, texts.TEXT, 2, texts.TEXT))
    word = "0123456789" * 20
    assert fused(0, f"{_TALK}#echo", word) == word
    assert fused.counts() == {(0, "echo"): 100, (1, "echo"): 10_000}


def test_what_parts_ask_of_wasi_is_asked_once_and_all_of_it(plain: Engine) -> None:
    fused = _fused(plain, [STREAMS, POLLS])
    found = world(plain, fused.fused.binary)
    shown = {
        str(item.name): ([d.name for d in item.types], [f.name for f in item.functions])
        for item in found.imports
        if isinstance(item, t.Interface)
    }
    assert shown == {
        "wasi:io/error@0.2.0": (["error"], []),
        "wasi:io/poll@0.2.0": (["pollable"], []),
        "wasi:io/streams@0.2.0": (["output-stream", "pollable"], ["[method]output-stream.subscribe"]),
        "wasi:cli/stdout@0.2.0": (["output-stream"], ["get-stdout"]),
        "wasi:cli/stdout@0.2.1": (["output-stream"], ["get-stdout"]),
    }
    assert {key: name for key, name in fused.fused.imports.items() if key[1] != name} == {}
    assert fused(1, "go") > 0


@pytest.mark.parametrize("text", [RICH, VERSIONS, EXPORTER, PASSER, texts.CHOOSER, texts.TOOL_USER])
def test_every_world_can_be_a_part_twice(plain: Engine, text: str) -> None:
    one = part(plain, text)
    fused = fuse([one, one], [])
    found = world(plain, fused.binary)
    assert sorted(str(item.name) for item in found.imports) == sorted(fused.imports.values())
    assert [str(item.name) for item in found.exports] == list(fused.exports.values())
    assert list(fused.imports) == [(number, str(item.name)) for number in (0, 1) for item in one.world.imports]
    assert list(fused.exports) == [(number, str(item.name)) for number in (0, 1) for item in one.world.exports]


def test_types_of_a_joined_interface_have_their_names_on_both_sides(plain: Engine) -> None:
    fused = _fused(plain, [texts.CHOICE_USER, texts.CHOOSER], (0, texts.CHOICE, 1, texts.CHOICE))
    assert [fused(0, "test:user/user#go", n) for n in (5, 0)] == [5, 1000]
    assert fused.counts() == {(0, "pick"): 2}


def test_an_interface_that_uses_anothers_resource_gets_it_under_its_new_name(plain: Engine) -> None:
    found = world(plain, fuse([part(plain, USERS), part(plain, USERS)], []).binary)
    resources = [t.Resource("counter", "p0-i0"), t.Resource("counter", "p1-i0")]
    users = [item for item in found.imports if isinstance(item, t.Interface) and item.functions]
    assert [item.name.interface for item in users] == ["p0-i1", "p1-i1"]
    assert [item.types for item in users] == [(t.TypeDef("counter", resource),) for resource in resources]


def test_links_in_a_circle_are_refused(plain: Engine) -> None:
    looped = [texts.TALKER, texts.TALKER]
    refused = _refused(plain, looped, (0, texts.TEXT, 1, _TALK), (1, texts.TEXT, 0, _TALK))
    assert refused in {
        "the links form a circle: part 0 calls part 1 calls part 0",
        "the links form a circle: part 1 calls part 0 calls part 1",
    }


def test_sides_that_do_not_fit_are_refused(plain: Engine) -> None:
    number = _counting(0).replace("(result u32)", "(result s32)")
    assert _refused(plain, [ADDER, number], (0, "left", 1, "next-number")) == (
        "`next-number` does not answer `left`: result: `caller` expects u32, `callee` returns s32"
    )
    assert _refused(plain, [ADDER, texts.TEXTS], (0, "left", 1, texts.TEXT)) == (
        "`left` and `test:text/text` are an interface and a function"
    )


def test_an_import_is_answered_once(plain: Engine) -> None:
    twice = ((0, "left", 1, "next-number"),) * 2
    assert _refused(plain, [ADDER, _counting(0)], *twice) == "`left` of part 0 is answered twice"


def test_what_is_not_imported_is_not_joined(plain: Engine) -> None:
    parts = [part(plain, ADDER), part(plain, _counting(0))]
    wanted, offered = t.Function("centre", (), t.U32), parts[1].world.exports[0]
    with pytest.raises(CannotFuse) as caught:
        fuse(parts, [Link(0, wanted, 1, offered)])
    assert str(caught.value) == "part 0 does not import `centre`"


def test_a_resource_that_both_sides_have_from_a_third_is_refused(plain: Engine) -> None:
    edges = ((0, API, 2, API), (1, API, 2, API), (0, "take", 1, "take"))
    assert _refused(plain, [PASSER, HOLDER, OWNER], *edges) == (
        "function `take` of `take` passes on `counter`, a resource of test:res/api that both sides get from a third"
    )


def test_a_resource_that_must_pass_outside_too_is_refused(plain: Engine) -> None:
    assert _refused(plain, [USERS, OWNER], (0, API, 1, API)) == (
        "`test:res/users` mentions `counter`, a resource of test:res/api, and another component answers it than "
        "that interface"
    )


def test_handles_are_lent_in_lists_options_and_among_any_number_of_parameters(plain: Engine) -> None:
    fused = _fused(plain, [lending.LENDER, lending.LENT], (0, lending.API, 1, lending.API))
    assert [fused(0, "go", 100), fused(0, "go", 200)] == [423, 823]
    assert fused.counts() == {(0, "[constructor]box"): 4, (0, "all"): 2, (0, "maybe"): 2, (0, "many"): 2}


NESTED = f"(component (component $n {texts.TEXTS[len('(component') : -1]}) (instance $n (instantiate $n))"
COMPOSED = f'{NESTED} (alias export $n "{texts.TEXT}" (instance $i)) (export "{texts.TEXT}" (instance $i)))'
STATEFUL = BOXES.replace(
    "(component $shim", "(component $shim (core module $x (memory 1)) (core instance (instantiate $x))"
)
TWICE_NAMED = BOXES.replace(
    '(export "both" (func $both) (func (param "pair" $p2)',
    '(export "same" (func $both) (func (param "pair" $p2) (param "other" (borrow $b2)) (result u32))) '
    '(export "both" (func $both) (func (param "pair" $p2)',
)
BOTH_NAMES = BOXER.replace(
    '(export "both" (func (param "pair" $p)',
    '(export "same" (func (param "pair" $p) (param "other" (borrow $b)) (result u32))) '
    '(export "both" (func (param "pair" $p)',
)


@pytest.mark.parametrize(
    ("caller", "callee", "name"),
    [
        (texts.TALKER, COMPOSED, texts.TEXT),
        (BOXER, STATEFUL, "test:box/api"),
        (BOTH_NAMES, TWICE_NAMED, "test:box/api"),
    ],
    ids=["composed", "stateful", "two-names"],
)
def test_a_callee_whose_calls_cannot_be_counted_is_refused(plain: Engine, caller: str, callee: str, name: str) -> None:
    assert _refused(plain, [caller, callee], (0, name, 1, name)) == (
        f"the calls of `{name}` cannot be counted: the binary of the component that answers does not say which code of "
        "its own they reach; a component that is composed of others does not"
    )


def test_what_is_named_twice_is_counted_under_the_name_that_is_called(plain: Engine) -> None:
    fused = _fused(plain, [BOXER, TWICE_NAMED], (0, "test:box/api", 1, "test:box/api"))
    assert fused(0, "go", 100) == 123
    assert fused.counts() == {(0, "[constructor]box"): 2, (0, "both"): 1}


def test_an_interface_of_types_alone_is_answered_by_whatever_exports_it(plain: Engine) -> None:
    caller = """(component (import "test:kinds/api" (instance
      (type $k' (enum "a" "b")) (export "kind" (type (eq $k'))))))"""
    callee = """(component
      (component $n (type $k' (enum "a" "b")) (export "kind" (type $k')))
      (instance $n (instantiate $n))
      (export "test:kinds/api" (instance $n)))"""
    fused = _fused(plain, [caller, callee], (0, "test:kinds/api", 1, "test:kinds/api"))
    assert (fused.fused.counters, fused.guest.memories) == ({}, [])


def test_names_that_are_kept_for_counting_are_refused(plain: Engine) -> None:
    callee = (
        _counting(0)[:-1]
        + ' (func $f (result u32) (canon lift (core func $i "next"))) (export "orchestrator-counted-0" (func $f)))'
    )
    assert _refused(plain, [ADDER, callee], (0, "left", 1, "next-number")) == (
        "a component exports `orchestrator-counted-…`, names that are kept for what counts its calls"
    )


@pytest.mark.parametrize("encoding", ["utf16", "latin1+utf16"])
def test_texts_of_any_encoding_pass(plain: Engine, encoding: str) -> None:
    callee = texts.TEXTS.replace("(memory (core", f"string-encoding={encoding} (memory (core")
    assert callee != texts.TEXTS
    fused = _fused(plain, [texts.TALKER, callee], (0, texts.TEXT, 1, texts.TEXT))
    assert fused(0, f"{_TALK}#echo", "plain") == "plain"
    assert fused.counts() == {(0, "echo"): 1}


def test_the_exports_of_a_world_are_counted_with_all_their_types(plain: Engine) -> None:
    caller = """(component
      (type $tint' (enum "warm" "cold")) (import "tint" (type $tint (eq $tint')))
      (import "first" (func $first (param "all" (list $tint)) (result $tint)))
      (core module $h (memory (export "memory") 1) (data (i32.const 8) "\\01\\00"))
      (core instance $h (instantiate $h))
      (core func $first' (canon lower (func $first) (memory (core memory $h "memory"))))
      (core module $m (import "" "first" (func $first (param i32 i32) (result i32)))
        (func (export "go") (param i32) (result i32) (call $first (i32.add (local.get 0) (i32.const 8)) (i32.const 1))))
      (core instance $m (instantiate $m (with "" (instance (export "first" (func $first'))))))
      (func (export "go") (param "n" u32) (result u32) (canon lift (core func $m "go"))))"""
    fused = _fused(plain, [caller, EXPORTER], (0, "first", 1, "first"))
    assert [fused(0, "go", n) for n in (0, 1)] == [1, 0]
    assert fused.counts() == {(0, "first"): 2}


def test_another_components_world_is_refused(plain: Engine) -> None:
    mixed = Part(part(plain, ADDER).binary, part(plain, texts.TEXTS).world)
    with pytest.raises(ComponentError) as caught:
        fuse([mixed], [])
    assert str(caught.value) == "the component has `left`, which its world does not say or nothing carries"


def test_fusing_the_same_parts_gives_the_same_bytes(plain: Engine) -> None:
    edges = ((0, API, 1, API),)
    assert _fused(plain, [HOLDER, OWNER], *edges).fused == _fused(plain, [HOLDER, OWNER], *edges).fused


def _built(engine: OwnEngine, name: str) -> Part:
    found = engine.load(_COMPONENTS / name).world
    newest = max(engine.cache.builds.glob(f"{name}-*.wasm"), key=lambda path: path.stat().st_mtime)
    return Part(newest.read_bytes(), found)


def _record(fields: dict[str, Any]) -> cm.Record:
    made = cm.Record()
    for name, value in fields.items():
        setattr(made, name, value)
    return made


@pytest.mark.slow
def test_the_answerer_asks_the_retriever_inside_one_component(plain: Engine) -> None:
    with OwnEngine() as engine:
        parts = [_built(engine, "answerer"), _built(engine, "retriever")]
    retrieval = "agent:data/retrieval@0.1.0"
    fused = fuse(parts, [link(parts, 0, retrieval, 1, retrieval)])
    asked: list[str] = []

    def complete(messages: list[Any], _options: Any) -> cm.Record:
        asked.append(messages[-1].content)
        usage = _record({"prompt-tokens": 1, "completion-tokens": 1, "total-tokens": 2})
        return _record({"content": "In [1].", "finish-reason": "stop", "usage": usage, "model": "m"})

    no_settings: dict[str, Answer] = {"get": lambda _key: None, "get-all": list}
    store, chat = "wasi:config/store@0.2.0-rc.1", "agent:llm/chat@0.1.0"
    interfaces = {fused.imports[number, store]: no_settings for number in (0, 1)}
    whole = _Fused(plain, fused, interfaces | {fused.imports[0, chat]: {"complete": complete}})
    documents = [
        _record({"id": name, "title": name, "text": text, "metadata": []})
        for name, text in (("a", "Herons are grey."), ("b", "Foxes are red."))
    ]
    answer = whole(0, "agent:core/answer@0.1.0#run", "Which colour are foxes?", documents)
    assert [(source.id, source.passage) for source in answer.sources] == [("b", "Foxes are red.")]
    assert len(asked) == 1
    assert whole.counts() == {(0, "index"): 1, (0, "search"): 1}
