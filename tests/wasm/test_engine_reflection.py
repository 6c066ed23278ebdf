"""A component's world as it is read from its binary: names, resources and their owners, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.capability import Authority
from orchestrator.capability.storage import Preopen
from orchestrator.engine import Engine, Frame, InstanceSettings
from orchestrator.errors import ComponentError
from orchestrator.interface import types as t
from orchestrator.interface.packages import Packages
from orchestrator.interface.show import show_type
from orchestrator.wasi import Session, is_served, serve
from tests.wasm.engine_calls import function

_ROOT = Path(__file__).parents[2]

_RICH = """(component
  (import "a:b/c@1.2.3" (instance $c
    (export "r" (type $r (sub resource)))
    (type $rec' (record (field "a" u8) (field "b-c" string))) (export "rec" (type $rec (eq $rec')))
    (type $var' (variant (case "x" $rec) (case "y"))) (export "var" (type $var (eq $var')))
    (type $col' (enum "red" "green")) (export "colour" (type $col (eq $col')))
    (type $fl' (flags "p" "q")) (export "perms" (type $fl (eq $fl')))
    (type $alias' (list u8)) (export "bytes" (type $alias (eq $alias')))
    (export "f" (func (param "v" (list (option $var))) (param "c" $col) (result (result $rec (error $fl)))))
    (export "[constructor]r" (func (param "n" u32) (result (own $r))))
    (export "[method]r.m" (func (param "self" (borrow $r)) (param "b" $alias)))
    (export "[static]r.s" (func (result (tuple (own $r) f64 char))))))
  (alias export $c "r" (type $r)) (alias export $c "rec" (type $rec))
  (import "a:b/d" (instance
    (alias outer 1 $r (type $r')) (export "mine" (type $mine (eq $r')))
    (alias outer 1 $rec (type $q')) (export "renamed" (type $q (eq $q')))
    (export "g" (func (param "e" (borrow $mine)) (result $q)))))
  (import "plain" (func $plain (param "x" $rec) (param "y" (own $r)) (result s64)))
  (import "inline" (instance (export "h" (func)))))"""


def _interface(world: t.World, name: str) -> t.Interface:
    return next(i for i in world.imports if isinstance(i, t.Interface) and str(i.name) == name)


def test_names_and_types_come_back(engine: Engine) -> None:
    world = engine.from_text(_RICH).world
    c = _interface(world, "a:b/c@1.2.3")
    assert [definition.name for definition in c.types] == ["r", "rec", "var", "colour", "perms", "bytes"]
    assert [getattr(d.type, "name", None) for d in c.types] == ["r", "rec", "var", "colour", "perms", None]
    f = c.function("f")
    assert f is not None
    assert [(p.name, show_type(p.type)) for p in f.params] == [("v", "list<option<var>>"), ("c", "colour")]
    assert f.result is not None
    assert show_type(f.result) == "result<rec, perms>"
    rec = t.Record((t.Field("a", t.U8), t.Field("b-c", t.STRING)))
    assert f.params[0].type == t.List(t.Option(t.Variant((t.Case("x", rec), t.Case("y")))))
    assert f.result == t.Result(rec, t.Flags(("p", "q")))
    assert world.refused == ()


def test_a_resource_belongs_to_the_interface_that_shows_it_first(engine: Engine) -> None:
    world = engine.from_text(_RICH).world
    resource = t.Resource("r", "a:b/c")
    c, d = _interface(world, "a:b/c@1.2.3"), _interface(world, "a:b/d")
    assert c.types[0].type == resource
    assert d.types[0] == t.TypeDef("mine", resource)
    assert c.function("[static]r.s") == t.Function("[static]r.s", (), t.Tuple((t.Own(resource), t.F64, t.CHAR)))
    g = d.function("g")
    assert g is not None
    assert g.params[0].type == t.Borrow(resource)
    assert isinstance(g.result, t.Record)
    assert g.result.name == "renamed"


def test_functions_and_inline_interfaces_of_the_world(engine: Engine) -> None:
    world = engine.from_text(_RICH).world
    plain = function(world, "plain")
    assert [show_type(p.type) for p in plain.params] == ["record { a: u8, b-c: string }", "own<r>"]
    assert plain.result == t.S64
    assert _interface(world, "inline") == t.Interface(t.Name("inline"), (), (t.Function("h"),))


@pytest.mark.parametrize("kind", ["stream u8", "future u8", "map string u8"])
def test_types_that_are_not_carried_do_not_compile(engine: Engine, kind: str) -> None:
    with pytest.raises(ComponentError) as caught:
        engine.from_text(f'(component (import "f" (func (param "x" ({kind})))))', "x")
    assert str(caught.value).startswith("x: not a valid component: failed to parse WebAssembly module; ")
    assert " component model " in str(caught.value)


def test_an_async_function_does_not_compile(engine: Engine) -> None:
    with pytest.raises(ComponentError, match="async component functions require"):
        engine.from_text('(component (import "f" (func async (param "x" u8))))', "x")


_ERROR = """(component (import "wasi:io/error@0.2.0" (instance $io (export "error" (type (sub resource)))))
  (alias export $io "error" (type $e)) {})"""
_ASKS = "imports `wasi:cli/environment@0.2.0` with another signature than WASI 0.2.12: "


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ('(component (import "m" (core module)))', "imports a core module, `m`"),
        ('(component (import "a:b/c" (instance (export "m" (core module)))))', "imports a core module, `m` in a:b/c"),
        ('(component (core module $m) (export "m" (core module $m)))', "exports a core module, `m`"),
        (
            '(component (import "a:b/c" (instance (export "i" (instance)))))',
            "imports an item of a kind that is not carried, `i` in a:b/c",
        ),
        (
            '(component (import "r" (type (sub resource))))',
            "imports a resource of its own world, `r`; declare it in an interface",
        ),
        (
            '(component (import "wasi:cli/environment@0.2.0"'
            ' (instance (export "get-environment" (func (result u32))))))',
            _ASKS
            + "function `get-environment`; result: `component` expects u32, `host` returns list<tuple<string, string>>",
        ),
        (
            '(component (import "wasi:cli/environment@0.2.0" (instance (export "nonsense" (func)))))',
            _ASKS
            + "`host` does not have function `nonsense`; it has `get-environment`, `get-arguments`, `initial-cwd`",
        ),
        (
            '(component (import "wasi:cli/nonsense@0.2.0" (instance)))',
            "imports `wasi:cli/nonsense@0.2.0`, which the host does not serve: it is no part of WASI 0.2.12",
        ),
        (
            '(component (import "wasi:io/poll@0.2.0" (instance (export "pollable" (type $p (sub resource)))'
            ' (export "poll" (func (param "in" (list (own $p))) (result (list u32)))))))',
            "imports `wasi:io/poll@0.2.0` with another signature than WASI 0.2.12: function `poll`; parameter `in`: "
            "`component` passes list<own<pollable>>, `host` takes list<borrow<pollable>>; "
            "element: `component` has own<pollable>, `host` has borrow<pollable>",
        ),
        (
            _ERROR.format(
                """(import "my:own/place" (instance (alias outer 1 $e (type $e')) (export "e" (type $x (eq $e')))
                (export "g" (func (param "e" (borrow $x))))))"""
            ),
            "imports `g` of my:own/place, which passes on `error`, a resource of wasi:io/error: "
            "what WASI makes stays in the component that asked for it",
        ),
    ],
)
def test_what_cannot_be_carried_is_refused_in_words(engine: Engine, text: str, refused: str) -> None:
    component = engine.from_text(text, "x")
    assert component.world.refused == (refused,)
    with pytest.raises(ComponentError) as caught:
        engine.linker(component).instantiate(Frame())
    assert str(caught.value) == f"x cannot be run: it {refused}"


def test_a_resource_of_wasi_that_is_only_shown_is_no_matter(engine: Engine) -> None:
    text = _ERROR.format(
        """(import "my:own/place" (instance (alias outer 1 $e (type $e')) (export "e" (type $x (eq $e')))
        (export "g" (func))))"""
    )
    component = engine.from_text(text, "x")
    assert component.world.refused == ()
    linker = engine.linker(component)
    place = _interface(component.world, "my:own/place")
    linker.define(place.name, place.functions[0], lambda _caller, _values: None)
    linker.instantiate(Frame()).close()


def test_one_interface_in_two_versions(engine: Engine) -> None:
    text = """(component
      (import "a:b/c@1.0.0" (instance (export "r" (type (sub resource))) (export "f" (func))))
      (import "a:b/c@2.0.0" (instance (export "r" (type (sub resource))) (export "f" (func)))))"""
    component = engine.from_text(text)
    linker = engine.linker(component)
    for item in component.world.imports:
        assert isinstance(item, t.Interface)
        linker.define(item.name, item.functions[0], lambda _caller, _values: None)
    linker.instantiate(Frame()).close()


def _no_setting(_caller: object, _values: object) -> dict[str, None]:
    return {"ok": None}


def _no_settings(_caller: object, _values: object) -> dict[str, list[object]]:
    return {"ok": []}


@pytest.mark.slow
def test_a_component_built_from_python_is_what_its_wit_says(engine: Engine, tmp_path: Path) -> None:
    component = engine.load(_ROOT / "components" / "files")
    assert component.world.refused == ()
    assert component.manifest is not None
    assert component.manifest.name == component.name == "files"
    api = next(i for i in component.world.exports if isinstance(i, t.Interface) and i.name.base == "agent:api/files")
    declared = Packages.read([_ROOT / "wit"]).interface("agent:api/files@0.1.0")
    assert {f.name: (f.params, f.result) for f in api.functions} == {
        f.name: (f.params, f.result) for f in declared.functions
    }

    (tmp_path / "a.md").write_text("# A")
    store = next(i for i in component.world.imports if isinstance(i, t.Interface) and i.name.package == "config")
    linker = engine.linker(component)
    for wanted in store.functions:
        linker.define(store.name, wanted, _no_settings if wanted.name == "get-all" else _no_setting)
    for item in component.world.imports:
        if isinstance(item, t.Interface) and is_served(item):
            serve(linker, item)
    authority = Authority(preopens=(Preopen(str(tmp_path), "/docs", False),))
    instance = linker.instantiate(Frame(), InstanceSettings(host=Session(authority)))
    with instance.entered(Frame()):
        found = instance.call(api.name, api.functions[0], ["**/*.md"])
    instance.close()
    assert found == {"ok": [{"path": "a.md", "bytes": 3}]}
