"""What an idle instance keeps resident: a small, a Python and a JavaScript guest, in bytes each.

Each kind is measured in a process of its own: so many instances are made, none is called, and what the process has more
than before is divided by their number. `pss` shares a page among those that map it, as the machine pays for it; `rss`
counts it for each. Most of it are tables and the like that wasmtime allocates: of a memory only those pages are
resident that the guest wrote to.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks._languages import kinds, linked

COUNTS = {"small": 1000, "python": 50, "javascript": 50}


def run() -> dict[str, object]:
    """Bytes an instance by kind; null for a kind whose builder is not here. Linux only: it reads /proc."""
    figures: dict[str, object] = {}
    for name in COUNTS:
        command = [sys.executable, "-c", f"from benchmarks.memory import measure; measure({name!r})"]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        figures |= json.loads(done.stdout)
    return figures


def measure(name: str) -> None:
    """Prints the figures of one kind as JSON; the process is this kind's alone."""
    from orchestrator.engine import Engine, Frame

    with Engine() as engine:
        guest = kinds(engine)[name]
        if guest is None:
            print(json.dumps({f"{name}_pss_bytes": None, f"{name}_rss_bytes": None}))
            return
        linker, count = linked(engine, guest[0]), COUNTS[name]
        linker.instantiate(Frame()).close()
        before = _resident()
        made = [linker.instantiate(Frame()) for _ in range(count)]
        during = _resident()
        for one in made:
            one.close()
    print(
        json.dumps({f"{name}_{kind.lower()}_bytes": (during[kind] - before[kind]) // count for kind in ("Pss", "Rss")})
    )


def _resident() -> dict[str, int]:
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return {name: int(size.split()[0]) << 10 for name, _, size in (line.partition(":") for line in lines[1:])}
