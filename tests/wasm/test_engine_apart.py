"""Modules that components share: taken out where that changes nothing, compiled once, made anew where they are gone."""

from __future__ import annotations

import json
import shutil
import tracemalloc
from pathlib import Path

import pytest
from wasmtime import Engine as Native
from wasmtime import Module, Store, WasmtimeError, wat2wasm
from wasmtime import component as cm

from orchestrator.engine import Engine, _compile
from orchestrator.engine._apart import MOST, Apart, apart
from orchestrator.engine._sections import Section, section
from orchestrator.engine._sections import text as label
from orchestrator.engine.cache import Cache
from orchestrator.engine.imports import MODULE
from orchestrator.errors import ComponentError
from tests.support.guests import answer_of

OWN = """(core module $own (memory (export "memory") 1) (global (export "g") (mut i32) (i32.const {n}))
  (table (export "table") 1 funcref) (func (export "twice") (param i32) (result i32)
    (i32.mul (i32.const 2) (local.get 0))))"""
LIBRARY = """(core module $library (import "own" "memory" (memory 1)) (import "own" "g" (global $g (mut i32)))
  (import "own" "twice" (func $twice (param i32) (result i32))) (import "own" "table" (table 1 funcref))
  (table (export "mine") 1 2 funcref) (global (export "limit") i64 (i64.const 5)) (global $n f64 (f64.const 0.5))
  (export "memory" (memory 0))
  (func (export "unwanted") (param f32 v128 externref) (result i32 i64) (i32.const 1) (i64.const 1))
  {more}
  (func (export "answer") (result i32) (i32.store (i32.const 8) (call $twice (global.get $g)))
    (global.set $g (i32.add (global.get $g) (i32.const 1))) (i32.load (i32.const 8))))"""
MADE = """(core instance $o (instantiate $own)) (core instance $l (instantiate $library (with "own" (instance $o))))
  (func $answer (result u32) (canon lift (core func $l "answer")))"""


def component(n: int = 1, before: str = "", more: str = "", behind: str = "") -> str:
    """The text of a component that answers twice a number, one more each time."""
    own, library = OWN.format(n=n), LIBRARY.format(more=more)
    return f'(component {before} {own} {library} {MADE} {behind} (export "answer" (func $answer)))'


def inner(text: str, name: str) -> str:
    """The text of a component as it stands in another."""
    return text.replace("(component", f"(component ${name}", 1)


def around(*parts: str) -> str:
    """The text of a component of such parts, which does what the instance `$i` does."""
    return f"""(component {" ".join(parts)} (export "answer" (func $i "answer")))"""


def nested(text: str, before: str = "", behind: str = "") -> str:
    """The same inside another, which does as it does."""
    return around(before, inner(text, "c"), behind, "(instance $i (instantiate $c))")


def binary(text: str) -> bytes:
    return bytes(wat2wasm(text))


def answers(found: Apart) -> list[int]:
    """What wasmtime's own linker makes of it, called twice."""
    engine = Native()
    linker = cm.Linker(engine)
    with linker.root() as root:
        for number, module in enumerate(found.modules):
            root.add_module(f"{MODULE}{number}", Module(engine, module))
    store = Store(engine)
    instance = linker.instantiate(store, cm.Component(engine, found.binary))
    function = instance.get_func(store, "answer")
    assert function is not None
    return [function(store) for _ in range(2)]


@pytest.mark.parametrize(
    "text",
    [
        component(),
        nested(component()),
        nested(nested(component()), before=OWN.format(n=5)),
        component(before=OWN.replace("$own", "$other").format(n=5)),
    ],
)
def test_a_library_is_taken_out_and_given_back(text: str) -> None:
    found = apart(binary(text), least=1)
    assert [module in binary(text) for module in found.modules] == [True]
    assert found.modules[0] not in found.binary
    assert answers(found) == answers(Apart(binary(text))) == [2, 4]


def test_the_names_that_nobody_takes_are_not_asked_for() -> None:
    found = apart(binary(component()), least=1).binary
    assert b"answer" in found
    assert b"unwanted" not in found


def test_nested_components_share_one() -> None:
    two = around(
        inner(component(1), "a"),
        inner(component(7), "b"),
        "(instance $x (instantiate $a)) (instance $i (instantiate $b))",
    )
    found = apart(binary(two), least=1)
    assert len(found.modules) == 1
    assert answers(found) == [14, 16]


def test_so_many_are_taken_out_and_no_more() -> None:
    libraries = "".join(
        LIBRARY.format(more=f"(func (drop (i32.const {n})))").replace("$library", f"$l{n}") for n in range(MOST + 3)
    )
    found = apart(binary(component(before=libraries)), least=1)
    assert len(found.modules) == MOST
    assert answers(found) == [2, 4]


WHOLE = {
    "a small one": (component(), 10_000),
    "a component that is smaller than any": (component(), 1 << 30),
    "one with a memory": (component(more="(memory 1)"), 1),
    "one with data": (component(more='(data (i32.const 0) "x")'), 1),
    "one with a tag": (component(more="(tag)"), 1),
    "one with a type that is no function": (component(more="(type (struct))"), 1),
    "one with a type of a group": (component(more="(rec (type (func)) (type (func)))"), 1),
    "one with a global of an unknown beginning": (component(more="(global (ref i31) (ref.i31 (i32.const 1)))"), 1),
    "one with a function of a reference of its own": (
        component(more='(type $f (func)) (func (export "table") (param (ref null $f)))'),
        1,
    ),
    "one with a global of a reference of its own": (
        component(more="(type $f (func)) (global (ref null $f) (ref.null $f))"),
        1,
    ),
    "one with a table of a reference of its own": (component(more="(type $f (func)) (table 1 (ref null $f))"), 1),
    "one with a table that is filled": (component(more="(table 1 1 funcref (ref.null func))"), 1),
    "an import that has the name in other letters": (component(before=f'(import "{MODULE.upper()}0" (func))'), 1),
    "a type of a module": (component(before="(core type (module))"), 1),
    "an import that has the name": (component(before=f'(import "{MODULE}0" (func))'), 1),
    "a module behind it": (nested(component(), behind=OWN.format(n=1)), 1),
}


@pytest.mark.parametrize("what", WHOLE)
def test_what_could_change_stays_whole(what: str) -> None:
    text, least = WHOLE[what]
    whole = binary(text)
    assert apart(whole, least) == Apart(whole)


SHOWN = """(import "own" "memory" (memory 1)) (import "own" "g" (global (mut i32)))
  (import "own" "twice" (func (param i32) (result i32))) (import "own" "table" (table 1 funcref))
  (export "unwanted" (func (param f32 v128 externref) (result i32 i64)))"""
ASKED = {
    "a type that it is exported as": nested(
        component(
            behind=f"""(core type $t (module {SHOWN}))
          (export "m" (core module $library) (core module (type $t)))"""
        )
    ),
    "a type that it is imported as": component(
        behind=f"""(component $n (import "m" (core module {SHOWN})))
          (instance (instantiate $n (with "m" (core module $library))))"""
    ),
    "more types than one of a module may have": component(more="(type (func))" * 100_100),
}


@pytest.mark.parametrize("what", ASKED)
def test_what_is_valid_only_as_a_whole_is_compiled_so(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = binary(ASKED[what])
    parted = apart(whole, least=1)
    assert parted.modules
    with pytest.raises(WasmtimeError):
        cm.Component(Native(), parted.binary)
    monkeypatch.setattr(_compile, "apart", lambda _binary: parted)
    assert _compile._apart(Native(), whole)[1] == ()


def test_a_large_section_deep_inside_is_not_copied_for_every_level() -> None:
    inner_ = section(0, label("large") + bytes(4 << 20))
    for _ in range(90):
        inner_ = section(Section.COMPONENT, binary("(component)") + inner_)
    whole = binary(component()) + inner_
    tracemalloc.start()
    try:
        assert apart(whole, least=1).modules
        assert tracemalloc.get_traced_memory()[1] < 8 * len(whole)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("text", [component(), nested(component())])
def test_a_binary_that_is_cut_or_changed_is_no_reason_to_fail(text: str) -> None:
    whole = binary(text)
    for at in range(len(whole)):
        for damaged in (whole[:at], whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :]):
            apart(damaged, least=1)


# In the engine

FILLER = "\n".join(
    f"(func (param i32) (result i32) {'(i32.xor (local.get 0) ' * 500}(i32.const {n}){')' * 500})" for n in range(700)
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[str]]:
    """The files of two components that share a large module, a cache that has them, and what was said meanwhile."""
    folder = tmp_path_factory.mktemp("shared")
    said: list[str] = []
    with Engine(folder / "cache", said.append) as engine:
        for name, n in (("one", 1), ("two", 50)):
            (folder / f"{name}.wasm").write_bytes(binary(component(n, more=FILLER)))
            engine.load(folder / f"{name}.wasm")
    return folder, folder / "cache", said


def answer(engine: Engine, path: Path, **variant: bool) -> int:
    return answer_of(engine, engine.variant(engine.load(path), "auto", **variant))


def code(cache: Path) -> dict[str, list[str]]:
    """The names of the entries of components, each with those of the modules that it shares."""
    notes = (json.loads(path.read_text()) for path in (cache / "code").glob("*.json"))
    names = [path.stem for path in (cache / "code").glob("*.json")]
    return {name: note["modules"] for name, note in zip(names, notes, strict=True) if "world" in note}


@pytest.mark.slow
def test_two_components_share_the_machine_code_of_a_module(shared: tuple[Path, Path, list[str]]) -> None:
    folder, cache, said = shared
    (one, two), size = code(cache).values(), (folder / "one.wasm").stat().st_size
    assert one == two
    assert len(one) == 1
    assert len(list((cache / "code").glob("*.cwasm"))) == 3
    module = cache / "code" / f"{one[0]}.cwasm"
    assert all(
        path.stat().st_size * 20 < module.stat().st_size for path in module.parent.glob("*.cwasm") if path != module
    )
    told = f"compiling what one has in common with others ({(size - 1000) / 1e6:.1f} MB), once"
    assert [line.partition(" in ")[0] if line.startswith("compiled") else line for line in said] == [
        f"compiling one ({size / 1e6:.1f} MB), once", told, "compiled one",
        f"compiling two ({size / 1e6:.1f} MB), once", "compiled two",
    ]  # fmt: skip
    with Engine(cache) as engine:
        assert [answer(engine, folder / f"{name}.wasm") for name in ("one", "two", "one")] == [2, 100, 2]
        assert len(engine._modules) == 1


@pytest.mark.slow
def test_a_variant_shares_what_is_the_same_in_it(shared: tuple[Path, Path, list[str]], tmp_path: Path) -> None:
    folder, cache = shared[0], tmp_path / "cache"
    shutil.copytree(shared[1], cache)
    said: list[str] = []
    with Engine(cache, said.append) as engine:
        assert answer(engine, folder / "one.wasm", kept=True) == 2
        assert not any("in common" in line for line in said)
        assert answer(engine, folder / "one.wasm", metered=True) == 2
        assert sum("in common" in line for line in said) == 1


@pytest.mark.slow
@pytest.mark.parametrize("what", ["the code", "the note", "the code, cut", "what the component notes of it"])
def test_a_module_that_is_gone_is_made_anew(shared: tuple[Path, Path, list[str]], tmp_path: Path, what: str) -> None:
    folder, cache = shared[0], tmp_path / "cache"
    shutil.copytree(shared[1], cache)
    (name,) = next(iter(code(cache).values()))
    module = cache / "code" / f"{name}.cwasm"
    whole = module.read_bytes()
    match what:
        case "the code":
            module.unlink()
        case "the note":
            module.with_suffix(".json").unlink()
        case "the code, cut":
            module.write_bytes(whole[:-1])
        case _:
            for entry in code(cache):
                note = cache / "code" / f"{entry}.json"
                note.write_text(json.dumps({**json.loads(note.read_text()), "modules": None}))
    with Engine(cache) as engine:
        assert answer(engine, folder / "two.wasm") == 100
    assert module.read_bytes() == whole


@pytest.mark.slow
def test_a_module_that_goes_after_its_component_was_loaded_is_made_anew(
    shared: tuple[Path, Path, list[str]], tmp_path: Path
) -> None:
    folder, cache = shared[0], tmp_path / "cache"
    shutil.copytree(shared[1], cache)
    with Engine(cache) as engine:
        engine.load(folder / "one.wasm")
        for path in (cache / "code").iterdir():
            path.unlink()
        assert answer(engine, folder / "one.wasm") == 2


@pytest.mark.slow
def test_machine_code_of_another_kind_is_refused(shared: tuple[Path, Path, list[str]], tmp_path: Path) -> None:
    folder, cache = shared[0], tmp_path / "cache"
    shutil.copytree(shared[1], cache)
    (name,) = next(iter(code(cache).values()))
    module = cache / "code" / f"{name}.cwasm"
    module.write_bytes(b"\x7fELF" + bytes(module.stat().st_size - 4))
    with Engine(cache) as engine, pytest.raises(ComponentError) as caught:
        answer(engine, folder / "one.wasm")
    assert str(caught.value).startswith(f"the compiled module {module} cannot be loaded: ")
    assert str(caught.value).endswith("; delete it")


@pytest.mark.slow
def test_the_time_that_compiling_may_take_is_that_of_the_component_and_its_modules(tmp_path: Path) -> None:
    """The second question has what the first left of it."""
    libraries = "".join(
        LIBRARY.format(more=f"{FILLER} {FILLER} (func (drop (i32.const {n})))").replace("$library", f"$l{n}")
        for n in range(MOST)
    )
    (tmp_path / "several.wasm").write_bytes(binary(component(before=libraries)))
    with Engine(tmp_path / "cache", compile_timeout=1) as engine, pytest.raises(ComponentError) as caught:
        engine.load(tmp_path / "several.wasm")
    assert "it takes more than 1s of processor time" in str(caught.value)
    assert not list((tmp_path / "cache" / "code").glob(".*"))


def test_only_names_of_the_cache_are_looked_for(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    names = ["../../etc/passwd", "a\0b", "\ud800", 5, f"{'a' * 64}-{'0' * 16}"]
    found = [path.relative_to(tmp_path / "code").name for path in cache.modules({"modules": names})]
    assert found == [*["none.cwasm"] * 4, f"{names[-1]}.cwasm"]
    assert cache.modules({}) == cache.modules({"modules": "ab"}) == []
