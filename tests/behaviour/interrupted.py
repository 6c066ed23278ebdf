"""A program: runs on its main thread that ctrl-C ends at any moment, very often.

    python -X faulthandler -m tests.behaviour.interrupted CACHE TIMES SEED [with-sigterm]

Each time a thread sends one signal to the process after a moment, while pipelines run in a loop; the loop must end with
one KeyboardInterrupt, and the run after it must give what it should. Writes how many interrupts came.
"""

from __future__ import annotations

import os
import queue
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from orchestrator import Engine, LinkedPipeline, Pipeline
from tests.support.parts import NUM, NUMBERS, TALKER, TEXT, TEXTS, relay

A = "test:a/a"
LONGEST = 0.02
"""Seconds until a signal is sent, at most."""


def _short(engine: Engine) -> LinkedPipeline:
    caller, numbers = engine.from_text(relay(A, NUM, "double", 3), "caller"), engine.from_text(NUMBERS, "numbers")
    return (
        Pipeline("short").input("n", "u32")
        .node("caller", caller, run=f"{A}.go", lifetime="session")
        .node("numbers", numbers, lifetime="session")
        .node("checked", numbers, run=f"{NUM}.checked")
        .data("inputs.n", "caller").data("caller", "checked")
        .call("caller", "numbers")
        .output("n", "checked")
    ).link(engine)  # fmt: skip


def _texts(engine: Engine, fuse: bool) -> LinkedPipeline:
    return (
        Pipeline("texts").input("n", "string")
        .node("talker", engine.from_text(TALKER, "talker"), run="test:talk/talk.echo", bulk="always")
        .node("texts", engine.from_text(TEXTS, "texts"), bulk="always")
        .data("inputs.n", "talker")
        .call("talker", "texts", interface=TEXT, fuse=fuse)
        .output("n", "talker")
    ).link(engine)  # fmt: skip


def _endless(engine: Engine, fuse: bool) -> LinkedPipeline:
    caller, numbers = engine.from_text(relay(A, NUM, "spin"), "caller"), engine.from_text(NUMBERS, "numbers")
    return (
        Pipeline("endless").input("n", "u32")
        .node("caller", caller, run=f"{A}.go").node("numbers", numbers)
        .data("inputs.n", "caller")
        .call("caller", "numbers", fuse=fuse)
        .output("n", "caller")
    ).link(engine)  # fmt: skip


def _sends(inbox: queue.SimpleQueue[float | None]) -> None:
    while (delay := inbox.get()) is not None:
        time.sleep(delay)
        os.kill(os.getpid(), signal.SIGINT)


def main(cache: str, times: int, seed: int) -> None:
    """See the module."""
    chance, inbox = random.Random(seed), queue.SimpleQueue[float | None]()
    with Engine(Path(cache)) as engine:
        short, texts, fused = _short(engine), _texts(engine, False), _texts(engine, True)
        endless, both = _endless(engine, False), _endless(engine, True)

        def works() -> bool:
            said = "é" * 1000
            return (short.run(n=5)["n"], texts.run(n=said)["n"], fused.run(n=said)["n"]) == (30, said, said)

        some: list[Callable[[], object]] = [works, works, works, lambda: endless.run(n=1), lambda: both.run(n=1)]
        assert works()
        threading.Thread(target=_sends, args=(inbox,), daemon=True).start()
        came = 0
        for _ in range(times):
            wanted = chance.choices(some, k=100)
            try:
                inbox.put(chance.random() * LONGEST)
                while True:
                    wanted.pop()()
            except KeyboardInterrupt:
                came += 1
            assert works()
        inbox.put(None)
        sys.stdout.write(f"{came}\n")


if __name__ == "__main__":
    if "with-sigterm" in sys.argv:
        signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
