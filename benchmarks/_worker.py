"""A process of `benchmarks.parallel`: `python -m benchmarks._worker CACHE KIND AMOUNT`; not run by hand.

Each line of its standard input is a number of runs to make; it writes `done` after each, and ends with its input.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack

from benchmarks.parallel import bound_by_guest
from orchestrator import Engine


def main(cache: str, kind: str, amount: int) -> None:
    """Makes runs until the input ends."""
    with Engine(cache) as engine, ExitStack() as stack:
        pipeline = bound_by_guest(engine, kind, stack)
        for line in sys.stdin:
            for _ in range(int(line)):
                pipeline.run(amount=amount)
            print("done", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
