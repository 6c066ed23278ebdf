"""A guest in its shim: the same world, and values that cross as bytes of a memory that the host sees."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wasmtime import Engine, Trap, WasmtimeError
from wasmtime import component as cm

from orchestrator.engine import Engine as OwnEngine
from orchestrator.engine._chosen import EXPORTS as EXPORTED
from orchestrator.engine._chosen import IMPORTS as IMPORTED
from orchestrator.engine._chosen import Chosen, chosen, hosted
from orchestrator.engine._flat import signature
from orchestrator.engine._libc import MARK, NEXT, ROOM
from orchestrator.engine._shim import PAGES, wrap
from orchestrator.errors import ComponentError
from orchestrator.interface import types as t
from orchestrator.interface.crossing import has_handles
from orchestrator.interface.sizes import layout
from tests.support import parts, resource_guests
from tests.support.composing import EXPORTER, RICH, VERSIONS, named, part, world
from tests.support.host_memory import Guest, Memory, new_engine
from tests.support.strategies import same, types, values
from tests.support.wasi_guests import CLI
from tests.support.wat import MEMORY, echo, relay, wide

EXPORTS = str(EXPORTED)
IMPORTS = str(IMPORTED)

_COMPONENTS = Path(__file__).parent.parent / "components"
_GUESTS = {
    "rich": RICH,
    "versions": VERSIONS,
    "exporter": EXPORTER,
    "owner": resource_guests.OWNER,
    "holder": resource_guests.HOLDER,
    "passer": resource_guests.PASSER,
    "chooser": parts.CHOOSER,
    "choice-user": parts.CHOICE_USER,
    "tool-user": parts.TOOL_USER,
    "texts": parts.TEXTS,
    "talker": parts.TALKER,
}


@pytest.fixture(scope="module")
def plain() -> Engine:
    return new_engine()


def _wrapped(engine: Engine, text: str, *, every: bool = True) -> bytes:
    guest = part(engine, text)
    return wrap(guest.binary, guest.world, *chosen(guest.world, "always" if every else "auto"))


def _never(*_values: Any) -> None:
    raise AssertionError("the import behind the shim was called")


def _keep(memory: Memory) -> None:
    """What is in the memory stays: a served import goes back to here."""
    memory.write(MARK, memory.read(NEXT, 4))


@pytest.mark.parametrize("every", [False, True])
@pytest.mark.parametrize("name", _GUESTS)
def test_a_wrapped_guest_has_the_guests_world(plain: Engine, name: str, every: bool) -> None:
    guest = part(plain, _GUESTS[name])
    exports, imports = chosen(guest.world, "always" if every else "auto")
    found = world(plain, wrap(guest.binary, guest.world, exports, imports))
    others = [item for item in found.imports if str(item.name) != IMPORTS]
    assert others == list(guest.world.imports)
    assert found.exports[1:] == guest.world.exports
    assert found.types == guest.world.types
    offered = found.exports[0]
    assert isinstance(offered, t.Interface)
    assert str(offered.name) == EXPORTS
    assert [f.name for f in offered.functions] == [f"f{n}" for n in range(len(exports))]
    served = [item for item in found.imports if str(item.name) == IMPORTS and isinstance(item, t.Interface)]
    assert [f.name for item in served for f in item.functions] == [f"f{n}" for n in range(len(imports))]


def _signature(*params: t.Type, result: t.Type | None = None, last: str = "") -> tuple[Any, ...]:
    names = [f"p{n}" for n in range(len(params))]
    if last:
        names[-1] = last
    return tuple(t.Field(name, type_) for name, type_ in zip(names, params, strict=True)), result


def test_functions_are_offered_and_served_as_core_modules_see_them(plain: Engine) -> None:
    wrapped = world(plain, _wrapped(plain, parts.TALKER))
    served, offered = named(wrapped.imports, IMPORTS), named(wrapped.exports, EXPORTS)
    assert isinstance(served, t.Interface)
    assert isinstance(offered, t.Interface)
    texts = [_signature(t.U32, t.U32, result=t.U32)] * 2
    assert [(f.params, f.result) for f in served.functions] == texts
    lowered = [_signature(t.U32, t.U32, t.U32, last="ret")] * 2
    assert [(f.params, f.result) for f in offered.functions] == lowered


_NUMBERS = f"""(component
  (core module $m {MEMORY}
    (func (export "mix") (param i32 i64 f32 f64 i32 i32) (result f64)
      (f64.add (f64.promote_f32 (local.get 2)) (f64.add (local.get 3) (f64.convert_i32_u (local.get 5)))))
    (func (export "none") (param i32 i32))
    (func (export "small") (param i32 i32) (result i32) (i32.load8_u (local.get 0)))
    (func (export "many") (param i32) (result i64) (i64.load (i32.add (local.get 0) (i32.const 128)))))
  (core instance $i (instantiate $m))
  (func (export "mix") (param "a" s8) (param "b" u64) (param "c" f32) (param "d" f64) (param "e" (list u8)) (result f64)
    (canon lift (core func $i "mix") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (func (export "none") (param "a" string)
    (canon lift (core func $i "none") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (func (export "small") (param "a" (list u8)) (result u8)
    (canon lift (core func $i "small") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (func (export "many") {" ".join(f'(param "p{n}" u64)' for n in range(17))} (result s64)
    (canon lift (core func $i "many") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))"""


def test_numbers_pass_as_numbers(plain: Engine) -> None:
    wrapped = _wrapped(plain, _NUMBERS)
    offered = named(world(plain, wrapped).exports, EXPORTS)
    assert isinstance(offered, t.Interface)
    assert [(f.params, f.result) for f in offered.functions] == [
        _signature(t.U32, t.U64, t.F32, t.F64, t.U32, t.U32, result=t.F64),
        _signature(t.U32, t.U32),
        _signature(t.U32, t.U32, result=t.U32),
        _signature(t.U32, result=t.U64),
    ]
    guest = Guest(plain, wrapped)
    memory = guest.memories[0]
    memory.write(1000, b"\x07abc")
    assert guest.function("f0", EXPORTS)(2**32 - 1, 5, 0.5, 0.25, 1000, 4) == 4.75
    assert guest.function("f1", EXPORTS)(1000, 4) is None
    assert guest.function("f2", EXPORTS)(1000, 4) == 7
    memory.write(2000 + 128, (2**64 - 3).to_bytes(8, "little"))
    assert guest.function("f3", EXPORTS)(2000) == 2**64 - 3
    assert guest.function("mix")(-1, 5, 0.5, 0.25, b"four") == 4.75


_VALUES = types().flatmap(lambda type_: st.tuples(st.just(type_), values(type_)))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=_VALUES)
def test_every_type_crosses_a_shim_both_ways(plain: Engine, case: tuple[t.Type, Any]) -> None:
    type_, value = case
    whole, sent = wide(type_), (*range(17), value)
    seen: list[Any] = []

    def answer(at: int) -> int:
        seen.append(room.load(whole, at))
        return room.placed(whole, seen[0])

    guest = Guest(
        plain,
        _wrapped(plain, relay(whole, layout(whole)[0])),
        own={"echo": _never},
        interfaces={IMPORTS: {"f0": answer}},
    )
    room = guest.values()
    at, ret = room.placed(whole, sent), room.room(*layout(whole))
    _keep(guest.memories[0])
    guest.function("f0", EXPORTS)(at, ret)
    assert same(whole, seen[0], sent)
    assert same(whole, room.load(whole, ret), sent)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=_VALUES)
def test_types_that_a_world_exports_cross_too(plain: Engine, case: tuple[t.Type, Any]) -> None:
    type_, value = case
    whole, sent = wide(type_), (*range(17), value)
    guest = Guest(plain, _wrapped(plain, echo(whole)))
    room = guest.values()
    at, ret = room.placed(whole, sent), room.room(*layout(whole))
    guest.function("f0", EXPORTS)(at, ret)
    assert same(whole, room.load(whole, ret), sent)


def test_the_memory_comes_first_and_never_changes_its_size(plain: Engine) -> None:
    guest = Guest(plain, _wrapped(plain, parts.TEXTS))
    assert [memory.size for memory in guest.memories] == [PAGES << 16, 1 << 16]
    assert guest.memories[0].read(0, ROOM) == bytes(ROOM)


_SERVED = f"""(component
  (import "test:served/api" (instance $api
    (export "none" (func (param "x" (list u8))))
    (export "int" (func (param "x" (list u8)) (result u16)))
    (export "long" (func (param "x" (list u8)) (result s64)))
    (export "single" (func (param "x" (list u8)) (result f32)))
    (export "double" (func (param "x" (list u8)) (result f64)))
    (export "bytes" (func (param "x" (list u8)) (result (list u8))))
    (export "unused" (func (param "x" (list u8))))))
  (import "own" (func $own (param "x" (list u8)) (result u8)))
  (core module $libc {MEMORY})
  (core instance $libc (instantiate $libc))
  {{lowered}}
  (core func $own'
    (canon lower (func $own) (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core module $m
    (import "libc" "memory" (memory 1))
    (import "" "none" (func $none (param i32 i32)))
    (import "" "int" (func $int (param i32 i32) (result i32)))
    (import "" "long" (func $long (param i32 i32) (result i64)))
    (import "" "single" (func $single (param i32 i32) (result f32)))
    (import "" "double" (func $double (param i32 i32) (result f64)))
    (import "" "bytes" (func $bytes (param i32 i32 i32)))
    (import "" "own" (func $own (param i32 i32) (result i32)))
    (data (i32.const 512) "hello")
    (func (export "go") (result f64)
      (call $none (i32.const 512) (i32.const 5))
      (call $bytes (i32.const 512) (i32.const 5) (i32.const 600))
      (f64.convert_i32_u (call $int (i32.load (i32.const 600)) (i32.load (i32.const 604))))
      (f64.convert_i64_s (call $long (i32.const 512) (i32.const 5)))
      (f64.promote_f32 (call $single (i32.const 512) (i32.const 5)))
      (call $double (i32.const 512) (i32.const 5))
      (f64.convert_i32_u (call $own (i32.const 512) (i32.const 4)))
      f64.add f64.add f64.add f64.add))
  (core instance $i (instantiate $m (with "libc" (instance $libc)) (with "" (instance
    (export "own" (func $own')) {{given}}))))
  (func (export "go") (result f64) (canon lift (core func $i "go"))))"""


def _served() -> str:
    names = ("none", "int", "long", "single", "double", "bytes")
    options = '(memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))'
    lowered = "\n".join(f'(core func ${n} (canon lower (func $api "{n}") {options}))' for n in names)
    return _SERVED.format(lowered=lowered, given=" ".join(f'(export "{n}" (func ${n}))' for n in names))


def test_imports_are_served_from_the_memory_which_is_given_back(plain: Engine) -> None:
    guest = part(plain, _served())
    exports, imports = chosen(guest.world, "auto")
    assert [(str(name), f.name) for name, f in imports] == [
        *(("test:served/api", name) for name in ("none", "int", "long", "single", "double", "bytes", "unused")),
        ("None", "own"),
    ]
    seen, ends = list[bytes](), list[int]()

    def answering(result: Any) -> Any:
        def answer(at: int, size: int) -> Any:
            memory = made.memories[0]
            seen.append(memory.read(at, size))
            ends.append(memory.word(NEXT))
            return result

        return answer

    def back(at: int, size: int) -> int:
        made.memories[0].write(5000, at.to_bytes(4, "little") + (size - 2).to_bytes(4, "little"))
        answering(None)(at, size)
        return 5000

    numbers = {"f0": None, "f1": 65535, "f2": 2**64 - 1, "f3": 0.5, "f4": 0.25, "f7": 3, "f6": None}
    names = (
        [f.name for f in guest.world.imports[0].functions] if isinstance(guest.world.imports[0], t.Interface) else []
    )
    made = Guest(
        plain,
        wrap(guest.binary, guest.world, exports, imports),
        own={"own": _never},
        interfaces={
            "test:served/api": dict.fromkeys(names, _never),
            IMPORTS: {name: answering(result) for name, result in numbers.items()} | {"f5": back},
        },
    )
    memory = made.memories[0]
    memory.write(NEXT, (3000).to_bytes(4, "little") + (3000).to_bytes(4, "little"))
    assert made.function("go")() == 65535 - 1 + 0.5 + 0.25 + 3
    assert seen == [b"hello", b"hello", b"hel", b"hello", b"hello", b"hello", b"hell"]
    assert ends == [3005, 3005, 3003, 3005, 3005, 3005, 3004]
    assert (memory.word(NEXT), memory.word(MARK)) == (3000, 3000)


_STORE = f"""(component
  (import "test:res/store" (instance $store
    (export "item" (type $item (sub resource)))
    (export "[constructor]item" (func (param "n" u32) (result (own $item))))
    (export "[method]item.n" (func (param "self" (borrow $item)) (result u32)))
    (export "total" (func (param "all" (list u32)) (result u32)))))
  (alias export $store "item" (type $item))
  (core module $libc {MEMORY})
  (core instance $libc (instantiate $libc))
  (core func $new (canon lower (func $store "[constructor]item")))
  (core func $n (canon lower (func $store "[method]item.n")))
  (core func $drop (canon resource.drop $item))
  (core func $total (canon lower (func $store "total")
    (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core module $m
    (import "" "memory" (memory 1))
    (import "" "new" (func $new (param i32) (result i32)))
    (import "" "n" (func $n (param i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (import "" "total" (func $total (param i32 i32) (result i32)))
    (func (export "go") (param i32) (result i32) (local $item i32)
      (local.set $item (call $new (local.get 0)))
      (i32.store (i32.const 512) (call $n (local.get $item)))
      (i32.store (i32.const 516) (i32.const 30))
      (call $drop (local.get $item))
      (call $total (i32.const 512) (i32.const 2))))
  (core instance $i (instantiate $m (with "" (instance (export "memory" (memory $libc "memory"))
    (export "new" (func $new)) (export "n" (func $n)) (export "drop" (func $drop)) (export "total" (func $total))))))
  (func (export "go") (param "n" u32) (result u32) (canon lift (core func $i "go"))))"""


def test_the_resources_of_an_interface_stay_the_hosts_beside_functions_that_are_served(plain: Engine) -> None:
    dropped: list[int] = []
    kind = cm.ResourceType.host(7)

    def total(at: int, count: int) -> int:
        return sum(made.memories[0].word(at + 4 * n) for n in range(count))

    made = Guest(
        plain,
        _wrapped(plain, _STORE, every=False),
        interfaces={
            "test:res/store": {
                "item": (kind, dropped.append),
                "[constructor]item": lambda n: cm.ResourceHost.own(n + 1, 7),
                "[method]item.n": lambda item: item.to_host(made.store).rep,
                "total": _never,
            },
            IMPORTS: {"f0": total},
        },
    )
    assert made.function("go")(11) == 12 + 30
    assert dropped == [12]


def test_what_the_host_serves_of_wasi_is_called_in_plain_numbers(plain: Engine) -> None:
    guest = part(plain, CLI)
    ours = hosted(guest.world, "auto")
    found = world(plain, wrap(guest.binary, guest.world, *chosen(guest.world, "auto"), ours))
    served = named(found.imports, IMPORTS)
    assert isinstance(served, t.Interface)
    assert found.imports == (served,)
    assert found.exports[1:] == guest.world.exports
    assert {f.name: _signature(*(field.type for field in f.params), result=f.result) for f in served.functions} == {
        "f0": _signature(t.U32, t.U32, t.U32, result=t.U32),
        "f1": _signature(result=t.U32),
        "f2": _signature(result=t.U32),
        "f3": _signature(result=t.U32),
        "f4": _signature(result=t.U32),
        "f5": _signature(t.U32),
        "drop": _signature(t.U32),
    }


def test_all_of_wasi_goes_through_a_shim_or_nothing(plain: Engine) -> None:
    guest = part(plain, CLI).world
    assert [str(item.name) for item in hosted(guest, "auto")] == [str(item.name) for item in guest.imports]
    assert hosted(guest, "auto") == hosted(guest, "always")
    assert hosted(guest, "never") == ()
    without = replace(guest, imports=tuple(item for item in guest.imports if "streams" not in str(item.name)))
    assert hosted(without, "auto") == (), "nothing of it passes bytes"
    shows = t.Interface(t.Name.parse("a:b/c"), (t.TypeDef("error", t.Resource("error", "wasi:io/error", True)),))
    error = t.Variant((t.Case("failed", t.Own(t.Resource("error", "wasi:io/error", True))), t.Case("closed", None)))
    names = replace(shows, types=(t.TypeDef("stream-error", error),))
    for others in (
        {"imports": (*guest.imports, shows)},
        {"exports": (shows,)},
        {"exports": (names,)},
        {"types": shows.types},
    ):
        assert hosted(replace(guest, **others), "auto") == (), "its resources stay those that others know too"
    foreign = t.TypeDef("pollable", t.Resource("pollable", "a:b/poll", True))
    mixed = tuple(replace(i, types=(*i.types, foreign)) for i in guest.imports if isinstance(i, t.Interface))
    assert hosted(replace(guest, imports=mixed), "auto") == (), "nor can it have those of others"


def test_what_the_bulk_path_takes(plain: Engine) -> None:
    settings_of_a_component = """(import "wasi:config/store@0.2.0-rc.1"
      (instance (export "get-all" (func (result (list (tuple string string)))))))"""
    text = RICH.replace("(component\n", f"(component {settings_of_a_component}\n", 1)
    found = part(plain, text).world
    _, some = chosen(found, "auto")
    _, every = chosen(found, "always")
    assert [(str(name), f.name) for name, f in some] == [
        ("a:b/c@1.2.3", "f"), ("a:b/d", "i"), ("None", "lists"), ("inline", "h"),
    ]  # fmt: skip
    assert some == every
    assert not any(has_handles(f) for _, f in every)
    assert [f.name for _, f in chosen(part(plain, parts.TALKER).world, "auto")[0]] == []
    assert [f.name for _, f in chosen(part(plain, parts.TALKER).world, "always")[0]] == ["echo", "refuse"]


def test_a_trap_of_the_guest_is_a_trap_of_the_shim(plain: Engine) -> None:
    guest = Guest(plain, _wrapped(plain, parts.NUMBERS))
    names = [f.name for _, f in chosen(part(plain, parts.NUMBERS).world, "always")[0]]
    with pytest.raises((Trap, WasmtimeError), match="unreachable"):
        guest.function(f"f{names.index('trap')}", EXPORTS)(1)


def test_another_components_world_is_refused(plain: Engine) -> None:
    texts, talker = part(plain, parts.TEXTS), part(plain, parts.TALKER)
    with pytest.raises(ComponentError) as caught:
        wrap(talker.binary, texts.world, (), ())
    assert str(caught.value) == "the component has `test:text/text`, which its world does not say or nothing carries"


def test_wrapping_the_same_guest_gives_the_same_bytes(plain: Engine) -> None:
    assert _wrapped(plain, RICH) == _wrapped(plain, RICH)


@pytest.fixture(scope="module")
def python_guest(plain: Engine) -> tuple[Guest, Chosen]:
    """The component `everything` in its shim, and its functions."""
    with OwnEngine(wit=_COMPONENTS / "wit") as engine:
        component = engine.load(_COMPONENTS / "everything")
        built = max(engine.cache.builds.glob("everything-*.wasm"), key=lambda path: path.stat().st_mtime)
        binary = built.read_bytes()
    exports, _ = chosen(component.world, "always")
    return Guest(plain, wrap(binary, component.world, exports, ())), exports


def _by_address(function: t.Function) -> bool:
    """Whether it takes one list, or more than is passed as numbers, and gives what goes through memory."""
    flat = signature(function)
    return flat.by_pointer and (
        flat.spilled or (len(function.params) == 1 and isinstance(function.params[0].type, t.List))
    )


@pytest.mark.slow
def test_a_python_guest_answers_through_its_shim(python_guest: tuple[Guest, Chosen]) -> None:
    guest, exports = python_guest
    chosen = [
        (number, function)
        for number, (name, function) in enumerate(exports)
        if name is not None and name.package == "everything" and _by_address(function)
    ]
    assert len(chosen) > 10
    for number, function in chosen:
        _crosses(guest, number, function)


def _crosses(guest: Guest, number: int, function: t.Function) -> None:
    """A function that gives back what it takes, called with some values."""
    room, memory, spilled = guest.values(), guest.memories[0], signature(function).spilled
    taken, result = t.Tuple(tuple(field.type for field in function.params)), function.result
    assert result is not None

    @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
    @given(value=values(taken))
    def cross(value: tuple[Any, ...]) -> None:
        memory.write(NEXT, bytes(4))
        at, ret = room.placed(taken, value), room.room(*layout(result))
        guest.function(f"f{number}", EXPORTS)(*([at] if spilled else [memory.word(at), memory.word(at + 4)]), ret)
        assert same(result, room.load(result, ret), value if isinstance(result, t.Tuple) else value[0])

    cross()
