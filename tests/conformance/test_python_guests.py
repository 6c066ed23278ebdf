"""Guests in Python, built by componentize-py, give back every value: from the host, and over call edges."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.engine import Component, Engine
from orchestrator.errors import LimitExceeded
from orchestrator.interface import Packages, explain_function, explain_interface, parse_packages, show_world
from orchestrator.interface.types import Function, Interface, Name, Tuple, World
from tests.conformance.conftest import COMPONENTS, Guest, exported, imported, make
from tests.support.strategies import same, values

pytestmark = pytest.mark.slow

ECHOING = ("primitives", "containers", "results", "wide", None)
BUILDERS = Name("exports")
"""An interface that componentize-py adds, for its own start."""
_SETTINGS = settings(
    max_examples=30, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True
)


def _paths() -> list[str]:
    world = Packages.read([COMPONENTS / "wit" / "everything"]).world("conformance:everything/everything")
    return [path for path, function in _functions(world) if function.result is not None]


def _functions(world: World) -> Iterator[tuple[str, Function]]:
    for item in world.exports:
        if isinstance(item, Function):
            yield item.name, item
        elif item.name.interface in ECHOING:
            yield from ((f"{item.name.interface}/{function.name}", function) for function in item.functions)


@pytest.fixture(scope="module")
def chain(built: Engine, component: Component) -> Iterator[tuple[Guest, Guest]]:
    """The two that echo, for tests that end neither: `everything`, and `middle`, which asks it."""
    everything = make(built, component)
    middle = make(built, built.load(COMPONENTS / "middle"), everything)
    yield everything, middle
    middle.instance.close()
    everything.instance.close()


@pytest.mark.parametrize("path", _paths())
def test_a_value_comes_back_directly_and_over_an_edge(chain: tuple[Guest, Guest], path: str) -> None:
    _, function = exported(chain[0].instance.linker.component.world, path)
    arguments = tuple(field.type for field in function.params)
    expected = Tuple(arguments) if len(arguments) > 1 else arguments[0]

    @_SETTINGS
    @given(sent=st.tuples(*(values(type_, longest=8) for type_ in arguments)))
    def check(sent: tuple[Any, ...]) -> None:
        wanted = _turned(path, sent)
        for guest in chain:
            got = guest.call(path, *sent)
            assert same(function.result or expected, got, wanted if len(sent) > 1 else wanted[0])

    check()


def _turned(path: str, sent: tuple[Any, ...]) -> tuple[Any, ...]:
    return sent[::-1] if path == "swap" else sent


def test_lists_of_numbers_need_no_shim(component: Component) -> None:
    containers = "conformance:everything/containers@1.2.3"
    assert component.direct.keys() == {f"{containers}#bytes", f"{containers}#floats"}


def test_functions_without_parameters_and_results(chain: tuple[Guest, Guest]) -> None:
    for guest in chain:
        assert guest.call("primitives/nothing") is None
        assert guest.call("plain") is None


@pytest.mark.parametrize("name", ["everything", "middle"])
def test_a_built_component_is_what_its_wit_says(built: Engine, name: str) -> None:
    declared = Packages.read([COMPONENTS / "wit" / "everything"]).world(f"conformance:everything/{name}")
    found = built.load(COMPONENTS / name).world
    exports = tuple(item for item in found.exports if item.name != BUILDERS)
    for wanted, offered in ((declared.exports, exports), (exports, declared.exports)):
        assert [_difference(item, offered) for item in wanted] == [()] * len(wanted)
    assert {n.interface for n, _ in imported(found) if n} == {
        item.name.interface for item in declared.imports if isinstance(item, Interface) and item.functions
    }
    for name_, function in imported(found):
        items = [item for item in declared.imports if item.name == (name_ or function.name)]
        offered_function = items[0].function(function.name) if isinstance(items[0], Interface) else items[0]
        assert offered_function is not None
        assert explain_function(function, offered_function) == ()


def _difference(wanted: Interface | Function, offered: tuple[Interface | Function, ...]) -> Any:
    found = next((item for item in offered if item.name == wanted.name), None)
    if isinstance(wanted, Interface):
        return explain_interface(wanted, found) if isinstance(found, Interface) else f"no {wanted.name}"
    return explain_function(wanted, found) if isinstance(found, Function) else f"no {wanted.name}"


@pytest.mark.parametrize("name", ["everything", "middle"])
def test_what_is_shown_of_it_parses_again(built: Engine, name: str) -> None:
    world = built.load(COMPONENTS / name).world
    packages = Packages(parse_packages([show_world(world)]))
    (again,) = (packages.world(found) for found in packages.worlds() if packages.world(found).exports)
    assert [_difference(item, again.exports) for item in world.exports] == [()] * len(world.exports)


LARGE = [
    ("primitives/the-string", "\u00e9" * 5_000_000),
    ("primitives/the-string", "a\0b" * 3_000_000),
    ("containers/bytes", bytes(range(250)) * 4000),
    ("containers/points-3d", [{"x": 0.5, "y": float(n % 7)} for n in range(10_000)]),
]


@pytest.mark.parametrize(("path", "value"), LARGE, ids=["text", "zeros", "bytes", "records"])
def test_large_values(chain: tuple[Guest, Guest], path: str, value: Any) -> None:
    for guest in chain:
        assert guest.call(path, value) == value


def test_what_is_too_large_one_by_one_is_refused_with_a_reason(built: Engine, component: Component) -> None:
    guest = make(built, built.variant(component, "never"))
    with pytest.raises(LimitExceeded) as caught:
        guest.call("containers/bytes", bytes(4_000_000))
    assert caught.value.message == (
        "the values of one call are too large to cross one by one; "
        "have them cross in bulk (`bulk: auto` on the node), or pass them in parts"
    )
    guest.instance.close()


def test_it_crosses_in_bulk(everything: Guest) -> None:
    value = bytes(range(250)) * 16_000
    assert everything.call("containers/bytes", value) == value
