"""What an idle instance keeps resident: a small, a Python and a JavaScript guest, in bytes each.

Each kind is measured in a process of its own, a few times over: a thousand instances are made, none is called, and what
the process has more than before is divided by their number. Fewer are made where they take too long or too much; the
figures say how many. `pss` shares a page among those that map it, as the machine pays for it; `rss` counts it for each.
Most of it are tables and the like that wasmtime allocates: of a memory only those pages are resident that the guest
wrote to.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks._languages import KINDS, guest, linked
from benchmarks._ways import Effort, Missing, expect, say
from orchestrator.engine import Engine, Frame, Instance, Linker

EFFORT = Effort(seconds=30.0, rounds=3)
COUNT = 1000
ROOM = 1 << 30
"""Bytes resident that the instances of one kind may take."""
_LOOK = 50
"""Instances between two looks at what was used up."""
_FIGURES = ("instances", "pss_bytes", "rss_bytes")


def run(effort: Effort = EFFORT, kinds: Sequence[str] = KINDS, count: int = COUNT) -> dict[str, object]:
    """Bytes an instance by kind, and how many there were; medians over rounds. Linux only: it reads /proc.

    Arguments:
        effort: seconds are what making the instances of one kind may take in a round.
        count: instances that are made if that and the memory allow it.
    """
    found: dict[str, list[Mapping[str, int] | None]] = {kind: [] for kind in kinds}
    for _ in range(effort.rounds):
        for kind, rounds in found.items():
            rounds.append(_in_a_process(kind, effort.seconds, count))
    return {f"{kind}_{name}": _median(rounds, name) for kind, rounds in found.items() for name in _FIGURES}


def _median(rounds: Sequence[Mapping[str, int] | None], name: str) -> float | None:
    known = [each[name] for each in rounds if each is not None]
    return float(statistics.median(known)) if known else None


def _in_a_process(kind: str, seconds: float, count: int) -> Mapping[str, int] | None:
    """What a process of its own measures; None where there is no such guest, which it says."""
    code = f"from benchmarks.memory import measure; measure({kind!r}, {seconds!r}, {count!r})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[1], stdout=subprocess.PIPE, text=True, check=True
    )
    figures: Mapping[str, int] | None = json.loads(done.stdout)
    return figures


def measure(kind: str, seconds: float, count: int) -> None:
    """Prints the figures of one kind as JSON; the process is this kind's alone."""
    with Engine() as engine:
        try:
            linker = linked(engine, guest(kind, engine)[0])
        except Missing as problem:
            say(f"{kind}: not measured: {problem}")
            print(json.dumps(None))
            return
        linker.instantiate(Frame()).close()
        before = _resident()
        made = _made(linker, seconds, count, before["Rss"])
        during = _resident()
        expect(sum(one.gone for one in made), 0, "the number of instances that are gone")
        for one in made:
            one.close()
    each = {f"{name.lower()}_bytes": (during[name] - before[name]) // len(made) for name in ("Pss", "Rss")}
    print(json.dumps({"instances": len(made), **each}))


def _made(linker: Linker, seconds: float, count: int, resident: int) -> list[Instance]:
    """So many instances, or as many as time and memory allow."""
    made: list[Instance] = []
    end = time.monotonic() + seconds
    while len(made) < count and time.monotonic() < end and _resident()["Rss"] - resident < ROOM:
        made += [linker.instantiate(Frame()) for _ in range(min(_LOOK, count - len(made)))]
    return made


def _resident() -> dict[str, int]:
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return {name: int(size.split()[0]) << 10 for name, _, size in (line.partition(":") for line in lines[1:])}
