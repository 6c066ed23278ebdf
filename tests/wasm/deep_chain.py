"""A program: a chain of stores, each near the end of its own stack when it calls the next. `… CACHE DEPTH STACK`.

Writes whether the results were right. Run by `test_engine_limits.py` in a process of its own, since a stack that is
too small ends the process.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

from orchestrator.engine import Component, Engine, Frame, Instance
from orchestrator.engine.stack import needed_stack
from orchestrator.errors import LimitExceeded
from orchestrator.interface.types import Function, World
from orchestrator.runtime.threads import Threads
from tests.support.gates import Pass
from tests.support.guests import with_stack


def _function(world: World, name: str) -> Function:
    return next(item for item in (*world.exports, *world.imports) if isinstance(item, Function) and item.name == name)


def _chain(engine: Engine, component: Component, depth: int, sees: bool) -> list[Instance]:
    """Instances, each of which calls the one before it."""
    wanted, dig = _function(component.world, "f"), _function(component.world, "dig")
    made: list[Instance] = []
    for _ in range(depth):
        linker = engine.linker(component)
        if made:
            linker.forward(None, wanted, None, dig, Pass(made[-1], sees))
        else:
            linker.define(None, wanted, lambda _caller, _values: 0)
        made.append(linker.instantiate(Frame()))
    return made


def _dig(made: list[Instance], deep: int) -> Any:
    with made[-1].entered(Frame()):
        return made[-1].call(None, _function(made[-1].linker.component.world, "dig"), [deep])


def _deepest(engine: Engine, component: Component) -> int:
    """The deepest recursion of one store that still can call out."""
    low, high = 1, 1 << 20
    while high - low > 16:
        middle = (low + high) // 2
        made = _chain(engine, component, 1, sees=False)
        try:
            _dig(made, middle)
            low = middle
        except LimitExceeded:
            high = middle
        made[0].close()
    return low


def main(cache: str, depth: int, stack: str) -> None:
    """Runs the chain twice: values forwarded, and values seen."""
    with Engine(Path(cache)) as engine:
        component = engine.from_text(with_stack(int(stack)))
        threads, done = Threads(needed_stack(depth, [component.stack] * depth)), threading.Event()
        found: list[Any] = []

        def task() -> None:
            try:
                deep = _deepest(engine, component)
                for sees in (False, True):
                    made = _chain(engine, component, depth, sees)
                    found.append(_dig(made, deep) == deep * depth)
                    for instance in made:
                        instance.close()
            except BaseException as problem:
                found.append(repr(problem))
            done.set()

        threads.start(task)
        done.wait()
        threads.close()
    sys.stdout.write(f"{' '.join(map(str, found))}\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
