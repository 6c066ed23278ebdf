"""Every value of every type comes back as it went: into a component and out, over edges, and to a Python function."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.engine import Engine, Frame, Instance, Linker
from orchestrator.interface.sizes import layout, size
from orchestrator.interface.types import Function, Type, World
from tests.support.gates import Pass
from tests.support.strategies import same, types, values
from tests.support.wat import WIDE, echo, relay, wide

_SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@st.composite
def _types_with_values(draw: st.DrawFn) -> tuple[Type, list[Any]]:
    type_ = draw(types())
    return type_, draw(st.lists(values(type_, longest=6), min_size=1, max_size=25))


def _function(world: World, name: str) -> Function:
    found = [item for item in (*world.exports, *world.imports) if isinstance(item, Function) and item.name == name]
    return found[0]


@contextmanager
def _instance(linker: Linker) -> Iterator[Instance]:
    instance = linker.instantiate(Frame())
    try:
        yield instance
    finally:
        instance.close()
        linker.close()


def _round(instance: Instance, function: Function, type_: Type, value: Any) -> None:
    sent = (*range(WIDE), value)
    with instance.entered(Frame()):
        got = instance.call(None, function, [sent])
    assert got[:WIDE] == sent[:WIDE]
    assert same(type_, got[WIDE], value)


@_SETTINGS
@given(drawn=_types_with_values())
def test_a_component_gives_back_what_it_gets(engine: Engine, drawn: tuple[Type, list[Any]]) -> None:
    type_, several = drawn
    component = engine.from_text(echo(wide(type_)))
    function = _function(component.world, "echo")
    assert function.params[0].type == wide(type_)
    assert function.result == wide(type_)
    with _instance(engine.linker(component)) as instance:
        for value in several:
            _round(instance, function, type_, value)


@_SETTINGS
@given(drawn=_types_with_values(), sees=st.booleans())
def test_an_edge_carries_every_value_and_knows_its_size(
    engine: Engine, drawn: tuple[Type, list[Any]], sees: bool
) -> None:
    type_, several = drawn
    whole = wide(type_)
    back = engine.from_text(echo(whole))
    front = engine.from_text(relay(whole, layout(whole)[0]))
    offered, wanted, outer = (_function(c.world, n) for c, n in ((back, "echo"), (front, "echo"), (front, "relay")))
    linker = engine.linker(front)
    with _instance(engine.linker(back)) as callee:
        gate = Pass(callee, sees)
        linker.forward(None, wanted, None, offered, gate)
        with _instance(linker) as caller:
            for value in several:
                _round(caller, outer, type_, value)
                assert gate.request == gate.response == size(whole, (*range(WIDE), value))
                if sees:
                    assert gate.args is not None
                    assert same(type_, gate.args["x"][WIDE], value)
                    assert same(type_, gate.result[WIDE], value)


@_SETTINGS
@given(drawn=_types_with_values())
def test_a_python_function_gets_and_gives_every_value(engine: Engine, drawn: tuple[Type, list[Any]]) -> None:
    type_, several = drawn
    whole = wide(type_)
    front = engine.from_text(relay(whole, layout(whole)[0]))
    seen: list[Any] = []

    def host(_caller: Instance, arguments: Any) -> Any:
        seen.append(arguments[0][WIDE])
        return arguments[0]

    linker = engine.linker(front)
    linker.define(None, _function(front.world, "echo"), host)
    with _instance(linker) as caller:
        for value in several:
            _round(caller, _function(front.world, "relay"), type_, value)
    assert all(same(type_, got, value) for got, value in zip(seen, several, strict=True))
