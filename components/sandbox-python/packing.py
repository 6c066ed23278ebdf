"""Where in memory later objects lie: side by side at its end, instead of in the gaps that importing the library left.

What a snippet writes to is copied back when the instance is reverted, a page of 4 KiB at a time. This CPython takes
every object from C's `malloc`, which fills gaps first, wherever they are; counting a reference up or down writes, too.
With the gaps filled, what comes later lies together: the runner's objects in few pages, those of a snippet in few
others. Half as many pages are written for a small snippet.
"""

_HEAD = bytes.__basicsize__
_STEP = 8
_LARGE = 1 << 20
_SIZES = (*(1 << power for power in range(17, 11, -1)), *range(2048, _HEAD, -_STEP))
_IN_A_ROW = 4

_kept = []


def pack():
    """Fills the gaps, the large ones first; what fills them stays."""
    end = id(bytes(_LARGE))
    for size in _SIZES:
        beyond = 0
        while beyond < _IN_A_ROW:
            block = bytes(size - _HEAD)
            if id(block) < end:
                beyond = 0
                _kept.append(block)
            else:
                beyond += 1
