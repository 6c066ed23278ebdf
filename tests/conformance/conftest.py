"""The components `everything` and `middle`, built by the project's own builder; kept in the user's cache."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from orchestrator.capability import Authority
from orchestrator.capability.clock import Time
from orchestrator.engine import Component, Engine, Frame, Instance, InstanceSettings, Linker
from orchestrator.interface.types import Function, Interface, Name, World
from orchestrator.wasi import Session, is_served, serve
from tests.support.gates import Pass

COMPONENTS = Path(__file__).resolve().parent.parent / "components"


def exported(world: World, path: str) -> tuple[Name | None, Function]:
    """An exported function by `interface/function`, or by its own name where it is the world's."""
    interface, _, name = path.rpartition("/")
    for item in world.exports:
        if isinstance(item, Function) and not interface and item.name == name:
            return None, item
        if isinstance(item, Interface) and item.name.interface == interface and item.function(name):
            return item.name, next(f for f in item.functions if f.name == name)
    raise AssertionError(f"no export {path}")


@dataclass
class Guest:
    """An instance, called by the names of its functions.

    Arguments:
        printed: what it prints, (stream, text) each.
    """

    instance: Instance
    printed: list[tuple[str, str]] = field(default_factory=list)

    def call(self, path: str, *values: Any) -> Any:
        with self.instance.entered(Frame()):
            return self.instance.call(*exported(self.instance.linker.component.world, path), values)


def make(engine: Engine, component: Component, answers: Guest | None = None) -> Guest:
    """An instance whose imports another one answers, where there is one."""
    linker, printed = engine.linker(component), list[tuple[str, str]]()
    for item in component.world.imports:
        if isinstance(item, Interface) and is_served(item):
            serve(linker, item)
    if answers is not None:
        _answer(linker, answers)
    settings = InstanceSettings(
        host=Session(Authority(clock=Time("monotonic"))),
        output=lambda stream, data: printed.append((stream, data.decode())),
    )
    return Guest(linker.instantiate(Frame(), settings), printed)


def _answer(linker: Linker, answers: Guest) -> None:
    for name, wanted in imported(linker.component.world):
        path = f"{name.interface}/{wanted.name}" if name else wanted.name
        target, offered = exported(answers.instance.linker.component.world, path)
        linker.forward(name, wanted, target, offered, Pass(answers.instance))


def imported(world: World) -> Iterator[tuple[Name | None, Function]]:
    """The functions that are imported, but for WASI's."""
    for item in world.imports:
        if isinstance(item, Function):
            yield None, item
        elif item.name.namespace != "wasi":
            yield from ((item.name, function) for function in item.functions)


@pytest.fixture(scope="session")
def built() -> Iterator[Engine]:
    """An engine with the user's cache: what is built once is there the next time."""
    with Engine(wit=COMPONENTS / "wit") as engine:
        engine.load_all([COMPONENTS / "everything", COMPONENTS / "middle"])
        yield engine


@pytest.fixture(scope="session")
def component(built: Engine) -> Component:
    return built.load(COMPONENTS / "everything")


@pytest.fixture
def everything(built: Engine, component: Component) -> Iterator[Guest]:
    guest = make(built, component)
    yield guest
    guest.instance.close()


@pytest.fixture
def middle(built: Engine, everything: Guest) -> Iterator[Guest]:
    guest = make(built, built.load(COMPONENTS / "middle"), everything)
    yield guest
    guest.instance.close()
